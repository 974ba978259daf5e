package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

func TestEventsAreRefusedWhileTheDiskIsNearlyFull(t *testing.T) {
	t.Parallel()
	now, left, looks := time.Now(), int64(DefaultMinFree), 0
	var broken error
	s := open(t, Options{Now: func() time.Time { return now }, Free: func(string) (int64, error) {
		looks++
		return left, broken
	}})
	accept := func(id string) error {
		e := storetest.NewEvent(id)
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")}})
		return err
	}
	require.NoError(t, accept("e1"))
	require.NoError(t, accept("e2"))
	require.Equal(t, 1, looks, "it is not looked at for every event")
	left--
	now = now.Add(roomLook)
	require.ErrorIs(t, accept("e3"), store.ErrDiskFull)
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, left, stats.Free)
	require.NoError(t, s.Ping(t.Context()), "what is under way goes on")
	_, err = s.Event(t.Context(), "e3")
	require.ErrorIs(t, err, store.ErrNotFound)
	now, broken = now.Add(-time.Hour), errors.New("no such call")
	require.NoError(t, accept("e3"), "the clock went back, and nobody can say any more")
}

func TestTheSystemTellsHowMuchRoomIsLeft(t *testing.T) {
	t.Parallel()
	free, err := freeBytes(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, free)
	_, err = freeBytes(t.TempDir() + "/gone")
	require.Error(t, err)
}

// SQLite says SQLITE_FULL, as it does on a disk without room, when the file may have no more pages.
func TestAFullDatabaseKeepsNothingAndGoesOnWhenThereIsRoomAgain(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	pages := func(most int) {
		_, err := s.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", most))
		require.NoError(t, err)
	}
	large := func(id string) relay.Event {
		e := storetest.NewEvent(id)
		e.Raw = append(e.Raw, []byte(strings.Repeat(" ", 200<<10))...)
		return e
	}
	pages(1) // never less than there are
	var refused []string
	for n := range 20 {
		e := large(fmt.Sprint("e", n))
		if _, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")}}); err != nil {
			require.ErrorContains(t, err, "full")
			refused = append(refused, e.ID)
		}
	}
	require.NotEmpty(t, refused)
	for _, id := range refused {
		_, err := s.Event(t.Context(), id)
		require.ErrorIs(t, err, store.ErrNotFound, "half of it was kept")
		alerts, err := s.Alerts(t.Context(), store.Filter{EventID: id})
		require.NoError(t, err)
		require.Empty(t, alerts)
	}
	pages(1 << 20)
	for _, id := range refused {
		_, err := s.Accept(t.Context(), relay.Plan{Event: large(id)})
		require.NoError(t, err)
	}
}
