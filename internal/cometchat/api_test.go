package cometchat_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestAUserOfTheAPIIsReadAsAWebhooks(t *testing.T) {
	t.Parallel()
	user, ok := cometchat.ReadUser(json.RawMessage(`{"uid": "Ann", "name": "Ann Example", "status": "offline", "role": "default", "metadata": {"email": "x"}}`))
	require.True(t, ok)
	require.Equal(t, relay.User{UID: "ann", Name: "Ann Example", Status: "offline", Role: "default"}, user)
	for _, raw := range []string{`{"name": "nobody"}`, `{}`, `[]`, `null`, `"ann"`, ``, `{"uid": {}}`} {
		_, ok := cometchat.ReadUser(json.RawMessage(raw))
		require.False(t, ok, raw)
	}
}

func TestAMessageOfTheAPINamesItsAuthorHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	ann := relay.User{UID: "ann", Name: "Ann"}
	for raw, want := range map[string]relay.User{
		`{"id": "1", "sender": "Ann", "data": {"entities": {"sender": {"entity": {"uid": "ann", "name": "Ann"}}}}}`: ann,
		`{"id": 1, "sender": {"uid": "ann", "name": "Ann"}}`:                                                        ann,
		`{"id": "1", "data": {"entities": {"sender": {"entity": {"uid": "ann", "name": "Ann"}}}}}`:                  ann,
		`{"id": "1", "sender": "ann"}`: {UID: "ann"},
	} {
		author, message, ok := cometchat.ReadMessage(json.RawMessage(raw))
		require.True(t, ok, raw)
		require.Equal(t, want, author, raw)
		require.Equal(t, "1", message.ID)
	}
	for _, raw := range []string{`{"id": "1"}`, `{"sender": "ann"}`, `{}`, `[]`, ``} {
		_, _, ok := cometchat.ReadMessage(json.RawMessage(raw))
		require.False(t, ok, raw)
	}
}
