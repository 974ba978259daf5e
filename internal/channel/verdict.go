package channel

import "github.com/beckon-relay/beckon/internal/relay"

// Verdict is what a provider's answer means: one row of the table that each adapter has.
type Verdict struct {
	Kind   relay.OutcomeKind
	Blame  relay.Blame
	Reason relay.Reason
	// Words says in a few words what is wrong and, where it is ours to mend, what to look at.
	Words string
}

// Accepted means that the provider has taken the message.
func Accepted() Verdict { return Verdict{Kind: relay.Accepted} }

// Lost means that there was an answer, but none that tells whether the message was taken.
func Lost(words string) Verdict {
	return Verdict{relay.Unknown, relay.BlameProvider, relay.ReasonNoAnswer, words}
}

// Trouble means that the provider failed. The message may have been taken all the same, but no provider says so, all
// ask to retry, and it is rare: it is retried.
func Trouble(words string) Verdict {
	return Verdict{relay.Retry, relay.BlameProvider, relay.ReasonProviderTrouble, words}
}

// Throttled means that the message was not looked at, because there were too many.
func Throttled(words string) Verdict {
	return Verdict{relay.Retry, relay.BlameProvider, relay.ReasonThrottled, words}
}

// Misconfigured means that no message can get through until an operator has mended a setting or the account. The
// message itself is as good as before, so it is retried.
func Misconfigured(words string) Verdict {
	return Verdict{relay.Retry, relay.BlameConfig, relay.ReasonMisconfigured, words}
}

// Refused means that this message will never be taken, and that it is our fault.
func Refused(words string) Verdict {
	return Verdict{relay.Permanent, relay.BlameRequest, relay.ReasonRejected, words}
}

// BadRecipient means that nothing can be sent to this address.
func BadRecipient(reason relay.Reason, words string) Verdict {
	return Verdict{relay.Permanent, relay.BlameRecipient, reason, words}
}
