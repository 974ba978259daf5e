package render

import (
	"slices"
	"strings"
	"text/template/parse"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Odd is a character that keeps an SMS out of GSM-7, so that a part of it holds 70 characters and not 160.
type Odd struct {
	// Char is what a reader takes for one character.
	Char string
	// Instead is what GSM-7 has for it; empty where nothing is obvious.
	Instead string
	// File, Line and Column say where it stands first in the template, as in a Problem. File is empty where it does not: it comes
	// with the event.
	File         string
	Line, Column int
}

// Odd lists the characters of an SMS that are not in GSM-7 after what Twilio replaces by itself, each once, in the order of
// the text. The SMS is one that Render made of the template in that locale (relay.Content's).
func (t *Templates) Odd(template, locale string, text relay.Text) []Odd {
	var p *part
	for _, v := range t.variants[template] {
		if v.locale == locale {
			p = v.parts[fileSMS]
		}
	}
	var found []Odd
	for char := range graphemes(text.Reveal()) {
		known := slices.ContainsFunc(found, func(o Odd) bool { return o.Char == char })
		if known || encodingOf(smartEncode(char)) == GSM7 {
			continue
		}
		odd := Odd{Char: char, Instead: instead(char)}
		if p != nil {
			odd.place(p)
		}
		found = append(found, odd)
	}
	return found
}

// Literals lists the odd characters of what an SMS template says by itself in exactly that locale, in all of its branches and
// the parts it uses, each once.
func (t *Templates) Literals(template, locale string) []Odd {
	var found []Odd
	for _, v := range t.variants[template] {
		if p := v.parts[fileSMS]; v.locale == locale && p != nil {
			p.literals(func(src source, pos parse.Pos, text string) {
				for char := range graphemes(text) {
					known := slices.ContainsFunc(found, func(o Odd) bool { return o.Char == char })
					if !known && encodingOf(smartEncode(char)) != GSM7 {
						odd := Odd{Char: char, Instead: instead(char)}
						odd.at(src, pos, text)
						found = append(found, odd)
					}
				}
			})
		}
	}
	return found
}

// place finds the character in what the template says by itself, and in the parts that it uses.
func (o *Odd) place(p *part) { p.literals(o.at) }

// literals visits the texts of a template and of the parts that it uses, in their order, each once.
func (p *part) literals(visit func(src source, pos parse.Pos, text string)) {
	seen := map[string]bool{}
	var look func(name string)
	look = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		t := p.trees[name]
		inspect(t.Root, func(n parse.Node) {
			switch n := n.(type) {
			case *parse.TextNode:
				visit(t.source, n.Pos, string(n.Text))
			case *parse.CommandNode:
				for _, s := range shownStrings(n) {
					visit(t.source, s.Pos, s.Quoted)
				}
			case *parse.TemplateNode:
				look(n.Name)
			}
		})
	}
	look(p.source.path)
}

// shownStrings are the constants of a command that may come out of it. What is compared does not.
func shownStrings(cmd *parse.CommandNode) []*parse.StringNode {
	switch functionOf(cmd) {
	case "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "not":
		return nil
	}
	var shown []*parse.StringNode
	for _, arg := range cmd.Args {
		if s, ok := arg.(*parse.StringNode); ok {
			shown = append(shown, s)
		}
	}
	return shown
}

func (o *Odd) at(src source, pos parse.Pos, text string) {
	i := strings.Index(text, o.Char)
	if i < 0 || o.File != "" {
		return
	}
	found := src.problem(pos+parse.Pos(i), "")
	o.File, o.Line, o.Column = found.File, found.Line, found.Column
}

// plainForms are what Unicode does not take apart by itself.
var plainForms = strings.NewReplacer("→", "->", "←", "<-", "×", "x", "·", "-", "œ", "oe", "Œ", "OE", "ł", "l", "Ł", "L",
	"đ", "d", "Đ", "D", "ı", "i", "©", "(c)", "®", "(R)")

// instead writes a character with those of GSM-7: without its accents, or in full. Empty where that is not possible.
func instead(char string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(plainForms.Replace(char)))
	if plain = smartEncode(plain); encodingOf(plain) == GSM7 {
		return plain
	}
	return ""
}
