package backtest

import (
	"maps"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Kind is how what people are told changes.
type Kind string

// Kinds of change.
const (
	// More is told under the new rules only, Less under the old ones only.
	More Kind = "more"
	Less Kind = "less"
	// Different is told under both, by another rule, at another time, in other words, or in another digest.
	Different Kind = "different"
)

// Kinds lists all kinds, in the order of a report.
func Kinds() []Kind { return []Kind{More, Less, Different} }

// Report is what the new version changes. It does not depend on the order in which the events were handed in.
type Report struct {
	Old Source `json:"old"`
	New Source `json:"new"`
	// Events is how many were replayed; From and To are when the first and the last of them were received.
	Events int       `json:"events"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	// Undecided is how many alerts were decided after the last event: what would have come until then is not known.
	Undecided Pair `json:"undecided"`
	// Notes are what limits the comparison.
	Notes []string `json:"notes"`
	Total Counts   `json:"total"`
	// Rows has each rule and channel that sends anything.
	Rows []Row `json:"rules"`
}

// Source is a version that was compared: its name, and the hash of its rules and templates.
type Source struct {
	Name       string `json:"name"`
	Generation string `json:"generation"`
}

// Pair is a number under the old and the new version.
type Pair struct {
	Old int `json:"old"`
	New int `json:"new"`
}

// Counts are the numbers of a rule and channel, or of all. What is told counts once for each event, person and channel, so a
// digest of three tells of three and is one message.
type Counts struct {
	More      int `json:"more"`
	Less      int `json:"less"`
	Different int `json:"different"`
	// Messages go out; Segments are what the SMS among them are billed as.
	Messages Pair `json:"messages"`
	Segments Pair `json:"segments"`
}

// Of gives the number of changes of a kind.
func (c Counts) Of(kind Kind) int {
	switch kind {
	case More:
		return c.More
	case Less:
		return c.Less
	case Different:
		return c.Different
	}
	return 0
}

func (c *Counts) count(kind Kind) {
	switch kind {
	case More:
		c.More++
	case Less:
		c.Less++
	case Different:
		c.Different++
	}
}

// Row is what changes of a rule on a channel. What another rule tells now is counted with the new one.
type Row struct {
	Rule    string        `json:"rule"`
	Channel relay.Channel `json:"channel"`
	Counts
	Examples []Example `json:"examples,omitempty"`
}

// Example is one change.
type Example struct {
	Kind       Kind          `json:"kind"`
	Event      string        `json:"event"`
	Trigger    relay.Trigger `json:"trigger"`
	ReceivedAt time.Time     `json:"received_at"`
	// To is a uid, or an address that stands in a rule, masked.
	To  string `json:"to"`
	Old *Told  `json:"old,omitempty"`
	New *Told  `json:"new,omitempty"`
	// Why says why the other version does not tell it; empty for Different, which has Differs instead: "rule", "time", "text" or
	// "digest".
	Why     string   `json:"why,omitempty"`
	Differs []string `json:"differs,omitempty"`
}

// Told is how somebody is told of an event.
type Told struct {
	Rule     string    `json:"rule"`
	Template string    `json:"template"`
	At       time.Time `json:"at"`
	// Digest is how many events the message tells of; 0 where it is no digest.
	Digest int `json:"digest,omitempty"`
	// Segments is what an SMS is billed as.
	Segments int `json:"segments,omitempty"`
	// Subject and Text are empty unless they were asked for.
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text,omitempty"`
}

func (c *comparison) report() Report {
	r := Report{
		Old:    Source{c.Old.Name, c.old.generation.Hash},
		New:    Source{c.New.Name, c.fresh.generation.Hash},
		Events: len(c.Events), Notes: []string{}, Rows: []Row{},
	}
	if c.Contact == nil {
		r.Notes = append(r.Notes,
			"No directory is known, so everybody is taken to be reachable on every channel, in no particular time zone.")
	}
	if len(c.Events) > 0 {
		r.From, r.To = c.Events[0].ReceivedAt, c.Events[len(c.Events)-1].ReceivedAt
		r.Undecided = Pair{c.old.undecided(r.To), c.fresh.undecided(r.To)}
	}
	rows := map[place]*Row{}
	row := func(p place) *Row {
		if rows[p] == nil {
			rows[p] = &Row{Rule: p.rule, Channel: p.channel}
		}
		return rows[p]
	}
	c.old.messages(&r, row, func(p *Pair) *int { return &p.Old })
	c.fresh.messages(&r, row, func(p *Pair) *int { return &p.New })
	c.count(&r, row)
	for _, p := range slices.SortedFunc(maps.Keys(rows), place.compare) {
		r.Rows = append(r.Rows, *rows[p])
	}
	return r
}

// messages counts what goes out on one side, which part picks from a Pair.
func (s *side) messages(r *Report, row func(place) *Row, part func(*Pair) *int) {
	for i := range s.deliveries {
		d := &s.deliveries[i]
		if !arrives(d) {
			continue
		}
		for _, counts := range []*Counts{&r.Total, &row(placeOf(d)).Counts} {
			*part(&counts.Messages)++
			*part(&counts.Segments) += d.Content.Segments
		}
	}
}

// count counts the changes and shows the first of each kind.
func (c *comparison) count(r *Report, row func(place) *Row) {
	for _, change := range c.changes() {
		to, kind := row(change.place()), change.kind()
		r.Total.count(kind)
		to.count(kind)
		if to.Of(kind) <= c.Examples {
			to.Examples = append(to.Examples, c.example(change))
		}
	}
}

func (c *comparison) example(of change) Example {
	event := c.events[of.event]
	out := Example{
		Kind: of.kind(), Event: event.ID, Trigger: event.Trigger, ReceivedAt: event.ReceivedAt, Differs: of.differs,
		Old: c.told(of.old), New: c.told(of.fresh),
	}
	switch out.Kind {
	case More:
		out.Why = c.old.why(out.New.Rule, of.thing, event)
		out.To = shown(of.fresh.delivery.Recipient)
	case Less:
		out.Why = c.fresh.why(out.Old.Rule, of.thing, event)
		out.To = shown(of.old.delivery.Recipient)
	case Different:
		out.To = shown(of.fresh.delivery.Recipient)
	}
	return out
}

func (c *comparison) told(t *telling) *Told {
	if t == nil {
		return nil
	}
	d := t.delivery
	out := &Told{Rule: d.Rule, Template: d.Template, At: d.CreatedAt, Digest: t.digest, Segments: d.Content.Segments}
	if c.Texts {
		out.Subject, out.Text = d.Content.Subject.Reveal(), d.Content.Text.Reveal()
	}
	return out
}

// shown is a recipient without an address in clear.
func shown(r relay.Recipient) string {
	switch {
	case r.Email != "":
		return r.Email.String()
	case r.Phone != "":
		return r.Phone.String()
	}
	return r.UID
}
