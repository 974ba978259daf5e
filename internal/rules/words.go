package rules

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// How CEL's errors read to those who write rules and no programs.

var (
	badInput   = regexp.MustCompile(`^(?:mismatched|extraneous|no viable alternative at) input '(.*?)'(?: expecting (.*))?$`)
	badToken   = regexp.MustCompile(`^token recognition error at: '(.*)`)
	noOverload = regexp.MustCompile(`^found no matching overload for '(.+)' applied to '(?:(.*)\.)?\((.*)\)'$`)
	wrongType  = regexp.MustCompile(`^expected type '(.*)' but found '(.*)'$`)
)

// plainly words an error of CEL that is at an offset of an expression.
func plainly(text, message string, offset int) flaw {
	f := flaw{offset: offset, message: maskPersonal(message)}
	if rest, ok := strings.CutPrefix(message, "Syntax error: "); ok {
		return syntaxFlaw([]rune(text), rest, offset)
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		f.message, f.hint = mismatch(m[1], m[2], split(m[3]))
	}
	if m := wrongType.FindStringSubmatch(message); m != nil {
		f.message = fmt.Sprintf("this must be %s and is %s", inWords(m[1]), inWords(m[2]))
		if m[1] == "bool" {
			f.hint = "compare it with something"
		}
	}
	if strings.HasPrefix(message, "undeclared reference to 'not'") {
		f.message, f.hint = otherWord("not", "!")
	}
	return f
}

// syntaxFlaw words what the parser stumbled over.
func syntaxFlaw(text []rune, message string, offset int) flaw {
	offset = min(offset, len(text))
	if at, word := wordAt(text, offset); elsewhere[strings.ToLower(word)] != "" {
		f := flaw{offset: at}
		f.message, f.hint = otherWord(word, elsewhere[strings.ToLower(word)])
		return f
	}
	f := flaw{offset: offset, message: "syntax error: " + maskPersonal(message)}
	input := badInput.FindStringSubmatch(message)
	switch {
	case badToken.MatchString(message):
		return tokenFlaw(text, f)
	case strings.Contains(message, "'<EOF>'"):
		f.message = "the condition ends too early"
		if strings.HasPrefix(message, "missing ')'") {
			f.message = "a parenthesis is not closed"
		}
	case input == nil:
	case input[1] == ">" && offset > 0 && text[offset-1] == '<':
		f.offset--
		f.message, f.hint = otherWord("<>", "!=")
	case input[1] == ")":
		f.message = "there is no open parenthesis to close"
	default:
		f.message = "syntax error: " + quote(input[1]) + " is not expected here"
		if input[2] == "<EOF>" {
			f.hint = "join conditions with && or ||"
		}
	}
	return f
}

// elsewhere are words and signs of other languages, and what to write for them.
var elsewhere = map[string]string{
	"and": "&&", "or": "||", "not": "!", "is": "==", "like": `.contains("...")`,
	"=~": `.matches("...")`, "=": "==", "&": "&&", "|": "||",
}

func otherWord(word, write string) (message, hint string) {
	return fmt.Sprintf("there is no `%s` in conditions", word), "write " + write
}

// tokenFlaw words what is no word, number or sign of CEL.
func tokenFlaw(text []rune, f flaw) flaw {
	rest := string(text[f.offset:])
	for _, sign := range []string{"=~", "=", "&", "|"} {
		if strings.HasPrefix(rest, sign) {
			f.message, f.hint = otherWord(sign, elsewhere[sign])
			if f.offset > 1 && string(text[f.offset-2:f.offset+1]) == "===" {
				f.message, f.hint, f.offset = "there is no `===` in conditions", "write ==", f.offset-2
			}
			return f
		}
	}
	switch {
	case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, "'"):
		f.message, f.hint = "a text is not closed", "write the quote at its end too"
	case strings.ContainsRune("“”„‘’‚«»", []rune(rest + " ")[0]):
		f.message, f.hint = "these are no quotes of a text", `write "..." or '...'`
	}
	return f
}

