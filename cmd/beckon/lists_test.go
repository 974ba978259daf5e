package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

func TestAnIDIsFoundByItsBeginning(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "beckon.db"), Decode: storetest.Decode, Now: time.Now,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var alert relay.Alert
	for _, id := range []string{"abcdef01", "abcdef02", "abcdef0", "123456ff"} {
		event := storetest.NewEvent(id)
		alert = storetest.NewAlert(event, "mention", "lee")
		_, err := s.Accept(t.Context(), relay.Plan{Event: event, Alerts: []relay.Alert{alert}})
		require.NoError(t, err)
	}
	for _, tt := range []struct {
		kind              store.Kind
		given, want, says string
	}{
		{store.KindEvent, "123456", "123456ff", ""},
		{store.KindEvent, "123456ff", "123456ff", ""},
		{store.KindEvent, "abcdef0", "abcdef0", ""},
		{store.KindAlert, alert.ID[:9], alert.ID, ""},
		{store.KindEvent, "abcdef", "", `3 IDs begin with "abcdef", such as abcdef0 and abcdef01: give more of it`},
		{store.KindEvent, "123457", "", `no event begins with "123457"`},
		{store.KindDelivery, "dl_123457", "", `no delivery begins with "dl_123457"`},
		{store.KindEvent, "12345", "", `"12345" is too short: give the ID of the event, or at least 6 characters of it`},
		{store.KindAlert, alert.ID[:8], "", "is too short"},
	} {
		id, err := local{app.NewReader(s)}.resolve(t.Context(), tt.kind, tt.given)
		require.Equal(t, tt.want, id, tt.given)
		if tt.says == "" {
			require.NoError(t, err, tt.given)
			continue
		}
		require.ErrorContains(t, err, tt.says)
	}
}
