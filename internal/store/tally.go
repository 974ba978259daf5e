package store

import "time"

// TallySlot is how long a counter counts before the next one does.
const TallySlot = 5 * time.Minute

// MaxTallies is how many counters are added to at once.
const MaxTallies = 1000

// Tallied is a counter of one slot, or the sum of several.
type Tallied struct {
	// At is when the slot begins: a multiple of TallySlot since 1970. Zero in a sum over all slots.
	At time.Time
	// What is counted, of what, as what and by whom; all but What may be empty.
	What       string
	Of, By, As string
	// N is at least 0.
	N int
	// LastAt is when the last one was counted.
	LastAt time.Time
}

// TallyFilter says which counters are read, and how they are summed up. Zero fields do not narrow.
type TallyFilter struct {
	What, Of string
	// Since and Until bound At: Since <= t < Until. The counters of the slot that Since lies in are not among them.
	Since, Until time.Time
	// Step sums up the slots of so long a time, a multiple of TallySlot; 0 sums up all.
	Step time.Duration
}
