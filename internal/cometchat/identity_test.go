package cometchat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestARepeatOfAnySampleIsTheSameEvent(t *testing.T) {
	t.Parallel()
	for trigger := range cometchat.Catalogue() {
		t.Run(string(trigger), func(t *testing.T) {
			t.Parallel()
			body, _ := cometchat.Sample(trigger)
			once := decode(t, body)
			again := decode(t, disguise(t, body))
			require.NotEqual(t, once.Raw, again.Raw)
			require.Equal(t, once.ID, again.ID)
			require.Equal(t, once.Repeat, again.Repeat)
			require.Regexp(t, `^[0-9a-f]{64}$`, once.ID)

			later, err := cometchat.Decode(body, received.Add(time.Minute))
			require.NoError(t, err)
			require.Equal(t, once.Repeat, later.Repeat)
			if once.Repeat == (relay.Repeat{}) {
				require.Equal(t, once.ID, later.ID)
			} else {
				require.NotEqual(t, once.ID, later.ID, "a true second one must be another event")
			}
		})
	}
}

func TestNoTwoSamplesAreTheSameEvent(t *testing.T) {
	t.Parallel()
	seen := map[string]relay.Trigger{}
	for trigger := range cometchat.Catalogue() {
		body, _ := cometchat.Sample(trigger)
		id := decode(t, body).ID
		require.Empty(t, seen[id], "%s has the ID of %s", trigger, seen[id])
		seen[id] = trigger
	}
}

func TestAnUnknownTriggerIsToldByItsWholeBody(t *testing.T) {
	t.Parallel()
	one := decode(t, []byte(`{"trigger":"new","appId":"a","webhook":"w","data":{"n":12345678901234567890,"m":[1,2]}}`))
	same := decode(t, []byte(`{"data": {"m":[1, 2], "n":12345678901234567890}, "appId":"a", "trigger":"new"}`))
	other := decode(t, []byte(`{"trigger":"new","appId":"a","data":{"n":12345678901234567891,"m":[1,2]}}`))
	require.Equal(t, one.ID, same.ID)
	require.NotEqual(t, one.ID, other.ID)
}

// The key of each trigger: a change of one of its parts is another event, a change of anything else is a repeat.
func TestTheKeyOfATriggerAndNothingElseTellsEventsApart(t *testing.T) {
	t.Parallel()
	message, action := "data.message.", "data.message.data.entities.on.entity."
	keys := map[relay.Trigger][]string{
		relay.MessageSent:            {message + "id"},
		"after_message":              {"data.id"},
		relay.UserMentioned:          {message + "id", message + "updatedAt", message + "data.mentions"},
		relay.MessageEdited:          {action + "id", action + "updatedAt"},
		relay.MessageDeleted:         {action + "id", action + "updatedAt"},
		relay.MessageReadReceipt:     {"data.sender", "data.body.messageId", "data.body.action"},
		"message_reaction_added":     {"data.reaction.id", "data.reaction.reactedAt"},
		"moderation_engine_failed":   {"data.resource.id", "data.completedAt"},
		"moderation_engine_blocked":  {message + "id", message + "updatedAt"},
		relay.CallInitiated:          {"data.call.id", "data.call.sentAt"},
		relay.CallRejected:           {"data.call.id", "data.call.sentAt"},
		relay.CallStarted:            {"data.sessionId", "data.created_at"},
		relay.CallJoined:             {"data.sessionId", "data.occupant.joined_at", "data.occupant.uid"},
		"call_participant_left":      {"data.sessionId", "data.occupant.left_at", "data.occupant.uid"},
		"call_ended":                 {"data.sessionId", "data.destroyed_at"},
		"meeting_ended":              {"data.sessionId", "data.destroyed_at"},
		"recording_generated":        {"data.sessionId", "data.startTime"},
		"transcription_generated":    {"data.sessionId", "data.tid"},
		"group_created":              {"data.group.guid", "data.group.createdAt", "data.members"},
		"group_updated":              {"data.group.guid", "data.group.updatedAt"},
		"group_member_joined":        {"data.group.guid", "data.group.updatedAt", "data.members"},
		"group_member_scope_changed": {"data.group.guid", "data.group.updatedAt", "data.members"},
		relay.UserConnectionStatus:   {"data.user.uid", "data.timestamp"},
		"user_blocked":               {"data.by.uid", "data.users"},
	}
	// These stand in the webhook a second time: the reader in body.user, the mentions in the text.
	toldTwice := []string{"data.sender", "data.message.data.mentions"}
	for trigger, parts := range keys {
		t.Run(string(trigger), func(t *testing.T) {
			t.Parallel()
			body, _ := cometchat.Sample(trigger)
			want := decode(t, body).ID
			for _, part := range append(slices.Clone(parts), "appId") {
				require.NotEqual(t, want, decode(t, with(t, body, part, replacement(part))).ID, "%s changed", part)
				if !slices.Contains(toldTwice, part) {
					require.NotEqual(t, want, decode(t, with(t, body, part, nil)).ID, "%s missing", part)
				}
			}
			for _, other := range []string{"webhook", "region", "data.extra", "data.message.data.text", "data.call.data.resource"} {
				require.Equal(t, want, decode(t, with(t, body, other, "something else")).ID, "%s changed", other)
			}
		})
	}
}

