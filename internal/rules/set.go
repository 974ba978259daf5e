package rules

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Set is a rules.yaml that was read and compiled. It never changes and may be used from many goroutines.
type Set struct {
	source    source
	hash      string
	text      string
	defaults  Defaults
	rules     []*Rule
	byName    map[string]*Rule
	byTrigger map[relay.Trigger][]*Rule
	wanted    map[relay.Trigger]bool
	implied   map[relay.Trigger][]*Clause
	answered  *Clause
	sessions  []relay.Trigger
	longest   time.Duration
}

// Defaults are what holds for every rule that does not say otherwise.
type Defaults struct {
	// Locale is used for people whose own is not known. Default "en".
	Locale string
	// TimeZone is used for people whose own is not known. Default UTC.
	TimeZone *time.Location
	// QuietHours hold for every rule that is not urgent. Default none.
	QuietHours relay.QuietHours
	// Expires is how long after receipt an alert may still go out. Default 24 h.
	Expires time.Duration
	// MaxSegments is how many parts an SMS may be billed as before it is cut. Default 3.
	MaxSegments int
	// Limits hold for every rule that has none of its own. Default none.
	Limits []Limit
	// SenderLimit bounds what one person's doings send to all people together on a channel: somebody mentioning ten thousand. By
	// is empty in it. Default 50 an hour; Max 0 is no limit.
	SenderLimit Limit
}

// Limit allows Max deliveries to a recipient on a channel within any time of length Per.
type Limit struct {
	Max int
	Per time.Duration
	// By narrows what is counted; empty counts everything the recipient gets on the channel.
	By By
}

// By is what a limit or a digest is kept for each of.
type By string

// What limits and digests can be by: a digest by recipient or conversation, a limit by the last three.
const (
	ByRecipient    By = "recipient"
	ByConversation By = "conversation"
	ByRule         By = "rule"
	BySender       By = "sender"
)

// Digest puts what a rule tells a recipient within Window of the first event into one message.
type Digest struct {
	Window time.Duration
	// By is ByRecipient or ByConversation. Default ByRecipient.
	By By
	// Max is how many events the message lists; the rest is counted. Default 20.
	Max int
}

// Rule is one entry of rules.yaml.
type Rule struct {
	Name, Description string
	Triggers          []relay.Trigger
	To                []Target
	// Wait is how long after receipt the alert falls due.
	Wait time.Duration
	// Unless cancels the alert if any clause holds when it is due, tried in this order.
	Unless []*Clause
	// Expires is how long after receipt it may still go out; Defaults.Expires unless the rule says otherwise.
	Expires time.Duration
	// Urgent alerts go out in quiet hours too.
	Urgent bool
	// Private messages tell that there is something, and nothing that somebody wrote or sent.
	Private bool
	// IncludeActor tells also the person who did it.
	IncludeActor bool
	Enabled      bool
	// Collapse sends one alert for one thing, whichever rules it comes from.
	Collapse bool
	// QuietHours are the rule's own, unset when it has none; QuietOff says that it wants none, not even the default ones.
	QuietHours relay.QuietHours
	QuietOff   bool
	Send       []Send
	// Digest is nil where each event has a message of its own.
	Digest *Digest
	// Limits are the rule's own, which stand for the defaults' and not beside them; LimitsOff says that it wants none. The
	// defaults' SenderLimit holds in any case.
	Limits    []Limit
	LimitsOff bool
	// Fallback is tried entry by entry, in this order, when nothing of Send arrives; FallbackAfter is how long a message may go
	// without a receipt before it counts as not arrived. Zero waits for ever.
	Fallback      []Send
	FallbackAfter time.Duration
	// OnUnknown says what becomes of a message whose answer was lost, where the provider cannot tell that it has it. Default Resend.
	OnUnknown OnUnknown
	// Asks are the roles in To whose people only CometChat's API knows. RingsGroups says that it tells those whom a call rang, and that
	// nothing in its condition leaves out calls to groups, whose members only the API knows.
	Asks        []relay.Role
	RingsGroups bool
	// Line and Column are where its name stands.
	Line, Column int

	// conditions is the `if`, compiled once for each trigger; nil without one.
	conditions map[relay.Trigger]*condition
}

// OnUnknown is what is done about a message that may have been taken or not.
type OnUnknown string

// What OnUnknown can be.
const (
	// Resend sends it again: twice is better than never.
	Resend OnUnknown = "resend"
	// GiveUp does not: never is better than twice.
	GiveUp OnUnknown = "give_up"
)

// Target is one entry of `to`: a role, or relay.RoleFixed with the address or uid in Fixed.
type Target struct {
	Role         relay.Role
	Fixed        relay.Recipient
	Line, Column int
}

// Send is one entry of `send`: a channel and the name of a template.
type Send struct {
	Channel      relay.Channel
	Template     string
	Line, Column int
}

// Hash is the SHA-256 of the file, in hexadecimal; of a Hurried set it says by how much.
func (s *Set) Hash() string { return s.hash }

// File is the file's name as findings call it, and Text what stands in it.
func (s *Set) File() string { return s.source.file }

// Text is the file as it was read: Load of it gives the same set.
func (s *Set) Text() string { return s.text }

