package cometchat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

func FuzzDecode(f *testing.F) {
	for trigger := range cometchat.Catalogue() {
		body, _ := cometchat.Sample(trigger)
		f.Add(body)
	}
	f.Add([]byte("{\"trigger\":\"message_sent\",\"data\":{\"message\":{\"id\":\"\xff\",\"data\":{\"text\":\"<@uid:\xff>\"}}}}"))
	f.Add([]byte(`{"trigger":"call_busy","data":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		cometchat.RequireTree(t, body)
		event, err := cometchat.Decode(body, received)
		if err != nil {
			if _, ok := errors.AsType[*cometchat.DecodeError](err); !ok {
				t.Fatalf("not a DecodeError: %v", err)
			}
			return
		}
		requireSound(t, event)
		again, err := cometchat.Decode(body, received)
		require.NoError(t, err)
		require.Equal(t, event, again, "decoding must not depend on the order of maps")
	})
}

// Whatever stands where something else should be counts as missing, wherever it stands.
func TestAFieldOfTheWrongTypeIsNeverAnError(t *testing.T) {
	t.Parallel()
	wrong := []any{true, json.Number("1e400"), "x", []any{nil, "x", map[string]any{}}, map[string]any{}}
	for trigger := range cometchat.Catalogue() {
		t.Run(string(trigger), func(t *testing.T) {
			t.Parallel()
			body, _ := cometchat.Sample(trigger)
			top := object(t, body)
			everyField(top["data"], func(parent map[string]any, key string) {
				kept := parent[key]
				for _, value := range wrong {
					parent[key] = value
					changed, err := json.Marshal(top)
					require.NoError(t, err)
					requireSound(t, decode(t, changed))
				}
				parent[key] = kept
			})
		})
	}
}

// requireSound checks what must hold for every event, whatever it was made from.
func requireSound(t *testing.T, event relay.Event) {
	t.Helper()
	require.Len(t, event.ID, 64)
	require.NotEmpty(t, event.Trigger)
	_, err := json.Marshal(event)
	require.NoError(t, err, "an event must be able to be kept")
	for _, user := range []*relay.User{event.Receiver, event.Author} {
		require.False(t, user != nil && *user == relay.User{}, "a user must be somebody")
	}
	if c := event.Conversation; c != nil {
		require.Contains(t, []string{relay.KindUser, relay.KindGroup}, c.Kind)
		require.NotEmpty(t, c.ID)
		require.Equal(t, c.Kind == relay.KindGroup, event.Group != nil, "a group conversation has a group")
	}
}

// everyField calls visit for each field of each object below value.
func everyField(value any, visit func(parent map[string]any, key string)) {
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		for _, key := range keys {
			visit(v, key)
			everyField(v[key], visit)
		}
	case []any:
		for _, item := range v {
			everyField(item, visit)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, trigger := range []relay.Trigger{relay.MessageSent, relay.CallInitiated, relay.CallStarted, "unknown"} {
		body, ok := cometchat.Sample(trigger)
		if !ok {
			body = fmt.Appendf(nil, `{"trigger":%q,"appId":"a","data":{"a":1,"b":[1,2,3],"c":{"d":"e"}}}`, trigger)
		}
		b.Run(string(trigger), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := cometchat.Decode(body, received); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
