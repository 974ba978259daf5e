package rules

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// within is the place of a character of a value, given by its offset in the value: exact for a plain or quoted scalar on one
// line, in a literal block and in the first line of a folded one, otherwise the place of the key.
func (l *loader) within(at entry, offset int) *yaml.Node {
	if at.value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return l.withinBlock(at, offset)
	}
	line := []rune(l.report.line(at.value.Line))
	if from := at.value.Column - 1; from >= 0 && from < len(line) {
		if skip, ok := written(at.value, line[from:], offset); ok {
			return &yaml.Node{Line: at.value.Line, Column: at.value.Column + skip}
		}
	}
	return at.key
}

// withinBlock is the place of a character of a block scalar. Its lines begin below its sign, and a literal one has them as they are,
// less what they are all indented by; a folded one has at least its first line so.
func (l *loader) withinBlock(at entry, offset int) *yaml.Node {
	runes := []rune(at.value.Value)
	// What is missing at the end is missing in the last line that has something.
	offset = min(offset, utf8.RuneCountInString(strings.TrimRight(at.value.Value, " \n")))
	before := string(runes[:offset])
	line := strings.Count(before, "\n")
	begin := strings.LastIndex(before, "\n") + 1
	text, _, _ := strings.Cut(at.value.Value[begin:], "\n")
	source := l.report.line(at.value.Line + 1 + line)
	if at.value.Style&yaml.FoldedStyle != 0 {
		// The value goes on with the next line, so only what stands in this one is compared.
		own := strings.TrimSpace(source)
		if line > 0 || !strings.HasPrefix(text, own) || len(before) > len(own) {
			return at.key
		}
		text = own
	}
	indent, ok := strings.CutSuffix(strings.TrimRight(source, " "), strings.TrimRight(text, " "))
	if !ok || strings.TrimLeft(indent, " ") != "" {
		return at.key
	}
	return &yaml.Node{Line: at.value.Line + 1 + line, Column: len(indent) + utf8.RuneCountInString(before[begin:]) + 1}
}

// written gives how many characters of the line, which begins with the value as it is written, come before the offset.
func written(value *yaml.Node, line []rune, offset int) (skip int, ok bool) {
	size := utf8.RuneCountInString(value.Value)
	switch value.Style {
	case 0:
		ok = len(line) >= size && string(line[:size]) == value.Value
		return offset, ok
	case yaml.SingleQuotedStyle:
		return unquoted(line, offset, func(rest []rune) int {
			if rest[0] == '\'' && len(rest) > 1 && rest[1] == '\'' {
				return 2
			}
			return 1
		})
	case yaml.DoubleQuotedStyle:
		return unquoted(line, offset, escapeWidth)
	default:
		return 0, false
	}
}

// unquoted counts offset characters of a quoted value, each as wide as width says. It is not ok when the line ends first.
func unquoted(line []rune, offset int, width func(rest []rune) int) (skip int, ok bool) {
	skip = 1 // the quote
	for range offset {
		if skip >= len(line) {
			return 0, false
		}
		skip += width(line[skip:])
	}
	return skip, skip < len(line)
}

// escapeWidth is how wide the first character of a double quoted value is written (YAML 1.2, 5.7).
func escapeWidth(rest []rune) int {
	if rest[0] != '\\' || len(rest) < 2 {
		return 1
	}
	switch rest[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}
