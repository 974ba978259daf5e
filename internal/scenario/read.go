package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// parse checks the text of a file of tests. The Suite is nil when anything is wrong.
func parse(path string, src []byte, templates string) (*Suite, []rules.Finding) {
	r := &reader{file: path, lines: strings.Split(string(src), "\n")}
	b := newBuilder(r, templates)
	suite := &Suite{Path: path}
	if root := r.document(src); root != nil {
		b.suite(root, suite)
	}
	if len(r.findings) > 0 {
		slices.SortStableFunc(r.findings, func(a, b rules.Finding) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, r.findings
	}
	return suite, nil
}

// common is what the tests of a file share, unless they have their own.
type common struct {
	rules  ruleText
	layout *layout
	people map[string]relay.Contact
	chat   *chat
	zones  map[string]*time.Location
	bytes  int
}

func (b *builder) suite(root *yaml.Node, suite *Suite) {
	var rulesAt, templatesAt, people, chat, tests *yaml.Node
	b.mapping(root, "the file", []field{
		keep("rules", &rulesAt), keep("templates", &templatesAt), keep("recipients", &people),
		keep("cometchat", &chat),
		{"tests", true, func(n *yaml.Node) { tests = n }},
	})
	c := &common{zones: map[string]*time.Location{}}
	text, ok := b.rules(rulesAt)
	c.rules, c.layout = text, b.layout(templatesAt)
	if ok {
		suite.generation = b.generation(c.rules, c.layout)
	}
	c.people, c.chat = b.people(people, c), b.chat(chat, nil)
	if tests == nil {
		return
	}
	items := b.items(tests, "`tests`")
	if len(items) == 0 || len(items) > maxTests {
		b.fail(tests, fmt.Sprintf("a file has 1 to %d tests, this one has %d", maxTests, len(items)), "")
		return
	}
	lines := map[string]int{}
	for _, n := range items {
		t := b.test(n, c, suite)
		if line, again := lines[t.Name]; again && t.Name != "" {
			b.fail(n, fmt.Sprintf("there is a test %s in line %d already", quote(t.Name), line), "")
		}
		lines[t.Name] = t.Line
		suite.Tests = append(suite.Tests, t)
	}
}

// parts are the nodes of a test that are read when its start and people are known.
type parts struct {
	rules, templates, people, chat, optedOut, down, reload, receipts, events *yaml.Node
	wants                                                                    map[string]*yaml.Node
}

func (b *builder) test(n *yaml.Node, c *common, suite *Suite) *Test {
	t := &Test{Line: n.Line, Start: noon(), down: map[string]time.Time{}}
	p := parts{wants: map[string]*yaml.Node{}}
	want := func(key string, required bool) field {
		return field{key, required, func(n *yaml.Node) { p.wants[key] = n }}
	}
	b.mapping(n, "a test", []field{
		{"name", true, func(n *yaml.Node) { t.Name, t.Line = b.name(n), n.Line }},
		{"start", false, func(n *yaml.Node) { t.Start = b.start(n) }},
		keep("rules", &p.rules), keep("templates", &p.templates), keep("recipients", &p.people),
		keep("opted_out", &p.optedOut), keep("directory_down", &p.down), keep("reload", &p.reload),
		keep("receipts", &p.receipts), keep("cometchat", &p.chat),
		{"events", true, func(n *yaml.Node) { p.events = n }},
		want(keyExpect, true), want(keyCancelled, false), want(keySuppressed, false),
	})
	b.stages(t, p, c, suite)
	t.people = c.people
	if p.people != nil {
		t.people = maps.Clone(c.people)
		maps.Copy(t.people, b.people(p.people, c))
	}
	t.chat = b.chat(p.chat, c.chat)
	b.world(t, p)
	if p.events != nil {
		b.events(t, p.events, c)
	}
	for _, key := range []string{keyExpect, keyCancelled, keySuppressed} {
		if n := p.wants[key]; n != nil {
			t.wants = append(t.wants, b.list(t, key, n))
		}
	}
	return t
}

func (b *builder) name(n *yaml.Node) string {
	const most = 200
	text, ok := b.text(n, "`name`")
	if ok && (strings.TrimSpace(text) == "" || len(text) > most || strings.Contains(text, "\n")) {
		b.fail(n, fmt.Sprintf("a name is one line of 1 to %d characters", most), "")
	}
	return text
}

func (b *builder) start(n *yaml.Node) time.Time {
	at, err := time.Parse(time.RFC3339, n.Value)
	if err != nil || at.Year() < 1971 || at.Year() > 2200 {
		b.fail(n, "`start` is not a time from 1971 to 2200", "write it as 2026-03-02T12:00:00Z")
		return noon()
	}
	return at
}

// stages are the generations that are in force during the test: the file's or its own, then what it is reloaded with.
func (b *builder) stages(t *Test, p parts, c *common, suite *Suite) {
	text, l, g := c.rules, c.layout, suite.generation
	if p.rules != nil || p.templates != nil {
		t.foreign = true
		text, l, g = b.changed(p.rules, p.templates, text, l)
	}
	t.stages = []stage{{t.Start, g}}
	if p.reload == nil {
		return
	}
	for _, n := range b.items(p.reload, "`reload`") {
		var rulesAt, templatesAt *yaml.Node
		next := stage{from: t.Start}
		b.mapping(n, "a reload", []field{
			{"at", true, func(n *yaml.Node) { next.from = b.moment(n, t.Start) }},
			keep("rules", &rulesAt), keep("templates", &templatesAt),
		})
		if rulesAt == nil && templatesAt == nil {
			b.fail(n, "this reloads nothing", "write `rules`, `templates` or both")
			continue
		}
		text, l, next.generation = b.changed(rulesAt, templatesAt, text, l)
		t.stages = append(t.stages, next)
	}
	slices.SortStableFunc(t.stages, func(a, b stage) int { return a.from.Compare(b.from) })
}

// changed replaces rules, templates or both of what was in force.
func (b *builder) changed(rulesAt, templatesAt *yaml.Node, text ruleText, l *layout) (ruleText, *layout, *engine.Generation) {
	ok := text.name != ""
	if rulesAt != nil {
		text, ok = b.rules(rulesAt)
	}
	if templatesAt != nil {
		l = b.layout(templatesAt)
	}
	if !ok {
		return text, l, nil
	}
	return text, l, b.generation(text, l)
}

// people reads recipients as they stand in recipients.yaml.
func (b *builder) people(n *yaml.Node, c *common) map[string]relay.Contact {
	out := map[string]relay.Contact{}
	if n == nil {
		return out
	}
	file, problems := directory.ParseNode(b.file, n)
	for _, p := range problems {
		b.fail(&yaml.Node{Line: max(p.Line, 1), Column: max(p.Column, 1)}, p.Message, "")
	}
	if file == nil {
		return out
	}
	for uid, contact := range file.All() {
		contact.Zone = c.zone(contact.TimeZone)
		out[uid] = contact
	}
	return out
}

// zone looks a time zone up, which reads a file, once for all tests.
func (c *common) zone(name string) *time.Location {
	if name == "" {
		return nil
	}
	if known, ok := c.zones[name]; ok {
		return known
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = nil
	}
	c.zones[name] = zone
	return zone
}
