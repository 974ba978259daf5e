package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// What is tallied (store.Tallied.What), and by what names.
const (
	// tallyAccepted are events that were taken in for the first time, Of their trigger.
	tallyAccepted = "accepted"
	// tallySeen is the same by the day, which tells when a trigger was seen last without adding up a month of slots.
	tallySeen = "seen"
	// tallyMatched and tallyErred are Of a rule; the latter As "condition" or "template".
	tallyMatched = "matched"
	tallyErred   = "erred"
	// tallyDelivery are deliveries that came to a state, Of their channel, By the provider, As the state.
	tallyDelivery = "delivery"
)

const (
	// overviewSpan is what the overview looks back on, and overviewStep what one value of its series stands for.
	overviewSpan = 24 * time.Hour
	overviewStep = 30 * time.Minute
)

// overview shows how the relay does.
type overview struct{ app *App }

// Overview implements server.Overview.
func (o overview) Overview(ctx context.Context) (view.Overview, error) {
	a := o.app
	out := view.Overview{At: time.Now().UTC(), Version: a.Version, Config: *a.inForce.Load(), Span: overviewSpan}
	stats, err := a.store.Stats(ctx)
	if err != nil {
		return out, fmt.Errorf("count what waits: %w", err)
	}
	out.Held, out.Due = stats.Alerts[relay.AlertHeld], stats.Alerts[relay.AlertDue]
	if out.Pauses, err = o.pauses(ctx); err != nil {
		return out, err
	}
	// Whole steps, the youngest of which is still going on.
	until := out.At.Truncate(overviewStep).Add(overviewStep)
	period := store.TallyFilter{Since: until.Add(-overviewSpan), Until: until, Step: overviewStep}
	accepted, err := o.tallies(ctx, tallyAccepted, period)
	if err != nil {
		return out, err
	}
	ended, err := o.tallies(ctx, tallyDelivery, period)
	if err != nil {
		return out, err
	}
	for _, t := range accepted {
		out.Accepted += t.N
	}
	out.Series = []view.Series{seriesOf("accepted", period, accepted)}
	for _, ch := range relay.Channels() {
		of := slices.DeleteFunc(slices.Clone(ended), func(t store.Tallied) bool { return t.Of != string(ch) })
		out.Channels = append(out.Channels, o.channel(ch, stats, of))
		out.Series = append(out.Series, seriesOf(string(ch)+" sent", period, as(of, relay.DeliverySent)),
			seriesOf(string(ch)+" failed", period, as(of, relay.DeliveryDead, relay.DeliveryUndelivered)))
	}
	out.Triggers, err = o.triggers(ctx)
	return out, err
}

func (o overview) tallies(ctx context.Context, what string, period store.TallyFilter) ([]store.Tallied, error) {
	period.What = what
	found, err := o.app.store.Tallies(ctx, period)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return found, nil
}

func (o overview) pauses(ctx context.Context) ([]view.Pause, error) {
	found, err := o.app.store.Pauses(ctx)
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	out := make([]view.Pause, 0, len(found))
	for _, p := range found {
		out = append(out, view.Pause(p))
	}
	return out, nil
}

// as are those of deliveries that came to one of the states.
func as(tallied []store.Tallied, states ...relay.DeliveryState) []store.Tallied {
	var out []store.Tallied
	for _, t := range tallied {
		if slices.Contains(states, relay.DeliveryState(t.As)) {
			out = append(out, t)
		}
	}
	return out
}

// seriesOf lines up counters by time, with zeros where nothing was counted.
func seriesOf(name string, period store.TallyFilter, tallied []store.Tallied) view.Series {
	out := view.Series{
		Name: name, From: period.Since, Step: period.Step, Values: make([]int, period.Until.Sub(period.Since)/period.Step),
	}
	for _, t := range tallied {
		if i := int(t.At.Sub(period.Since) / period.Step); i >= 0 && i < len(out.Values) {
			out.Values[i] += t.N
		}
	}
	return out
}

