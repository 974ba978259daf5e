package engine

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// quietUntil reports whether a moment lies in the quiet hours of that zone, and when they end. The end is a wall-clock
// time there, so a night with a daylight-saving change is an hour shorter or longer.
func quietUntil(q relay.QuietHours, zone *time.Location, now time.Time) (time.Time, bool) {
	local := now.In(zone)
	minute := local.Hour()*60 + local.Minute()
	overMidnight := q.From > q.To
	inside := minute >= q.From && minute < q.To
	if overMidnight {
		inside = minute >= q.From || minute < q.To
	}
	if !q.Set || !inside {
		return time.Time{}, false
	}
	day := local.Day()
	if overMidnight && minute >= q.From {
		day++
	}
	until := time.Date(local.Year(), local.Month(), day, q.To/60, q.To%60, 0, 0, zone)
	for !until.After(now) {
		// The clock was set back, and the wall-clock time that time.Date chose is its first pass: the second is meant.
		until = until.Add(30 * time.Minute)
	}
	return until, true
}
