package twilio

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/outbound"
)

// Config says whose account is used and as whom it sends. The names in the errors of New are those of the settings.
type Config struct {
	// AccountSID (AC...) is always needed, and AuthToken, or APIKey (SK...) with APISecret. The key is used for sending
	// where there is one; callbacks are signed with the token all the same.
	AccountSID string
	AuthToken  string
	APIKey     string
	APISecret  string
	// Exactly one of From (a number in E.164, a short code or a sender name) and MessagingServiceSID (MG...).
	From                string
	MessagingServiceSID string
	// BaseURL replaces scheme, host and port of Twilio's API; empty means Twilio itself.
	BaseURL string
	// PublicURL is where Beckon is reached from outside; empty, or without the AuthToken, Twilio reports nothing back.
	PublicURL string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Shapes of what Twilio gives out, from its OpenAPI document, and of the senders that it takes.
var (
	accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	apiKey     = regexp.MustCompile(`^SK[0-9a-fA-F]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	phone      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	shortCode  = regexp.MustCompile(`^[0-9]{3,8}$`)
	senderName = regexp.MustCompile(`^[A-Za-z0-9 +_&-]{1,11}$`)
	letter     = regexp.MustCompile(`[A-Za-z]`)
	printable  = regexp.MustCompile(`^[!-~]+$`)
)

// validate finds all that is wrong. No error holds a value: any of them may be a secret in the wrong place.
func (c Config) validate() error {
	_, base := outbound.ParseBaseURL(c.BaseURL)
	return errors.Join(
		c.validateCredentials(),
		c.validateSender(),
		named("BECKON_TWILIO_BASE_URL", base),
		named("BECKON_PUBLIC_URL", validatePublicURL(c.PublicURL)),
	)
}

func (c Config) validateCredentials() error {
	var errs []error
	if !accountSID.MatchString(c.AccountSID) {
		errs = append(errs, errors.New("TWILIO_ACCOUNT_SID: must be AC and 32 hexadecimal digits"))
	}
	if c.AuthToken == "" && c.APIKey == "" {
		errs = append(errs, errors.New("TWILIO_AUTH_TOKEN: must be set, or else TWILIO_API_KEY and TWILIO_API_SECRET"))
	}
	if c.AuthToken != "" && !printable.MatchString(c.AuthToken) {
		errs = append(errs, errors.New("TWILIO_AUTH_TOKEN: must be one word of printable ASCII"))
	}
	if c.APIKey != "" && !apiKey.MatchString(c.APIKey) {
		errs = append(errs, errors.New("TWILIO_API_KEY: must be SK and 32 hexadecimal digits"))
	}
	if (c.APIKey == "") != (c.APISecret == "") {
		errs = append(errs, errors.New("TWILIO_API_KEY and TWILIO_API_SECRET: must be set together"))
	}
	if c.APISecret != "" && !printable.MatchString(c.APISecret) {
		errs = append(errs, errors.New("TWILIO_API_SECRET: must be one word of printable ASCII"))
	}
	return errors.Join(errs...)
}

func (c Config) validateSender() error {
	switch {
	case c.From == "" && c.MessagingServiceSID == "":
		return errors.New("TWILIO_FROM: must be set, or else TWILIO_MESSAGING_SERVICE_SID")
	case c.From != "" && c.MessagingServiceSID != "":
		return errors.New("TWILIO_FROM and TWILIO_MESSAGING_SERVICE_SID: only one of them may be set")
	case c.MessagingServiceSID != "" && !serviceSID.MatchString(c.MessagingServiceSID):
		return errors.New("TWILIO_MESSAGING_SERVICE_SID: must be MG and 32 hexadecimal digits")
	case c.From != "" && !isSender(c.From):
		return errors.New("TWILIO_FROM: must be a number such as +14155550100, a short code, " +
			"or a name of at most 11 letters, digits, spaces and +-_& with a letter in it")
	}
	return nil
}

func isSender(s string) bool {
	return phone.MatchString(s) || shortCode.MatchString(s) || (senderName.MatchString(s) && letter.MatchString(s))
}

// validatePublicURL asks for what Twilio takes as the beginning of a StatusCallback: an absolute address, and no
// underscore in the host. The path after it, a query and a fragment are ours.
func validatePublicURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return errors.New("must be an address such as https://beckon.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must not have a user, a query or a fragment")
	}
	if strings.Contains(u.Host, "_") {
		return errors.New("must not have an underscore in its host: Twilio refuses such a callback")
	}
	return nil
}

func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", setting, err)
}
