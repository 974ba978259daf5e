package cometchat

import (
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// userOf is readUser for who is kept by reference; nil where the object names nobody.
func userOf(o object) *relay.User {
	if user, ok := readUser(o); ok {
		return &user
	}
	return nil
}

// readUser reads a user object; false where it names nobody.
func readUser(o object) (user relay.User, ok bool) {
	user.UID, user.Name = o.uid("uid"), o.text("name")
	if user.UID == "" && user.Name == "" {
		return relay.User{}, false
	}
	user.Avatar, user.Status, user.Role = o.text("avatar"), o.text("status"), o.text("role")
	return user, true
}

// usersOf reads a map of uid to user, or a list of users or uids, sorted by uid and each uid once.
func usersOf(listed value) []relay.User {
	var users []relay.User
	for _, item := range listed.object().sorted() {
		users = appendUser(users, item, item.key())
	}
	for _, item := range listed.list() {
		users = appendUser(users, item, idOf(item))
	}
	slices.SortStableFunc(users, func(a, b relay.User) int { return strings.Compare(a.UID, b.UID) })
	users = slices.CompactFunc(users, func(a, b relay.User) bool { return a.UID == b.UID })
	return users[:min(len(users), maxList)]
}

// appendUser adds the user that is described; uid is what they are known by where it describes nobody.
func appendUser(users []relay.User, described value, uid string) []relay.User {
	user, _ := readUser(described.object())
	user.UID = first(user.UID, strings.ToLower(short(uid)))
	if user.UID == "" {
		return users
	}
	return append(users, user)
}

func uids(users []relay.User) []string {
	out := make([]string, len(users))
	for i, user := range users {
		out[i] = user.UID
	}
	return out
}

// people are the users that a webhook describes somewhere, by uid.
type people map[string]relay.User

// peopleIn collects the users described around a message or call: its entities, those of the message or call it is
// about, and whom it mentions. The first description of a person stays.
func peopleIn(m object) people {
	known := people{}
	about := m.at("data", "entities", "on", "entity")
	for _, part := range []object{m, about} {
		data := part.at("data")
		entities := data.at("entities")
		for _, key := range []string{"sender", "receiver", "by", "for"} {
			user, _ := readUser(entities.at(key, "entity"))
			known.add(user)
		}
		for _, user := range usersOf(data.get("mentions")) {
			known.add(user)
		}
	}
	return known
}

// add adds somebody, unless nothing but the name is known of them.
func (p people) add(user relay.User) {
	if _, ok := p[user.UID]; !ok && user.UID != "" {
		p[user.UID] = user
	}
}

// user gives what is known of the person; nil for nobody.
func (p people) user(uid string) *relay.User {
	if uid == "" {
		return nil
	}
	user := p.named(uid)
	return &user
}

// named gives what is known of the person, at least the uid.
func (p people) named(uid string) relay.User {
	user, ok := p[uid]
	if !ok {
		user.UID = uid
	}
	return user
}

// groupOf reads a group object; nil where it has no guid.
func groupOf(o object) *relay.Group {
	if o.uid("guid") == "" {
		return nil
	}
	return &relay.Group{
		GUID:         o.uid("guid"),
		Name:         o.text("name"),
		Type:         o.text("type"),
		Owner:        o.uid("owner"),
		MembersCount: o.count("membersCount"),
	}
}

// between is the 1:1 conversation of two users; nil unless both are known. The conversationId that webhooks carry is
// at times wrong, so it is never used.
func between(a, b string) *relay.Conversation {
	if a == "" || b == "" {
		return nil
	}
	return &relay.Conversation{ID: min(a, b) + "_user_" + max(a, b), Kind: relay.KindUser}
}

// within is the conversation of a group.
func within(guid string) *relay.Conversation {
	return &relay.Conversation{ID: "group_" + guid, Kind: relay.KindGroup}
}
