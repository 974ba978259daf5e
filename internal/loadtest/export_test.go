package loadtest

// What tests look at.
var (
	WaitExactly  = waitExactly
	NumberIn     = numberIn
	ParseAverage = parseAverage
)
