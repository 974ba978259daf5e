package render

import (
	"fmt"
	"strings"
	"time"
)

// language says how times and durations are written.
type language struct {
	name   string
	clock  func(time.Time) string
	day    func(time.Time) string
	spoken func(time.Duration) string
}

// languageOf is the language of a locale's variant. Files without a locale are taken for English; languages without words here are
// written in digits.
func languageOf(locale string) language {
	base, _, _ := strings.Cut(normalised(locale), "-")
	switch base {
	case "", "en":
		return language{
			name:  nameOr(locale, "en"),
			clock: func(t time.Time) string { return t.Format("3:04 PM") },
			day:   func(t time.Time) string { return t.Format("Monday, 2 January 2006") },
			spoken: units{
				hour: [2]string{"hour", "hours"}, minute: [2]string{"minute", "minutes"}, second: [2]string{"second", "seconds"},
			}.spoken,
		}
	case "de":
		return language{
			name:  locale,
			clock: func(t time.Time) string { return t.Format("15:04") + " Uhr" },
			day:   germanDay,
			spoken: units{
				hour: [2]string{"Stunde", "Stunden"}, minute: [2]string{"Minute", "Minuten"}, second: [2]string{"Sekunde", "Sekunden"},
			}.spoken,
		}
	}
	return language{
		name:   locale,
		clock:  func(t time.Time) string { return t.Format("15:04") },
		day:    func(t time.Time) string { return t.Format(time.DateOnly) },
		spoken: digits,
	}
}

func nameOr(locale, other string) string {
	if locale == "" {
		return other
	}
	return locale
}

func germanDay(t time.Time) string {
	weekdays := [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	months := [...]string{
		"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
	}
	return fmt.Sprintf("%s, %d. %s %d", weekdays[t.Weekday()], t.Day(), months[t.Month()-1], t.Year())
}

// units are the words for durations, for one and for several.
type units struct{ hour, minute, second [2]string }

// spoken writes the two largest units of a duration that are worth telling: seconds only below a minute.
func (u units) spoken(d time.Duration) string {
	d = max(0, d)
	if d < time.Minute {
		return counted(d.Round(time.Second), time.Second, u.second)
	}
	d = d.Round(time.Minute)
	var words []string
	if d >= time.Hour {
		words = append(words, counted(d, time.Hour, u.hour))
	}
	if d%time.Hour >= time.Minute {
		words = append(words, counted(d%time.Hour, time.Minute, u.minute))
	}
	return strings.Join(words, " ")
}

func counted(d, unit time.Duration, words [2]string) string {
	n := int64(d / unit)
	if n == 1 {
		return "1 " + words[0]
	}
	return fmt.Sprintf("%d %s", n, words[1])
}

// digits writes a duration as h:mm:ss.
func digits(d time.Duration) string {
	s := int64(max(0, d).Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
