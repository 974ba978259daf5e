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
	best, distance, alike := "", len(word)/3+2, 0
	for _, k := range known {
		d, a := levenshtein.ComputeDistance(strings.ToLower(word), string(k)), common(word, string(k))
		if d < distance || d == distance && best != "" && a > alike {
			best, distance, alike = string(k), d, a
		}
	}
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}

// common is how many letters two words begin with together: of two that are equally near, people mean the one that begins alike.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
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
