package cometchat

import (
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// decodeReceipt is for what happened to a message at its receivers. Legacy webhooks have the same triggers but another
// shape, told by data.receiptType.
func decodeReceipt(d *draft) identity {
	body := d.data.at("body")
	reader := d.data.uid("sender")
	target, action := d.data.uid("receiver"), body.text("action")
	if d.data.text("receiptType") != "" {
		body = d.data
		reader, target, action = d.data.uid("receiptSender"), d.data.uid("receiptReceiver"), d.data.text("receiptType")
	}
	known := people{}
	described, _ := readUser(body.at("user"))
	known.add(described)
	reader = first(reader, body.at("user").uid("uid"))
	author := d.data.uid("messageSender")

	d.Sender = known.user(reader)
	d.Author = known.user(author)
	if strings.EqualFold(d.data.text("receiverType"), relay.KindGroup) {
		d.joinGroup(object{}, target)
	} else {
		// The receiver of a 1:1 receipt is the author; whichever of the two is there will do.
		author = first(author, target)
		d.Author = known.user(author)
		d.Receiver = known.user(author)
		d.Conversation = between(reader, author)
	}
	if id := body.id("messageId"); id != "" {
		d.Message = &relay.Message{ID: id}
	}
	d.OccurredAt = body.time("timestamp", "readAt", "deliveredAt")
	return by(reader, body.id("messageId"), action)
}

// decodeReaction is for an emoji put on or taken off a message. Neither the conversation nor the author is told.
func decodeReaction(d *draft) identity {
	r := d.data.at("reaction")
	if r.empty() {
		return identity{}
	}
	known := people{}
	described, _ := readUser(r.at("reactedBy"))
	known.add(described)
	uid := first(r.uid("uid"), r.at("reactedBy").uid("uid"))
	d.Sender = known.user(uid)
	d.Reaction = &relay.Reaction{Emoji: r.text("reaction"), MessageID: r.id("messageId"), ID: r.id("id")}
	if d.Reaction.MessageID != "" {
		d.Message = &relay.Message{ID: d.Reaction.MessageID}
	}
	d.OccurredAt = r.time("reactedAt")
	if d.Reaction.ID != "" {
		return by(d.Reaction.ID, stamp(d.OccurredAt))
	}
	return by(d.Reaction.MessageID, uid, d.Reaction.Emoji, stamp(d.OccurredAt))
}
