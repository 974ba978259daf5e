package privacy

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// tail is how many of a number's last digits make it that number, whatever stands before them: a trunk zero, an area without its
// country, 00 for +.
const tail = 9

// minNational is the shortest national number that is looked for alone: a shorter one may be anything.
const minNational = 7

// number is a phone number to be recognised.
type number struct {
	// digits are those of E.164.
	digits string
	// national is the number without its country, where that is shorter than tail; else empty.
	national string
}

func numberOf(e164 string) number {
	n := number{digits: digitsOf(e164)}
	parsed, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return n
	}
	if national := phonenumbers.GetNationalSignificantNumber(parsed); len(national) < tail && len(national) >= minNational {
		n.national = national
	}
	return n
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if d, ok := digit(r); ok {
			return d
		}
		return -1
	}, s)
}

// is reports whether digits that stand together, after a + or not, are the number.
func (n number) is(run string, plus bool) bool {
	if run == n.digits {
		return true
	}
	if !plus && n.national != "" && strings.TrimPrefix(run, "0") == n.national {
		return true
	}
	if len(n.digits) < tail || !strings.Contains(run, n.digits[len(n.digits)-tail:]) {
		return false
	}
	return !plus || strings.HasPrefix(run, n.digits[:2]) // after a + the country is told, too
}

// number reports whether one of the numbers stands in a text, in whatever notation.
func (p *Person) number(s string) bool {
	if len(p.numbers) == 0 {
		return false
	}
	found := false
	runs(s, func(run string, plus bool) bool {
		for _, n := range p.numbers {
			if n.is(run, plus) {
				found = true
			}
		}
		return !found
	})
	return found
}

// maxGap is how much may stand between two digits of one number.
const maxGap = 3

// runs gives the digits that stand together in a text, but for what people write between the digits of a number, until tell
// returns false.
func runs(s string, tell func(run string, plus bool) bool) {
	var run strings.Builder
	plus, next, gap := false, false, 0
	end := func() bool {
		goOn := run.Len() < minNational || tell(run.String(), plus)
		run.Reset()
		plus, gap = next, 0
		return goOn
	}
	for _, r := range s {
		d, ok := digit(r)
		switch {
		case ok:
			if run.Len() == 0 {
				plus = next
			}
			run.WriteRune(d)
			next, gap = false, 0
			continue
		case r == '+' || r == '＋':
			next = true
		case separates(r) && gap < maxGap && run.Len() > 0:
			gap++
			continue
		case separates(r):
			next = next && r == '(' // "+(49) 151"
		default:
			next = false
		}
		if run.Len() > 0 && !end() {
			return
		}
	}
	end()
}

func separates(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune(".()/\u00b7\u2212", r)
}

// digit gives the digit of ASCII for one of the scripts in which people write numbers.
func digit(r rune) (rune, bool) {
	if r >= '0' && r <= '9' {
		return r, true
	}
	for _, zero := range []rune{'０', '٠', '۰', '०', '০'} {
		if r >= zero && r <= zero+9 {
			return '0' + r - zero, true
		}
	}
	return 0, false
}
