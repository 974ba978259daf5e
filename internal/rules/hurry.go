package rules

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Hurried is the same set with every wait, digest window and wait for receipts cut to at most the given time, and no quiet
// hours: for trying rules out while one looks on.
func (s *Set) Hurried(wait time.Duration) *Set {
	out := *s
	out.hash += " hurried to " + wait.String()
	out.defaults.QuietHours = relay.QuietHours{}
	out.byTrigger = make(map[relay.Trigger][]*Rule, len(s.byTrigger))
	out.byName = make(map[string]*Rule, len(s.byName))
	out.rules = make([]*Rule, len(s.rules))
	for i, rule := range s.rules {
		hurried := *rule
		hurried.Wait = min(rule.Wait, wait)
		hurried.FallbackAfter = min(rule.FallbackAfter, wait)
		hurried.QuietHours = relay.QuietHours{}
		if rule.Digest != nil {
			digest := *rule.Digest
			digest.Window = min(digest.Window, wait)
			hurried.Digest = &digest
		}
		out.rules[i] = &hurried
		out.byName[rule.Name] = &hurried
	}
	for trigger, listed := range s.byTrigger {
		for _, rule := range listed {
			out.byTrigger[trigger] = append(out.byTrigger[trigger], out.byName[rule.Name])
		}
	}
	return &out
}
