package rules

import (
	"fmt"
	"time"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxSegments is the most parts an SMS may be allowed to be billed as: what carriers put together again without trouble.
const maxSegments = 10

// builtInDefaults are the defaults of a file that has none.
func builtInDefaults() Defaults {
	return Defaults{
		Locale: "en", TimeZone: time.UTC, Expires: 24 * time.Hour, MaxSegments: 3,
		SenderLimit: Limit{Max: 50, Per: time.Hour},
	}
}

func defaultsKeys() []key[Defaults] {
	return []key[Defaults]{
		{"locale", false, readLocale},
		{"time_zone", false, readTimeZone},
		{"quiet_hours", false, func(l *loader, d *Defaults, at entry) {
			l.quietAt = at
			d.QuietHours, _ = l.quietHours(at)
		}},
		{"expires", false, func(l *loader, d *Defaults, at entry) { l.duration(&d.Expires, at, time.Second) }},
		{"max_segments", false, func(l *loader, d *Defaults, at entry) { l.number(&d.MaxSegments, at, maxSegments) }},
		{"limits", false, func(l *loader, d *Defaults, at entry) { d.Limits, _ = l.limits(at) }},
		{"sender_limit", false, readSenderLimit},
	}
}

func readLocale(l *loader, d *Defaults, at entry) {
	text, ok := l.text(at)
	if !ok {
		return
	}
	if _, err := language.Parse(text); err != nil {
		l.fail(at.value, "unknown locale "+quote(text), "write a language such as en, de or pt-BR")
		return
	}
	d.Locale = text
}

func readTimeZone(l *loader, d *Defaults, at entry) {
	text, ok := l.text(at)
	if !ok {
		return
	}
	// "" and "Local" would mean whatever the machine is set to.
	zone, err := time.LoadLocation(text)
	if err != nil || text == "" || text == "Local" {
		l.fail(at.value, "unknown time zone "+quote(text), zoneHint(text, ""))
		return
	}
	d.TimeZone = zone
}

// quietHours reads a window, or `off`.
func (l *loader) quietHours(at entry) (hours relay.QuietHours, off bool) {
	if at.value.Kind == yaml.ScalarNode {
		if at.value.Value == "off" {
			return relay.QuietHours{}, true
		}
		l.fail(at.value, "unknown quiet hours "+quote(at.value.Value), `write { from: "22:00", to: "07:00" } or off`)
		return relay.QuietHours{}, false
	}
	before := l.report.errors
	hours.Set = true
	readMap(l, at.value, "quiet_hours", []key[relay.QuietHours]{
		{"from", true, func(l *loader, q *relay.QuietHours, at entry) { l.clock(&q.From, at) }},
		{"to", true, func(l *loader, q *relay.QuietHours, at entry) { l.clock(&q.To, at) }},
	}, &hours)
	if l.report.errors > before {
		return relay.QuietHours{}, false
	}
	if hours.From == hours.To {
		l.fail(at.value, "quiet hours begin when they end", "write two different times, or off")
	}
	return hours, false
}

// clock reads a time of day into minutes after midnight.
func (l *loader) clock(into *int, at entry) {
	text, ok := l.scalar(at)
	if !ok {
		return
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		l.fail(at.value, fmt.Sprintf("%q is not a time of day: %s", at.key.Value, quote(text)), `write it as "22:00"`)
		return
	}
	*into = t.Hour()*60 + t.Minute()
}
