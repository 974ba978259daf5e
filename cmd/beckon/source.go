package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// source is where what is kept is looked at: the database, or a relay that runs on it. IDs may be given by their beginning.
type source interface {
	Events(ctx context.Context, query view.Query) (view.Page[view.Event], error)
	Alerts(ctx context.Context, query view.Query) (view.Page[view.Alert], error)
	Deliveries(ctx context.Context, query view.Query) (view.Page[view.Delivery], error)
	// Event and Delivery are in clear where that is asked for.
	Event(ctx context.Context, id string, reveal bool) (view.EventDetail, error)
	Alert(ctx context.Context, id string) (view.AlertDetail, error)
	Delivery(ctx context.Context, id string, reveal bool) (view.DeliveryDetail, error)
}

func addSource(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "server", "", "ask the relay whose admin listener is there, such as http://127.0.0.1:8081 (default: read the database)")
}

// withSource opens the relay at server, or without one the database.
func withSource(c *cobra.Command, server string, use func(source) error) error {
	if server != "" {
		cfg, err := settings(config.ConsoleSettings()...)
		if err != nil {
			return err
		}
		return use(remote{relayFlags: relayFlags{server: server}, cfg: cfg})
	}
	opened := false
	err := withStore(c.Context(), func(s store.Store) error {
		opened = true
		return use(local{app.NewReader(s)})
	})
	if err != nil && !opened {
		return fmt.Errorf("%w; it is read where BECKON_DATABASE_URL says, and --server asks a relay instead, such as --server http://127.0.0.1:8081", err)
	}
	return err
}

// withStore opens the database of the settings for reading, also while a relay runs on it.
func withStore(ctx context.Context, use func(store.Store) error) error {
	cfg, err := settings("BECKON_DATABASE_URL")
	if err != nil {
		return err
	}
	kept, err := app.OpenReadOnly(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(use(kept), kept.Close())
}

// local reads the database.
type local struct{ *view.Reader }

// resolve gives the ID that is meant; too little of one is wrong usage.
func (l local) resolve(ctx context.Context, kind store.Kind, given string) (string, error) {
	id, err := l.Resolve(ctx, kind, given)
	return id, asUsage(err)
}

func asUsage(err error) error {
	if refusal, ok := errors.AsType[*view.Refusal](err); ok && refusal.Code == view.BadID {
		return usageError{err}
	}
	return err
}

// Event implements source.
func (l local) Event(ctx context.Context, id string, reveal bool) (view.EventDetail, error) {
	id, err := l.resolve(ctx, store.KindEvent, id)
	if err != nil {
		return view.EventDetail{}, err
	}
	return l.Reader.Event(ctx, id, reveal)
}

// Alert implements source.
func (l local) Alert(ctx context.Context, id string) (view.AlertDetail, error) {
	id, err := l.resolve(ctx, store.KindAlert, id)
	if err != nil {
		return view.AlertDetail{}, err
	}
	return l.Reader.Alert(ctx, id)
}

// Delivery implements source.
func (l local) Delivery(ctx context.Context, id string, reveal bool) (view.DeliveryDetail, error) {
	id, err := l.resolve(ctx, store.KindDelivery, id)
	if err != nil {
		return view.DeliveryDetail{}, err
	}
	return l.Reader.Delivery(ctx, id, reveal)
}

// remote asks a relay.
type remote struct {
	relayFlags

	cfg config.Config
}

// maxShown is the largest answer that is read, in bytes: an event with a thousand alerts is some megabytes.
const maxShown = 64 << 20

func get[T any](ctx context.Context, r remote, path string, query view.Query, reveal bool) (out T, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	header := http.Header{}
	if query.Address != "" { // proxies log the address of a request, and no headers
		header.Set(server.AddressHeader, query.Address)
		query.Address = ""
	}
	values := query.Values()
	if reveal {
		values.Set("reveal", "true")
	}
	path = "/console/api/" + path
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	answer, err := r.open(ctx, r.cfg, adminRequest{method: http.MethodGet, path: path, header: header})
	if err != nil {
		return out, err
	}
	return readAnswer[T](answer)
}

// readAnswer reads an answer that may be large, and closes it.
func readAnswer[T any](answer io.ReadCloser) (out T, err error) {
	defer answer.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(answer, maxShown+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("read the answer: %w", err)
	case len(text) > maxShown:
		return out, fmt.Errorf("the answer has more than %d MiB", maxShown>>20)
	}
	return out, understood(text, &out)
}

// Events implements source.
func (r remote) Events(ctx context.Context, query view.Query) (view.Page[view.Event], error) {
	return get[view.Page[view.Event]](ctx, r, view.OfEvents, query, false)
}

// Alerts implements source.
func (r remote) Alerts(ctx context.Context, query view.Query) (view.Page[view.Alert], error) {
	return get[view.Page[view.Alert]](ctx, r, view.OfAlerts, query, false)
}

// Deliveries implements source.
func (r remote) Deliveries(ctx context.Context, query view.Query) (view.Page[view.Delivery], error) {
	return get[view.Page[view.Delivery]](ctx, r, view.OfDeliveries, query, false)
}

// detail asks for one thing; too little of an ID is wrong usage here as it is with the database.
func detail[T any](ctx context.Context, r remote, kind store.Kind, of, id string, reveal bool) (T, error) {
	if err := view.CheckID(kind, id); err != nil {
		var none T
		return none, usageError{err}
	}
	return get[T](ctx, r, of+"/"+url.PathEscape(id), view.Query{}, reveal)
}

// Event implements source.
func (r remote) Event(ctx context.Context, id string, reveal bool) (view.EventDetail, error) {
	return detail[view.EventDetail](ctx, r, store.KindEvent, view.OfEvents, id, reveal)
}

// Alert implements source.
func (r remote) Alert(ctx context.Context, id string) (view.AlertDetail, error) {
	return detail[view.AlertDetail](ctx, r, store.KindAlert, view.OfAlerts, id, false)
}

// Delivery implements source.
func (r remote) Delivery(ctx context.Context, id string, reveal bool) (view.DeliveryDetail, error) {
	return detail[view.DeliveryDetail](ctx, r, store.KindDelivery, view.OfDeliveries, id, reveal)
}
