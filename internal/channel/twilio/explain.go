package twilio

import (
	"strconv"
)

// Twilio's pages about error codes and about statuses.
const (
	errorPages  = "https://www.twilio.com/docs/api/errors/"
	statusPages = "https://www.twilio.com/docs/usage/twilios-response"
)

// Explain says in our words what an error code of Twilio's means, or where there was none the status of its answer, and where Twilio
// writes about it. Of a code that is not in the table there is only the page.
func Explain(code string) (means, link string) {
	n, err := strconv.Atoi(code)
	switch {
	case err != nil || n <= 0 || n >= 1_000_000:
		return "", ""
	case n < 1000:
		return verdict(answer{status: n}).Words, statusPages
	}
	return codes[n].Words, errorPages + code
}
