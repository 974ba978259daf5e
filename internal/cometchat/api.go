package cometchat

import (
	"encoding/json"

	"github.com/beckon-relay/beckon/internal/relay"
)

// The REST API's answers show people and messages as webhooks do, so they are read by the same code. What is missing or of the
// wrong type counts as missing there too.

// ReadUser reads a user object of the API; false where it names nobody.
func ReadUser(raw json.RawMessage) (relay.User, bool) {
	fields, err := parse(raw)
	if err != nil {
		return relay.User{}, false
	}
	user := userOf(fields)
	if user == nil || user.UID == "" {
		return relay.User{}, false
	}
	return *user, true
}

// ReadMessage reads a message object of the API: who wrote it, and the message. False where it has no id or no author.
func ReadMessage(raw json.RawMessage) (relay.User, relay.Message, bool) {
	fields, err := parse(raw)
	if err != nil {
		return relay.User{}, relay.Message{}, false
	}
	known := peopleIn(fields)
	// The sender is a uid in some answers and the whole user in others.
	author := known.user(first(fields.uid("sender"), fields.at("sender").uid("uid"), fields.at("data", "entities", "sender", "entity").uid("uid")))
	message := messageOf(fields, known)
	if author == nil || message == nil || message.ID == "" {
		return relay.User{}, relay.Message{}, false
	}
	if whole := userOf(fields.at("sender")); whole != nil && whole.UID == author.UID {
		author = whole
	}
	return *author, *message, true
}
