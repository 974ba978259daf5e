package view

import "time"

// BulkAction is what is done to many at once.
type BulkAction string

// Bulk actions: Retry is for deliveries that are dead or undelivered, Cancel for alerts that are held and deliveries that wait.
const (
	BulkRetry  BulkAction = "retry"
	BulkCancel BulkAction = "cancel"
)

// MaxBulk is how many one bulk action may be for. A narrower filter, or the same once more, does the rest.
const MaxBulk = 10_000

// BulkOrder says what is to be done to whom.
type BulkOrder struct {
	Action BulkAction `json:"action"`
	// Of is "alerts" or "deliveries".
	Of    string `json:"of"`
	Query Query  `json:"query"`
	// IDs are those that were picked one by one; with them Query does not count.
	IDs []string `json:"ids,omitempty"`
	// MadeBefore leaves out what came after the operator looked.
	MadeBefore time.Time `json:"made_before,omitzero"`
	// Late retries also what is past its `expires`, which gets as long again.
	Late bool   `json:"late,omitempty"`
	By   string `json:"-"`
}

// BulkCount is what an order would be for, and BulkResult what came of it.
type BulkCount struct {
	// Found is how many the filter finds, at most MaxBulk; More says that there are more.
	Found int  `json:"found"`
	More  bool `json:"more,omitempty"`
	// Unsure are those of them whose answer was lost: they may have arrived, and would be told twice.
	Unsure int `json:"unsure,omitempty"`
	// Late are those past their `expires`, and Blank those whose text is past its retention: neither is retried.
	Late  int `json:"late,omitempty"`
	Blank int `json:"blank,omitempty"`
}

// BulkResult is what came of an order.
type BulkResult struct {
	Done int `json:"done"`
	// Skipped counts by why.
	Skipped map[string]int `json:"skipped,omitempty"`
	// Left is how many were not looked at, because it was broken off.
	Left int `json:"left,omitempty"`
}
