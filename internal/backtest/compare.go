package backtest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// sameTime is how far apart two messages may be and still go out at the same time.
const sameTime = time.Second

// change is a thing that the versions do not tell in the same way. One of the two is nil where only the other tells it.
type change struct {
	thing

	old, fresh *telling
	differs    []string
}

func (c change) kind() Kind {
	switch {
	case c.old == nil:
		return More
	case c.fresh == nil:
		return Less
	}
	return Different
}

// place is the rule that a change belongs to, the new one where both tell, and its channel.
func (c change) place() place { return placeOf(cmp.Or(c.fresh, c.old).delivery) }

// place is a line of the report: a rule on a channel.
type place struct {
	rule    string
	channel relay.Channel
}

func placeOf(d *relay.Delivery) place { return place{d.Rule, d.Channel} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.rule, other.rule), cmp.Compare(p.channel, other.channel))
}

// comparison compares two sides.
type comparison struct {
	Setup

	old, fresh *side
	events     map[string]*relay.Event
}

func newComparison(s Setup, old, fresh *side) *comparison {
	c := &comparison{Setup: s, old: old, fresh: fresh, events: make(map[string]*relay.Event, len(s.Events))}
	for i := range c.Events {
		c.events[c.Events[i].ID] = &c.Events[i]
	}
	return c
}

// changes lists what is told differently, in the order the events were received.
func (c *comparison) changes() []change {
	things := maps.Clone(c.old.told)
	maps.Copy(things, c.fresh.told)
	var all []change
	for t := range things {
		all = append(all, pair(t, c.old.told[t], c.fresh.told[t])...)
	}
	slices.SortStableFunc(all, func(a, b change) int {
		x, y := c.events[a.event], c.events[b.event]
		return cmp.Or(x.ReceivedAt.Compare(y.ReceivedAt), cmp.Compare(x.ID, y.ID),
			cmp.Compare(a.recipient, b.recipient), a.place().compare(b.place()))
	})
	return all
}

// pair finds for each telling of one thing its like on the other side: that of the same rule and template if there is one, else
// of the same rule, else any. Almost always there is one on each side.
func pair(of thing, old, fresh []telling) []change {
	old, fresh = slices.Clone(old), slices.Clone(fresh)
	var out []change
	for _, like := range []func(a, b *relay.Delivery) bool{
		func(a, b *relay.Delivery) bool { return a.Rule == b.Rule && a.Template == b.Template },
		func(a, b *relay.Delivery) bool { return a.Rule == b.Rule },
		func(_, _ *relay.Delivery) bool { return true },
	} {
		old = slices.DeleteFunc(old, func(o telling) bool {
			i := slices.IndexFunc(fresh, func(f telling) bool { return like(o.delivery, f.delivery) })
			if i < 0 {
				return false
			}
			f := fresh[i]
			fresh = slices.Delete(fresh, i, i+1)
			if differs := difference(o, f); len(differs) > 0 {
				out = append(out, change{thing: of, old: &o, fresh: &f, differs: differs})
			}
			return true
		})
	}
	for _, o := range old {
		out = append(out, change{thing: of, old: &o})
	}
	for _, f := range fresh {
		out = append(out, change{thing: of, fresh: &f})
	}
	return out
}

// difference lists in what two tellings of one thing differ.
func difference(old, fresh telling) []string {
	var out []string
	a, b := old.delivery, fresh.delivery
	if a.Rule != b.Rule {
		out = append(out, "rule")
	}
	if apart := b.CreatedAt.Sub(a.CreatedAt).Abs(); apart > sameTime {
		out = append(out, "time")
	}
	if a.Content.Text != b.Content.Text || a.Content.Subject != b.Content.Subject || a.Content.HTML != b.Content.HTML {
		out = append(out, "text")
	}
	if old.digest != fresh.digest {
		out = append(out, "digest")
	}
	return out
}
