package twilio

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// SignatureHeader carries the signature of a callback.
	SignatureHeader = "X-Twilio-Signature"
	// CallbackMedia is the media type of a callback's body.
	CallbackMedia = "application/x-www-form-urlencoded"
	// MaxCallback is the largest callback that is read, in bytes: a text has 1600 characters at the most, which are below
	// 20 KB when percent-encoded, and there are ten media addresses beside it.
	MaxCallback = 64 << 10
)

// CallbackConfig says whose callbacks are believed.
type CallbackConfig struct {
	// AuthTokens are the account's: while one is being rotated, both sign. An API key signs nothing.
	AuthTokens []string
	// PublicURL is where Beckon is reached from outside: the signature covers the address that Twilio calls.
	PublicURL string
	// Words are those that people may write besides Twilio's own.
	Words Words
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Callbacks verifies and reads what Twilio posts. It may be used from many goroutines.
type Callbacks struct {
	validators []client.RequestValidator
	public     string
	words      vocabulary
	now        func() time.Time
}

// NewCallbacks fails without a token, with an empty one, without a public address, and with a word that means two things.
func NewCallbacks(config CallbackConfig) (*Callbacks, error) {
	c := &Callbacks{public: strings.TrimRight(config.PublicURL, "/"), now: config.Now}
	if c.now == nil {
		c.now = time.Now
	}
	if err := validatePublicURL(config.PublicURL); err != nil || c.public == "" {
		return nil, errors.New("verify twilio's callbacks: BECKON_PUBLIC_URL: must be an address such as https://beckon.example.com")
	}
	for i, token := range config.AuthTokens {
		if token == "" {
			return nil, fmt.Errorf("verify twilio's callbacks: TWILIO_AUTH_TOKEN: entry %d is empty", i+1)
		}
		c.validators = append(c.validators, client.NewRequestValidator(token))
	}
	if len(c.validators) == 0 {
		return nil, errors.New("verify twilio's callbacks: TWILIO_AUTH_TOKEN: must be set, also where an API key sends")
	}
	var err error
	if c.words, err = newVocabulary(config.Words); err != nil {
		return nil, fmt.Errorf("read what people write: %w", err)
	}
	return c, nil
}

// Callback is a request as it came in.
type Callback struct {
	// URI is path and query as the sender wrote them. Scheme and host are those of the public address, never the request's: a
	// proxy in between knows others.
	URI string
	// Signature is what stands in SignatureHeader.
	Signature string
	Body      []byte
}

// open verifies a callback and gives its query and its parameters. ErrSignature and ErrUnreadable are all it can fail with.
func (c *Callbacks) open(call Callback) (query, form url.Values, err error) {
	if !c.verified(call) {
		return nil, nil, channel.ErrSignature
	}
	address, err := url.Parse(call.URI)
	if err != nil {
		return nil, nil, channel.ErrUnreadable
	}
	form, err = url.ParseQuery(string(call.Body))
	if err != nil {
		return nil, nil, channel.ErrUnreadable
	}
	return address.Query(), form, nil
}

func (c *Callbacks) verified(call Callback) bool {
	if call.Signature == "" {
		return false
	}
	address := c.public + call.URI
	joined, all := joinRepeats(call.Body)
	for _, v := range c.validators {
		if v.ValidateBody(address, call.Body, call.Signature) {
			return true
		}
		if all && v.Validate(address, joined, call.Signature) {
			return true
		}
	}
	return false
}

// known are the parameters that are read here.
func known() []string {
	return []string{
		"MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode", "From", "To", "Body", "OptOutType",
	}
}

// joinRepeats gives the parameters as Twilio's own library for Node.js signs them where one is repeated: each value once, sorted,
// with the name before each. The SDK for Go looks at the first value only, and so finds such a signature wrong. It does not
// apply (false) where nothing is repeated, or something that is read here: the order is not signed, and so which value is the first.
func joinRepeats(body []byte) (map[string]string, bool) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, false
	}
	joined, repeats := make(map[string]string, len(form)), false
	for name, values := range form {
		if len(values) > 1 {
			repeats = true
			if slices.Contains(known(), name) {
				return nil, false
			}
		}
		values = slices.Clone(values)
		slices.Sort(values)
		joined[name] = strings.Join(slices.Compact(values), name)
	}
	return joined, repeats
}

// texted is a number that can be texted; what is not E.164, such as whatsapp:+1... or a short code, is none.
func texted(number string) (relay.Address, bool) {
	if !phone.MatchString(number) {
		return relay.Address{}, false
	}
	return relay.NewAddress(relay.ChannelSMS, number), true
}
