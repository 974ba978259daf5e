package privacy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// between stands between the two uids of a conversation's id.
const between = "_user_"

// places finds where the uid stands as a word of its own.
func (p *Person) places(s string, as kind) [][]int {
	var found [][]int
	for _, at := range p.name.FindAllStringIndex(s, -1) {
		if marked(s, at) || alone(s, at) && (as == distinct || as == word && !sentence(s)) {
			found = append(found, at)
		}
	}
	return found
}

// sentence reports whether a text may be one, in which a uid may be a word like any other.
func sentence(s string) bool { return strings.ContainsFunc(strings.TrimSpace(s), unicode.IsSpace) }

// marked reports whether what stands there is a uid and cannot be anything else: in a mention, or in a conversation's id.
func marked(s string, at []int) bool {
	before, after := s[:at[0]], s[at[1]:]
	left, right := !uidEnds(before), !uidBegins(after)
	switch {
	case left && strings.HasPrefix(after, between) && len(after) > len(between),
		right && strings.HasSuffix(before, between) && len(before) > len(between):
		return true
	case !right:
		return false
	}
	lower := strings.ToLower(before)
	quoted := strings.HasSuffix(before, `"`) && strings.HasPrefix(after, `"`)
	return quoted || strings.HasSuffix(lower, "uid:") || strings.HasSuffix(before, "@") && !uidEnds(before[:len(before)-1])
}

// alone reports whether it is neither a part of a longer uid nor of a mail address.
func alone(s string, at []int) bool { return !uidEnds(s[:at[0]]) && !uidBegins(s[at[1]:]) }

func uidBegins(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && (r == '@' || ofUID(r))
}

func uidEnds(s string) bool {
	r, size := utf8.DecodeLastRuneInString(s)
	if s != "" && r == '@' {
		return uidEnds(s[:len(s)-size]) // the domain of an address; without anything before, a mention
	}
	return s != "" && ofUID(r)
}

// ofUID reports whether a uid may have it. CometChat takes letters of English, digits, - and _.
func ofUID(r rune) bool { return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// mailAlone reports whether an address is not a part of a longer one.
func mailAlone(s string, at []int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:at[0]])
	if at[0] > 0 && (strings.ContainsRune("._+-", before) || unicode.IsLetter(before) || unicode.IsDigit(before)) {
		return false
	}
	rest := s[at[1]:]
	if after, ok := strings.CutPrefix(rest, "."); ok {
		rest = after // the end of a sentence, or one more label
	}
	after, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || after != '-' && !unicode.IsLetter(after) && !unicode.IsDigit(after)
}
