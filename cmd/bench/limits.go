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
		"accept": "the one writer, which makes one transaction after the other, and waits for the disk after each. By `go run ./cmd/bench accept --profile DIR` " +
			"it has 54 % of the relay's processor time: 28 % of all are rows being inserted (an event, four keys, an alert and a wake-up, each in several trees), " +
			"10 % the pages of commits. HTTP has 33 %, of which decoding 13. Without waiting it would be Echo's processor time over the relay's, which stands above.",
		"sqlite": "the same writer. By `go run ./cmd/bench sqlite --profile DIR` it has 54 % of the relay's processor time (29 % of all in the transaction that decides and " +
			"begins the attempt, of which rendering is 7; 9 % in the one that ends it, 12 % in commits with their wake-ups). Reading before the decision has 7 %, HTTP 7 %, " +
			"garbage collection 9 %, the provider's client 4 %. A message is 20 statements, which a test counts, and those of its wake-up; the bare loop keeps nothing.",
		"postgresql": "the processor, which relay and server share. By `perf record -a -g` during `go run ./cmd/bench postgresql` the server takes some 1,850 µs for a message beside " +
			"what the relay takes: half of it for running statements, 19 % for keeping up indexes (an alert is written three times and a delivery twice, with all their indexes, since " +
			"the state stands in them), 11 % for starting statements, 8 % each for checks and for foreign keys. Commits have 2 %.",
		"latency": "what a commit writes. Of 1.19 ms on a busier machine COMMIT had 0.45, other work of the store 0.30, the generator with loopback and net/http 0.24, decoding and " +
			"planning 0.09, waiting for the writer 0.04 (timers in the code). A webhook alone in its transaction changed 38 pages by the frames of its write-ahead log, some " +
			"four less since its keys stand in one tree, and all are written before the sync; the disk's time is that of syncing one.",
		"idle-memory": "the executable. What is not the relay's own are pages of it, which the start touched and the system maps 64 KiB at a time; it may drop them when it is short of " +
			"memory, and of 36 MiB of them 6 were used in a minute of idling (`Referenced` in /proc/PID/smaps after `clear_refs`). How many are mapped depends on how the file " +
			"lies in the page cache: a newly built one has 5 to 8 MB more. Of its own memory about 10 MB are the live heap: templates, conditions, phone numbers.",
		"replicas": "the machine: four relays, the database, the generator and the provider share two cores. Each relay is told of each job and looks for it, which is 1.3 looks for a " +
			"message with one relay, 1.7 with two and 2.1 with four (counted at the server), and jobs are taken up alone instead of many together. " +
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
		"pending": "An alert that waits is a row that nobody looks at until its time comes, not a timer in memory. River's scheduler, which looks every five seconds, " +
			"did look at all of them: with a million that was a quarter of the processor time here, and half a second in which nobody could write to SQLite. " +
			"It is led by an index now.",
		"rules": "An event is held against the rules for its trigger and no others. Of those each has its condition evaluated, a microsecond or " +
			"two each, so what counts is how many there are for one trigger. A start compiles all of them.",
		"templates":  "Templates are read and compiled once, at the start or a reload.",
		"recipients": "Each person is an alert with a wake-up of its own, all in the transaction of the event: in proportion, with a fixed part that weighs less the more people there are.",
	}
}
