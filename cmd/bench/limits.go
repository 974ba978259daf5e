package main

// limitOf says what the limit is of a goal that was missed, with what shows it. It is written by hand, after a look at a profile.
func limitOf(goal string) string {
	if text, ok := limits()[goal]; ok {
		return text
	}
	return "nobody has looked yet what the limit is."
}

// limits are those that were found, by the name of the goal.
func limits() map[string]string {
	return map[string]string{
		"accept": "the one writer. By `go run ./cmd/bench accept --profile DIR` it has 52 % of the relay's processor time; SQLite has 44 % of all, 16 of them in commits; " +
			"HTTP with decoding has 25 %.",
		"sqlite": "the processor, by what is done for each message. By `go run ./cmd/bench sqlite --profile DIR` the same writer has 48 % (27 % of all in the transaction " +
			"that decides and begins the first attempt; rendering, in it, is 7 %), queries outside of it 5 %, River's completing 4 %. The bare loop is 128 loops side by side that keep nothing.",
		"replicas": "the machine: four relays, the database, the generator and the provider share two cores. Two replicas do 0.96 of twice as much. " +
			"With 64 calls each, one relay already takes all there is.",
	}
}

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
