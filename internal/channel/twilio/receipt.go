package twilio

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
)

// statuses are Twilio's words for what becomes of a message we sent, and what each says of the delivery. A word that is not
// in here comes of a message that Twilio has, so it is sent.
var statuses = map[string]relay.DeliveryState{
	"accepted":            relay.DeliverySent,
	"scheduled":           relay.DeliverySent,
	"queued":              relay.DeliverySent,
	"sending":             relay.DeliverySent,
	"sent":                relay.DeliverySent,
	"partially_delivered": relay.DeliverySent,
	"delivered":           relay.DeliveryDelivered,
	"read":                relay.DeliveryDelivered,
	"undelivered":         relay.DeliveryUndelivered,
	"failed":              relay.DeliveryUndelivered,
	"canceled":            relay.DeliveryUndelivered,
}

// Statuses are the words of Status and Inbound in receipts; a word that Twilio adds becomes "other".
func Statuses() []string {
	words := []string{other, wordStop, wordStart, wordHelp}
	for word := range statuses {
		words = append(words, word)
	}
	return words
}

const other = "other"

// Status reads a status callback: one receipt, under the name of SID and status, since Twilio repeats callbacks and keeps no
// order. The error is channel.ErrSignature or channel.ErrUnreadable.
func (c *Callbacks) Status(call Callback) ([]relay.Receipt, error) {
	query, form, err := c.open(call)
	if err != nil {
		return nil, err
	}
	sid := channel.ProviderID(first(form, "MessageSid", "SmsSid"))
	status := channel.ProviderID(strings.ToLower(first(form, "MessageStatus", "SmsStatus")))
	if sid == "" || status == "" {
		return nil, channel.ErrUnreadable
	}
	r := relay.Receipt{
		Provider: Name, Key: sid + "/" + status, DeliveryID: channel.ProviderID(query.Get(deliveryArg)), ProviderID: sid,
		State: relay.DeliverySent, Status: other, At: c.now(),
	}
	if state, ok := statuses[status]; ok {
		r.State, r.Status = state, status
	}
	if r.State == relay.DeliveryUndelivered {
		notDelivered(&r, errorCode(form.Get("ErrorCode")), form.Get("To"))
	}
	return []relay.Receipt{r}, nil
}

// notDelivered says why, by the table of codes, and that a number which is at fault itself must not be written to again.
func notDelivered(r *relay.Receipt, code int, to string) {
	v := late(code)
	r.Reason, r.Detail = v.Reason, fmt.Sprintf("twilio reports %s: %s", r.Status, v.Words)
	if code != 0 {
		r.Code = strconv.Itoa(code)
		r.Detail = fmt.Sprintf("twilio reports %s, code %d: %s", r.Status, code, v.Words)
	}
	if number, ok := texted(to); ok && v.Blame == relay.BlameRecipient {
		r.Address, r.Suppress, r.Source = number, v.Reason, relay.SuppressedByProvider
	}
}

// late says what the code of a message means that was taken and then not delivered. It is final whatever it is: Twilio tries the
// same message no second time.
func late(code int) channel.Verdict {
	if v, ok := codes[code]; ok {
		return v
	}
	if code == 0 {
		return channel.Trouble("no reason is given")
	}
	return channel.Trouble("a code that is not in the table")
}

// errorCode reads a code, 0 for none.
func errorCode(s string) int {
	if code, err := strconv.Atoi(s); err == nil && code > 0 && code < 1_000_000 {
		return code
	}
	return 0
}

// first is the first value of the first parameter that is there. Only the first value of a parameter is covered by the
// signature.
func first(form url.Values, names ...string) string {
	for _, name := range names {
		if value := form.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// Inbound is what somebody wrote to our number.
type Inbound struct {
	// From is who; empty for what is no number.
	From relay.Address
	// Receipts is one where they ask for no more texts, for texts again, or for help; otherwise none. The text is nowhere in it.
	Receipts []relay.Receipt
	// Help says that they ask for help in a word of ours, which Twilio does not answer.
	Help bool
}

// Inbound reads what somebody wrote to our number. The error is channel.ErrSignature or channel.ErrUnreadable.
//
// Twilio itself has answered its own words by then, and blocks what we send after STOP. OptOutType comes only with a messaging
// service that has Advanced Opt-Out, so the words are read, too.
func (c *Callbacks) Inbound(call Callback) (Inbound, error) {
	_, form, err := c.open(call)
	if err != nil {
		return Inbound{}, err
	}
	sid := channel.ProviderID(first(form, "MessageSid", "SmsSid"))
	if sid == "" {
		return Inbound{}, channel.ErrUnreadable
	}
	number, ok := texted(form.Get("From"))
	if !ok {
		return Inbound{}, nil
	}
	in := Inbound{From: number}
	said := c.words.of(form.Get("OptOutType"), form.Get("Body"))
	r := relay.Receipt{Provider: Name, Key: sid, Status: said.asks, At: c.now()}
	switch said.asks {
	case wordStop:
		r.Address, r.Source, r.Suppress = number, relay.SuppressedByReply, relay.ReasonOptedOut
	case wordStart:
		r.Address, r.Source, r.Lift = number, relay.SuppressedByReply, relay.ReasonOptedOut
	case wordHelp:
		in.Help = said.ours
	default:
		return in, nil
	}
	in.Receipts = []relay.Receipt{r}
	return in, nil
}
