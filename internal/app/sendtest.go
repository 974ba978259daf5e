package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"

	"github.com/beckon-relay/beckon/internal/channel/outbox"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// SendTestOptions say what to send and whom to.
type SendTestOptions struct {
	Config config.Config
	// To is an address that ParseAddress gave.
	To relay.Address
	// Template, and Sample and Locale with it, as for Preview; empty sends a sentence that says that it is a test.
	Template string
	Sample   relay.Trigger
	Locale   string
}

// SentTest is what became of a test message.
type SentTest struct {
	// Provider is who was asked to carry it: outbox sends nothing.
	Provider string
	Content  relay.Content
	// Wanted is as in Previewed, for the locale that was asked for.
	Wanted  string
	Outcome relay.Outcome
	// Suppressed is why the address must not be written to; nothing was sent then.
	Suppressed relay.Reason
	// Withheld is why the message went to the outbox and to nobody, though a provider is configured.
	Withheld relay.Reason
}

// OutboxProvider is SentTest.Provider where nothing leaves the house.
const OutboxProvider = outbox.Name

// The message without a template: as SMS one segment of GSM-7.
const (
	testSubject = "Test message from Beckon"
	testText    = "This is a test message from Beckon. Its settings work: nothing else has happened."
)

// ParseAddress reads a phone number with its country code, in any notation, or an email address. The error does not quote it.
func ParseAddress(text string) (relay.Address, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "@") {
		parsed, err := mail.ParseAddress(text)
		if err != nil || parsed.Address != text || len(text) > maxAddress {
			return relay.Address{}, errors.New("this is no mail address; write it as name@example.com, without a display name")
		}
		return relay.NewAddress(relay.ChannelEmail, text), nil
	}
	number, err := phonenumbers.Parse(text, "")
	if err != nil || len(text) > maxAddress || !phonenumbers.IsPossibleNumber(number) {
		return relay.Address{}, errors.New("this is neither a phone number with + and the country code, such as +14155550123, " +
			"nor a mail address")
	}
	return relay.NewAddress(relay.ChannelSMS, phonenumbers.Format(number, phonenumbers.E164)), nil
}

// maxAddress is the length of an address in bytes: RFC 5321 has 254.
const maxAddress = 254

// SendTest really sends one message, unless the address said no. An error means that nothing was sent.
func SendTest(ctx context.Context, o SendTestOptions) (SentTest, error) {
	provider, err := testProvider(o.Config, o.To.Channel())
	if err != nil {
		return SentTest{}, err
	}
	sent := SentTest{}
	if box := sandbox(o.Config, nowhere{}); box != nil {
		if out, away := box(o.To); away {
			provider, sent.Withheld = out, relay.ReasonNotAllowedHere
		}
	}
	sent.Provider = provider.Name()
	if sent.Suppressed, err = suppressed(ctx, o.Config, o.To); err != nil || sent.Suppressed != relay.ReasonNone {
		return sent, err
	}
	delivery := relay.Delivery{
		ID: "test_" + uuid.NewString(), Channel: o.To.Channel(), Template: o.Template, State: relay.DeliverySending,
	}
	if delivery.Channel == relay.ChannelSMS {
		delivery.Phone = relay.Phone(o.To.Reveal())
	} else {
		delivery.Email = relay.Email(o.To.Reveal())
	}
	if delivery.Content, sent.Wanted, err = testContent(o, delivery); err != nil {
		return SentTest{}, err
	}
	sent.Content, sent.Outcome = delivery.Content, provider.Send(ctx, delivery)
	return sent, nil
}

// testProvider is who carries the channel, whatever is wrong with the other one. Callbacks are not asked for, since nobody knows
// of the delivery.
func testProvider(c config.Config, ch relay.Channel) (dispatch.Provider, error) {
	c.PublicURL = nil
	if ch == relay.ChannelSMS {
		c.SendGrid = config.SendGrid{}
	} else {
		c.Twilio = config.Twilio{}
	}
	all, err := providers(c, nowhere{})
	if err != nil {
		return nil, err
	}
	if provider, ok := all[ch]; ok {
		return provider, nil
	}
	return nil, fmt.Errorf("%s is not configured; set %s, or BECKON_PROVIDERS=outbox", ch, settingsOf(ch))
}

// nowhere is an outbox.Keeper that forgets: a test is shown where it was asked for.
type nowhere struct{}

// KeepOutbox implements outbox.Keeper.
func (nowhere) KeepOutbox(context.Context, relay.OutboxMessage) error { return nil }

// testContent is the sentence, or what the template makes of a sample; and the locale that was asked for, where there is another.
func testContent(o SendTestOptions, d relay.Delivery) (content relay.Content, wanted string, err error) {
	contact := relay.Contact{UID: "test", Phone: d.Phone, Email: d.Email}
	links, err := newMailLinks(o.Config)
	if err != nil {
		return relay.Content{}, "", err
	}
	if o.Template == "" {
		content = relay.Content{Text: testText, Unsubscribe: links.of("", contact).Unsubscribe}
		if d.Channel == relay.ChannelEmail {
			content.Subject = testSubject
		}
		return content, "", nil
	}
	p, err := newPreviewer(PreviewOptions{
		Config: o.Config, Template: o.Template, Channel: d.Channel, Sample: o.Sample, Locale: o.Locale,
	})
	if err != nil {
		return relay.Content{}, "", err
	}
	// Nothing lies behind links to the files of a sample, so a message that is sent has none.
	p.contact, p.links = contact, func(relay.Event) render.Links { return links.of("", contact) }
	if p.Locale == "" && p.rules != nil {
		p.Locale = p.rules.Defaults().Locale
	}
	made, err := p.all()
	if err != nil {
		return relay.Content{}, "", err
	}
	if o.Locale != "" {
		wanted = made[0].Wanted
	}
	return made[0].Content, wanted, nil
}

// suppressed looks the address up in the database, where there is one, beside a relay that may run on it.
func suppressed(ctx context.Context, c config.Config, to relay.Address) (relay.Reason, error) {
	if _, err := os.Stat(c.DatabaseFile); c.DatabaseFile != "" && errors.Is(err, fs.ErrNotExist) {
		return relay.ReasonNone, nil
	}
	kept, err := OpenReadOnly(ctx, c)
	if err != nil {
		return relay.ReasonNone, fmt.Errorf("look whether the address said no: %w", err)
	}
	found, err := kept.Suppressed(ctx, to)
	if err = errors.Join(err, kept.Close()); err != nil {
		return relay.ReasonNone, fmt.Errorf("look whether the address said no: %w", err)
	}
	return found[to], nil
}
