package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// functions are what templates may call.
func (k *console) functions() template.FuncMap {
	reasons := map[relay.Reason]relay.ReasonDoc{}
	for _, doc := range relay.Reasons() {
		reasons[doc.Reason] = doc
	}
	return template.FuncMap{
		"static": k.static.address,
		"root":   func() string { return root },
		"now":    k.Now,
		// Times: when shows both, ago only how long it is, at only the time.
		"ago":     func(t time.Time) string { return relative(t, k.Now()) },
		"stamp":   stampOf,
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"took":    took,
		"span":    span,
		// Numbers.
		"num":    func(n int) string { return humanize.Comma(int64(n)) },
		"atMost": atMost,
		"plural": plural,
		// States and Reasons.
		"state":   func(s any) stateView { return stateOf(fmt.Sprint(s)) },
		"meaning": func(r relay.Reason) string { return sentence(reasons[r].Meaning) },
		"step":    stepOf,
		"words":   func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
		"channel": channelName,
		"short":   short,
		"dict":    dict,
		"cut":     func() template.HTML { return cut },
		"list":    func(all ...string) []string { return all },
		"hours":   func() []string { return []string{"1h", "6h", "24h", "72h", "168h"} },
		"waits":   isWaiting,
	}
}

// dict makes the data of a part of a page: pairs of a name and a value.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict wants pairs, got %d values", len(pairs))
	}
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict wants a name at %d, got %T", i, pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// stampOf writes a time as it is sorted and compared, with its zone.
func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// clockSkew is how far ahead of ours the clock of another machine may be before a time counts as one to come.
const clockSkew = 3 * time.Second

// relative says how long ago a time is, or how long until it comes. Between them is "now", so that clocks that differ a little make
// no negative numbers.
func relative(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d >= time.Second:
		return span(d) + " ago"
	case d < -clockSkew:
		return "in " + span(-d)
	}
	return "now"
}

// span writes a duration in its largest unit, and the next one while that tells something.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		if m := int(d.Minutes()) % 60; m > 0 && d < 6*time.Hour {
			return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
		}
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d < 14*day:
		return plural(int(d/day), "day", "days")
	case d < 365*day:
		return plural(int(d/(7*day)), "week", "weeks")
	}
	return plural(int(d/(365*day)), "year", "years")
}

// took is how long something took that began and ended by clocks that may have been put back meanwhile.
func took(from, to time.Time) string {
	d := max(0, to.Sub(from))
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return span(d)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// atMost writes a count that was not counted further than most: "1,000+".
func atMost(n, most int) string {
	if n > most {
		return humanize.Comma(int64(most)) + "+"
	}
	return humanize.Comma(int64(n))
}

// sentence makes one of a clause, such as a Reason's meaning.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// short is an ID as it is told from others of a page at a glance.
func short(id string) string {
	const most = 11
	if len(id) <= most {
		return id
	}
	return id[:most]
}

func channelName(c relay.Channel) string {
	switch c {
	case relay.ChannelSMS:
		return "SMS"
	case relay.ChannelEmail:
		return "Email"
	case "":
		return "Everything"
	}
	return string(c)
}

// stateView is how a state is shown: by a word, a shape and, for those who see it, a colour.
type stateView struct {
	Word string
	// Tone chooses the colour: good, bad, wait, off or plain.
	Tone string
	// Shape is the path of a drawing in a box of 16 by 16.
	Shape string
}

// Drawings of states.
const (
	shapeTick   = "M3 8.5l3.2 3.2L13 4.8"
	shapeCross  = "M4 4l8 8M12 4l-8 8"
	shapeClock  = "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M8 5v3.2l2.2 1.3"
	shapeAgain  = "M12.8 8a4.8 4.8 0 1 1-1.5-3.5M11.6 1.8v3h-3"
	shapeArrow  = "M3 8h9M8.5 4.5L12 8l-3.5 3.5"
	shapeBar    = "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M4.3 11.7l7.4-7.4"
	shapeAsk    = "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.6v.2"
	shapeReturn = "M13 8H4M7.5 4.5L4 8l3.5 3.5"
)

func stateOf(state string) stateView {
	v := stateView{Word: state, Tone: "plain", Shape: shapeClock}
	switch state {
	case string(relay.DeliveryDelivered):
		v.Tone, v.Shape = "good", shapeTick
	case string(relay.DeliverySent): // also an alert's
		v.Tone, v.Shape = "good", shapeArrow
	case string(relay.DeliveryDead), string(relay.AlertFailed):
		v.Tone, v.Shape = "bad", shapeCross
	case string(relay.DeliveryUndelivered):
		v.Tone, v.Shape = "bad", shapeReturn
	case view.Retrying:
		v.Tone, v.Shape = "wait", shapeAgain
	case string(relay.DeliveryUnknown):
		v.Tone, v.Shape = "wait", shapeAsk
	case string(relay.DeliverySending), string(relay.AlertDue):
		v.Shape = shapeArrow
	case string(relay.DeliverySuppressed), string(relay.AlertCancelled):
		v.Tone, v.Shape = "off", shapeBar
	}
	return v
}
