package cometchat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// repeatWindow is how long an event that carries no time counts as a repeat. CometChat itself repeats a webhook for
// about 40 seconds.
const repeatWindow = 15 * time.Minute

// identity is what tells one event from another within an app and a trigger. CometChat sends no event id.
type identity struct {
	// parts are the documented key. One that is missing makes the whole body the key.
	parts []string
	// timeless says that the webhook has nothing that tells a repeat from the same thing done again.
	timeless bool
}

// by is the identity made of these fields.
func by(parts ...string) identity { return identity{parts: parts} }

// seal gives the event its ID, and its Repeat where it needs one.
func (who identity) seal(event *relay.Event, top object) {
	key := hash(append([]string{event.AppID, string(event.Trigger)}, who.key(top)...)...)
	if !who.timeless {
		event.ID = key
		return
	}
	event.ID = hash(key, strconv.FormatInt(event.ReceivedAt.UnixNano(), 10))
	event.Repeat = relay.Repeat{Key: relay.Key("repeat:" + key), Window: repeatWindow}
}

func (who identity) key(top object) []string {
	if len(who.parts) == 0 || slices.Contains(who.parts, "") {
		return []string{canonical(top)}
	}
	return who.parts
}

// canonical writes the webhook with sorted keys, no white space and numbers as they were sent. The name of the webhook
// is left out: an operator may have set up two for the same events.
func canonical(top object) string {
	rest := top.fields()
	delete(rest, "webhook")
	out, _ := json.Marshal(rest) // what came out of a JSON decoder always goes back
	return string(out)
}

// hash joins parts so that no two lists give the same input, each with its length before it.
func hash(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stamp writes a time for a key; empty for none, which makes the whole body the key.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}
