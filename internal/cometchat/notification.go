package cometchat

import (
	"github.com/beckon-relay/beckon/internal/address"
	"github.com/beckon-relay/beckon/internal/relay"
)

// maxParts is how many messages of one post are told one by one; the others are counted.
const maxParts = 100

// decodeNotification is for the posts of CometChat's own notification service to a custom provider: one per person, for
// one or several unread messages, with the address to write to. The event's own message is the last.
func decodeNotification(d *draft) identity {
	to := d.data.at("to")
	d.Receiver = userOf(to)
	d.Reach = reachOf(to)
	messages := d.data.get("messages").list()
	sender := userOf(d.data.at("senderDetails"))
	for _, item := range messages[max(0, len(messages)-maxParts):] {
		d.Parts = append(d.Parts, partOf(item.object()))
	}
	d.Count = len(messages)
	if len(d.Parts) > 0 {
		last := d.Parts[len(d.Parts)-1]
		d.Message = last.Message
		if d.Message != nil {
			d.OccurredAt = d.Message.SentAt
		}
		if sender == nil {
			sender = last.Sender
		}
	}
	d.Sender = sender
	if d.joinGroup(d.data.at("groupDetails"), ""); d.Group == nil && d.Sender != nil && d.Receiver != nil {
		d.Conversation = between(d.Sender.UID, d.Receiver.UID)
	}
	// Nothing in it tells when: the same words again an hour later are another notification.
	return identity{timeless: true}
}

// partOf reads one message: its text as the service words it and, where its settings say so, the message itself, whose own text is
// the better one.
func partOf(o object) relay.Part {
	part := relay.Part{Sender: userOf(o.at("sender"))}
	if m := o.at("messageObject"); !m.empty() {
		part.Message = messageOf(m, peopleIn(m))
	}
	if text := o.text("message"); text != "" {
		if part.Message == nil {
			part.Message = &relay.Message{}
		}
		if part.Message.Text == "" {
			part.Message.Text = relay.Text(text)
		}
	}
	return part
}

// reachOf reads the address of whom a post is for. One that is malformed counts as none.
func reachOf(to object) *relay.Reach {
	reach := relay.Reach{UID: to.uid("uid"), Name: to.text("name")}
	if text := to.id("phno"); text != "" {
		phone, err := address.ParsePhone(text)
		if reach.Phone = phone; err != nil {
			reach.Malformed = append(reach.Malformed, "to.phno")
		}
	}
	if text := to.id("email"); text != "" {
		email, err := address.ParseEmail(text)
		if reach.Email = email; err != nil {
			reach.Malformed = append(reach.Malformed, "to.email")
		}
	}
	if reach.UID == "" {
		return nil
	}
	return &reach
}
