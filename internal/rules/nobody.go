package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// checkForms warns of entries of `unless` in the general form that cancel nothing, or more than they say.
func (r *reach) checkForms(rule *Rule, entries []*yaml.Node) {
	for _, node := range entries {
		trigger, named := find(node, "trigger")
		if at, ok := find(node, "if"); ok && named && node.Kind == yaml.MappingNode {
			r.checkForm(rule, relay.Trigger(trigger.value.Value), at)
		}
	}
}

func (r *reach) checkForm(rule *Rule, later relay.Trigger, at entry) {
	native := r.parse(occasion{rule.Triggers[0], later}, at.value.Value)
	if native == nil || r.checkLiterals(at, native, map[string][]relay.Trigger{"event": rule.Triggers, "later": {later}}) {
		return
	}
	walk := &readings{roots: []string{"event", "later"}}
	walk.visit(native.Expr())
	// An entry stands for all of the rule's triggers, so it may well be never so for one of them.
	never, always := true, true
	for _, trigger := range rule.Triggers {
		hopeless, certain := r.try(occasion{trigger, later}, at.value.Value, walk.found, nil)
		never, always = never && hopeless, always && certain
	}
	place := r.within(at, 0)
	cancels := fmt.Sprintf("so it is cancelled by any %s of the same conversation, session or message, or of the recipient's", later)
	switch {
	case never:
		r.warn(place, "the condition can never be true, so the entry cancels nothing", "")
	case always:
		r.warn(place, "the condition is always true, "+cancels, "say which, as in same(later.sender.uid, recipient.uid)")
	case !slices.Contains(walk.named, "later"):
		r.warn(place, "the condition asks nothing of `later`, "+cancels, "say which, as in same(later.sender.uid, recipient.uid)")
	}
}

// onlyIn is the one kind of conversation in which somebody has the role, or "".
func onlyIn(role relay.Role) string {
	switch role {
	case relay.RoleReceiver:
		return relay.KindUser
	case relay.RoleGroupOwner, relay.RoleGroupMembers:
		return relay.KindGroup
	default:
		return ""
	}
}

// checkFlood warns of a rule that tells everybody in a group, where nothing is said of how much one person's doings may send: what
// holds then is meant for people who are told one by one.
func (r *reach) checkFlood(rule *Rule, root *yaml.Node) {
	defaults, ok := find(root, "defaults")
	if ok {
		_, ok = find(defaults.value, "sender_limit")
	}
	at := slices.IndexFunc(rule.To, func(t Target) bool { return t.Role == relay.RoleGroupMembers })
	if ok || at < 0 || !rule.Enabled {
		return
	}
	limit := r.set.defaults.SenderLimit
	r.warn(&yaml.Node{Line: rule.To[at].Line, Column: rule.To[at].Column},
		fmt.Sprintf("a group may have more than %d members, and one person's doings send no more than that in %s on a channel", limit.Max, span(limit.Per)),
		"set `sender_limit` in `defaults`")
}

// checkRinging notes that a condition lets no call to a group through.
func (r *reach) checkRinging(rule *Rule, text string, reads []access) {
	rule.RingsGroups = rule.RingsGroups && slices.ContainsFunc(rule.Triggers, func(trigger relay.Trigger) bool {
		never, _ := r.try(occasion{event: trigger}, text, reads, map[string][]string{conversationKind: {relay.KindGroup}})
		return !never
	})
}

// conversationKind is the field that tells groups from conversations between two.
const conversationKind = "event.conversation.kind"

// checkRoles warns of the roles that nobody has in the one kind of conversation that the condition lets through.
func (r *reach) checkRoles(rule *Rule, text string, reads []access) {
	const kind = conversationKind
	if !slices.ContainsFunc(reads, func(a access) bool { return a.path == kind }) {
		return
	}
	for _, target := range rule.To {
		only := onlyIn(target.Role)
		if only == "" || slices.ContainsFunc(rule.Triggers, func(trigger relay.Trigger) bool {
			// The notification service says to whom it writes, in a group too.
			if strings.HasSuffix(string(trigger), "-notification-payload-generated") {
				return true
			}
			never, _ := r.try(occasion{event: trigger}, text, reads, map[string][]string{kind: {"", only}})
			return !never
		}) {
			continue
		}
		where := "groups"
		if only == relay.KindGroup {
			where = "conversations between two"
		}
		r.warn(&yaml.Node{Line: target.Line, Column: target.Column},
			fmt.Sprintf("the condition holds in %s only, where nobody is %s, so this tells nobody", where, target.Role),
			"tell others, or change `if`")
	}
}
