package render

import (
	"maps"
	"strings"

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
		"plural":  {params: []relay.Kind{number}, result: text},
		"number":  {params: []relay.Kind{number}, result: text},
		"kind":    {params: []relay.Kind{text}, result: text},
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
func functions(lang speech) map[string]any {
	return map[string]any{
		presentFunc: present,
		"short":     short,
		"nolinks":   withoutLinks,
		"clock":     clock,
		"day":       day,
		"kind":      kindOf,
		"spoken":    lang.spoken,
		"plural":    func(n any) string { return lang.plural(whole(n)) },
		"number":    func(n any) string { return lang.number(whole(n)) },
		"lang":      func() string { return lang.name },
	}
}

// whole is a number of a template: int64 in a field, int where it was counted or written.
func whole(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// kindOf says what a file is by its media type: image, video, audio or file.
func kindOf(mimeType string) string {
	kind, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(mimeType)), "/")
	switch kind {
	case "image", "video", "audio":
		return kind
	}
	return "file"
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
