package sendgrid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sendgrid/rest"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	activityEndpoint = "https://api.sendgrid.com/v3/messages"
	// activityPage is how many mails of one delivery are looked through: there is one for each attempt.
	activityPage = 50
	// shownSubject is the shortest beginning of a subject that counts as the subject, in bytes.
	shownSubject = 50
)

// askable are delivery IDs that can stand in a search as they are.
var askable = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// activity is the answer to a search, newest first.
type activity struct {
	Messages []struct {
		MessageID string `json:"msg_id"`
		To        string `json:"to_email"`
		Subject   string `json:"subject"`
		Status    string `json:"status"`
		LastEvent text   `json:"last_event_time"`
	} `json:"messages"`
}

// Find searches SendGrid's email activity for mails with this delivery's ID among their custom arguments, and gives them oldest
// first. Since the ID tells them, also one of an earlier attempt is found that was thought to have failed; since plays no part. It
// takes at most channel.Deadline.
//
// It gives channel.ErrNoList where the account has no such list (Config.Activity), also where SendGrid says so. Any other error
// means that SendGrid could not be asked. The list is behind (see Lag), so no mails and no error do not prove that there is none.
func (c *Client) Find(ctx context.Context, d relay.Delivery, _ time.Time) ([]relay.Found, error) {
	if !c.activity {
		return nil, channel.ErrNoList
	}
	if !askable.MatchString(d.ID) {
		return nil, errors.New("search sendgrid's activity: the delivery's ID does not fit into a search")
	}
	ctx, cancel := context.WithTimeout(ctx, channel.Deadline)
	defer cancel()
	res, err := c.rest.SendWithContext(ctx, rest.Request{
		Method: rest.Get, BaseURL: activityEndpoint, Headers: c.headers(), QueryParams: map[string]string{
			"limit": strconv.Itoa(activityPage),
			"query": fmt.Sprintf(`(unique_args['%s']="%s")`, DeliveryArg, d.ID),
		},
	})
	switch {
	case res == nil:
		return nil, fmt.Errorf("search sendgrid's activity: %s", outbound.Explain(err))
	case forbidden(res.StatusCode):
		return nil, fmt.Errorf("search sendgrid's activity: sendgrid answered %d: %w: does the account have the additional email "+
			"activity history, and the key the permission to read it (SENDGRID_ACTIVITY)?", res.StatusCode, channel.ErrNoList)
	case res.StatusCode == http.StatusTooManyRequests:
		return nil, errors.New("search sendgrid's activity: sendgrid answered 429: too many searches")
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("search sendgrid's activity: sendgrid answered %d: no list", res.StatusCode)
	case err != nil:
		return nil, errors.New("search sendgrid's activity: the answer was cut off")
	}
	return found([]byte(res.Body), d)
}

// Lag is how long after a mail was taken it may still be missing from the activity.
func (c *Client) Lag() time.Duration { return c.lag }

// forbidden tells whether a status says that there is no list for us, however often it is asked for.
func forbidden(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound
}

// found reads an answer. Address and subject are compared all the same: a search that SendGrid understood otherwise must not
// settle a delivery by somebody else's mail.
func found(body []byte, d relay.Delivery) ([]relay.Found, error) {
	var a activity
	if json.Unmarshal(body, &a) != nil || a.Messages == nil {
		return nil, errors.New("search sendgrid's activity: the answer cannot be read")
	}
	var out []relay.Found
	for _, m := range a.Messages {
		id := messageID(m.MessageID)
		if id == "" || !strings.EqualFold(m.To, d.Email.Reveal()) || !sameSubject(m.Subject, d.Content.Subject.Reveal()) {
			continue
		}
		f := relay.Found{ProviderID: id, State: relay.DeliverySent}
		f.At, _ = time.Parse(time.RFC3339, string(m.LastEvent)) // which decides nothing
		switch m.Status {
		case "delivered":
			f.State = relay.DeliveryDelivered
		case "not_delivered":
			// Why is said by an event, which comes as well; the list has no more than this word.
			f.State, f.Reason = relay.DeliveryUndelivered, relay.ReasonRejected
		}
		out = append(out, f)
	}
	slices.Reverse(out)
	return out, nil
}

// sameSubject compares without spaces, which headers are folded at, and takes the beginning of a long subject for all of it:
// nothing says that the list shows it whole.
func sameSubject(shown, sent string) bool {
	a, b := strings.Join(strings.Fields(shown), ""), strings.Join(strings.Fields(sent), "")
	return a == b || len(a) >= shownSubject && strings.HasPrefix(b, strings.TrimRight(a, ".…"))
}
