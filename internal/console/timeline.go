package console

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// moment is one line of a timeline.
type moment struct {
	At time.Time
	// What happened, and what it means.
	What, Means string
	// Seen is the evidence, in the system's own words; Link leads on, and Page to the provider's page about a code.
	Seen, Link, Page string
	// State, where it is one, draws the mark; otherwise Tone and Shape do.
	Tone, Shape string
}

// stepView is a line of a decision's trace in words.
type stepView struct{ What, Means, Tone, Shape string }

// stepOf says what a line of a decision's trace tells.
func stepOf(s relay.Step) stepView {
	v := stepView{What: s.Check + ": " + s.Result, Tone: "plain", Shape: shapeArrow}
	if doc, ok := docOf(s.Result); ok {
		v.Means = sentence(doc.Meaning)
		v.Tone, v.Shape = "off", shapeBar
		if strings.HasPrefix(doc.Of, "held") {
			v.Tone, v.Shape = "wait", shapeClock
		}
	}
	check, what, _ := strings.Cut(s.Check, " ")
	switch {
	case check == "unless" && s.Result == "no":
		v.What, v.Means = "Not "+cmp.Or(what, "so"), "Nothing that is kept says that it was "+cmp.Or(what, "so")+", so the alert stands."
		v.Tone, v.Shape = "plain", shapeTick
		if what == "online" {
			v.Means = "Nothing that is kept says that the recipient is online, so the alert stands."
		}
	case check == "unless" && s.Result == "failed":
		v.Means, v.Tone, v.Shape = "The condition could not be worked out, and counts as false.", "wait", shapeAsk
	case check == "unless" && s.Result == what:
		v.What = sentenceStart(what) + " meanwhile"
	case check == "send":
		v.What = "Send by " + channelName(relay.Channel(what)) + ": " + s.Result
	case check == "people":
		v.What = "People: " + s.Result
	case check == "fallback":
		v.What, v.Means = "Fallback: "+s.Result, "None of the messages before arrived, so the next channel is tried."
	case check == "digest":
		v.Means = cmp.Or(v.Means, "It goes out in one message with others.")
	}
	v.What = sentenceStart(v.What)
	return v
}

func docOf(reason string) (relay.ReasonDoc, bool) {
	for _, doc := range relay.Reasons() {
		if string(doc.Reason) == reason {
			return doc, true
		}
	}
	return relay.ReasonDoc{}, false
}

// eventID is how the ID of an event looks, which a step gives where an event decided it.
var eventID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// received is how each timeline begins.
func received(at time.Time, trigger relay.Trigger, event string) moment {
	return moment{
		At: at, What: "Webhook received: " + string(trigger), Means: "Kept before it was answered.",
		Link: address("events", event), Seen: event, Tone: "plain", Shape: shapeArrow,
	}
}

// decided are the lines of an alert's trace.
func decided(a view.AlertDetail) []moment {
	out := []moment{{
		At: a.ReceivedAt, What: "Rule " + a.Rule + " matched", Means: "An alert for " + cmp.Or(a.To, "people who are not known yet") + ".",
		Link: address("alerts", a.ID), Seen: a.ID, Tone: "plain", Shape: shapeTick,
	}}
	for _, s := range a.Trace {
		v := stepOf(s)
		m := moment{At: s.At, What: v.What, Means: v.Means, Seen: s.Seen, Tone: v.Tone, Shape: v.Shape}
		if eventID.MatchString(s.Seen) {
			m.Link = address("events", s.Seen)
		}
		out = append(out, m)
	}
	if a.State == relay.AlertHeld {
		out = append(out, moment{
			At: a.DueAt, What: "Decided then", Means: cmp.Or(sentence(a.Meaning), "Until then it waits, and is cancelled if it is no longer true."),
			Tone: "wait", Shape: shapeClock,
		})
	}
	return out
}