// wordAt is the word that begins at an offset, or the `not` before it, which CEL takes for a name.
func wordAt(text []rune, offset int) (at int, word string) {
	before := []rune(strings.TrimRightFunc(string(text[:offset]), unicode.IsSpace))
	if n := len(before) - len("not"); n >= 0 && strings.EqualFold(string(before[n:]), "not") && (n == 0 || !unicode.IsLetter(before[n-1])) {
		return n, string(before[n:])
	}
	end := offset
	for end < len(text) && unicode.IsLetter(text[end]) {
		end++
	}
	return offset, string(text[offset:end])
}

// mismatch words an operator or a function that is not for the types it is given; on is what a function is called on.
func mismatch(name, on string, args []string) (message, hint string) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = inWords(arg)
	}
	sign := strings.Trim(name, "_")
	switch {
	case len(args) == 2 && name == "@in":
		return fmt.Sprintf("`in` cannot look for %s in %s", words[0], words[1]), inHint(args)
	case len(args) == 2 && name == "_[_]":
		return fmt.Sprintf("%s has no element at %s", words[0], words[1]), ""
	case len(args) == 2 && strings.Contains(" == != < <= > >= ", " "+sign+" "):
		return fmt.Sprintf("`%s` cannot compare %s with %s", sign, words[0], words[1]), compareHint(args)
	case len(args) == 2 && sign != name:
		return fmt.Sprintf("`%s` is not for %s and %s", sign, words[0], words[1]), ""
	case name == "_?_:_":
		return "what stands before `?` must be true or false, this is " + words[0], "compare it with something"
	case name == "!_":
		return "what stands after `!` must be true or false, this is " + words[0], "compare it with something"
	case sign != name:
		return fmt.Sprintf("`%s` is not for %s", sign, words[0]), ""
	case on != "":
		return fmt.Sprintf("%s.%s() does not take %s", inWords(on), name, strings.Join(words, ", ")), ""
	default:
		return fmt.Sprintf("%s() does not take %s", name, strings.Join(words, ", ")), ""
	}
}

// compareHint says how two that cannot be compared are meant to be.
func compareHint(args []string) string {
	has := func(kind string) bool { return strings.HasPrefix(args[0], kind) || strings.HasPrefix(args[1], kind) }
	switch {
	case has("object("):
		return "compare one of its fields"
	case has("list("):
		return `look into a list with .exists(x, ...)`
	case has("null"):
		return "what is absent is empty: use has(...)"
	case has("timestamp"):
		return `write timestamp("2026-01-31T09:00:00Z")`
	case has("duration"):
		return `write duration("5m")`
	case has("string") && (has("int") || has("double")):
		return "a number is written without quotes, a text with them"
	case has("int") && has("double"):
		return "write a whole number"
	}
	return ""
}

func inHint(args []string) string {
	switch {
	case strings.HasPrefix(args[1], "list(object("):
		return "write .exists(x, ...)"
	case args[1] == "string":
		return "write .contains(...)"
	}
	return ""
}

// inWords names a type of CEL.
func inWords(kind string) string {
	if path, ok := strings.CutPrefix(kind, "object("); ok {
		return strings.TrimSuffix(path, ")")
	}
	if strings.HasPrefix(kind, "list(") {
		return "a list"
	}
	if strings.HasPrefix(kind, "map(") {
		return "a map"
	}
	known := map[string]string{
		"string": "text", "int": "a whole number", "uint": "a whole number", "double": "a number with decimals",
		"bool": "true or false", "timestamp": "a time", "duration": "a duration",
	}
	if word, ok := known[kind]; ok {
		return word
	}
	return kind
}

// split takes the types that CEL lists apart.
func split(list string) (out []string) {
	depth, from := 0, 0
	for i, r := range list {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(list[from:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(list[from:]))
}
