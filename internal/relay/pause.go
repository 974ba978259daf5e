package relay

import "time"

// Pause is the operator's stop switch: while it stands, what it covers is held.
type Pause struct {
	// Channel and Rule narrow it; with neither it covers everything, with both only that rule on that channel.
	Channel Channel
	Rule    string
	// By is who did it, At when.
	By string
	At time.Time
}

// Covers reports whether messages of that rule on that channel are held.
func (p Pause) Covers(rule string, channel Channel) bool {
	return (p.Channel == "" || p.Channel == channel) && (p.Rule == "" || p.Rule == rule)
}

// ByLocal is whom the audit names where no credentials are asked for, and for whoever is at the machine itself.
const ByLocal = "local"

// ByRecipient is whom the audit names where the person did it who gets the messages.
const ByRecipient = "recipient"

// Audit is one thing an operator did, or a recipient by the link in a mail.
type Audit struct {
	At time.Time
	// Who is the operator's name, ByLocal, or ByRecipient.
	Who string
	// Action is a short constant such as "pause"; Subject what it was done to. Neither names a person in clear.
	Action, Subject string
}

// Subject says what a pause covers.
func (p Pause) Subject() string {
	switch {
	case p.Channel == "" && p.Rule == "":
		return "everything"
	case p.Rule == "":
		return "channel " + string(p.Channel)
	case p.Channel == "":
		return "rule " + p.Rule
	}
	return "rule " + p.Rule + " on channel " + string(p.Channel)
}
