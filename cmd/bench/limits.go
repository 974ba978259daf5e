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
