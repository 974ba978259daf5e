package rest

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Message is what is asked of a message: who wrote it, and its files with links as fresh as CometChat gives them.
type Message struct {
	ID          string
	Sender      relay.User
	Attachments []relay.Attachment
}

// Message reads a message. ErrNotFound means that there is none with that id.
func (c *Client) Message(ctx context.Context, id string) (Message, error) {
	const what = "a message"
	body, err := c.get(ctx, call{what: what, host: hostAPI, path: []string{"messages", id}})
	if err != nil {
		return Message{}, err
	}
	a, err := read(what, body)
	if err != nil {
		return Message{}, err
	}
	sender, message, ok := cometchat.ReadMessage(a.Data)
	if !ok || message.ID != id {
		return Message{}, &Error{What: what, Detail: "the answer is not that message"}
	}
	return Message{ID: message.ID, Sender: sender, Attachments: message.Attachments}, nil
}

// Unread is how many messages of a conversation a user has not read. other is the other user of a conversation of two, or the
// guid of a group. ErrNotFound means that there is no such conversation, user or group. CometChat does not count in groups
// of more than 300 members.
func (c *Client) Unread(ctx context.Context, uid string, conversation relay.Conversation, other string) (int, error) {
	const what = "a conversation"
	uid, other = strings.ToLower(uid), strings.ToLower(other)
	path := []string{"users", other, "conversation"}
	if conversation.Kind == relay.KindGroup {
		path[0] = "groups"
	}
	body, err := c.get(ctx, call{what: what, host: hostAPI, path: path, behalf: uid})
	if err != nil {
		return 0, err
	}
	a, err := read(what, body)
	if err != nil {
		return 0, err
	}
	// Its documentation shows the conversation within a list.
	found, ok := list(a.Data)
	if !ok {
		return 0, &Error{What: what, Detail: "the answer is no conversation"}
	}
	for _, raw := range found {
		var one struct {
			Unread number `json:"unreadMessageCount"`
			With   object `json:"conversationWith"`
		}
		if json.Unmarshal(raw, &one) != nil || !one.Unread.known || one.Unread.value < 0 {
			continue
		}
		if with := idOf(one.With, conversation.Kind); with == other || with == "" && len(found) == 1 {
			return int(min(one.Unread.value, 1<<30)), nil
		}
	}
	return 0, &Error{What: what, Detail: "the answer does not count what is unread in it"}
}

// idOf is whom a conversation is with.
func idOf(with object, kind string) string {
	if kind == relay.KindGroup {
		return strings.ToLower(with.text("guid"))
	}
	return strings.ToLower(with.text("uid"))
}
