package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// checkTimes checks that the times of a rule make sense together.
func (l *loader) checkTimes(d *draft) {
	if at, ok := d.at["wait"]; ok && d.Wait >= d.Expires {
		l.late(d, at, "its wait is over", d.Wait)
	}
	window := d.window()
	if at, ok := d.at["window"]; ok && window >= d.Expires {
		l.late(d, at, "its digest is closed", window)
	}
	if at, ok := d.at["window"]; ok && window > 0 && d.Wait > window {
		l.warn(at.value, fmt.Sprintf("a window of %s never matters, because the alert waits for %s", span(window), span(d.Wait)),
			"make `window` longer than `wait`")
	}
	// Silence is counted from when the message went out.
	due := max(d.Wait, window)
	silence := due + d.FallbackAfter
	if at, ok := d.at["fallback_after"]; ok && d.FallbackAfter > 0 && due < d.Expires && silence >= d.Expires {
		l.late(d, at, "its silence is noticed", silence)
	}
	if at, ok := d.at["unless"]; ok && d.Wait == 0 && d.at["digest"].key == nil {
		l.warn(at.key, "\"unless\" without \"wait\" is looked at as soon as the event comes", "add `wait: 5m`")
	}
	if at, ok := d.at["quiet_hours"]; ok && d.Urgent {
		l.warn(at.key, "\"quiet_hours\" of an urgent rule have no effect", "leave out one of the two")
	}
}

// window is the rule's digest window, zero without digest.
func (r *Rule) window() time.Duration {
	if r.Digest == nil {
		return 0
	}
	return r.Digest.Window
}

// late finds that an alert expires before something that the rule says happens, a time after receipt.
func (l *loader) late(d *draft, at entry, what string, when time.Duration) {
	l.fail(at.value, fmt.Sprintf("the alert expires (%s) before %s (%s)", span(d.Expires), what, span(when)),
		fmt.Sprintf("make `expires` longer or `%s` shorter", at.key.Value))
}

const quietHint = "make `expires` longer or the quiet hours shorter"

// checkDefaultQuiet warns of default quiet hours that outlast the default `expires`.
func (l *loader) checkDefaultQuiet() {
	d := l.set.defaults
	if silent := silence(d.QuietHours); silent > d.Expires {
		l.warn(l.quietAt.key, fmt.Sprintf("quiet hours last %s and an alert expires after %s, so what comes early in them is never sent",
			span(silent), span(d.Expires)), quietHint)
	}
}

// checkQuiet warns of quiet hours that hold what falls due early in them for longer than it lives. What the defaults alone say is
// found there, once.
func (l *loader) checkQuiet(d *draft) {
	hours := d.QuietHours
	if !hours.Set && !d.addresses() {
		hours = l.set.defaults.QuietHours
	}
	places := slices.DeleteFunc([]entry{d.at["quiet_hours"], d.at["expires"], d.at["wait"], d.at["window"]}, func(e entry) bool { return e.key == nil })
	silent, due := silence(hours), max(d.Wait, d.window())
	ofDefaults := !d.QuietHours.Set && d.Expires == l.set.defaults.Expires && silent > d.Expires
	if d.Urgent || d.QuietOff || due >= d.Expires || due+silent <= d.Expires || ofDefaults || len(places) == 0 {
		return
	}
	waited := ""
	if due > 0 {
		waited = fmt.Sprintf("the alert falls due after %s, ", span(due))
	}
	l.warn(places[0].key, fmt.Sprintf("%squiet hours last %s and it expires after %s, so what falls due early in them is never sent",
		waited, span(silent), span(d.Expires)), quietHint)
}

// silence is how long quiet hours last, but for a change of the clocks.
func silence(q relay.QuietHours) time.Duration {
	if !q.Set {
		return 0
	}
	const day = 24 * 60
	return time.Duration((q.To-q.From+day)%day) * time.Minute
}

// addresses reports whether the rule tells none but addresses, for which default quiet hours do not hold.
func (r *Rule) addresses() bool {
	return !slices.ContainsFunc(r.To, func(t Target) bool { return t.Fixed.Email == "" && t.Fixed.Phone == "" })
}

// span writes a duration as people do: 24h, and not 24h0m0s.
func span(d time.Duration) string {
	text := d.String()
	for _, rest := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, rest) {
			text = text[:len(text)-2]
		}
	}
	return text
}
