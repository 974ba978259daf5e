package render

import (
	"strings"
	"unicode"
)

// maxName is how many characters of a name are shown.
const maxName = 40

// maxMarks bounds the code points of one character of a name: stacked accents would cover the lines around it.
const maxMarks = 12

const joiner = '\u200d'

// cleanText drops what has no place in a text that a person typed: control characters but tab and line ends, which become newlines, and the characters that
// turn the direction of what follows. Marks that only say the direction of their neighbours stay, since Arabic and Hebrew need them.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case unicode.IsControl(r) && unicode.IsSpace(r):
			return '\n'
		case unicode.IsControl(r) || isTurn(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\ufffd"))
}

// isTurn reports embeddings, overrides and isolates of the bidirectional algorithm.
func isTurn(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// cleanName makes a name one line of at most maxName characters without anything that cannot be seen.
func cleanName(s string) string {
	var out strings.Builder
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
	for cluster := range graphemes(s) {
		out.WriteString(visible(cluster))
	}
	name := strings.Join(strings.Fields(out.String()), " ")
	if ends := graphemeEnds(name, maxName); len(ends) == maxName {
		name = name[:ends[maxName-1]]
	}
	return strings.TrimSpace(name)
}

// visible is a grapheme without its invisible parts. A joiner stays where it joins, as in the emoji of a family.
func visible(cluster string) string {
	var kept []rune
	runes := []rune(cluster)
	for i, r := range runes {
		joins := r == joiner && i > 0 && i < len(runes)-1
		if !joins && (unicode.Is(unicode.C, r) || isBlank(r)) {
			continue
		}
		kept = append(kept, r)
	}
	return string(kept[:min(len(kept), maxMarks)])
}

// isBlank reports the characters that are letters, marks or symbols to Unicode and nothing to the eye.
func isBlank(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return false
}

// oneLine is the text with every run of white space as one space and without control characters.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || isTurn(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
