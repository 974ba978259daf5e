package render

import (
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// english is what files without a locale are taken for.
const english = "en"

// speech is how the words of a variant are made: in the language that its files are written in.
type speech struct {
	// name is the locale as its folder is named, "en" for files without one.
	name string
	tag  language.Tag
}

// speechOf is the speech of a locale's variant.
func speechOf(locale string) speech {
	name := nameOr(locale, english)
	return speech{name: name, tag: tagOf(name)}
}

func nameOr(locale, other string) string {
	if locale == "" {
		return other
	}
	return locale
}

// spoken writes a duration in words, where the language has some here, otherwise in digits.
func (s speech) spoken(d time.Duration) string { return durationsFor(s.tag)(max(0, d)) }

// plural is the form that a language has for so many: zero, one, two, few, many or other.
func (s speech) plural(n int64) string { return formOf(s.tag, n) }

// number writes a number with the language's separators, in the digits that counts and dates have, and with plain spaces: an SMS
// may hold it.
func (s speech) number(n int64) string {
	tag := s.tag
	if latin, err := tag.SetTypeForKey("nu", "latn"); err == nil {
		tag = latin
	}
	return plainSpaces(message.NewPrinter(tag).Sprint(number.Decimal(n)))
}

// tagOf reads a locale as people and systems write it, as far as it can be read; the undetermined language where not at all.
func tagOf(locale string) language.Tag {
	for part := normalised(locale); part != ""; part = shorter(part) {
		tag, err := language.Parse(part)
		if err != nil {
			continue
		}
		if base, _ := tag.Base(); base.String() == "no" {
			return language.MustParse("nb") // what is called Norwegian is that of books, and known by that name
		}
		return tag
	}
	return language.Und
}

// norwegian reports one of the two ways to write one language.
func norwegian(tag language.Tag) bool {
	base, _ := tag.Base()
	return base.String() == "nb" || base.String() == "nn"
}

// sameLanguage reports whether two locales are of one language, wherever it is spoken.
func sameLanguage(a, b language.Tag) bool {
	one, _ := a.Base()
	other, _ := b.Base()
	return a != language.Und && b != language.Und && one == other
}
