package sendgrid

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/outbound"
)

// Config says whose account is used and as whom it sends. The names in the errors of New are those of the settings.
type Config struct {
	// APIKey (SG....) needs no more than the permission to send mail, and with Activity to read it.
	APIKey string
	// From is an address, or a name and an address: "Beckon <alerts@example.com>". SendGrid must have verified it, or its
	// domain.
	From string
	// BaseURL replaces scheme, host and port of SendGrid's API, such as https://api.eu.sendgrid.com for an account in
	// the EU; empty means the global one.
	BaseURL string
	// Activity says that the account has the additional email activity history, and the key the permission to read it, so that
	// Find can ask.
	Activity bool
	// ActivityLag is how long a mail may be missing from that history after it was taken; 0 is 15 minutes.
	ActivityLag time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// activityLag is more than SendGrid's activity is usually behind, which is minutes. No document bounds it.
const activityLag = 15 * time.Minute

// keyShape is loose on purpose: SendGrid promises no more than how a key begins.
var keyShape = regexp.MustCompile(`^SG\.[!-~]+$`)

// parse finds all that is wrong. No error holds a value: any of them may be a secret in the wrong place.
func (c Config) parse() (from *mail.Address, base *url.URL, err error) {
	var errs []error
	if !keyShape.MatchString(c.APIKey) {
		errs = append(errs, errors.New("SENDGRID_API_KEY: must begin with SG. and be one word"))
	}
	from, err = parseFrom(c.From)
	if err != nil {
		errs = append(errs, fmt.Errorf("SENDGRID_FROM: %w", err))
	}
	base, err = outbound.ParseBaseURL(c.BaseURL)
	if err != nil {
		errs = append(errs, fmt.Errorf("BECKON_SENDGRID_BASE_URL: %w", err))
	}
	return from, base, errors.Join(errs...)
}

// parseFrom refuses what SendGrid refuses in a sender: anything but ASCII, and separators of lists in the name.
func parseFrom(s string) (*mail.Address, error) {
	from, err := mail.ParseAddress(s)
	if err != nil {
		return nil, errors.New("must be an address, or a name and an address: Beckon <alerts@example.com>")
	}
	if strings.ContainsFunc(from.Name+from.Address, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, errors.New("must be ASCII: SendGrid takes nothing else in a sender")
	}
	if strings.ContainsAny(from.Name, ";,") {
		return nil, errors.New("must have no comma or semicolon in its name: SendGrid refuses them")
	}
	return from, nil
}
