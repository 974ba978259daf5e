package directory

import (
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/beckon-relay/beckon/internal/address"
	"github.com/beckon-relay/beckon/internal/relay"
)

func parsePhone(text string) (relay.Phone, error) { return address.ParsePhone(text) }

func parseEmail(text string) (relay.Email, error) { return address.ParseEmail(text) }

// suggest ends a message about an unknown word: with the word that was probably meant, else with all there are.
func suggest(word string, words []string) string {
	const longest = 30 // a whole text in the place of a word takes long to compare and resembles none
	best, distance := "", 3
	for _, candidate := range words {
		if len(word) > longest {
			break
		}
		if d := levenshtein.ComputeDistance(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	return "; there are " + strings.Join(words, ", ")
}
