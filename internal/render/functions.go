package render

import (
	"maps"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// signature is what Check knows of a function: the kinds of its parameters and of its result. A function of text/template
// that takes anything has no params; what depends on its arguments is worked out by the checker.
type signature struct {
	params []relay.Kind
	result relay.Kind
}

// signatures are all functions that a template may use.
var signatures = knownFunctions()

func knownFunctions() map[string]signature {
	text, number := relay.KindString, relay.KindInt
	known := map[string]signature{
		"short":   {params: []relay.Kind{number, text}, result: text},
		"nolinks": {params: []relay.Kind{text}, result: text},
		"clock":   {params: []relay.Kind{relay.KindTime}, result: text},
		"day":     {params: []relay.Kind{relay.KindTime}, result: text},
		"spoken":  {params: []relay.Kind{relay.KindDuration}, result: text},
		"lang":    {params: []relay.Kind{}, result: text},
	}
	for _, name := range []string{"print", "printf", "println", "html", "js", "urlquery", "slice"} {
		known[name] = signature{result: text}
	}
	for _, name := range []string{"eq", "ne", "lt", "le", "gt", "ge", "not"} {
		known[name] = signature{result: relay.KindBool}
	}
	maps.Copy(known, map[string]signature{"len": {result: number}, "and": {}, "or": {}, "index": {}})
	return known
}

// functions are those that text/template does not have, for a language.
func functions(lang language) map[string]any {
	return map[string]any{
		presentFunc: present,
		"short":     short,
		"nolinks":   withoutLinks,
		"clock":     unlessZero(lang.clock),
		"day":       unlessZero(lang.day),
		"spoken":    lang.spoken,
		"lang":      func() string { return lang.name },
	}
}

func unlessZero(format func(time.Time) string) func(time.Time) string {
	return func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return format(t)
	}
}

// short makes a text one line of at most so many characters, the ellipsis among them, cut at a word where one is near.
func short(limit int, text string) string {
	text = strings.Join(strings.Fields(text), " ")
	ends := graphemeEnds(text, max(0, limit)+1)
	if len(ends) <= limit {
		return text
	}
	if limit < 2 {
		return strings.Repeat("…", max(0, limit))
	}
	return strings.TrimRightFunc(atWord(text, ends[limit-2]), isSpaceOrStop) + "…"
}
