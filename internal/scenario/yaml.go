package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/rules"
)

// maxFindings ends the report of a file that is wrong throughout.
const maxFindings = 100

// reader reads one file of tests and collects what is wrong in it.
type reader struct {
	file     string
	lines    []string
	findings []rules.Finding
	// warned counts the warnings, which the tests have.
	warned int
}

// fail notes an error at a node.
func (r *reader) fail(at *yaml.Node, message, hint string) {
	r.note(rules.Finding{File: r.file, Line: at.Line, Column: at.Column, Severity: rules.SeverityError, Message: message, Hint: hint})
}

func (r *reader) note(f rules.Finding) {
	if len(r.findings) == maxFindings {
		f = rules.Finding{
			File: r.file, Line: 1, Column: 1, Severity: rules.SeverityError,
			Message: fmt.Sprintf("there are more findings; the first %d are shown", maxFindings),
		}
	}
	if len(r.findings) <= maxFindings {
		r.findings = append(r.findings, f)
	}
}

// document reads the YAML and refuses what YAML allows and this file does not. It is nil when there is nothing to go on with.
func (r *reader) document(src []byte) *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		r.fail(top, "the file is empty", "it needs `tests:`")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		r.fail(&second, "a second document begins here", "write all tests under one `tests:`, without `---`")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	if !r.plain(first.Content[0], 1) {
		return nil
	}
	return first.Content[0]
}

// yamlLine finds the line in a message of yaml.v3, which has no type for it.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`)

func (r *reader) syntax(err error) {
	found := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, _ := strconv.Atoi(found[1])
	r.fail(&yaml.Node{Line: max(line, 1), Column: 1}, "not YAML near here: "+found[2], "")
}

// plain refuses what makes one text mean another: tags, anchors, aliases, merge keys and keys that are there twice. It
// reports whether there were none.
func (r *reader) plain(n *yaml.Node, depth int) bool {
	before := len(r.findings)
	switch {
	case depth > maxDepth:
		r.fail(n, "this is nested too deeply", "")
		return false
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		r.fail(n, "anchors and aliases are not part of this file", "write it out")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "tags are not part of this file: "+quote(n.Tag), "quote a text that begins with `!`")
		return false
	case n.Tag == "!!merge":
		r.fail(n, "merge keys are not part of this file", "write it out")
	case n.Kind == yaml.MappingNode:
		r.keys(n)
	}
	for _, child := range n.Content {
		r.plain(child, depth+1)
	}
	return len(r.findings) == before
}

func (r *reader) keys(n *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		line, again := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "a key must be a word", "")
		case again:
			r.fail(key, fmt.Sprintf("%s is written twice, first in line %d", quote(key.Value), line), "")
		}
		seen[key.Value] = key.Line
	}
}

// field is a key that a mapping may have.
type field struct {
	name     string
	required bool
	read     func(*yaml.Node)
}

// keep is a field whose value is read later.
func keep(name string, into **yaml.Node) field {
	return field{name, false, func(n *yaml.Node) { *into = n }}
}

// mapping reads a mapping with known keys and reports what is unknown, missing or of another kind.
func (r *reader) mapping(n *yaml.Node, what string, fields []field) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, what+" must be a map", "its keys are "+names(fields))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if f, ok := find(fields, key.Value); ok {
			f.read(value)
		} else {
			r.fail(key, fmt.Sprintf("unknown key %s in %s", quote(key.Value), what), suggest(key.Value, fields))
		}
	}
	for _, f := range fields {
		if f.required && entry(n, f.name) == nil {
			r.fail(n, fmt.Sprintf("%s has no %q", what, f.name), "")
		}
	}
}

func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// entry is the value of a key of a mapping, nil where there is none.
func entry(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Kind == yaml.MappingNode && n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func names(fields []field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return strings.Join(all, ", ")
}

// suggest is a hint with the nearest known word, or with all of them when none is near.
func suggest(word string, fields []field) string {
	if near := nearest(word, strings.Split(names(fields), ", ")); near != "" {
		return near
	}
	return "known are " + names(fields)
}

func nearest(word string, known []string) string {
	best := alike(word, known)
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}

// alike is the word that another one is probably misspelt for, if any.
func alike(word string, known []string) string {
	const longest = 64 // a whole text in the place of a word takes long to compare and resembles none
	word = strings.ToLower(word[:min(len(word), longest)])
	best, distance := "", min(len(word)/3+2, 8)
	for _, k := range known {
		if d := levenshtein.ComputeDistance(word, strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// items are the entries of a list.
func (r *reader) items(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, what+" must be a list", "write [] for none")
		return nil
	}
	return n.Content
}

// text reads what is written, whatever YAML takes it for.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, what+" must be a text", "")
		return "", false
	}
	return n.Value, true
}

// number reads a whole number from least to most.
func (r *reader) number(n *yaml.Node, what string, least, most int) int {
	value, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || value < least || value > most {
		r.fail(n, fmt.Sprintf("%s must be a number from %d to %d", what, least, most), "")
		return least
	}
	return value
}

// span reads a duration that is not negative.
func (r *reader) span(n *yaml.Node, what string) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d > maxSpan {
		r.fail(n, fmt.Sprintf("%s is not a duration from 0s to %s", what, brief(maxSpan)), "write 90s, 5m or 1h30m; a day is 24h")
		return 0
	}
	return d
}

// moment reads a time: a duration after the start, or a time of RFC 3339.
func (r *reader) moment(n *yaml.Node, start time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339, n.Value); err == nil && n.Kind == yaml.ScalarNode {
		if at.Before(start) || at.Sub(start) > maxSpan {
			r.fail(n, "`at` must be within a year after the start, "+start.Format(time.RFC3339), "")
		}
		return at
	}
	return start.Add(r.span(n, "`at`"))
}

// brief writes a duration without the zeros at its end: 5m, not 5m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// quote repeats a word of the file in a message, cut where it is long.
func quote(word string) string {
	const most = 64
	runes := []rune(word)
	if len(runes) > most {
		runes = append(runes[:most:most], '…')
	}
	return strconv.Quote(string(runes))
}
