package rules

import (
	"fmt"
	"time"
)

// checkTimes checks that the times of a rule make sense together.
func (l *loader) checkTimes(d *draft) {
	if at, ok := d.at["wait"]; ok && d.Wait >= d.Expires {
		l.late(d, at, "its wait is over", d.Wait)
	}
	var window time.Duration
	if d.Digest != nil {
		window = d.Digest.Window
	}
	if at, ok := d.at["window"]; ok && window >= d.Expires {
		l.late(d, at, "its digest is closed", window)
	}
	// Silence is counted from when the message went out.
	silence := max(d.Wait, window) + d.FallbackAfter
	if at, ok := d.at["fallback_after"]; ok && d.FallbackAfter > 0 && max(d.Wait, window) < d.Expires && silence >= d.Expires {
		l.late(d, at, "its silence is noticed", silence)
	}
	if at, ok := d.at["unless"]; ok && d.Wait == 0 && d.at["digest"].key == nil {
		l.warn(at.key, "\"unless\" without \"wait\" is looked at as soon as the event comes", "add `wait: 5m`")
	}
	if at, ok := d.at["quiet_hours"]; ok && d.Urgent {
		l.warn(at.key, "\"quiet_hours\" of an urgent rule have no effect", "leave out one of the two")
	}
}

// late finds that an alert expires before something that the rule says happens, a time after receipt.
func (l *loader) late(d *draft, at entry, what string, when time.Duration) {
	l.fail(at.value, fmt.Sprintf("the alert expires (%s) before %s (%s)", d.Expires, what, when),
		fmt.Sprintf("make `expires` longer or `%s` shorter", at.key.Value))
}
