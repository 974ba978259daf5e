package console

import "github.com/labstack/echo/v4"

func (k *console) find(echo.Context) error { return errNothingHere() }

func (k *console) suppressions(echo.Context) error { return errNothingHere() }

func (k *console) suppress(echo.Context) error { return errNothingHere() }

func (k *console) revealSuppressions(echo.Context) error { return errNothingHere() }

func (k *console) lift(echo.Context) error { return errNothingHere() }

func (k *console) audit(echo.Context) error { return errNothingHere() }

func (k *console) deliveries(echo.Context) error { return errNothingHere() }

func (k *console) deliveriesCSV(echo.Context) error { return errNothingHere() }

func (k *console) bulkForm(echo.Context) error { return errNothingHere() }

func (k *console) bulk(echo.Context) error { return errNothingHere() }

func (k *console) delivery(echo.Context) error { return errNothingHere() }

func (k *console) revealDelivery(echo.Context) error { return errNothingHere() }

func (k *console) mail(echo.Context) error { return errNothingHere() }

func (k *console) alerts(echo.Context) error { return errNothingHere() }

func (k *console) alertsCSV(echo.Context) error { return errNothingHere() }

func (k *console) alert(echo.Context) error { return errNothingHere() }

func (k *console) events(echo.Context) error { return errNothingHere() }

func (k *console) eventsCSV(echo.Context) error { return errNothingHere() }

func (k *console) event(echo.Context) error { return errNothingHere() }

func (k *console) revealEvent(echo.Context) error { return errNothingHere() }
