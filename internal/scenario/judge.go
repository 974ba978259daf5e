package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Failure is one expectation that was not met, or something that nobody expected.
type Failure struct {
	// List is the list of expectations: expect, cancelled or suppressed. Line is where the expectation stands, or the list.
	List string `json:"list"`
	Line int    `json:"line"`
	// Expected and Got are in words; Expected is empty for what nobody expected, Got for what did not come.
	Expected string `json:"expected,omitempty"`
	Got      string `json:"got,omitempty"`
	// Differences says field by field what is other than expected, where something like it came.
	Differences []string `json:"differences,omitempty"`
	// Trace says how it was decided, or where nothing was why not.
	Trace []string `json:"trace,omitempty"`
}

// outcome is one thing that came of a test: a message sent, or an alert or a message that was not.
type outcome struct {
	at        time.Duration
	rule      string
	recipient relay.Recipient
	channel   relay.Channel
	reason    relay.Reason
	content   relay.Content
	// message says that it was sent, and tells of that many events.
	message bool
	lists   int
	alert   *relay.Alert
}

// trial is a run of a test that is judged.
type trial struct {
	*Test

	result sim.Result
	// told are the alerts that an expectation was held against, each with the channel and, for any, without one.
	told map[telling]bool
}

// telling is an alert by a channel; a digest is known by its lead.
type telling struct {
	alert   string
	channel relay.Channel
}

func (j *trial) tell(a *relay.Alert, channel relay.Channel) {
	if a != nil {
		lead := cmp.Or(a.Lead, a.ID)
		j.told[telling{lead, channel}], j.told[telling{alert: lead}] = true, true
	}
}

// judge holds what came against what was expected. What is met is found first in every list: what is left over explains best
// why something did not come.
func (t *Test) judge(result sim.Result) []Failure {
	j := &trial{Test: t, result: result, told: map[telling]bool{}}
	came := t.outcomes(result)
	assigned := make([][]int, len(t.wants))
	for i, l := range t.wants {
		all := came[l.key]
		slices.SortStableFunc(all, func(a, b *outcome) int { return cmp.Compare(a.at, b.at) })
		assigned[i] = assign(len(l.wants), len(all), func(w, o int) bool { return l.wants[w].met(all[o]) })
		for _, o := range assigned[i] {
			if o >= 0 {
				j.tell(all[o].alert, all[o].channel)
			}
		}
	}
	var failures []Failure
	for i, l := range t.wants {
		failures = append(failures, j.compare(l, came[l.key], assigned[i])...)
	}
	return failures
}

// outcomes sorts what came by the lists of expectations.
func (t *Test) outcomes(result sim.Result) map[string][]*outcome {
	out := map[string][]*outcome{}
	alerts, told, own := map[string]*relay.Alert{}, map[string]int{}, map[string]bool{}
	for i := range result.Alerts {
		a := &result.Alerts[i]
		alerts[a.ID] = a
		told[cmp.Or(a.Lead, a.ID)]++
	}
	for _, d := range result.Deliveries {
		own[d.AlertID] = true
		o := &outcome{
			at: d.CreatedAt.Sub(t.Start), rule: d.Rule, recipient: d.Recipient, channel: d.Channel, reason: d.Reason,
			content: d.Content, lists: told[d.AlertID], alert: alerts[d.AlertID],
		}
		key := keySuppressed
		if d.State != relay.DeliverySuppressed && d.State != relay.DeliveryDead {
			key, o.message = keyExpect, true
		}
		out[key] = append(out[key], o)
	}
	for i := range result.Alerts {
		a := &result.Alerts[i]
		o := &outcome{at: a.UpdatedAt.Sub(t.Start), rule: a.Rule, recipient: a.Recipient, reason: a.Reason, alert: a}
		switch {
		case a.State == relay.AlertCancelled:
			out[keyCancelled] = append(out[keyCancelled], o)
		case a.State != relay.AlertSent && !own[a.ID] && a.Lead == "":
			out[keySuppressed] = append(out[keySuppressed], o)
		}
	}
	return out
}

// compare reports what is left on either side of a list: first the pairs that are alike, then what has no counterpart.
func (j *trial) compare(l list, came []*outcome, assigned []int) []Failure {
	met := make([]bool, len(came))
	for _, o := range assigned {
		if o >= 0 {
			met[o] = true
		}
	}
	var failures []Failure
	for i := range l.wants {
		if assigned[i] >= 0 {
			continue
		}
		w := &l.wants[i]
		f := Failure{List: l.key, Line: w.line, Expected: w.String()}
		if o := nearestOf(w, came, met); o >= 0 {
			met[o] = true
			j.tell(came[o].alert, came[o].channel)
			f.Got, f.Differences, f.Trace = came[o].String(), w.differences(came[o]), j.trace(came[o].alert)
		} else {
			f.Trace = j.whyNot(w)
		}
		failures = append(failures, f)
	}
	for i, o := range came {
		if !met[i] {
			failures = append(failures, Failure{List: l.key, Line: l.line, Got: o.String(), Trace: j.trace(o.alert)})
		}
	}
	return failures
}

