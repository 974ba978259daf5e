package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/sjson"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

// draft is an entry of `events` while it is read.
type draft struct {
	node   *yaml.Node
	at     time.Time
	every  time.Duration
	times  int
	sample string
	file   *yaml.Node
	body   []byte
	set    []change
	unset  []change
}

// change is one field of a webhook that is set or taken away.
type change struct {
	at    *yaml.Node
	path  string
	value []byte
}

func (b *builder) events(t *Test, n *yaml.Node, c *common) {
	for _, n := range b.items(n, "`events`") {
		d, before := &draft{node: n, times: 1, at: t.Start}, len(b.findings)
		b.draft(d, t)
		if len(b.findings) > before {
			continue
		}
		if len(t.events)+d.times > maxEvents {
			b.fail(n, fmt.Sprintf("a test has at most %d events", maxEvents), "")
			return
		}
		if c.bytes += d.times * len(d.body); c.bytes > maxTogether {
			b.fail(n, fmt.Sprintf("the events of this file take more than %d MiB", maxTogether>>20), "use several files")
			return
		}
		b.doubt(t, d)
		b.repeat(t, d)
	}
}

// draft reads one entry: a sample, a file or a webhook that is written out.
func (b *builder) draft(d *draft, t *Test) {
	var trigger, data *yaml.Node
	var rest [][2]*yaml.Node
	other := func(name string) field {
		return field{name, false, func(n *yaml.Node) {
			rest = append(rest, [2]*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, n})
		}}
	}
	b.mapping(d.node, "an event", []field{
		{"at", true, func(n *yaml.Node) { d.at = b.moment(n, t.Start) }},
		{"sample", false, func(n *yaml.Node) { d.sample, _ = b.text(n, "`sample`") }},
		keep("file", &d.file), keep("trigger", &trigger), keep("data", &data),
		other("appId"), other("region"), other("webhook"), other("type"),
		{"set", false, func(n *yaml.Node) { d.set = b.changes(n) }},
		{"unset", false, func(n *yaml.Node) { d.unset = b.taken(n) }},
		{"times", false, func(n *yaml.Node) { d.times = b.number(n, "`times`", 1, maxEvents) }},
		{"every", false, func(n *yaml.Node) { d.every = b.span(n, "`every`") }},
	})
	written := trigger != nil || data != nil || len(rest) > 0
	switch {
	case d.sample != "" && d.file == nil && !written:
		b.fromSample(d)
	case d.file != nil && d.sample == "" && !written:
		b.fromFile(d)
	case trigger != nil && data != nil && d.sample == "" && d.file == nil:
		d.body = object(append(rest, [2]*yaml.Node{word("trigger"), trigger}, [2]*yaml.Node{word("data"), data}))
	default:
		b.fail(d.node, "an event is one of `sample`, `file`, or `trigger` with `data`", "such as { at: 0s, sample: call_initiated }")
	}
}

func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func (b *builder) fromSample(d *draft) {
	body, ok := cometchat.Sample(relay.Trigger(d.sample))
	if !ok {
		known := make([]string, 0, len(b.catalogue))
		for name := range b.catalogue {
			known = append(known, string(name))
		}
		slices.Sort(known)
		b.fail(entry(d.node, "sample"), "there is no sample of "+quote(d.sample), nearest(d.sample, known))
		return
	}
	d.body = body
}

func (b *builder) fromFile(d *draft) {
	name, ok := b.text(d.file, "`file`")
	if !ok {
		return
	}
	body, err := read(b.path(name), maxEvent)
	if err != nil {
		b.fail(d.file, "read event: "+err.Error(), "paths are relative to this file")
		return
	}
	if !json.Valid(body) {
		b.fail(d.file, "the event in "+quote(name)+" is not JSON", "")
		return
	}
	d.body = body
}

// longIndex is a number in a path that would make a list of that length.
var longIndex = regexp.MustCompile(`(^|\.)\d{4,}(\.|$)`)

func (b *builder) changes(n *yaml.Node) []change {
	if n.Kind != yaml.MappingNode {
		b.fail(n, "`set` must be a map", "write { data.message.id: \"7\" }")
		return nil
	}
	out := make([]change, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, change{n.Content[i], b.fieldPath(n.Content[i]), asJSON(n.Content[i+1])})
	}
	return out
}

func (b *builder) taken(n *yaml.Node) []change {
	var out []change
	for _, item := range b.items(n, "`unset`") {
		out = append(out, change{at: item, path: b.fieldPath(item)})
	}
	return out
}

func (b *builder) fieldPath(n *yaml.Node) string {
	path, ok := b.text(n, "a path")
	if ok && (path == "" || longIndex.MatchString(path)) {
		b.fail(n, quote(path)+" is no path of a field", `write it as data.message.id; the key of a map that is a number as ":1041"`)
	}
	return path
}

// counter stands in a value that is set for the number of the repeat, from 1.
const counter = "{n}"

// repeat makes the events of an entry.
func (b *builder) repeat(t *Test, d *draft) {
	for i := range d.times {
		body, err := d.change(strconv.Itoa(i + 1))
		if err != nil {
			b.fail(d.node, "change the event: "+err.Error(), "")
			return
		}
		event, err := cometchat.Decode(body, d.at.Add(time.Duration(i)*d.every))
		if err != nil {
			b.fail(d.node, err.Error(), "")
			return
		}
		t.events, t.lines = append(t.events, event), append(t.lines, d.node.Line)
	}
}

func (d *draft) change(n string) ([]byte, error) {
	body := d.body
	var err error
	for _, c := range d.set {
		value := bytes.ReplaceAll(c.value, []byte(counter), []byte(n))
		if body, err = sjson.SetRawBytes(body, strings.ReplaceAll(c.path, counter, n), value); err != nil {
			return nil, fmt.Errorf("set %s: %w", quote(c.path), err)
		}
	}
	for _, c := range d.unset {
		if body, err = sjson.DeleteBytes(body, c.path); err != nil {
			return nil, fmt.Errorf("unset %s: %w", quote(c.path), err)
		}
	}
	return body, nil
}

// asJSON writes a node as JSON. Scalars of YAML that JSON does not have, such as dates, become texts as they are written.
func asJSON(n *yaml.Node) []byte {
	switch n.Kind {
	case yaml.MappingNode:
		pairs := make([][2]*yaml.Node, 0, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			pairs = append(pairs, [2]*yaml.Node{n.Content[i], n.Content[i+1]})
		}
		return object(pairs)
	case yaml.SequenceNode:
		items := make([][]byte, 0, len(n.Content))
		for _, item := range n.Content {
			items = append(items, asJSON(item))
		}
		return slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]"))
	default:
		return scalar(n)
	}
}

func object(pairs [][2]*yaml.Node) []byte {
	fields := make([][]byte, 0, len(pairs))
	for _, pair := range pairs {
		fields = append(fields, slices.Concat(asText(pair[0].Value), []byte(":"), asJSON(pair[1])))
	}
	return slices.Concat([]byte("{"), bytes.Join(fields, []byte(",")), []byte("}"))
}

func scalar(n *yaml.Node) []byte {
	switch n.Tag {
	case "!!null":
		return []byte("null")
	case "!!bool":
		return []byte(strings.ToLower(n.Value))
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return []byte(n.Value)
		}
	}
	return asText(n.Value)
}

func asText(text string) []byte {
	out, _ := json.Marshal(text) // a text always goes into JSON
	return out
}