// carried is what became of a delivery: made, attempts, receipts.
func carried(d view.DeliveryDetail) []moment {
	state := stateOf(d.State)
	out := []moment{{
		At: d.CreatedAt, What: channelName(d.Channel) + " made for " + cmp.Or(d.To, "nobody: no address"), Means: "By the template " + d.Template + ".",
		Link: address("deliveries", d.ID), Seen: d.ID, Tone: "plain", Shape: shapeArrow,
	}}
	for _, a := range d.AttemptsMade {
		out = append(out, attempted(a))
	}
	for _, r := range d.Receipts {
		out = append(out, reported(r))
	}
	if len(d.AttemptsMade)+len(d.Receipts) == 0 && d.Reason != "" {
		out = append(out, moment{At: d.CreatedAt, What: sentenceStart(d.State) + ": " + string(d.Reason), Means: sentence(d.Meaning), Tone: state.Tone, Shape: state.Shape})
	}
	if !d.NextAt.IsZero() && isWaiting(d.State) {
		out = append(out, moment{At: d.NextAt, What: "Looked at next", Means: sentence(d.Meaning), Tone: "wait", Shape: shapeClock})
	}
	return out
}

func isWaiting(state string) bool {
	return state == view.Retrying || state == string(relay.DeliveryQueued) || state == string(relay.DeliveryUnknown)
}

func attempted(a view.Attempt) moment {
	m := moment{At: a.StartedAt, Page: a.Link, Tone: "plain", Shape: shapeArrow}
	answer := a.Provider
	if a.Status > 0 {
		answer += fmt.Sprintf(" answered %d", a.Status)
	}
	if a.Code != "" {
		answer += ", code " + a.Code
	}
	if strings.HasPrefix(a.Detail, answer) { // which says all that, and more
		answer = ""
	}
	m.Seen = strings.Join(slices.DeleteFunc([]string{answer, a.Detail}, func(s string) bool { return s == "" }), " · ")
	if !a.EndedAt.IsZero() {
		m.Seen += " · took " + took(a.StartedAt, a.EndedAt)
	}
	m.Means = means(a.Explained, a.Reason)
	switch a.Outcome {
	case relay.Accepted:
		m.What, m.Tone, m.Shape = "accepted by "+a.Provider, "good", shapeTick
	case relay.Retry:
		m.What, m.Tone, m.Shape = "not taken, will be retried", "wait", shapeAgain
	case relay.Permanent:
		m.What, m.Tone, m.Shape = "refused for good", "bad", shapeCross
	case relay.Unknown:
		m.What, m.Tone, m.Shape = "no answer came back", "wait", shapeAsk
	default:
		m.What = "under way"
		if !a.EndedAt.IsZero() {
			m.What = "ended without an answer"
		}
	}
	m.What = fmt.Sprintf("Attempt %d: %s", a.N, m.What)
	if a.Reason != "" {
		m.What += " (" + string(a.Reason) + ")"
	}
	return m
}

func reported(r view.Receipt) moment {
	state := stateOf(string(r.State))
	m := moment{At: r.At, What: "Receipt: " + r.Status, Page: r.Link, Tone: state.Tone, Shape: state.Shape, Means: means(r.Explained, r.Reason)}
	if r.State == "" {
		m.Tone, m.Shape = "plain", shapeArrow
	}
	var seen []string
	if r.Code != "" {
		seen = append(seen, "code "+r.Code)
	}
	if r.Detail != "" {
		seen = append(seen, r.Detail)
	}
	m.Seen = strings.Join(seen, " · ")
	return m
}

// means is what a code means, else what our Reason does.
func means(e view.Explained, reason relay.Reason) string {
	if e.Means != "" {
		return e.Means
	}
	doc, _ := docOf(string(reason))
	return sentence(doc.Meaning)
}

// inOrder sorts moments by time; those of one second stay as they were told, which is cause before effect: a delivery is made a moment
// before the decision for it is written down.
func inOrder(all []moment) []moment {
	slices.SortStableFunc(all, func(a, b moment) int { return a.At.Truncate(time.Second).Compare(b.At.Truncate(time.Second)) })
	return all
}
