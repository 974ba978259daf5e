package render

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

var (
	scheme = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://|\b(?:www\.|mailto:|tel:|sms:|callto:|javascript:|data:)`)
	// Domains as a phone finds them: of any script, and of ASCII letters alone, for those that stand in a text without spaces.
	anyDomain   = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*(?:[.。．｡][\p{L}\p{N}][\p{L}\p{N}\p{M}-]*)+`)
	asciiDomain = regexp.MustCompile(`(?i)[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+`)
	fourNumbers = regexp.MustCompile(`^\d{1,3}(?:\.\d{1,3}){3}$`)
	dots        = strings.NewReplacer("。", ".", "．", ".", "｡", ".")
)

// withoutLinks drops the words that are a link or that a phone would make one: addresses with a scheme, bare domains
// (anything that ends in a public suffix, so also mail addresses), IP addresses. White space is kept as it is.
func withoutLinks(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		var kept []string
		dropped := false
		for word := range strings.FieldsSeq(line) {
			if isLink(word) {
				dropped = true
			} else {
				kept = append(kept, word)
			}
		}
		if !dropped {
			out.WriteString(line)
			continue
		}
		out.WriteString(strings.Join(kept, " "))
		if strings.HasSuffix(line, "\n") {
			out.WriteByte('\n')
		}
	}
	return strings.TrimSpace(out.String())
}

func isLink(word string) bool {
	if plainWord(word) {
		return false
	}
	var seen strings.Builder
	for _, r := range word {
		seen.WriteString(visible(string(r)))
	}
	word = seen.String()
	if scheme.MatchString(word) {
		return true
	}
	for _, found := range append(anyDomain.FindAllString(word, -1), asciiDomain.FindAllString(word, -1)...) {
		if isDomain(dots.Replace(found)) {
			return true
		}
	}
	return false
}

// plainWord tells whether a word is of ASCII and has nothing that every link has, as most words are.
func plainWord(word string) bool {
	for i := range len(word) {
		if c := word[i]; c == '.' || c == ':' || c < ' ' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isDomain(s string) bool {
	if fourNumbers.MatchString(s) {
		return true
	}
	ascii, err := idna.Lookup.ToASCII(strings.ToLower(s))
	if err != nil {
		ascii = strings.ToLower(s)
	}
	_, icann := publicsuffix.PublicSuffix(ascii)
	return icann
}
