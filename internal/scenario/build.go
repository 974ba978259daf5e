package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest" // its MapFS is the file system in memory of the standard library
	"time"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// ruleText is rules as they are written, in a file or in the file of tests itself.
type ruleText struct {
	name, text string
	// inside and indent are how many lines and columns of the file of tests come before the text; 0 for a file of its own.
	inside, indent int
}

// layout is the templates of a generation, and what findings in them are called by.
type layout struct {
	templates *render.Templates
	// folder is where they were read; empty where they stand in the file of tests, at the node.
	folder string
	at     *yaml.Node
}

// builder makes generations. Tests of a file share most of them, so each is made once.
type builder struct {
	*reader

	folder, templates string
	catalogue         relay.Catalogue
	layouts           map[string]*layout
	sets              map[ruleText]*rules.Set
	built             map[builtFrom]*engine.Generation
}

type builtFrom struct {
	rules     ruleText
	templates *render.Templates
}

func newBuilder(r *reader, templates string) *builder {
	return &builder{
		reader: r, folder: filepath.Dir(r.file), templates: templates, catalogue: cometchat.Catalogue(),
		layouts: map[string]*layout{}, sets: map[ruleText]*rules.Set{}, built: map[builtFrom]*engine.Generation{},
	}
}

// path is a path of the file of tests, which is relative to that file.
func (b *builder) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(b.folder, name)
}

// rules reads the rules at a node: a text of several lines, or the path of a file. Without a node they are in the file that
// the tests stand beside.
func (b *builder) rules(n *yaml.Node) (ruleText, bool) {
	if n == nil {
		beside, ok := strings.CutSuffix(b.file, ".test.yaml")
		if !ok {
			b.fail(top(), "which rules are tested?", "write `rules: rules.yaml`, or call the file rules.test.yaml")
			return ruleText{}, false
		}
		return b.ruleFile(top(), beside+".yaml")
	}
	text, ok := b.text(n, "`rules`")
	switch {
	case !ok:
		return ruleText{}, false
	case !strings.Contains(text, "\n"):
		return b.ruleFile(n, b.path(text))
	}
	out := ruleText{name: b.file, text: text, inside: n.Line - 1}
	if n.Style&yaml.LiteralStyle != 0 && n.Line < len(b.lines) {
		written, first := b.lines[n.Line], strings.SplitN(text, "\n", 2)[0]
		out.inside, out.indent = n.Line, max(len(written)-len(first), 0)
	}
	return out, true
}

func (b *builder) ruleFile(at *yaml.Node, path string) (ruleText, bool) {
	text, err := read(path, maxRules)
	if err != nil {
		b.fail(at, "read rules: "+err.Error(), "paths are relative to this file")
		return ruleText{}, false
	}
	return ruleText{name: path, text: string(text)}, true
}

// layout reads the templates at a node: a map of files, or the path of a folder. Without a node it is the folder that the
// command was given.
func (b *builder) layout(n *yaml.Node) *layout {
	switch {
	case n == nil:
		return b.templateFolder(top(), b.templates)
	case n.Kind == yaml.MappingNode:
		return b.templateFiles(n)
	}
	if text, ok := b.text(n, "`templates`"); ok {
		return b.templateFolder(n, b.path(text))
	}
	return nil
}

func (b *builder) templateFolder(at *yaml.Node, path string) *layout {
	if known, ok := b.layouts[path]; ok {
		return known
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New(path + " is not a folder")
	}
	if err != nil {
		b.fail(at, "read templates: "+err.Error(), "name the folder with `templates:` or --templates")
		b.layouts[path] = nil
		return nil
	}
	l := b.load(os.DirFS(path), &layout{folder: path, at: at})
	b.layouts[path] = l
	return l
}

func (b *builder) templateFiles(n *yaml.Node) *layout {
	files := fstest.MapFS{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if !fs.ValidPath(name) {
			b.fail(n.Content[i], quote(name)+" is no path of a template", "write one such as mention/sms.txt")
			continue
		}
		if text, ok := b.text(n.Content[i+1], "a template"); ok {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return b.load(files, &layout{at: n})
}

func (b *builder) load(files fs.FS, l *layout) *layout {
	loaded, problems := render.Load(files)
	for _, p := range problems {
		b.template(l, rules.Finding{File: p.File, Line: p.Line, Column: p.Column, Severity: rules.SeverityError, Message: p.Message})
	}
	if loaded == nil {
		return nil
	}
	l.templates = loaded
	return l
}

// template notes a finding in a template, which has a file of its own only where it was read from a folder.
func (b *builder) template(l *layout, f rules.Finding) {
	if l.folder == "" {
		b.fail(l.at, fmt.Sprintf("%s:%d:%d: %s", f.File, max(f.Line, 1), max(f.Column, 1), f.Message), f.Hint)
		return
	}
	f.File, f.Line, f.Column = filepath.Join(l.folder, f.File), max(f.Line, 1), max(f.Column, 1)
	b.note(f)
}

// generation joins rules and templates. It is nil when a finding is an error; rules are checked also where the templates are not
// there.
func (b *builder) generation(text ruleText, l *layout) *engine.Generation {
	set := b.set(text)
	if set == nil || l == nil {
		return nil
	}
	key := builtFrom{text, l.templates}
	if known, ok := b.built[key]; ok {
		return known
	}
	g, findings := engine.Build(engine.Parts{Rules: set, Templates: l.templates, Catalogue: b.catalogue, Sample: sample})
	b.report(findings, text, l)
	b.built[key] = g
	return g
}

func (b *builder) set(text ruleText) *rules.Set {
	if known, ok := b.sets[text]; ok {
		return known
	}
	set, findings := rules.Load(text.name, []byte(text.text), b.catalogue)
	b.report(findings, text, nil)
	b.sets[text] = set
	return set
}

// report notes what is wrong with rules and the templates they use. Warnings are for `beckon check`: here they would stand
// between the results.
func (b *builder) report(findings []rules.Finding, text ruleText, l *layout) {
	for _, f := range findings {
		switch {
		case f.Severity != rules.SeverityError:
		case f.File != text.name && l != nil:
			b.template(l, f)
		default:
			f.Line, f.Column = f.Line+text.inside, f.Column+text.indent
			b.note(f)
		}
	}
}

func top() *yaml.Node { return &yaml.Node{Line: 1, Column: 1} }

// noon is when a test starts that does not say: a Monday, in nobody's quiet hours.
func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// sample is the built-in event of a trigger, to prove that templates render.
func sample(trigger relay.Trigger) (relay.Event, bool) {
	body, ok := cometchat.Sample(trigger)
	if !ok {
		return relay.Event{}, false
	}
	event, err := cometchat.Decode(body, noon())
	return event, err == nil
}
