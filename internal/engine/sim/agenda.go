package sim

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// appointment is something that happens at a moment: an alert is looked at, or a receipt for a delivery comes in.
type appointment struct {
	at       time.Time
	alert    *entry
	delivery *parcel
	state    relay.DeliveryState
	// made counts appointments. Of two at one moment a receipt comes first, then the alert that was received earlier, then what was
	// made earlier.
	made int
}

// received is when the alert was, and the beginning of time for a receipt.
func (a appointment) received() time.Time {
	if a.alert == nil {
		return time.Time{}
	}
	return a.alert.ReceivedAt
}

// agenda gives appointments in the order of time.
type agenda struct {
	list []appointment
	made int
}

func (g *agenda) add(a appointment) {
	g.made++
	a.made = g.made
	heap.Push((*byTime)(&g.list), a)
}

func (g *agenda) peek() (appointment, bool) {
	if len(g.list) == 0 {
		return appointment{}, false
	}
	return g.list[0], true
}

func (g *agenda) take() { heap.Pop((*byTime)(&g.list)) }

// byTime implements heap.Interface.
type byTime []appointment

func (b byTime) Len() int { return len(b) }

func (b byTime) Less(i, j int) bool {
	x, y := b[i], b[j]
	return cmp.Or(x.at.Compare(y.at), x.received().Compare(y.received()), cmp.Compare(x.made, y.made)) < 0
}

func (b byTime) Swap(i, j int) { b[i], b[j] = b[j], b[i] }

// Push implements heap.Interface.
func (b *byTime) Push(x any) {
	if a, ok := x.(appointment); ok {
		*b = append(*b, a)
	}
}

// Pop implements heap.Interface.
func (b *byTime) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}
