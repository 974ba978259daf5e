package render

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// words say so many of a unit, by the form that the number takes; # is the number.
type words map[string]string

// units are how a language says durations.
type units struct {
	tag                  language.Tag
	hour, minute, second words
	// join stands between two units.
	join string
}

// durations are the languages that there are words of, and what finds one.
type durations struct {
	all     []*units
	matcher language.Matcher
}

var allDurations = sync.OnceValue(func() durations {
	d := durations{all: []*units{nil}}
	tags := []language.Tag{language.Und}
	for line := range strings.Lines(durationWords) {
		if line = strings.TrimSpace(line); line != "" {
			u := readUnits(line)
			d.all, tags = append(d.all, u), append(tags, u.tag)
		}
	}
	d.matcher = language.NewMatcher(tags)
	return d
})

// readUnits reads a line of durationWords: locale, the words for hours, minutes and seconds, and what joins them.
func readUnits(line string) *units {
	columns := append(strings.Split(line, "|"), "", "", "", "")
	u := &units{tag: tagOf(strings.TrimSpace(columns[0])), join: " "}
	if join := strings.TrimSpace(columns[4]); join != "" {
		u.join = strings.Trim(join, `"`)
	}
	for i, to := range []*words{&u.hour, &u.minute, &u.second} {
		*to = words{}
		for entry := range strings.SplitSeq(columns[i+1], ",") {
			form, text, _ := strings.Cut(strings.TrimSpace(entry), "=")
			(*to)[form] = text
		}
	}
	return u
}

// durationsFor finds how a language says durations; h:mm:ss where there are no words of it.
func durationsFor(tag language.Tag) func(time.Duration) string {
	d := allDurations()
	_, i, _ := d.matcher.Match(tag)
	if i == 0 || !sameLanguage(tag, d.all[i].tag) {
		return digits
	}
	return d.all[i].spoken
}

// spoken writes the two largest units of a duration that are worth telling: seconds only below a minute.
func (u *units) spoken(d time.Duration) string {
	if d < time.Minute {
		if d = d.Round(time.Second); d < time.Minute {
			return u.counted(u.second, int64(d/time.Second))
		}
	}
	d = d.Round(time.Minute)
	var said []string
	if d >= time.Hour {
		said = append(said, u.counted(u.hour, int64(d/time.Hour)))
	}
	if minutes := d % time.Hour; minutes >= time.Minute {
		said = append(said, u.counted(u.minute, int64(minutes/time.Minute)))
	}
	return strings.Join(said, u.join)
}

func (u *units) counted(of words, n int64) string {
	text, ok := of[formOf(u.tag, n)]
	if !ok {
		text = of["other"]
	}
	return strings.ReplaceAll(text, "#", strconv.FormatInt(n, 10))
}

// formOf is the form of CLDR that a whole number takes in a language.
func formOf(tag language.Tag, n int64) string {
	const most = 1e9 // what decides lies in the last digits
	switch plural.Cardinal.MatchPlural(tag, int(n%most), 0, 0, 0, 0) {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	case plural.Other:
	}
	return "other"
}

// digits writes a duration as h:mm:ss.
func digits(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
