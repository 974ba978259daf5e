package engine

import (
	"github.com/beckon-relay/beckon/internal/relay"
)

// sourceOf is where the people of a role come from for an event. A call to a group rings many, and names none of them.
func (g *Generation) sourceOf(role relay.Role, event *relay.Event) relay.Source {
	source := g.catalogue[event.Trigger].Roles[role]
	if role == relay.RoleCallee && source == relay.FromPayload && event.Group != nil {
		return relay.FromCometChat
	}
	return source
}

// unresolved reports whether the people of a role become known later only, if at all.
func (g *Generation) unresolved(role relay.Role, event *relay.Event) bool {
	switch g.sourceOf(role, event) {
	case relay.FromSession:
		return true
	case relay.FromCometChat:
		_, ok := whoIs(role, event)
		return ok
	default:
		return false
	}
}

// whoIs is what the chat app has to be asked to know who has a role in an event; false where the event gives nothing to ask by.
func whoIs(role relay.Role, event *relay.Event) (relay.Question, bool) {
	q := relay.Question{Topic: relay.TopicMembers}
	if role == relay.RoleAuthor {
		q.Topic = relay.TopicAuthor
		if event.Message != nil {
			q.ID = event.Message.ID
		}
	} else if event.Group != nil {
		q.ID = event.Group.GUID
	}
	return q, q.ID != ""
}

// people lists the uids that an event itself names for a role.
func people(role relay.Role, event *relay.Event) []string {
	switch role {
	case relay.RoleSender:
		return uids(event.Sender)
	case relay.RoleReceiver:
		return uids(event.Receiver)
	case relay.RoleAuthor:
		return uids(event.Author)
	case relay.RoleMentioned:
		if event.Message != nil {
			return each(event.Message.Mentions)
		}
	case relay.RoleCaller, relay.RoleCallee, relay.RoleParticipants:
		return inCall(role, event)
	case relay.RoleMembers:
		return each(event.Members)
	case relay.RoleBlocked:
		return each(event.Users)
	case relay.RoleGroupOwner:
		if event.Group != nil && event.Group.Owner != "" {
			return []string{event.Group.Owner}
		}
	case relay.RoleGroupMembers, relay.RoleFixed:
		// Only the chat app knows the former; the latter is no person.
	}
	return nil
}

// inCall lists the uids that an event names as having that part in a call.
func inCall(role relay.Role, event *relay.Event) []string {
	var caller, callee *relay.User
	if event.Call != nil {
		caller, callee = event.Call.Caller, event.Call.Callee
	}
	switch role {
	case relay.RoleCaller:
		return uids(caller)
	case relay.RoleCallee:
		return uids(callee)
	default:
		out := append(uids(caller), uids(callee)...)
		if event.Participant != nil && event.Participant.UID != "" {
			out = append(out, event.Participant.UID)
		}
		if event.Call != nil {
			out = append(out, each(event.Users)...)
		}
		return out
	}
}

func uids(user *relay.User) []string {
	if user == nil || user.UID == "" {
		return nil
	}
	return []string{user.UID}
}

func each(users []relay.User) []string {
	out := make([]string, 0, len(users))
	for i := range users {
		out = append(out, uids(&users[i])...)
	}
	return out
}
