package relay

import (
	"cmp"
	"strings"
)

// NumericID reports whether a message's id is a number, as CometChat's own are; an app may also choose ids.
func NumericID(id string) bool {
	return id != "" && strings.Trim(id, "0123456789") == ""
}

// OrderIDs compares message ids, as numbers where both are, otherwise as text: below 0 if a comes first, 0 if they are the same.
func OrderIDs(a, b string) int {
	if !NumericID(a) || !NumericID(b) {
		return cmp.Compare(a, b)
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
