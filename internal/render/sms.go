package render

import (
	"iter"
	"sort"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Encodings of an SMS, as Size and relay.Content name them.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// MaxSMS is how many characters (UTF-16 units) Twilio takes in one message, whatever its parts.
const MaxSMS = 1600

// defaultSegments is how many parts an SMS may have when nobody says otherwise.
const defaultSegments = 3

// ellipsis ends an SMS that was cut. It is three dots because the one character would need UCS-2.
const ellipsis = "..."

// Size is how a text travels as SMS.
type Size struct {
	// Encoding is GSM7 or UCS2.
	Encoding string
	// Segments is how many parts the text is sent and billed as, at least 1.
	Segments int
	// Units are septets (GSM-7, where a character of the extension table takes two) or 16-bit units (UCS-2), without the
	// headers of the parts.
	Units int
	// Characters as Twilio's calculator counts them: septets in GSM-7, graphemes in UCS-2 (two for the pair CR LF).
	Characters int
	// length is in UTF-16 units, which is how MaxSMS counts.
	length int
}

// capacity is how many units a message holds alone, and how many in each of several parts, whose headers take six octets.
type capacity struct{ alone, part int }

var capacities = map[string]capacity{GSM7: {160, 153}, UCS2: {70, 67}}

// Measure says how a text travels as SMS. smart counts what Twilio sends when the request carries SmartEncoded=true: quotes, dashes
// and spaces outside GSM-7 replaced by those inside. Like Twilio's calculator it splits neither a grapheme nor the two
// septets of an extended character between parts; a grapheme longer than a part fills as many as it needs.
func Measure(text string, smart bool) Size {
	if smart {
		text = smartEncode(text)
	}
	size := Size{Encoding: encodingOf(text), Segments: 1}
	limits := capacities[size.Encoding]
	filled := 0 // Units in the part that is being filled, were there several.
	for char := range elements(text, size.Encoding) {
		units := unitsOf(char, size.Encoding)
		size.Characters++
		size.Units += units
		size.length += utf16Len(char)
		filled, size.Segments = fill(filled, units, limits.part, size.Segments)
	}
	if size.Units <= limits.alone {
		size.Segments = 1
	}
	if size.Encoding == GSM7 {
		size.Characters = size.Units
	}
	return size
}

// fill puts an element into the part that is being filled, or into new ones, and says how full the last is and which it is.
func fill(filled, units, part, segments int) (int, int) {
	if filled+units <= part {
		return filled + units, segments
	}
	if filled > 0 {
		segments++
	}
	return (units-1)%part + 1, segments + (units-1)/part
}

// elements yields what may not be split between parts: graphemes, but not CR LF; in GSM-7, where no other characters combine, the
// characters themselves.
func elements(text, encoding string) iter.Seq[string] {
	if encoding == GSM7 {
		return strings.SplitSeq(text, "")
	}
	return func(yield func(string) bool) {
		for cluster := range graphemes(text) {
			if cluster == "\r\n" {
				if !yield("\r") {
					return
				}
				cluster = "\n"
			}
			if !yield(cluster) {
				return
			}
		}
	}
}

func unitsOf(char, encoding string) int {
	if encoding == UCS2 {
		return utf16Len(char)
	}
	units := 0
	for _, r := range char {
		units += gsmUnits[r]
	}
	return units
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

func encodingOf(text string) string {
	for _, r := range text {
		if gsmUnits[r] == 0 {
			return UCS2
		}
	}
	return GSM7
}

func smartEncode(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { _, ok := smartReplacements[r]; return ok }) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if to, ok := smartReplacements[r]; ok {
			out.WriteString(to)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Room is how many units the parts that it takes can hold.
func (s Size) Room() int {
	if s.Segments == 1 {
		return capacities[s.Encoding].alone
	}
	return s.Segments * capacities[s.Encoding].part
}

// fits reports whether a text may go out as it is.
func (s Size) fits(segments int) bool { return s.Segments <= segments && s.length <= MaxSMS }

// cutSMS shortens a text that has too many parts: at a word where one is near, with an ellipsis, never inside a grapheme.
func cutSMS(text string, segments int) string {
	if Measure(text, true).fits(segments) {
		return text
	}
	// More than MaxSMS could only count if they were invisible.
	ends := graphemeEnds(text, 2*MaxSMS)
	// The shortest prefix that is too long; every longer one is too.
	over := sort.Search(len(ends), func(i int) bool {
		return !Measure(text[:ends[i]]+ellipsis, true).fits(segments)
	})
	if over == 0 {
		return ellipsis
	}
	return strings.TrimRightFunc(atWord(text, ends[over-1]), isSpaceOrStop) + ellipsis
}

// graphemes yields what a reader takes for the characters of a text.
func graphemes(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest, state := text, -1
		for rest != "" {
			var cluster string
			cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
			if !yield(cluster) {
				return
			}
		}
	}
}

// graphemeEnds lists the first offsets, at most so many, at which text may be cut.
func graphemeEnds(text string, most int) []int {
	var ends []int
	end := 0
	for cluster := range graphemes(text) {
		if len(ends) == most {
			break
		}
		end += len(cluster)
		ends = append(ends, end)
	}
	return ends
}

// atWord moves a cut back to the end of a word unless more than 40 bytes would go: some languages have no spaces.
func atWord(text string, end int) string {
	head := text[:end]
	if next, _ := utf8.DecodeRuneInString(text[end:]); unicode.IsSpace(next) {
		return head
	}
	if space := strings.LastIndexFunc(head, unicode.IsSpace); space >= max(1, end-40) {
		return head[:space]
	}
	return head
}

func isSpaceOrStop(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(".,;:-", r) }
