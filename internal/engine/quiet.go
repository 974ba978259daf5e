package engine

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// silentUntil reports whether it is quiet by any of several hours, and when it no longer is by any. Hours that leave no minute of
// the day are found out after one: it is looked at again then.
func silentUntil(hours []relay.QuietHours, zone *time.Location, now time.Time) (time.Time, bool) {
	until := now
	for moved := true; moved && until.Sub(now) < day*time.Minute; {
		moved = false
		for _, q := range hours {
			if end, quiet := quietUntil(q, zone, until); quiet {
				until, moved = end, true
			}
		}
	}
	return until, until.After(now)
}

// quietUntil reports whether a moment lies in the quiet hours of that zone, and when they end: with the first minute that the
// wall clock there shows outside of them. So a night with a daylight-saving change is an hour shorter or longer, hours that end
// in the hour that is skipped end with the jump, and those that end in the hour that comes twice end when it comes first.
func quietUntil(q relay.QuietHours, zone *time.Location, now time.Time) (time.Time, bool) {
	minute, inside := within(q, now.In(zone))
	if !inside {
		return time.Time{}, false
	}
	left := (q.To - minute + day) % day
	until := now.Truncate(time.Minute).Add(time.Duration(max(1, left-maxShift)) * time.Minute)
	for inside {
		if _, inside = within(q, until.In(zone)); inside {
			until = until.Add(time.Minute)
		}
	}
	return until, true
}

const (
	day = 24 * 60 // minutes
	// maxShift is more than any clock is ever put forward within a day, in minutes.
	maxShift = 3 * 60
)

// within gives the minute of the day that the wall clock shows, and whether it is in the quiet hours.
func within(q relay.QuietHours, local time.Time) (minute int, inside bool) {
	minute = local.Hour()*60 + local.Minute()
	inside = minute >= q.From && minute < q.To
	if q.From > q.To { // over midnight
		inside = minute >= q.From || minute < q.To
	}
	return minute, inside && q.Set
}
