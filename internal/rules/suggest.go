package rules

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// didYouMean is a hint with the known word that is nearest to a misspelt one, or "" when none is near.
func didYouMean[T ~string](word string, known []T) string {
	if len(word) > maxQuote {
		return ""
	}
	best, distance := "", len(word)/3+2
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), string(k)); d < distance {
			best, distance = string(k), d
		}
	}
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}

// suggest is a hint with the nearest known word, or with all of them when none is near.
func suggest[T ~string](word string, known []T) string {
	if hint := didYouMean(word, known); hint != "" {
		return hint
	}
	return "known are " + list(known)
}

// list joins words for a message.
func list[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}
