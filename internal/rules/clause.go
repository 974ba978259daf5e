package rules

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Clause is one entry of `unless`: it cancels an alert when it holds for some kept event.
type Clause struct {
	// Name is the shorthand's, or the trigger of an entry in the general form; numbered on ("message_sent 2") where the rule has
	// more of that name.
	Name   string
	Reason relay.Reason
	// Looks are the later events that may make it hold: of which trigger, and linked to the alert by what.
	Looks []Look
	// Cumulative says that of several later events of one person in one conversation, alike but for the message, the one with the
	// greatest numeric message id decides: where it does not hold, none of the others does.
	Cumulative bool
	// Presence marks `online`, which holds also when the event itself shows the recipient online and no kept event says
	// offline since. That is for the engine to see, because it takes more than one event.
	Presence bool

	conditions map[occasion]*condition
}

// occasion is what a condition is compiled for: the triggers of the two events that it is about. A shorthand's is the same for
// every event, and its event stays empty; so does later for the condition of a rule.
type occasion struct{ event, later relay.Trigger }

// Look is one kind of later event.
type Look struct {
	Trigger relay.Trigger
	Link    relay.Link
}

// Holds reports whether later cancels the alert that event made for the recipient. It is false for a later event of another
// trigger, and a shorthand's also for one of another conversation, session or message. The general form is false for an event
// whose trigger the rule does not name. Errors are as in Rule.Matches.
func (c *Clause) Holds(event, later *relay.Event, recipient *relay.Contact) (bool, error) {
	condition, ok := c.conditions[occasion{later: later.Trigger}]
	if !ok {
		condition, ok = c.conditions[occasion{event.Trigger, later.Trigger}]
	}
	if !ok {
		return false, nil
	}
	held, err := condition.holds(event, later, recipient)
	if err != nil {
		return false, fmt.Errorf("unless %s: %w", c.Name, err)
	}
	return held, nil
}

// form is the general form of a clause: an event of that trigger for which the expression over event, later and recipient is
// true.
type form struct {
	trigger    relay.Trigger
	link       relay.Link
	expression string
}

// shorthand is a name for forms, with what an event must carry for them to make sense.
type shorthand struct {
	name     string
	reason   relay.Reason
	needs    []string
	not      relay.Trigger
	presence bool
	// cumulative is as in Clause.
	cumulative bool
	forms      []form
}

// What the forms have in common. same() is false for two absent values, so that two events without a session are not taken for
// the same session.
const (
	sameConversation = `same(later.conversation.id, event.conversation.id)`
	sameSession      = `same(later.call.session_id, event.call.session_id)`
	sameMessage      = `same(later.message.id, event.message.id)`
	upToMessage      = sameConversation + ` && event.message.id != "" && order(later.message.id, event.message.id) >= 0`
	byRecipient      = `same(later.sender.uid, recipient.uid)`
	direct           = `event.conversation.kind == "user"`
	// recipientJoined and somebodyElseJoined go by uid where both are known, otherwise by name, which is all that the
	// documented webhook has.
	recipientJoined = `(later.participant.uid != "" && recipient.uid != "" ? later.participant.uid == recipient.uid
		: same(later.participant.name, recipient.name))`
	somebodyElseJoined = `(later.participant.uid != "" && event.call.caller.uid != "" ? later.participant.uid != event.call.caller.uid
		: later.participant.name != "" && event.call.caller.name != "" && later.participant.name != event.call.caller.name)`
)

