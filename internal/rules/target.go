package rules

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxEmail is the longest mail address there is, in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
const maxEmail = 254

// uidForm is what CometChat allows in a uid.
var uidForm = regexp.MustCompile(`^[a-z0-9_-]{1,100}$`)

func readTargets(l *loader, d *draft, at entry) {
	for _, node := range l.items(at) {
		target := Target{Role: relay.RoleFixed, Line: node.Line, Column: node.Column}
		before := l.report.errors
		if node.Kind == yaml.MappingNode {
			readMap(l, node, "a fixed recipient", fixedKeys(), &target.Fixed)
			if len(node.Content) != 2 && l.report.errors == before {
				l.fail(node, "a fixed recipient is one of uid, email and phone", "write one entry for each")
			}
		} else {
			target.Role = l.role(entry{at.key, node})
		}
		if l.report.errors > before {
			continue
		}
		if slices.ContainsFunc(d.To, func(t Target) bool { return t.Role == target.Role && t.Fixed == target.Fixed }) {
			l.fail(node, "this recipient is named twice", "")
			continue
		}
		d.To = append(d.To, target)
	}
}

func (l *loader) role(at entry) relay.Role {
	text, ok := l.text(at)
	if !ok {
		return ""
	}
	role := relay.Role(text)
	if !slices.Contains(relay.Roles(), role) {
		hint := suggest(text, relay.Roles())
		if personal.MatchString(text) {
			hint = "write { email: ... } or { phone: ... }"
		}
		l.fail(at.value, "unknown role "+quote(text), hint)
	}
	return role
}

func fixedKeys() []key[relay.Recipient] {
	return []key[relay.Recipient]{
		{"uid", false, readUID},
		{"email", false, readEmail},
		{"phone", false, readPhone},
	}
}

func readUID(l *loader, r *relay.Recipient, at entry) {
	text, ok := l.scalar(at)
	if !ok {
		return
	}
	r.UID = strings.ToLower(text)
	if !uidForm.MatchString(r.UID) {
		l.fail(at.value, quote(text)+" is no uid", "CometChat's have letters, digits, - and _, at most 100")
	}
}

// The values of an address and of a number are kept out of messages altogether; the excerpt masks what looks like one.

func readEmail(l *loader, r *relay.Recipient, at entry) {
	text, ok := l.scalar(at)
	if !ok {
		return
	}
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != text || len(text) > maxEmail {
		l.fail(at.value, "this is no mail address", "write it as name@example.com, without a display name")
		return
	}
	r.Email = relay.Email(text)
}

func readPhone(l *loader, r *relay.Recipient, at entry) {
	text, ok := l.scalar(at)
	if !ok {
		return
	}
	number, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		l.fail(at.value, "this is no phone number", "write it with + and the country code")
		return
	}
	r.Phone = relay.Phone(phonenumbers.Format(number, phonenumbers.E164))
}

// checkTargets checks the roles against what each trigger offers.
func (l *loader) checkTargets(d *draft) {
	for _, trigger := range d.Triggers {
		spec, others := l.catalogue[trigger], false
		for _, target := range d.To {
			if target.Role != relay.RoleFixed {
				l.checkRole(spec, target)
				d.asks(spec, target.Role)
			}
			others = others || target.Role != spec.Actor
		}
		if len(d.To) > 0 && !others && !d.IncludeActor {
			l.fail(&yaml.Node{Line: d.To[0].Line, Column: d.To[0].Column},
				fmt.Sprintf("%q of %s is who did it, and nobody is told of their own doing", d.To[0].Role, trigger),
				"set `include_actor: true`")
		}
	}
}

// checkAddresses checks that somebody can be reached on each channel: an address in the rule is of one channel only.
func (l *loader) checkAddresses(d *draft) {
	reachable := func(channel relay.Channel) bool {
		return slices.ContainsFunc(d.To, func(t Target) bool {
			byPhone, byMail := t.Fixed.Phone != "", t.Fixed.Email != ""
			return !t.Fixed.Fixed() || channel == relay.ChannelSMS && byPhone || channel == relay.ChannelEmail && byMail
		})
	}
	for _, send := range slices.Concat(d.Send, d.Fallback) {
		if len(d.To) > 0 && !reachable(send.Channel) {
			l.fail(&yaml.Node{Line: send.Line, Column: send.Column},
				fmt.Sprintf("nobody in \"to\" can be reached by %s", send.Channel), "add a role, a uid or an address of that channel to \"to\"")
		}
	}
}

func (l *loader) checkRole(spec relay.TriggerSpec, target Target) {
	at := &yaml.Node{Line: target.Line, Column: target.Column}
	if _, offered := spec.Roles[target.Role]; !offered {
		l.fail(at, fmt.Sprintf("trigger %s offers no role %q", spec.Name, target.Role), "it offers "+offers(spec))
	}
}

// asks notes a role whose people CometChat has to be asked for: always, or where a call rings a group.
func (d *draft) asks(spec relay.TriggerSpec, role relay.Role) {
	switch {
	case spec.Roles[role] == relay.FromCometChat && !slices.Contains(d.Asks, role):
		d.Asks = append(d.Asks, role)
	case role == relay.RoleCallee:
		d.RingsGroups = true
	}
}

// offers lists the roles of a trigger in the order of the documentation.
func offers(spec relay.TriggerSpec) string {
	roles := slices.DeleteFunc(relay.Roles(), func(r relay.Role) bool {
		_, ok := spec.Roles[r]
		return !ok
	})
	if len(roles) == 0 {
		return "none; write { email: ... }, { phone: ... } or { uid: ... }"
	}
	return list(roles)
}
