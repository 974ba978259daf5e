package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/rules"
)

// doubt warns of changes to fields that the webhook does not have. A new field beside others is fine, but a path whose parent
// is not there is more likely misspelt, and would change nothing that a rule sees.
func (b *builder) doubt(t *Test, d *draft) {
	if len(d.set)+len(d.unset) == 0 {
		return
	}
	var webhook any
	if json.Unmarshal(d.body, &webhook) != nil {
		return
	}
	var known []string // what was set before, or warned of
	for _, c := range d.set {
		path := strings.ReplaceAll(c.path, counter, "1")
		if slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(path, k+".") }) {
			continue
		}
		known = append(known, path)
		if missing, hint, what := lost(webhook, keysOf(path), true); missing != "" {
			known = append(known, missing)
			does := "makes it up"
			if what != notThere {
				does = "replaces it"
			}
			b.warn(t, c.at, fmt.Sprintf("`%s` %s in the webhook, so `%s` %s", missing, what, c.path, does), hint)
		}
	}
	for _, c := range d.unset {
		under := func(k string) bool { return c.path == k || strings.HasPrefix(c.path, k+".") }
		if missing, hint, _ := lost(webhook, keysOf(c.path), false); missing != "" && !slices.ContainsFunc(known, under) {
			b.warn(t, c.at, fmt.Sprintf("`%s` is not in the webhook, so nothing is taken away", missing), hint)
		}
	}
}

func (b *builder) warn(t *Test, at *yaml.Node, message, hint string) {
	if b.warned++; b.warned > maxFindings {
		return
	}
	t.warnings = append(t.warnings, rules.Finding{
		File: b.file, Line: at.Line, Column: at.Column, Severity: rules.SeverityWarning, Message: shorten(message), Hint: hint,
	})
}

// keysOf splits a path as sjson does: at its dots, where none is escaped, and without the colon before a number that is a key.
func keysOf(path string) []string {
	var keys []string
	var key strings.Builder
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path):
			i++
			key.WriteByte(path[i])
		case path[i] == '.':
			keys = append(keys, key.String())
			key.Reset()
		default:
			key.WriteByte(path[i])
		}
	}
	return append(keys, key.String())
}

// What a part of a path can be that leads nowhere.
const (
	notThere = "is not"
	noMap    = "is no map"
)

// lost follows a path and gives the first part of it that leads nowhere, with the name that was probably meant. The last key may
// be new where the path is to be set.
func lost(at any, keys []string, toSet bool) (missing, hint, what string) {
	for i, key := range keys {
		last, here := i == len(keys)-1, strings.Join(keys[:i+1], ".")
		switch into := at.(type) {
		case map[string]any:
			next, ok := into[strings.TrimPrefix(key, ":")]
			switch {
			case ok:
				at = next
			case last && toSet:
				return "", "", ""
			default:
				return here, sibling(keys[:i], key, into), notThere
			}
		case []any:
			n, err := strconv.Atoi(key)
			switch {
			case err == nil && n >= 0 && n < len(into):
				at = into[n]
			case last && toSet:
				return "", "", ""
			default:
				return here, "", notThere
			}
		default:
			return strings.Join(keys[:i], "."), "", noMap
		}
	}
	return "", "", ""
}

// sibling names the key of a map that is most like one it does not have.
func sibling(above []string, key string, of map[string]any) string {
	known := make([]string, 0, len(of))
	for name := range of {
		known = append(known, name)
	}
	slices.Sort(known)
	near := alike(key, known)
	if near == "" {
		return ""
	}
	return "did you mean `" + strings.Join(append(slices.Clone(above), near), ".") + "`?"
}

// shorten cuts a message that repeats a long path.
func shorten(message string) string {
	const most = 300
	runes := []rune(message)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return message
}
