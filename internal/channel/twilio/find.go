package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	api "github.com/twilio/twilio-go/rest/api/v2010"
	"golang.org/x/text/unicode/norm"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// listPage is how many messages to one number are looked through.
	listPage = 500
	// listSkew is how far Twilio's clock, which shows whole seconds, may be behind ours.
	listSkew = 30 * time.Second
	// trialPrefix stands before each text that a trial account sends.
	trialPrefix = "Sent from your Twilio trial account - "
)

// Find looks in Twilio's list for messages that may be this delivery's: to the same number, from the same sender, with the same
// words, and made after since. It takes at most channel.Deadline and gives them oldest first. No messages and no error mean that
// there are none; channel.ErrCutShort, that there may be older ones than those it gives, as the answer does not reach back to since;
// channel.ErrNoList, that the key may not read messages; any other error, that Twilio could not be asked.
func (c *Client) Find(ctx context.Context, d relay.Delivery, since time.Time) ([]relay.Found, error) {
	ctx, cancel := context.WithTimeout(ctx, channel.Deadline)
	defer cancel()
	call := &call{ctx: ctx, client: c}
	// By number alone: date_sent is empty until a message is sent, and a search by it leaves out those that wait.
	params := &api.ListMessageParams{}
	params.SetTo(d.Phone.Reveal())
	params.SetPageSize(listPage)
	page, err := call.service().PageMessage(params, "", "")
	switch {
	case call.status == 0:
		return nil, fmt.Errorf("list twilio's messages: %s", outbound.Explain(err))
	case call.status == http.StatusUnauthorized, call.status == http.StatusForbidden, call.status == http.StatusNotFound:
		return nil, fmt.Errorf("list twilio's messages: %w: %s; may the key read messages?", channel.ErrNoList, detail(call.answer(nil), "no list"))
	case call.status != http.StatusOK:
		return nil, fmt.Errorf("list twilio's messages: %s", detail(call.answer(nil), "no list"))
	case err != nil || page == nil || page.Messages == nil:
		return nil, errors.New("list twilio's messages: the answer cannot be read")
	}
	return c.candidates(page.Messages, d, since.Add(-listSkew))
}

// candidates are the messages of a page, newest first, that may be the delivery's.
func (c *Client) candidates(page []api.ApiV2010Message, d relay.Delivery, since time.Time) ([]relay.Found, error) {
	var found []relay.Found
	for _, m := range page {
		if !c.alike(m, d) {
			continue
		}
		made, err := time.Parse(time.RFC1123Z, value(m.DateCreated))
		if err != nil {
			return nil, errors.New("list twilio's messages: a message has no readable date")
		}
		if made.Before(since) {
			continue
		}
		found = append(found, foundOf(m, made))
	}
	slices.Reverse(found)
	if len(page) >= listPage && !reaches(page, since) {
		return found, fmt.Errorf("list twilio's messages: the newest %d to that number: %w", listPage, channel.ErrCutShort)
	}
	return found, nil
}

// reaches reports whether the last message of a page is older than the time.
func reaches(page []api.ApiV2010Message, since time.Time) bool {
	made, err := time.Parse(time.RFC1123Z, value(page[len(page)-1].DateCreated))
	return err == nil && made.Before(since)
}

func (c *Client) alike(m api.ApiV2010Message, d relay.Delivery) bool {
	if channel.ProviderID(value(m.Sid)) == "" || strings.HasPrefix(value(m.Direction), "inbound") || value(m.To) != d.Phone.Reveal() {
		return false
	}
	sender := value(m.From) == c.config.From
	if c.config.MessagingServiceSID != "" {
		sender = value(m.MessagingServiceSid) == c.config.MessagingServiceSID
	}
	return sender && sameText(value(m.Body), d.Content.Text.Reveal())
}

func foundOf(m api.ApiV2010Message, made time.Time) relay.Found {
	f := relay.Found{ProviderID: channel.ProviderID(value(m.Sid)), State: relay.DeliverySent, At: made}
	if state, ok := statuses[value(m.Status)]; ok {
		f.State = state
	}
	if f.State == relay.DeliveryUndelivered {
		code := 0
		if m.ErrorCode != nil {
			code = *m.ErrorCode
		}
		f.Reason = late(code).Reason
	}
	return f
}

// sameText reports whether what Twilio shows is what we sent. SmartEncoded has made typographic quotes, dashes and spaces plain,
// by a table that Twilio may change. So the words are compared and no punctuation: two texts that differ in nothing else tell
// the person the same.
func sameText(shown, sent string) bool {
	if shown == sent {
		return true
	}
	a, b := words(strings.TrimPrefix(shown, trialPrefix)), words(sent)
	return a == b && a != ""
}

// words leaves letters, digits, marks, currencies and pictures of a text.
func words(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Sc, unicode.So) {
			return r
		}
		return -1
	}, norm.NFKC.String(s))
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
