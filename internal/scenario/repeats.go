package scenario

import (
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Repeat is an event that repeats an earlier one, so that nothing came of it.
type Repeat struct {
	// Line is where it stands, and Of where the first copy does.
	Line int    `json:"line"`
	Of   int    `json:"of"`
	What string `json:"what"`
}

// repeats finds the events that the simulator took for repeats, by the same two marks: the ID, and where a payload says too
// little for one the key, for a while.
func (t *Test) repeats() []Repeat {
	order := make([]int, len(t.events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return t.events[a].ReceivedAt.Compare(t.events[b].ReceivedAt) })
	var out []Repeat
	ids, keys := map[string]int{}, map[relay.Key][]int{}
	for _, i := range order {
		e := &t.events[i]
		first, again := ids[e.ID]
		for _, k := range keys[e.Repeat.Key] {
			if !again && e.ReceivedAt.Sub(t.events[k].ReceivedAt) <= e.Repeat.Window {
				first, again = k, true
			}
		}
		if again {
			out = append(out, Repeat{Line: t.lines[i], Of: t.lines[first], What: fmt.Sprintf("%s at %s repeats that of line %d at %s",
				e.Trigger, brief(e.ReceivedAt.Sub(t.Start)), t.lines[first], brief(t.events[first].ReceivedAt.Sub(t.Start)))})
			continue
		}
		ids[e.ID] = i
		if e.Repeat.Key != "" {
			keys[e.Repeat.Key] = append(keys[e.Repeat.Key], i)
		}
	}
	return out
}
