package scenario

import (
	"fmt"

	"github.com/beckon-relay/beckon/internal/engine/sim"
)

// Repeat is an event that repeats an earlier one, so that nothing came of it.
type Repeat struct {
	// Line is where it stands, and Of where the first copy does.
	Line int    `json:"line"`
	Of   int    `json:"of"`
	What string `json:"what"`
}

// repeats says in the words of the file which events the simulator took for repeats.
func (t *Test) repeats(found []sim.Repeat) []Repeat {
	var out []Repeat
	for _, r := range found {
		again, first := &t.events[r.Event], &t.events[r.Of]
		out = append(out, Repeat{Line: t.lines[r.Event], Of: t.lines[r.Of], What: fmt.Sprintf("%s at %s repeats that of line %d at %s",
			again.Trigger, brief(again.ReceivedAt.Sub(t.Start)), t.lines[r.Of], brief(first.ReceivedAt.Sub(t.Start)))})
	}
	return out
}
