package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// AccountOf shows what one rule made of an event.
func AccountOf(a engine.Account) RuleAccount {
	out := RuleAccount{
		Rule: a.Rule, Matched: a.Matched, Why: a.Why, Error: errorText(a.Err), To: []string{}, Actors: a.Actors, Empty: a.Empty,
	}
	for _, alert := range a.Alerts {
		out.To = append(out.To, Whom(alert.Recipient, alert.Role))
	}
	if len(a.Actors) > 0 {
		out.Besides = append(out.Besides, "not for "+strings.Join(a.Actors, ", ")+", who did it")
	}
	for _, role := range a.Empty {
		out.Besides = append(out.Besides, "the event names no "+string(role))
	}
	for _, p := range a.Parts {
		out.Parts = append(out.Parts, partOf(p))
	}
	return out
}

func partOf(p rules.Part) RulePart {
	out := RulePart{Text: p.Text, Holds: p.Holds, Error: errorText(p.Err)}
	saw := make([]string, 0, len(p.Seen))
	for _, s := range p.Seen {
		value := fmt.Sprint(s.Value)
		switch v := s.Value.(type) {
		case string:
			value = fmt.Sprintf("%q", v)
		case time.Time:
			value = v.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		saw = append(saw, s.Path+" is "+value)
		out.Seen = append(out.Seen, Seen{s.Path, asJSON(s.Value)})
	}
	out.Saw = strings.Join(saw, "; ")
	return out
}

// asJSON writes a value as it is, without the escapes for HTML that would come back as text.
func asJSON(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return json.RawMessage("null") // such as a number that is none
	}
	return bytes.TrimSpace(out.Bytes())
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Whom names a recipient without an address in clear.
func Whom(r relay.Recipient, role relay.Role) string {
	switch {
	case r.UID != "":
		return r.UID
	case r.Email != "":
		return r.Email.String()
	case r.Phone != "":
		return r.Phone.String()
	}
	switch role {
	case relay.RoleGroupMembers:
		return "everybody in the group, looked up when it happens"
	case relay.RoleAuthor:
		return "the author of the message, looked up when it happens"
	default:
		return "the " + string(role) + ", not known yet"
	}
}