// Defaults returns the file's defaults, filled in where it has none.
func (s *Set) Defaults() Defaults { return s.defaults }

// Rules returns every rule, also the disabled ones, in the order of the file. The slice is not to be changed.
func (s *Set) Rules() []*Rule { return s.rules }

// For returns the enabled rules that name the trigger, in the order of the file. The slice is not to be changed.
func (s *Set) For(trigger relay.Trigger) []*Rule { return s.byTrigger[trigger] }

// Rule finds a rule by name, also a disabled one.
func (s *Set) Rule(name string) (*Rule, bool) {
	r, ok := s.byName[name]
	return r, ok
}

// Limits are those that hold for a rule: its own, else the defaults', or none.
func (s *Set) Limits(r *Rule) []Limit {
	if r.LimitsOff || len(r.Limits) > 0 {
		return r.Limits
	}
	return s.defaults.Limits
}

// Wants reports whether an enabled rule needs events of that trigger: it names it in `trigger`, looks for it in `unless` or in
// what applies without being written (Implied), or finds in it the people of a call session.
func (s *Set) Wants(trigger relay.Trigger) bool { return s.wanted[trigger] }

// LongestWait is the longest `wait`, `expires`, digest window or `per` of a limit of an enabled rule: events must be kept for
// longer. Zero without rules.
func (s *Set) LongestWait() time.Duration { return s.longest }

// Implied returns the clauses that apply to events of that trigger without being written: the message was deleted, or the
// mention edited away. None for triggers whose events carry no message. The slice is not to be changed.
func (s *Set) Implied(trigger relay.Trigger) []*Clause { return s.implied[trigger] }

// Answered is the clause of the shorthand, which applies to those whom a call to a group rang without being written.
func (s *Set) Answered() *Clause { return s.answered }

// Sessions returns the triggers whose events say who takes part in a call session, sorted. The slice is not to be changed.
func (s *Set) Sessions() []relay.Trigger { return s.sessions }

// Finding makes a finding at a place of the set's file, for those who find something that only they can see, such as a
// template that does not exist.
func (s *Set) Finding(line, column int, severity Severity, message, hint string) Finding {
	return s.source.finding(Finding{Line: line, Column: column, Severity: severity, Message: message, Hint: hint})
}

// Matches reports whether the rule names the event's trigger and its `if` holds for the event. An expression that fails
// at run time counts as false, and its error comes back; it carries nothing of the event.
func (r *Rule) Matches(event *relay.Event) (bool, error) {
	for _, trigger := range r.Triggers {
		if trigger != event.Trigger {
			continue
		}
		if r.conditions == nil {
			return true, nil
		}
		return r.conditions[trigger].holds(event, nil, nil)
	}
	return false, nil
}

// index fills in what is looked up by trigger and by name.
func (s *Set) index(l *loader) {
	s.byName = make(map[string]*Rule, len(s.rules))
	s.byTrigger = make(map[relay.Trigger][]*Rule)
	s.wanted = make(map[relay.Trigger]bool)
	session := false
	for trigger := range l.catalogue {
		if namesSession(l.shape(trigger)) {
			s.sessions = append(s.sessions, trigger)
		}
	}
	slices.Sort(s.sessions)
	for _, r := range s.rules {
		s.byName[r.Name] = r
		if !r.Enabled {
			continue
		}
		s.longest = max(s.longest, s.looksBack(r))
		for _, trigger := range r.Triggers {
			s.byTrigger[trigger] = append(s.byTrigger[trigger], r)
			s.want(trigger, r.Unless, s.implied[trigger])
			if r.RingsGroups {
				s.want(trigger, []*Clause{s.answered})
			}
			session = session || r.asksSession(l.catalogue[trigger])
		}
	}
	for _, trigger := range s.sessions {
		s.wanted[trigger] = s.wanted[trigger] || session
	}
}

// looksBack is how long after an event, or after a message that counts for a limit, they may still be asked for by the rule.
func (s *Set) looksBack(r *Rule) time.Duration {
	longest := max(r.Wait, r.Expires, s.defaults.SenderLimit.Per)
	if r.Digest != nil {
		longest = max(longest, r.Digest.Window)
	}
	limits := s.Limits(r)
	for _, limit := range limits {
		longest = max(longest, limit.Per)
	}
	return longest
}

// want notes a trigger and those that clauses look for.
func (s *Set) want(trigger relay.Trigger, clauses ...[]*Clause) {
	s.wanted[trigger] = true
	for _, c := range slices.Concat(clauses...) {
		for _, later := range c.Looks {
			s.wanted[later.Trigger] = true
		}
	}
}

// asksSession reports whether some of the people to tell of a trigger are known from other events of its call session only.
func (r *Rule) asksSession(spec relay.TriggerSpec) bool {
	return slices.ContainsFunc(r.To, func(t Target) bool { return spec.Roles[t.Role] == relay.FromSession })
}

// namesSession reports whether events of that shape say who takes part in a call session.
func namesSession(event *relay.Shape) bool {
	people := []string{"call.caller", "call.callee", "participant", "users"}
	return carries(event, "call.session_id") &&
		slices.ContainsFunc(people, func(path string) bool { return carries(event, path) })
}
