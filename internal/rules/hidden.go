package rules

import (
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// outline is a rule with what its `if` asks for: every part has to hold.
type outline struct {
	*Rule
	parts []string
}

// checkHidden warns of every rule whose messages another always has sent before, so that they are collapsed.
func (l *loader) checkHidden(outlines []*outline) {
	byPart := indexed(outlines)
	for i, o := range outlines {
		var candidates []int
		for _, part := range append([]string{""}, o.parts...) {
			candidates = append(candidates, byPart[part]...)
		}
		slices.Sort(candidates)
		found := slices.IndexFunc(candidates, func(j int) bool {
			other := outlines[j]
			// Of two that hide each other the first one stays.
			return i != j && l.hides(other, o) && (j < i || !l.hides(o, other))
		})
		if found < 0 {
			continue
		}
		other := outlines[candidates[found]]
		l.report.rule = o.Name
		l.warn(&yaml.Node{Line: o.Line, Column: o.Column},
			fmt.Sprintf("rule %s in line %d tells the same people of the same things no later, so what this rule sends is collapsed into that",
				quote(other.Name), other.Line),
			"remove one of the two, or set `collapse: false`")
	}
}

// indexed finds rules by a part of their conditions, "" for those without one. A rule can hide those only that ask for all that
// it asks for, so one part is enough: the rarest, because thousands of rules may begin alike.
func indexed(outlines []*outline) map[string][]int {
	often := map[string]int{}
	for _, o := range outlines {
		for _, part := range o.parts {
			often[part]++
		}
	}
	out := map[string][]int{}
	for i, o := range outlines {
		rarest := ""
		for _, part := range o.parts {
			if rarest == "" || often[part] < often[rarest] {
				rarest = part
			}
		}
		out[rarest] = append(out[rarest], i)
	}
	return out
}

// hides reports whether a sends, to everybody whom b tells, on each of b's channels, no later and under no stricter terms.
func (l *loader) hides(a, b *outline) bool {
	return a.Enabled && b.Enabled && a.Collapse && b.Collapse && a.Digest == nil && b.Digest == nil &&
		covers(a.Triggers, b.Triggers) && covers(b.parts, a.parts) && a.tells(b.Rule) &&
		covers(a.channels(false), b.channels(true)) && a.cancelledWith(b.Rule) && a.heldWith(b.Rule) &&
		l.limitedWith(a.Rule, b.Rule)
}

// covers reports whether all of less is in more.
func covers[T comparable](more, less []T) bool {
	return !slices.ContainsFunc(less, func(x T) bool { return !slices.Contains(more, x) })
}

// tells reports whether the rule tells everybody whom the other tells.
func (r *Rule) tells(other *Rule) bool {
	if other.IncludeActor && !r.IncludeActor {
		return false
	}
	return !slices.ContainsFunc(other.To, func(t Target) bool {
		return !slices.ContainsFunc(r.To, func(mine Target) bool { return mine.Role == t.Role && mine.Fixed == t.Fixed })
	})
}

// channels are those that the rule sends on, by choice with those that it falls back to.
func (r *Rule) channels(fallback bool) (out []string) {
	sends := r.Send
	if fallback {
		sends = slices.Concat(r.Send, r.Fallback)
	}
	for _, s := range sends {
		out = append(out, string(s.Channel))
	}
	return out
}

// cancelledWith reports whether the rule's alert is decided no later than the other's, and cancelled only if the other's is.
func (r *Rule) cancelledWith(other *Rule) bool {
	if r.Wait > other.Wait || r.Expires < other.Expires {
		return false
	}
	return !slices.ContainsFunc(r.Unless, func(c *Clause) bool {
		// Who was online at first may have gone by the time that the other is decided.
		return c.Presence && r.Wait != other.Wait || !slices.ContainsFunc(other.Unless, c.same)
	})
}

// same reports whether two clauses ask the same.
func (c *Clause) same(other *Clause) bool {
	return c.Presence == other.Presence && slices.Equal(c.Looks, other.Looks) &&
		maps.EqualFunc(c.conditions, other.conditions, func(a, b *condition) bool { return a.text == b.text })
}

// heldWith reports whether the rule's alert is held in quiet hours only if the other's is.
func (r *Rule) heldWith(other *Rule) bool {
	return r.Urgent || !other.Urgent && r.QuietHours == other.QuietHours && r.QuietOff == other.QuietOff
}

// limitedWith reports whether every limit of a holds for b too. What is counted for each rule is not the same limit.
func (l *loader) limitedWith(a, b *Rule) bool {
	mine := l.set.Limits(a)
	return covers(l.set.Limits(b), mine) && !slices.ContainsFunc(mine, func(limit Limit) bool { return limit.By == ByRule })
}