func TestPeopleWhoJoinInOneSecondAreToldApartByName(t *testing.T) {
	t.Parallel()
	join := func(name, audio string) string {
		const webhook = `{"trigger":"call_participant_joined","data":{"sessionId":"s",
			"occupant":{"joined_at":1772452812,"name":%q,"audio_call":%q}}}`
		return decode(t, fmt.Appendf(nil, webhook, name, audio)).ID
	}
	require.Equal(t, join("Ann", "true"), join("Ann", "false"))
	require.NotEqual(t, join("Ann", "true"), join("Ben", "true"))
}

func TestTheSameTimeInSecondsAndInATextIsTheSameKey(t *testing.T) {
	t.Parallel()
	body, _ := cometchat.Sample(relay.CallStarted)
	require.Equal(t, decode(t, body).ID, decode(t, with(t, body, "data.created_at", "1772452812")).ID)
}

func TestKeysAreJoinedWithoutAmbiguity(t *testing.T) {
	t.Parallel()
	id := func(one, other string) string {
		const webhook = `{"trigger":"group_member_kicked","data":{"group":{"guid":"g","updatedAt":1772442000},"members":[%q,%q]}}`
		return decode(t, fmt.Appendf(nil, webhook, one, other)).ID
	}
	require.NotEqual(t, id("ab", "c"), id("a", "bc"))
	require.NotEqual(t, id("a", "b1:c"), id("ab", "1:c"))
}

func TestAScopeChangedBackInTheSameSecondIsAnotherEvent(t *testing.T) {
	t.Parallel()
	body, _ := cometchat.Sample("group_member_scope_changed")
	back := with(t, body, "data.members.cometchat-uid-2.scope", "participant")
	require.NotEqual(t, decode(t, body).ID, decode(t, back).ID)
}

// replacement is another value for a part of a key, of a kind that fits.
func replacement(part string) any {
	switch {
	case strings.HasSuffix(part, "mentions"), strings.HasSuffix(part, "members"), strings.HasSuffix(part, "users"):
		return map[string]any{"somebody-else": map[string]any{"uid": "somebody-else"}}
	case strings.HasSuffix(part, "At"), strings.HasSuffix(part, "_at"), strings.HasSuffix(part, "Time"),
		strings.HasSuffix(part, "timestamp"):
		return json.Number("1772500000")
	}
	return "another"
}

// with sets a field of a webhook, or takes it away when value is nil. Objects on the way that are missing stay missing.
func with(t *testing.T, body []byte, path string, value any) []byte {
	t.Helper()
	top := object(t, body)
	at, keys := top, strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			return body
		}
		at = next
	}
	last := keys[len(keys)-1]
	if at[last] = value; value == nil {
		delete(at, last)
	}
	out, err := json.Marshal(top)
	require.NoError(t, err)
	return out
}

func object(t *testing.T, body []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var top map[string]any
	require.NoError(t, decoder.Decode(&top))
	return top
}

// disguise writes the same webhook with the keys the other way round, other white space and another webhook name.
func disguise(t *testing.T, body []byte) []byte {
	t.Helper()
	top := object(t, body)
	top["webhook"] = "another"
	var out bytes.Buffer
	reversed(&out, top)
	return out.Bytes()
}

func reversed(out *bytes.Buffer, value any) {
	switch v := value.(type) {
	case map[string]any:
		out.WriteString("{")
		for i, key := range slices.Backward(slices.Sorted(maps.Keys(v))) {
			fmt.Fprintf(out, "\n\t%q : ", key)
			reversed(out, v[key])
			if i > 0 {
				out.WriteString(" ,")
			}
		}
		out.WriteString("}")
	case []any:
		out.WriteString("[ ")
		for i, item := range v {
			if i > 0 {
				out.WriteString(" , ")
			}
			reversed(out, item)
		}
		out.WriteString("]")
	default:
		raw, _ := json.Marshal(v)
		out.Write(raw)
	}
}
