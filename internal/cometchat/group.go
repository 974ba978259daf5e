package cometchat

import (
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// decodeGroup is for what was done to a group itself.
func decodeGroup(d *draft) identity {
	g := d.gather()
	parts := append([]string{g.uid("guid"), stamp(d.OccurredAt)}, uids(d.Members)...)
	return by(parts...)
}

// decodeCreated is for group_created, whose owner made it where nothing else is said.
func decodeCreated(d *draft) identity {
	who := decodeGroup(d)
	if d.Sender != nil || d.Group == nil || d.Group.Owner == "" {
		return who
	}
	d.Sender = &relay.User{UID: d.Group.Owner}
	for i, member := range d.Members {
		if member.UID == d.Group.Owner {
			d.Sender = &d.Members[i]
		}
	}
	return who
}

// decodeMembers is for what was done to people in a group, or by them (joined, left).
func decodeMembers(d *draft) identity {
	g := d.gather()
	// The group's own creation says nothing of when a member was added, kicked or banned.
	d.OccurredAt = g.time("updatedAt")
	if len(d.Members) == 0 {
		return identity{}
	}
	parts := append([]string{g.uid("guid"), stamp(g.time("updatedAt", "createdAt"))}, uids(d.Members)...)
	parts = append(parts, scopes(d.data.get("members"))...)
	// The only time is the group's updatedAt. Its own sample of group_member_added has none, and nobody promises that
	// membership changes it: a person added, kicked and added again must not count as a repeat for good.
	return identity{parts: parts, timeless: true}
}

// decodeOwnMembership is for joined and left, where a member who is alone in the event did it.
func decodeOwnMembership(d *draft) identity {
	who := decodeMembers(d)
	if d.Sender == nil && len(d.Members) == 1 {
		d.Sender = &d.Members[0]
	}
	return who
}

// gather fills in the group, its people and who did it, and gives the group as sent.
func (d *draft) gather() object {
	g := d.data.at("group")
	d.joinGroup(g, "")
	d.Members = usersOf(d.data.get("members"))
	d.OccurredAt = g.time("updatedAt", "createdAt")

	known := people{}
	by, _ := readUser(d.data.at("by"))
	known.add(by)
	for _, member := range d.Members {
		known.add(member)
	}
	d.Sender = known.user(first(d.data.at("by").uid("uid"), g.uid("oldOwner", "updatedBy")))
	return g
}

// scopes lists the members' scopes for the key of a change of scope, in the order of their uids.
func scopes(members value) []string {
	var out []string
	for _, m := range members.object().sorted() {
		if scope := m.object().text("scope"); scope != "" {
			out = append(out, strings.ToLower(m.key())+":"+scope)
		}
	}
	return out
}

// decodeBlock is for user_blocked and user_unblocked, which carry no time at all.
func decodeBlock(d *draft) identity {
	d.Sender = userOf(d.data.at("by"))
	d.Users = usersOf(d.data.get("users"))
	if d.Sender == nil || len(d.Users) == 0 {
		return identity{timeless: true}
	}
	return identity{parts: append([]string{d.Sender.UID}, uids(d.Users)...), timeless: true}
}

// decodePresence is for a user coming online or going offline. The state is data.status: the user's own is at times
// still the old one.
func decodePresence(d *draft) identity {
	d.Sender = userOf(d.data.at("user"))
	d.Status = strings.ToLower(first(d.data.text("status"), d.data.at("user").text("status")))
	d.OccurredAt = d.data.time("timestamp")
	return by(d.data.at("user").uid("uid"), stamp(d.OccurredAt))
}
