package cometchat

import (
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// userOf reads a user object; nil where it names nobody.
func userOf(o object) *relay.User {
	user := relay.User{
		UID:    o.uid("uid"),
		Name:   o.text("name"),
		Avatar: o.text("avatar"),
		Status: o.text("status"),
		Role:   o.text("role"),
	}
	if user.UID == "" && user.Name == "" {
		return nil
	}
	return &user
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
	user := relay.User{UID: strings.ToLower(short(uid))}
	if full := userOf(described.object()); full != nil {
		full.UID = first(full.UID, user.UID)
		user = *full
	}
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
		for _, key := range []string{"sender", "receiver", "by", "for"} {
			known.add(userOf(part.at("data", "entities", key, "entity")))
		}
		for _, user := range usersOf(part.at("data").get("mentions")) {
			known.add(&user)
		}
	}
	return known
}

func (p people) add(user *relay.User) {
	if user == nil || user.UID == "" {
		return
	}
	if _, ok := p[user.UID]; !ok {
		p[user.UID] = *user
	}
}

// user gives what is known of the person; nil for nobody.
func (p people) user(uid string) *relay.User {
	if uid == "" {
		return nil
	}
	user, ok := p[uid]
	if !ok {
		user.UID = uid
	}
	return &user
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
