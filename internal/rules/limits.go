package rules

import (
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

const (
	// maxLimit is the most deliveries that a limit may allow: so many are looked at when an alert is decided.
	maxLimit = 1000
	// maxLimits is how many limits may hold at a time.
	maxLimits = 10
	// maxListed is the most events that a digest may list.
	maxListed = 100
)

func limitKeys() []key[Limit] {
	return append(boundKeys(), key[Limit]{"by", false, func(l *loader, limit *Limit, at entry) {
		l.by(&limit.By, at, ByConversation, ByRule, BySender)
	}})
}

// boundKeys are those of a limit that counts everything.
func boundKeys() []key[Limit] {
	return []key[Limit]{
		{"max", true, func(l *loader, limit *Limit, at entry) { l.number(&limit.Max, at, maxLimit) }},
		{"per", true, func(l *loader, limit *Limit, at entry) { l.duration(&limit.Per, at, time.Second) }},
	}
}

// limits reads a list of limits, or `off`.
func (l *loader) limits(at entry) (limits []Limit, off bool) {
	if at.value.Kind == yaml.ScalarNode && at.value.Value == "off" {
		return nil, true
	}
	if at.value.Kind != yaml.SequenceNode {
		l.fail(at.value, fmt.Sprintf("%q must be a list or off, this is %s", at.key.Value, kindOf(at.value)), "write [ { max: 20, per: 24h } ]")
		return nil, false
	}
	nodes := l.items(at)
	if len(nodes) > maxLimits {
		l.fail(nodes[maxLimits], fmt.Sprintf("there are %d limits, more than %d", len(nodes), maxLimits), "")
		return nil, false
	}
	var places []*yaml.Node
	for _, node := range nodes {
		limit, ok := l.limit(node, "a limit", limitKeys())
		switch {
		case !ok:
		case slices.Contains(limits, limit):
			l.fail(node, "this limit is there twice", "")
		default:
			limits, places = append(limits, limit), append(places, node)
		}
	}
	l.checkLimits(limits, places)
	return limits, false
}

// limit reads one limit. It is not ok where there is a finding about it, which may be an earlier one: of a tag, say.
func (l *loader) limit(node *yaml.Node, what string, keys []key[Limit]) (limit Limit, ok bool) {
	before := l.report.errors
	readMap(l, node, what, keys, &limit)
	return limit, l.report.errors == before && limit.Max > 0 && limit.Per > 0
}

// checkLimits finds limits that never decide anything: whenever one is reached, another is too, because it allows no more, over
// no shorter a time, and counts the same deliveries or more.
func (l *loader) checkLimits(limits []Limit, places []*yaml.Node) {
	for i, limit := range limits {
		stricter := slices.IndexFunc(limits, func(other Limit) bool {
			return other != limit && other.Max <= limit.Max && other.Per >= limit.Per && (other.By == limit.By || other.By == "")
		})
		if stricter >= 0 {
			l.warn(places[i], fmt.Sprintf("this limit never matters, because %s is stricter", limits[stricter].written()), "leave it out")
		}
	}
}

// checkScopes finds limits and digests that are by what the rule's triggers do not carry: those count nothing there, and these
// put everything together.
func (l *loader) checkScopes(d *draft) {
	carried := map[By][]string{ByConversation: {"conversation"}, BySender: {"sender", "call.caller"}}
	for _, trigger := range d.Triggers {
		missing := func(by By) bool {
			return len(carried[by]) > 0 && !slices.ContainsFunc(carried[by], func(path string) bool { return carries(l.shape(trigger), path) })
		}
		for _, limit := range d.Limits {
			if missing(limit.By) {
				l.warn(d.at["limits"].key, fmt.Sprintf("%s carries no %s, so a limit by it counts nothing", trigger, limit.By), "")
			}
		}
		if d.Digest != nil && missing(d.Digest.By) {
			l.warn(d.at["digest"].key, fmt.Sprintf("%s carries no %s, so its digest is by recipient", trigger, d.Digest.By), "")
		}
	}
}

// written is the limit as the file has it.
func (m Limit) written() string {
	if m.By == "" {
		return fmt.Sprintf("{ max: %d, per: %s }", m.Max, span(m.Per))
	}
	return fmt.Sprintf("{ max: %d, per: %s, by: %s }", m.Max, span(m.Per), m.By)
}

// readSenderLimit reads a limit that counts everything a sender causes, or `off`.
func readSenderLimit(l *loader, d *Defaults, at entry) {
	if at.value.Kind == yaml.ScalarNode {
		if at.value.Value == "off" {
			d.SenderLimit = Limit{}
			return
		}
		l.fail(at.value, "unknown sender limit "+quote(at.value.Value), "write { max: 50, per: 1h } or off")
		return
	}
	if limit, ok := l.limit(at.value, at.key.Value, boundKeys()); ok {
		d.SenderLimit = limit
	}
}

func readDigest(l *loader, d *draft, at entry) {
	note(l, d, at)
	before := l.report.errors
	digest := Digest{By: ByRecipient, Max: 20}
	readMap(l, at.value, at.key.Value, []key[Digest]{
		{"window", true, func(l *loader, digest *Digest, at entry) {
			note(l, d, at)
			l.duration(&digest.Window, at, time.Second)
		}},
		{"by", false, func(l *loader, digest *Digest, at entry) { l.by(&digest.By, at, ByRecipient, ByConversation) }},
		{"max", false, func(l *loader, digest *Digest, at entry) { l.number(&digest.Max, at, maxListed) }},
	}, &digest)
	if l.report.errors == before {
		d.Digest = &digest
	}
}

// by reads what a limit or a digest is kept for each of.
func (l *loader) by(into *By, at entry, known ...By) {
	text, ok := l.text(at)
	if !ok {
		return
	}
	if !slices.Contains(known, By(text)) {
		l.fail(at.value, fmt.Sprintf("%q cannot be %s", at.key.Value, quote(text)), suggest(text, known))
		return
	}
	*into = By(text)
}
