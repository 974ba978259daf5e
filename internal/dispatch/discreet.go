package dispatch

import (
	"strings"
	"unicode"

	"github.com/beckon-relay/beckon/internal/relay"
)

// quotedWords is how many words in a row make a quotation: two may stand in any sentence.
const quotedWords = 3

// discreet takes what a provider quotes of a message out of its explanation: that is kept for longer than the message, shown and
// logged. The adapters have taken addresses and numbers out.
func discreet(outcome relay.Outcome, content relay.Content) relay.Outcome {
	words := strings.Fields(outcome.Detail)
	if len(words) < quotedWords {
		return outcome
	}
	said := map[string]bool{}
	for _, text := range []relay.Text{content.Text, content.Subject} {
		for _, phrase := range phrases(strings.Fields(text.Reveal())) {
			said[phrase] = true
		}
	}
	quoted := make([]bool, len(words))
	for i, phrase := range phrases(words) {
		for n := 0; said[phrase] && n < quotedWords; n++ {
			quoted[i+n] = true
		}
	}
	var out []string
	for i, word := range words {
		switch {
		case !quoted[i]:
			out = append(out, word)
		case i == 0 || !quoted[i-1]:
			out = append(out, "[text]")
		}
	}
	if len(out) < len(words) {
		outcome.Detail = strings.Join(out, " ")
	}
	return outcome
}

// phrases are all that so many words in a row say, by where they begin, whatever their case and punctuation.
func phrases(words []string) []string {
	plain := make([]string, len(words))
	for i, word := range words {
		plain[i] = strings.ToLower(strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	}
	var out []string
	for i := range max(0, len(plain)-quotedWords+1) {
		out = append(out, strings.Join(plain[i:i+quotedWords], " "))
	}
	return out
}
