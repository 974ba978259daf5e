package rules

import (
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// within is the place of a character of a value, given by its offset in the value: exact for a plain or quoted scalar on one
// line, otherwise the place of the key.
func (l *loader) within(at entry, offset int) *yaml.Node {
	line := []rune(l.report.line(at.value.Line))
	if from := at.value.Column - 1; from >= 0 && from < len(line) {
		if skip, ok := written(at.value, line[from:], offset); ok {
			return &yaml.Node{Line: at.value.Line, Column: at.value.Column + skip}
		}
	}
	return at.key
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
