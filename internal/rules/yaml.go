package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

const (
	// maxFile is how long rules.yaml may be, in bytes.
	maxFile = 1 << 20
	// maxLine is how long a line may be, in bytes; a condition of maxExpression still fits.
	maxLine = 16 << 10
	// maxDepth is how deep lists and maps may be nested; the language itself needs 6.
	maxDepth = 16
)

// entry is a key of a map with its value.
type entry struct{ key, value *yaml.Node }

// fail adds an error finding at a node.
func (l *loader) fail(at *yaml.Node, message, hint string) {
	l.report.add(Finding{Line: at.Line, Column: at.Column, Severity: SeverityError, Message: message, Hint: hint})
}

// warn adds a warning at a node.
func (l *loader) warn(at *yaml.Node, message, hint string) {
	l.report.add(Finding{Line: at.Line, Column: at.Column, Severity: SeverityWarning, Message: message, Hint: hint})
}

// parse reads the YAML and looks for what YAML allows and this file does not. It returns nil when there is nothing to
// go on with.
func (l *loader) parse(src []byte) *yaml.Node {
	start := &yaml.Node{Line: 1, Column: 1}
	if len(src) > maxFile {
		l.fail(start, fmt.Sprintf("the file has %d bytes, more than %d", len(src), maxFile), "")
		return nil
	}
	if !l.readable() {
		return nil
	}
	first, second, err := decode(src)
	switch {
	case err != nil:
		l.syntax(src, err)
		return nil
	case first == nil:
		l.fail(start, "the file is empty", "it begins with `version: 1`")
		return nil
	case second != nil:
		l.fail(second, "the file holds more than one document", "write all rules under one `rules:`, without `---`")
	}
	root := first.Content[0]
	l.inspect(root, 1)
	return root
}

// decode returns the first two documents of a file; nil for those that are not there.
func decode(src []byte) (first, second *yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	for _, document := range []**yaml.Node{&first, &second} {
		var node yaml.Node
		switch err = decoder.Decode(&node); {
		case errors.Is(err, io.EOF):
			return first, second, nil
		case err != nil:
			return nil, nil, err
		}
		*document = &node
	}
	return first, second, nil
}

// readable checks that the file is text in lines; yaml.v3 would say so without a place.
func (l *loader) readable() bool {
	for i, line := range l.report.lines {
		if len(line) > maxLine {
			l.fail(&yaml.Node{Line: i + 1, Column: 1}, fmt.Sprintf("the line has %d bytes, more than %d", len(line), maxLine), "break it")
			return false
		}
		column := 0
		for at, r := range line {
			column++
			if message := unwelcome(r, line[at:]); message != "" {
				l.fail(&yaml.Node{Line: i + 1, Column: column}, message, "")
				return false
			}
		}
	}
	return true
}

// unwelcome says what is wrong with a character, if anything is. Line ends of other kinds would make YAML count lines
// otherwise than editors do.
func unwelcome(r rune, rest string) string {
	switch {
	case r == utf8.RuneError && !strings.HasPrefix(rest, string(utf8.RuneError)):
		return "this is not text in UTF-8"
	case r < ' ' && r != '\t', r == 0x7f, r == '\u0085', r == '\u2028', r == '\u2029':
		return fmt.Sprintf("the character %U is not allowed", r)
	}
	return ""
}

var (
	syntaxPrefix  = regexp.MustCompile(`^yaml: (?:line \d+: )?`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
	bareBang      = regexp.MustCompile(`:\s+!`)
)

const quoteBang = "quote a condition that begins with `!`"

// syntax turns an error of yaml.v3 into a finding.
func (l *loader) syntax(src []byte, err error) {
	message := syntaxPrefix.ReplaceAllString(err.Error(), "")
	at := &yaml.Node{Line: firstBadLine(src, err)}
	line := l.report.line(at.Line)
	before := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		message = "anchors and aliases are not part of this file"
		before, _, _ = strings.Cut(line, "*"+m[1])
	}
	at.Column = utf8.RuneCountInString(before) + 1
	l.fail(at, "YAML: "+message, syntaxHint(line, message))
}

// firstBadLine finds the line that a syntax error is in: the first with which the file up to there has that error.
// yaml.v3 itself names the line where the surrounding list or map begins, at times one off.
func firstBadLine(src []byte, err error) int {
	lines := bytes.SplitAfter(src, []byte("\n"))
	ends, end := make([]int, len(lines)), 0
	for i, line := range lines {
		end += len(line)
		ends[i] = end
	}
	found := sort.Search(len(lines)-1, func(i int) bool {
		_, _, e := decode(src[:ends[i]])
		return e != nil && e.Error() == err.Error()
	})
	return found + 1
}

func syntaxHint(line, message string) string {
	switch {
	case bareBang.MatchString(line):
		return quoteBang
	case strings.Contains(line, "\t"):
		return "indent with spaces, not with tabs"
	case strings.Contains(message, "mapping values are not allowed"):
		return "quote a text that contains `: `"
	}
	return ""
}

// inspect walks the tree for tags, anchors, aliases, merge keys, duplicate keys and depth. What cannot be read on is
// noted in l.unreadable.
func (l *loader) inspect(node *yaml.Node, depth int) {
	if depth > maxDepth {
		l.fail(node, "this is nested too deeply", "")
		l.unreadable[node] = true
		return
	}
	if node.Style&yaml.TaggedStyle != 0 {
		l.fail(node, "tags are not part of this file: "+quote(node.Tag), tagHint(node))
		l.unreadable[node] = true
	}
	if node.Anchor != "" || node.Kind == yaml.AliasNode {
		l.fail(node, "anchors and aliases are not part of this file", "write it out")
		l.unreadable[node] = node.Kind == yaml.AliasNode
	}
	if node.Kind == yaml.MappingNode {
		l.inspectKeys(node)
	}
	for _, child := range node.Content {
		l.inspect(child, depth+1)
	}
}

func tagHint(node *yaml.Node) string {
	if strings.HasPrefix(node.Tag, "!!") {
		return "leave it out"
	}
	return quoteBang
}

func (l *loader) inspectKeys(node *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		switch first, again := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			if key.Kind != yaml.AliasNode {
				l.fail(key, "a key must be a word", "")
			}
			l.unreadable[key] = true
		case key.Tag == "!!merge":
			l.fail(key, "merge keys are not part of this file", "write it out")
			l.unreadable[key] = true
		case again:
			l.fail(key, fmt.Sprintf("%s is written twice, first in line %d", quote(key.Value), first), "")
			l.unreadable[key] = true
		default:
			seen[key.Value] = key.Line
		}
	}
}
