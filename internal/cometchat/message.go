package cometchat

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// systemUID is who messages come from that a server sent on nobody's behalf.
const systemUID = "app_system"

// categoryAction marks CometChat's own notes in the message stream: something was edited, deleted, or changed.
const categoryAction = "action"

// maxMentions is how many people a text can mention; CometChat's own limit.
const maxMentions = 10

// decodeMessage is for messages that were just said. Its message stands in data.message, or in data itself in legacy
// webhooks.
func decodeMessage(d *draft) identity {
	m := d.data.at("message")
	if m.empty() {
		m = d.data
	}
	d.say(m)
	d.Noise = noise(d.Event)
	return by(m.id("id"))
}

// decodeMention is for user_mentioned: an edit that mentions somebody else is another event.
func decodeMention(d *draft) identity {
	m := d.data.at("message")
	d.say(m)
	d.Noise = noise(d.Event)
	if d.Message == nil {
		return identity{}
	}
	if !d.Message.UpdatedAt.IsZero() {
		d.OccurredAt = d.Message.UpdatedAt // a mention that an edit brought is as young as that edit
	}
	parts := []string{m.id("id"), stamp(d.Message.UpdatedAt)}
	return by(append(parts, uids(d.Message.Mentions)...)...)
}

// decodeChange is for message_edited and message_deleted. The documented webhook carries an action message about the
// message; live ones carry the message itself.
func decodeChange(d *draft) identity {
	outer := d.data.at("message")
	m, who := outer, outer.uid("editedBy", "deletedBy")
	if about := outer.at("data", "entities", "on", "entity"); !about.empty() {
		m, who = about, first(outer.at("data", "entities", "by", "entity").uid("uid"), outer.uid("sender"))
	}
	d.say(m)
	if d.Message == nil {
		return identity{}
	}
	if d.Conversation == nil {
		d.place(outer, peopleIn(outer))
	}
	if who != "" && (d.Sender == nil || d.Sender.UID != who) {
		d.Sender = peopleIn(outer).user(who)
	}
	d.OccurredAt = m.time("updatedAt", "editedAt", "deletedAt", "sentAt")
	return by(m.id("id"), stamp(d.Message.UpdatedAt))
}

// decodeModeration is for the moderation triggers. A failed one carries a bare message, in data.resource.
func decodeModeration(d *draft) identity {
	m := d.data.at("message")
	if m.empty() {
		m = d.data.at("resource")
	}
	d.say(m)
	d.Status = first(m.at("data", "moderation").text("status"), d.data.text("outcome"))
	decided := d.data.time("completedAt")
	if decided.IsZero() {
		decided = m.time("updatedAt")
	}
	d.OccurredAt = decided
	return by(m.id("id"), stamp(decided))
}

// say fills the event from a message: who said what, where.
func (d *draft) say(m object) {
	if m.empty() {
		return
	}
	known := peopleIn(m)
	d.place(m, known)
	d.Message = messageOf(m, known)
	d.OccurredAt = d.Message.SentAt
}

// place fills in the two ends of a message or call: who sent it, and to whom or into which group.
func (d *draft) place(m object, known people) {
	entities := m.at("data", "entities")
	from, to := entities.at("sender", "entity"), entities.at("receiver", "entity")
	if from.empty() {
		from = entities.at("by", "entity")
	}
	if to.empty() {
		to = entities.at("for", "entity")
	}
	sender := first(m.uid("sender"), from.uid("uid"))
	d.Sender = known.user(sender)
	if isGroup(m, to) {
		d.joinGroup(to, m.uid("receiver"))
		return
	}
	receiver := first(m.uid("receiver"), to.uid("uid"))
	d.Receiver = known.user(receiver)
	d.Conversation = between(sender, receiver)
}

// joinGroup sets the group and with it the conversation; described may be empty.
func (d *draft) joinGroup(described object, guid string) {
	d.Group = groupOf(described)
	if d.Group == nil && guid != "" {
		d.Group = &relay.Group{GUID: guid}
	}
	if d.Group != nil {
		d.Conversation = within(d.Group.GUID)
	}
}

// isGroup reports whether something went to a group; to is the receiver as described, perhaps empty.
func isGroup(m, to object) bool {
	kind := strings.ToLower(m.text("receiverType"))
	return kind == relay.KindGroup || kind == "" && to.uid("guid") != ""
}

// noise says why no rule should look at a message, if so.
func noise(event *relay.Event) relay.Reason {
	switch {
	case event.Message != nil && event.Message.Category == categoryAction:
		return relay.ReasonActionMessage
	case event.Sender == nil:
		return relay.ReasonNone
	case event.Receiver != nil && event.Receiver.UID == event.Sender.UID:
		return relay.ReasonToSelf
	case event.Sender.UID == systemUID:
		return relay.ReasonFromSystem
	}
	return relay.ReasonNone
}

func messageOf(m object, known people) *relay.Message {
	data := m.at("data")
	text := data.text("text")
	return &relay.Message{
		ID:          m.id("id"),
		Text:        relay.Text(readable(text, known)),
		Category:    m.text("category"),
		Type:        m.text("type"),
		ParentID:    m.id("parentId"),
		SentAt:      m.time("sentAt"),
		Mentions:    mentionsOf(data, text, known),
		Attachments: attachmentsOf(data),
		Metadata:    data.at("metadata").fields(),
		UpdatedAt:   m.time("updatedAt"),
	}
}

// mentionTag is how a text mentions a user (`<@uid:x>`) or everyone (`<@all:label>`).
var mentionTag = regexp.MustCompile(`<@(uid|all):([^<>]+)>`)

// mentionsOf gives whom a message mentions: from its own list, or else from its text, the first ten.
func mentionsOf(data object, text string, known people) []relay.User {
	if users := usersOf(data.get("mentions")); len(users) > 0 {
		return users
	}
	found := people{}
	for _, tag := range mentionTag.FindAllStringSubmatch(text, -1) {
		if tag[1] == "uid" && len(found) < maxMentions {
			found.add(known.named(strings.ToLower(short(tag[2]))))
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b relay.User) int { return strings.Compare(a.UID, b.UID) })
}

// readable puts names in the place of mention tags; the uid where no name is known.
func readable(text string, known people) string {
	if !strings.Contains(text, "<@") {
		return text
	}
	return mentionTag.ReplaceAllStringFunc(text, func(tag string) string {
		parts := mentionTag.FindStringSubmatch(tag)
		if parts[1] == "all" {
			return "@" + parts[2]
		}
		uid := strings.ToLower(parts[2])
		return "@" + first(known[uid].Name, uid)
	})
}

func attachmentsOf(data object) []relay.Attachment {
	list := data.get("attachments").list()
	var out []relay.Attachment
	for _, item := range list[:min(len(list), maxList)] {
		file := item.object()
		if file.text("url") == "" {
			continue
		}
		out = append(out, relay.Attachment{
			URL: file.text("url"), Name: file.text("name"), MIMEType: file.text("mimeType"), Size: file.count("size"),
		})
	}
	return out
}