// shorthands are what `unless` may name, in the order of the documentation.
func shorthands() []shorthand {
	return []shorthand{
		{
			name: "answered", reason: relay.ReasonAnswered, needs: []string{"call.session_id", "call.caller", "conversation"},
			forms: []form{
				{relay.CallStarted, relay.LinkSession, sameSession + ` && ` + direct},
				{relay.CallJoined, relay.LinkSession, sameSession + ` && (` + recipientJoined + ` || ` + direct + ` && ` + somebodyElseJoined + `)`},
			},
		},
		{
			name: "declined", reason: relay.ReasonDeclined, needs: []string{"call.session_id"},
			forms: []form{{relay.CallRejected, relay.LinkSession, declined}, {relay.CallBusy, relay.LinkSession, declined}},
		},
		{
			name: "read", reason: relay.ReasonRead, cumulative: true, needs: []string{"message.id", "conversation"},
			forms: []form{
				{relay.MessageReadReceipt, relay.LinkParticipant, byRecipient + ` && ` + upToMessage},
				{relay.MessageReadByAll, relay.LinkConversation, upToMessage},
			},
		},
		{
			name: "replied", reason: relay.ReasonReplied, cumulative: true, needs: []string{"message.id", "conversation"},
			forms: []form{{relay.MessageSent, relay.LinkParticipant, byRecipient + ` && ` + sameConversation +
				` && later.message.category in ["message", "custom", "interactive"]
			&& (numeric(later.message.id) && numeric(event.message.id)
				? order(later.message.id, event.message.id) > 0
				: later.message.sent_at > event.message.sent_at)`}},
		},
		deleted(),
		{
			name: "online", reason: relay.ReasonOnline, presence: true,
			forms: []form{{relay.UserConnectionStatus, relay.LinkRecipient, byRecipient +
				` && later.status == "online" && later.received_at >= event.received_at`}},
		},
	}
}

// declined: by this recipient where the webhook says by whom; an address has no uid, so any refusal counts for it.
const declined = sameSession + ` && (!has(later.sender.uid) || recipient.uid == "" || later.sender.uid == recipient.uid)`

// deleted applies also without being written: see Set.Implied.
func deleted() shorthand {
	return shorthand{
		name: "deleted", reason: relay.ReasonDeleted, needs: []string{"message.id"}, not: relay.MessageDeleted,
		forms: []form{
			{relay.MessageDeleted, relay.LinkMessage, sameMessage},
			// The mention was edited away. An edit that is older than the mention took nothing from it.
			{relay.MessageEdited, relay.LinkMessage, `event.trigger == "user_mentioned" && ` + sameMessage + `
			&& (!has(later.occurred_at) || later.occurred_at >= event.occurred_at)
			&& event.message.mentions.exists(m, same(m.uid, recipient.uid))
			&& !later.message.mentions.exists(m, m.uid == recipient.uid)`},
		},
	}
}

// appliesTo reports whether the shorthand makes sense for events of a trigger, which have that shape.
func (s shorthand) appliesTo(trigger relay.Trigger, shape *relay.Shape) bool {
	if trigger == s.not {
		return false
	}
	for _, path := range s.needs {
		if !carries(shape, path) {
			return false
		}
	}
	return true
}

// compile makes the clause. The forms are our own, so an error is a fault in this package.
func (s shorthand) compile(l *dialect, event, recipient *relay.Shape) (*Clause, error) {
	clause := &Clause{Name: s.name, Reason: s.reason, Presence: s.presence, Cumulative: s.cumulative, conditions: map[occasion]*condition{}}
	for _, f := range s.forms {
		program, flaws := l.compile(f.expression)
		if len(flaws) > 0 {
			return nil, fmt.Errorf("compile %s for %s: %s", s.name, f.trigger, flaws[0].message)
		}
		clause.Looks = append(clause.Looks, Look{Trigger: f.trigger, Link: f.link})
		clause.conditions[occasion{later: f.trigger}] = &condition{
			program: program, text: f.expression, event: event, later: event, recipient: recipient,
		}
	}
	return clause, nil
}

// carries reports whether a shape has a field, given by its path below it.
func carries(shape *relay.Shape, path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		f, ok := shape.Field(name)
		if !ok {
			return false
		}
		shape = f.Shape
	}
	return true
}

// clauseFunctions are the functions that expressions of clauses have besides CEL's own.
func clauseFunctions() []cel.EnvOption {
	two := []*cel.Type{cel.StringType, cel.StringType}
	return []cel.EnvOption{
		cel.Function("same", cel.Overload("same_string_string", two, cel.BoolType, cel.BinaryBinding(
			func(a, b ref.Val) ref.Val { return types.Bool(a == b && a != types.String("")) }))),
		cel.Function("order", cel.Overload("order_string_string", two, cel.IntType, cel.BinaryBinding(
			func(a, b ref.Val) ref.Val {
				return types.Int(relay.OrderIDs(string(a.(types.String)), string(b.(types.String))))
			}))),
		cel.Function("numeric", cel.Overload("numeric_string", two[:1], cel.BoolType, cel.UnaryBinding(
			func(a ref.Val) ref.Val { return types.Bool(relay.NumericID(string(a.(types.String)))) }))),
	}
}
