package render

import (
	"strings"
	"sync"
	"time"

	"github.com/go-playground/locales"
	"golang.org/x/text/language"
)

// moment is a time as a template sees it: in the recipient's zone, and with the way they write times.
type moment struct {
	time.Time

	format *format
}

// clock writes the time of day, nothing for no time.
func clock(m moment) string {
	if m.IsZero() {
		return ""
	}
	return m.format.clock(m.Time)
}

// day writes the date with its weekday, nothing for no time.
func day(m moment) string {
	if m.IsZero() {
		return ""
	}
	return m.format.day(m.Time)
}

// format is how a locale writes times.
type format struct{ clock, day func(time.Time) string }

// formatFor is the format of a message in a language: that of the reader's region where they speak it, as in 16:05 for British and
// 4:05 PM for American readers of the same English text; otherwise that of the default locale, or of the text itself.
func formatFor(text speech, req Request) *format {
	for _, locale := range []string{req.Locale, req.DefaultLocale} {
		if wish := tagOf(locale); sameLanguage(wish, text.tag) {
			return known().find(wish)
		}
	}
	return known().find(text.tag)
}

// formats are those of all locales that are known, and what finds the nearest.
type formats struct {
	tags    []language.Tag
	all     []func() *format
	matcher language.Matcher
}

// known is made when it is first asked for, and of each locale what is known when somebody has it: there is much of it.
var known = sync.OnceValue(func() formats {
	digits := &format{
		clock: func(t time.Time) string { return t.Format("15:04") },
		day:   func(t time.Time) string { return t.Format(time.DateOnly) },
	}
	f := formats{tags: []language.Tag{language.Und}, all: []func() *format{func() *format { return digits }}}
	for _, t := range translators() {
		tag := tagOf(t.locale)
		f.tags = append(f.tags, tag)
		f.all = append(f.all, sync.OnceValue(func() *format {
			l := t.open()
			return &format{clock: clockOf(tag, l), day: dayOf(l)}
		}))
	}
	f.matcher = language.NewMatcher(f.tags)
	return f
})

// find is the format of the nearest locale of that language, digits where the language is not known.
func (f formats) find(want language.Tag) *format {
	_, i, _ := f.matcher.Match(want)
	if !sameLanguage(want, f.tags[i]) {
		return f.all[0]()
	}
	return f.all[i]()
}

// halves is how a locale writes the two halves of a day around the time (#), where package locales has it differently from how
// it is printed there.
type halves struct{ am, pm string }

func halvesOf(tag language.Tag) (halves, bool) {
	found, ok := map[string]halves{
		"en": {"# AM", "# PM"}, "en-US": {"# AM", "# PM"}, "en-PH": {"# AM", "# PM"}, "en-SG": {"# am", "# pm"},
		"en-AU": {"# am", "# pm"}, "en-NZ": {"# am", "# pm"}, "en-IN": {"# am", "# pm"},
		"ko": {"오전 #", "오후 #"}, "zh-Hant": {"上午#", "下午#"}, "zh-Hant-HK": {"上午#", "下午#"},
	}[tag.String()]
	return found, ok
}

func clockOf(tag language.Tag, l locales.Translator) func(time.Time) string {
	written, ok := halvesOf(tag)
	if !ok {
		return func(t time.Time) string { return plainSpaces(l.FmtTimeShort(t)) }
	}
	return func(t time.Time) string {
		half := written.am
		if t.Hour() >= 12 {
			half = written.pm
		}
		return strings.Replace(half, "#", t.Format("3:04"), 1)
	}
}

func dayOf(l locales.Translator) func(time.Time) string {
	return func(t time.Time) string {
		// Finnish names a day by itself without the ending that it has in a sentence, and package locales does not know how.
		alone := strings.TrimSuffix(l.WeekdayWide(t.Weekday()), "na")
		return plainSpaces(strings.Replace(l.FmtDateFull(t), "cccc", alone, 1))
	}
}

// plainSpaces puts spaces for those that do not break: one of them would double the price of an SMS.
func plainSpaces(s string) string {
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ").Replace(s)
}
