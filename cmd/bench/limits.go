package main

// limitOf says what the limit is of a goal that was missed, with what shows it. It is written by hand, after a look at a profile.
func limitOf(goal string) string {
	if text, ok := limits()[goal]; ok {
		return text
	}
	return "nobody has looked yet what the limit is."
}

// limits are those that were found, by the name of the goal.
func limits() map[string]string { return map[string]string{} }

// noteOf says why a curve is as it is, and what was done where it was not flat; empty where there is nothing to say.
func noteOf(curve string) string { return notes()[curve] }

// notes are by the name of the curve.
func notes() map[string]string {
	return map[string]string{
		"kept": "Lists are answered from indexes, whatever narrows them (see [scaling](scaling.md#lists-of-a-million)); accepting looks up an event by its ID. " +
			"The database grows with what is kept, and nothing else should.",
		"pending": "An alert that waits is a row that nobody looks at until its time comes, not a timer in memory.",
		"rules": "An event is held against the rules for its trigger and no others. Of those each has its condition evaluated, a microsecond or " +
			"two each, so what counts is how many there are for one trigger. A start compiles all of them.",
		"templates":  "Templates are read and compiled once, at the start or a reload.",
		"recipients": "Each person is an alert with a wake-up of its own, all in the transaction of the event: in proportion, with a fixed part that weighs less the more people there are.",
	}
}
