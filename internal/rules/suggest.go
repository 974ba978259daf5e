package rules

import (
	"slices"
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

// near is the known word that a word was surely meant to be, or "": it differs in one letter, in case, in two letters that changed
// places, or, being long, in two of any kind. A word that is known itself is meant as it is.
func near[T ~string](word string, known []T) string {
	if len(word) > maxQuote || slices.Contains(known, T(word)) {
		return ""
	}
	best, least, alike := "", 3, 0
	for _, k := range known {
		distance, a := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(string(k))), common(word, string(k))
		surely := distance <= 1 || distance == 2 && (len(word) > 6 || letters(word) == letters(string(k)))
		if surely && (distance < least || distance == least && a > alike) {
			best, least, alike = string(k), distance, a
		}
	}
	return best
}

// letters are those of a word, sorted.
func letters(word string) string {
	runes := []rune(strings.ToLower(word))
	slices.Sort(runes)
	return string(runes)
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
