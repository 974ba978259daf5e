package directory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// maxProblems ends the report of a file that is wrong throughout.
	maxProblems = 100
	// maxUID is CometChat's limit, in characters.
	maxUID = 100
)

// parser reads one file and collects what is wrong in it.
type parser struct {
	file     string
	problems []Problem
	// zones remembers which time zones exist: looking one up reads a file.
	zones map[string]bool
	// remote is for one entry that somebody else wrote: it has fields and no lines, and what is written in it is not quoted.
	remote bool
	// trail are the keys above the place that is read.
	trail []string
}

// report notes a problem at a node.
func (p *parser) report(at *yaml.Node, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if p.remote && len(p.trail) > 0 {
		message = strings.Join(p.trail, ".") + ": " + message
	}
	p.note(Problem{File: p.file, Line: at.Line, Column: at.Column, Message: message})
}

// quote begins a message about a value.
func (p *parser) quote(value string) string {
	if p.remote {
		return "it"
	}
	return fmt.Sprintf("%.60q", value)
}

// named ends the beginning of a message about a word.
func (p *parser) named(word string) string {
	if p.remote {
		return ""
	}
	return fmt.Sprintf(" %.60q", word)
}

// key shows a key, which may be anything where somebody else wrote it.
func (p *parser) key(name string) string {
	if p.remote {
		name = outbound.Scrub(name)
	}
	return fmt.Sprintf("%.60q", name)
}

func (p *parser) note(problem Problem) {
	switch {
	case len(p.problems) < maxProblems:
		p.problems = append(p.problems, problem)
	case len(p.problems) == maxProblems:
		p.problems = append(p.problems, Problem{
			File: p.file, Message: fmt.Sprintf("has more problems; the first %d are shown", maxProblems),
		})
	}
}

// parse reads the whole text. A file without anybody is fine.
func (p *parser) parse(src []byte) map[string]relay.Contact {
	contacts := map[string]relay.Contact{}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return contacts
	case err != nil:
		p.syntax(err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		p.second(second, err)
		return nil
	}
	root := document.Content[0]
	if isNull(root) {
		return contacts
	}
	if !p.plain(root) {
		return nil
	}
	p.people(root, contacts)
	return contacts
}

// second reports whatever comes after the first document.
func (p *parser) second(document yaml.Node, err error) {
	if err != nil {
		p.syntax(err)
		return
	}
	p.report(&document, "a second document begins here; write everybody into the first")
}

// yamlLine finds the line in a message of yaml.v3, which has no type for it.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`)

// syntax reports that the text is not YAML.
func (p *parser) syntax(err error) {
	found := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, _ := strconv.Atoi(found[1])
	p.note(Problem{File: p.file, Line: line, Message: "not YAML near here: " + found[2]})
}

// people reads the root: uid → person.
func (p *parser) people(root *yaml.Node, contacts map[string]relay.Contact) {
	if root.Kind != yaml.MappingNode {
		p.report(root, "write people by their uid, such as `ann: { phone: \"+14155550123\" }`")
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		uid, ok := p.uid(key)
		if !ok {
			continue
		}
		if line, twice := lines[uid]; twice {
			p.report(key, "%.60q is described on line %d already (uids are the same in upper and lower case)", uid, line)
			continue
		}
		lines[uid] = key.Line
		contacts[uid] = p.person(uid, value)
	}
}

// uid reads a key as it is written, so that one of digits needs no quotes.
func (p *parser) uid(key *yaml.Node) (string, bool) {
	uid := strings.ToLower(key.Value)
	switch {
	case key.Kind != yaml.ScalarNode || uid == "" || isNull(key):
		p.report(key, "a uid is missing here")
	case len(uid) > maxUID:
		p.report(key, "the uid is longer than %d characters", maxUID)
	case strings.ContainsFunc(uid, notInUID):
		p.report(key, "the uid %.60q has a space or a control character", uid)
	default:
		return uid, true
	}
	return "", false
}

func notInUID(r rune) bool { return r <= ' ' || r == 0x7f }

// plain refuses what makes one text mean another: tags, anchors and aliases. It reports whether there were none.
func (p *parser) plain(n *yaml.Node) bool {
	before := len(p.problems)
	switch {
	case n.Kind == yaml.AliasNode:
		p.report(n, "an alias (*%.60s) is not read; write the value out", n.Value)
	case n.Anchor != "":
		p.report(n, "an anchor (&%.60s) is not read; leave it out, or quote the value", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		p.report(n, "a tag (%.60s) is not read; leave it out, or quote the value", n.Tag)
	case n.Tag == "!!merge":
		p.report(n, "a merge key (<<) is not read; write the values out")
	}
	for _, child := range n.Content {
		p.plain(child)
	}
	return len(p.problems) == before
}

// field is a key that a mapping may have.
type field struct {
	name string
	read func(*yaml.Node)
}

// mapping reads a mapping with known keys. Its shape is described by example where it is none.
func (p *parser) mapping(n *yaml.Node, example string, fields []field) {
	if n.Kind != yaml.MappingNode {
		p.report(n, "write it as %s", example)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			p.twice(key, line)
			continue
		}
		seen[key.Value] = key.Line
		if !p.field(fields, key.Value, value) {
			p.report(key, "unknown key %s%s", p.key(key.Value), known(key.Value, fields))
		}
	}
}

func (p *parser) twice(key *yaml.Node, line int) {
	if p.remote {
		p.report(key, "%s is written twice", p.key(key.Value))
		return
	}
	p.report(key, "%.60q is written on line %d already", key.Value, line)
}

// field reads a key that is known, and reports whether it is.
func (p *parser) field(fields []field, name string, value *yaml.Node) bool {
	for _, f := range fields {
		if f.name == name {
			p.trail = append(p.trail, name)
			f.read(value)
			p.trail = p.trail[:len(p.trail)-1]
			return true
		}
	}
	return false
}

func known(name string, fields []field) string {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.name)
	}
	return suggest(name, names)
}

// scalar reads a text as it is written, so that a number needs no quotes; "" and null say that there is none.
func (p *parser) scalar(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		p.report(n, "write a single text here, not a list or a mapping")
		return "", false
	}
	if isNull(n) {
		return "", false
	}
	return n.Value, n.Value != ""
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