// nearestOf is what came and is most like an expectation, of what is not taken: the same rule or the same person at least, and
// of what is equally like it the nearest in time. It is -1 where there is nothing.
func nearestOf(w *want, came []*outcome, taken []bool) int {
	best, least := -1, []int64(nil)
	for i, o := range came {
		alike := w.rule != "" && w.rule == o.rule || w.to != "" && isTo(w.to, o.recipient) || w.rule == "" && w.to == ""
		if taken[i] || !alike {
			continue
		}
		rank := []int64{int64(len(w.differences(o))), int64(w.away(o.at))}
		if best < 0 || slices.Compare(rank, least) < 0 {
			best, least = i, rank
		}
	}
	return best
}

// away is how far a moment is from the expected one.
func (w *want) away(at time.Duration) time.Duration {
	if w.at == nil {
		return 0
	}
	return (*w.at - at).Abs()
}

// assign matches as many as can be, each side at most once (Kuhn's algorithm): for each of wants the outcome, or -1.
func assign(wants, outcomes int, fits func(w, o int) bool) []int {
	of := slices.Repeat([]int{-1}, outcomes)
	var tried []bool
	var place func(w int) bool
	place = func(w int) bool {
		for o := range outcomes {
			if tried[o] || !fits(w, o) {
				continue
			}
			tried[o] = true
			if of[o] < 0 || place(of[o]) {
				of[o] = w
				return true
			}
		}
		return false
	}
	for w := range wants {
		tried = make([]bool, outcomes)
		place(w)
	}
	out := slices.Repeat([]int{-1}, wants)
	for o, w := range of {
		if w >= 0 {
			out[w] = o
		}
	}
	return out
}

func (w *want) met(o *outcome) bool { return len(w.differences(o)) == 0 }

// differences says field by field what is other than expected.
func (w *want) differences(o *outcome) []string {
	var out []string
	differ := func(name, expected, got string) {
		if expected != got {
			out = append(out, fmt.Sprintf("%s: expected %s, got %s", name, expected, got))
		}
	}
	if w.at != nil {
		differ("at", brief(*w.at), brief(o.at))
	}
	if w.rule != "" {
		differ("rule", w.rule, o.rule)
	}
	if w.to != "" && !isTo(w.to, o.recipient) {
		out = append(out, fmt.Sprintf("to: expected %s, got %s", shown(w.to), shownRecipient(o.recipient)))
	}
	if w.channel != "" {
		differ("channel", string(w.channel), orNone(string(o.channel)))
	}
	if w.reason != nil {
		differ("reason", string(*w.reason), orNone(string(o.reason)))
	}
	return append(out, w.said(o)...)
}

// said says what is other than expected in the message itself. These are the texts of a test, made of what the test says.
func (w *want) said(o *outcome) []string {
	var out []string
	differ := func(name string, expected *string, got string) {
		if expected != nil && *expected != got {
			out = append(out, fmt.Sprintf("%s:\n  - expected %q\n  + got      %q", name, *expected, got))
		}
	}
	count := func(name string, expected *int, got int) {
		if expected != nil && *expected != got {
			out = append(out, fmt.Sprintf("%s: expected %d, got %d", name, *expected, got))
		}
	}
	text := o.content.Text.Reveal()
	differ("text", w.text, text)
	differ("subject", w.subject, o.content.Subject.Reveal())
	differ("locale", w.locale, o.content.Locale)
	count("segments", w.segments, o.content.Segments)
	count("lists", w.lists, o.lists)
	for _, part := range w.contains {
		if !strings.Contains(text, part) {
			out = append(out, fmt.Sprintf("contains:\n  - expected %q\n  + got      %q", part, text))
		}
	}
	return out
}

func orNone(s string) string { return cmp.Or(s, "none") }

// String is the expectation in words.
func (w *want) String() string {
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	if w.at != nil {
		add("at %s", brief(*w.at))
	}
	add("%s", w.rule)
	add("to %s", shown(w.to))
	add("by %s", string(w.channel))
	if w.reason != nil {
		add("(%s)", string(*w.reason))
	}
	if w.text != nil {
		add("%q", *w.text)
	}
	return cmp.Or(strings.Join(parts, " "), "anything")
}

// String is what came, in words.
func (o *outcome) String() string {
	text := fmt.Sprintf("at %s %s", brief(o.at), o.rule)
	if to := shownRecipient(o.recipient); to != "" {
		text += " to " + to
	}
	if o.channel != "" {
		text += " by " + string(o.channel)
	}
	if o.reason != relay.ReasonNone {
		text += " (" + string(o.reason) + ")"
	}
	if o.message && o.channel == relay.ChannelSMS {
		text += fmt.Sprintf(" %q", o.content.Text.Reveal())
	} else if o.message {
		text += fmt.Sprintf(" %q", o.content.Subject.Reveal())
	}
	return text
}
