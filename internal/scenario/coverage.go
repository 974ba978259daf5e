package scenario

import (
	"fmt"
	"maps"

	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// coverage is what rules were seen to do.
type coverage map[sim.Observation]bool

func (c coverage) add(other coverage) { maps.Copy(c, other) }

// Gap is a part of a rule that no test has seen at work.
type Gap struct {
	Rule string `json:"rule"`
	// Line is where the rule stands in its file.
	Line int    `json:"line"`
	What string `json:"what"`
}

// Gaps lists what of the file's enabled rules the tests of the report have not seen: triggers that match, clauses of `unless`
// that cancel, entries of `fallback` that are tried. Tests with rules of their own do not count.
func (s *Suite) Gaps(report Report) []Gap {
	var gaps []Gap
	for _, rule := range s.generation.Rules.Rules() {
		if rule.Enabled {
			gaps = append(gaps, report.coverage.gaps(rule)...)
		}
	}
	return gaps
}

func (c coverage) gaps(rule *rules.Rule) []Gap {
	var gaps []Gap
	look := func(o sim.Observation, what string) {
		if o.Rule = rule.Name; !c[o] {
			gaps = append(gaps, Gap{Rule: rule.Name, Line: rule.Line, What: what})
		}
	}
	for _, trigger := range rule.Triggers {
		look(sim.Observation{Trigger: trigger}, "no test sees it match "+string(trigger))
	}
	for _, clause := range rule.Unless {
		look(sim.Observation{Clause: clause.Name}, fmt.Sprintf("no test sees `unless: %s` cancel", clause.Name))
	}
	for n, entry := range rule.Fallback {
		look(sim.Observation{Fallback: n + 1}, fmt.Sprintf("no test sees fallback %d (%s) tried", n+1, sendOf(entry.Channel, entry.Template)))
	}
	return gaps
}

func sendOf(channel relay.Channel, template string) string { return string(channel) + ": " + template }
