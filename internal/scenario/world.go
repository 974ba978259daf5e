package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// fate is what becomes of the messages to a person on a channel.
type fate struct {
	to      string
	channel relay.Channel
	fate    sim.Fate
}

// world reads what surrounds the events of a test: who opted out, whether the directory answers, what providers say.
func (b *builder) world(t *Test, p parts) {
	if p.optedOut != nil {
		t.suppressed = map[relay.Address]relay.Reason{}
		for _, n := range b.items(p.optedOut, "`opted_out`") {
			b.optOut(t, n)
		}
	}
	if p.down != nil {
		b.down(t, p.down)
	}
	if p.receipts != nil {
		t.receipts = true
		for _, n := range b.items(p.receipts, "`receipts`") {
			b.receipt(t, n)
		}
	}
}

func (b *builder) optOut(t *Test, n *yaml.Node) {
	var to string
	var channel relay.Channel
	b.mapping(n, "an entry of `opted_out`", []field{
		{"to", true, func(n *yaml.Node) { to = b.to(n) }},
		{"channel", true, func(n *yaml.Node) { channel = b.channel(n) }},
	})
	if to == "" || channel == "" {
		return
	}
	address := to
	if !isAddress(to) {
		contact := t.people[to]
		address = contact.Email.Reveal()
		if channel == relay.ChannelSMS {
			address = contact.Phone.Reveal()
		}
	}
	if address == "" {
		b.fail(n, fmt.Sprintf("%s has no address for %s that could opt out", quote(to), channel), "give one under `recipients`")
		return
	}
	t.suppressed[relay.NewAddress(channel, address)] = relay.ReasonOptedOut
}

// down reads for how long after the start the directory does not answer: for everybody, or by uid.
func (b *builder) down(t *Test, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		t.down[""] = t.Start.Add(b.span(n, "`directory_down`"))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		t.down[b.known(t, n.Content[i], n.Content[i].Value)] = t.Start.Add(b.span(n.Content[i+1], "`directory_down`"))
	}
}

// known is a uid in lower case, which must be one of the recipients: what is said of anybody else would have no effect.
func (b *builder) known(t *Test, n *yaml.Node, uid string) string {
	uid = strings.ToLower(uid)
	if _, ok := t.people[uid]; !ok && uid != "" && !isAddress(uid) {
		b.fail(n, "nobody under `recipients` is "+quote(uid), nearest(uid, slices.Sorted(maps.Keys(t.people))))
	}
	return uid
}

// silence is how a receipt says that none comes.
const silence = "none"

func (b *builder) receipt(t *Test, n *yaml.Node) {
	var f fate
	var state string
	b.mapping(n, "a receipt", []field{
		{"to", true, func(n *yaml.Node) { f.to = b.known(t, n, b.to(n)) }},
		{"channel", true, func(n *yaml.Node) { f.channel = b.channel(n) }},
		{"after", false, func(n *yaml.Node) { f.fate.After = b.span(n, "`after`") }},
		{"state", true, func(n *yaml.Node) { state = b.oneOf(n, "`state`", receiptStates()) }},
		{"reason", false, func(n *yaml.Node) { f.fate.Reason = b.reason(n) }},
	})
	f.fate.State = relay.DeliveryState(state)
	switch {
	case state == silence:
		f.fate.State = relay.DeliverySent
	case f.fate.State == relay.DeliveryDead && f.fate.Reason == relay.ReasonNone:
		f.fate.Reason = relay.ReasonRejected
	}
	if f.fate.After > 0 && state != string(relay.DeliveryDelivered) && state != string(relay.DeliveryUndelivered) {
		b.fail(n, fmt.Sprintf("`after` says when a receipt comes, and for %q none does", state), "leave it out")
	}
	t.fates = append(t.fates, f)
}

func receiptStates() []string {
	return []string{
		string(relay.DeliveryDelivered), string(relay.DeliveryUndelivered), silence, string(relay.DeliveryDead),
	}
}

// carrier gives each message its fate. Of several for one person and channel each holds for one message, in this order, and
// the last for all that follow.
func carrier(fates []fate) func(relay.Delivery) sim.Fate {
	used := make([]bool, len(fates))
	return func(d relay.Delivery) sim.Fate {
		out := sim.Fate{State: relay.DeliveryDelivered}
		for i, f := range fates {
			if f.channel != d.Channel || !isTo(f.to, d.Recipient) {
				continue
			}
			out = f.fate
			if !used[i] {
				used[i] = true
				break
			}
		}
		return out
	}
}

// to reads who is meant: a uid, or the address that stands in a rule.
func (b *builder) to(n *yaml.Node) string {
	text, ok := b.text(n, "`to`")
	if ok && text == "" {
		b.fail(n, "`to` is empty", "write a uid, or the address that stands in the rule")
	}
	return strings.ToLower(text)
}

func isAddress(to string) bool { return strings.Contains(to, "@") || strings.HasPrefix(to, "+") }

// isTo reports whether a recipient is meant by what a test says.
func isTo(to string, r relay.Recipient) bool {
	if r.Fixed() {
		return strings.EqualFold(to, r.Email.Reveal()+r.Phone.Reveal()) // one of the two is empty
	}
	return strings.EqualFold(to, r.UID)
}

// shown is who is meant, with an address masked.
func shown(to string) string {
	switch {
	case strings.Contains(to, "@"):
		return relay.Email(to).String()
	case isAddress(to):
		return relay.Phone(to).String()
	}
	return to
}

func shownRecipient(r relay.Recipient) string {
	if r.Fixed() {
		return shown(r.Email.Reveal() + r.Phone.Reveal())
	}
	return r.UID
}

func (b *builder) channel(n *yaml.Node) relay.Channel {
	all := make([]string, 0, len(relay.Channels()))
	for _, c := range relay.Channels() {
		all = append(all, string(c))
	}
	return relay.Channel(b.oneOf(n, "`channel`", all))
}

func (b *builder) reason(n *yaml.Node) relay.Reason {
	all := make([]string, 0, len(relay.Reasons()))
	for _, r := range relay.Reasons() {
		all = append(all, string(r.Reason))
	}
	return relay.Reason(b.oneOf(n, "`reason`", all))
}

// oneOf reads one of some words.
func (b *builder) oneOf(n *yaml.Node, what string, words []string) string {
	text, ok := b.text(n, what)
	if !ok || slices.Contains(words, text) {
		return text
	}
	hint := nearest(text, words)
	if hint == "" {
		hint = "known are " + strings.Join(words, ", ")
	}
	b.fail(n, fmt.Sprintf("%s cannot be %s", what, quote(text)), hint)
	return ""
}