func (o overview) channel(ch relay.Channel, stats store.Stats, ended []store.Tallied) view.ChannelView {
	out := view.ChannelView{Channel: ch, Waiting: map[string]int{}, Oldest: stats.OldestQueued[ch], Totals: map[string]int{}}
	if p, ok := o.app.provider(ch); ok {
		out.Provider = p.Name()
	}
	for _, g := range o.app.dispatcher.Gates() {
		if g.Channel == ch {
			out.Stopped = g.Shut
		}
	}
	for state, n := range stats.Deliveries[ch] {
		out.Waiting[string(state)] = n
	}
	for _, t := range ended {
		out.Totals[t.As] += t.N
	}
	// Whoever was delivered to, or not, was counted as sent before; each is to count once.
	sent := string(relay.DeliverySent)
	out.Totals[sent] = max(0, out.Totals[sent]-out.Totals[string(relay.DeliveryDelivered)]-out.Totals[string(relay.DeliveryUndelivered)])
	return out
}

// triggers says when each was seen last: by the counters, or where they know nothing of it, by the events that are kept. A trigger that
// nobody ticked in CometChat's dashboard is the commonest reason for silence.
func (o overview) triggers(ctx context.Context) ([]view.TriggerSeen, error) {
	tallied, err := o.tallies(ctx, tallySeen, store.TallyFilter{})
	if err != nil {
		return nil, err
	}
	seen := map[relay.Trigger]time.Time{}
	for _, t := range tallied {
		if t.Of != otherTrigger {
			seen[relay.Trigger(t.Of)] = t.LastAt
		}
	}
	catalogue := cometchat.Catalogue()
	wanted := map[relay.Trigger][]string{}
	for _, rule := range o.app.generation().Rules.Rules() {
		for _, t := range rule.Triggers {
			if rule.Enabled {
				wanted[t] = append(wanted[t], rule.Name)
			}
		}
	}
	all := map[relay.Trigger]bool{}
	for _, triggers := range []map[relay.Trigger]bool{keys(catalogue), keys(seen), keys(wanted)} {
		maps.Copy(all, triggers)
	}
	out := make([]view.TriggerSeen, 0, len(all))
	for _, t := range slices.Sorted(maps.Keys(all)) {
		if seen[t].IsZero() {
			newest, err := o.app.store.Events(ctx, store.Filter{Trigger: t, Limit: 1})
			if err != nil {
				return nil, fmt.Errorf("find the newest %s: %w", t, err)
			}
			for _, e := range newest {
				seen[t] = e.ReceivedAt
			}
		}
		_, known := catalogue[t]
		out = append(out, view.TriggerSeen{Trigger: t, LastAt: seen[t], Wanted: wanted[t], Known: known})
	}
	return out, nil
}

func keys[V any](m map[relay.Trigger]V) map[relay.Trigger]bool {
	out := make(map[relay.Trigger]bool, len(m))
	for t := range m {
		out[t] = true
	}
	return out
}

// Rules implements server.Overview. Addresses in the file are masked to viewers.
func (o overview) Rules(ctx context.Context) (view.Rules, error) {
	g := o.app.generation()
	out := view.Rules{
		Config: *o.app.inForce.Load(), File: g.Rules.File(), Text: g.Rules.Text(), Rules: []view.Rule{}, Templates: g.Templates.Names(),
		Span: overviewSpan,
	}
	if person, _ := access.PersonFrom(ctx); person.Viewer {
		out.Text = rules.Masked(out.Text)
	}
	pauses, err := o.pauses(ctx)
	if err != nil {
		return out, err
	}
	period := store.TallyFilter{Since: time.Now().Add(-overviewSpan)}
	matched, err := o.tallies(ctx, tallyMatched, period)
	if err != nil {
		return out, err
	}
	erred, err := o.tallies(ctx, tallyErred, period)
	if err != nil {
		return out, err
	}
	for _, r := range g.Rules.Rules() {
		row := view.Rule{Name: r.Name, Description: r.Description, Enabled: r.Enabled, Line: r.Line, Triggers: r.Triggers}
		for _, p := range pauses {
			row.Paused = row.Paused || p.Channel == "" && (p.Rule == "" || p.Rule == r.Name)
		}
		for _, t := range matched {
			if t.Of == r.Name {
				row.Matches, row.LastMatch = row.Matches+t.N, t.LastAt
			}
		}
		for _, t := range erred {
			if t.Of == r.Name {
				row.Errors += t.N
			}
		}
		out.Rules = append(out.Rules, row)
	}
	return out, nil
}
