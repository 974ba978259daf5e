package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
)

func naming() []test {
	return []test{
		{"IDs are found by how they begin", findsIDs},
		{"a lookup of IDs without a kind or a limit is refused", refusesLookups},
	}
}

func findsIDs(t *testing.T, s store.Store) {
	t.Helper()
	for _, id := range []string{"a1", "a12", "a123", "a2", "b%_", "bcd"} {
		accept(t, s, id)
	}
	alert := accept(t, s, "c1", "lee")[0]
	delivery := send(t, s, "c2", NewDelivery)[0]
	for _, tt := range []struct {
		of     store.Kind
		prefix string
		limit  int
		want   []string
	}{
		{store.KindEvent, "a12", 9, []string{"a12", "a123"}},
		{store.KindEvent, "a1", 2, []string{"a1", "a12"}},
		{store.KindEvent, "b%", 9, []string{"b%_"}},
		{store.KindEvent, "B", 9, nil},
		{store.KindEvent, "z", 9, nil},
		{store.KindEvent, "", 1, []string{"a1"}},
		{store.KindAlert, alert.ID[:12], 9, []string{alert.ID}},
		{store.KindAlert, delivery.ID, 9, nil},
		{store.KindDelivery, "dl_", 9, []string{delivery.ID}},
	} {
		found, err := s.IDs(t.Context(), tt.of, tt.prefix, tt.limit)
		require.NoError(t, err)
		require.Equal(t, tt.want, found, "%+v", tt)
	}
}

func refusesLookups(t *testing.T, s store.Store) {
	t.Helper()
	for _, limit := range []int{0, -1, store.MaxList + 1} {
		_, err := s.IDs(t.Context(), store.KindEvent, "a", limit)
		require.Error(t, err, limit)
	}
	_, err := s.IDs(t.Context(), "rule", "a", 1)
	require.ErrorContains(t, err, "rule")
}
