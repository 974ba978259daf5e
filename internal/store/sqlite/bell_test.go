package sqlite

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

func TestABellRingsForEachQueueThatHasSomethingNow(t *testing.T) {
	t.Parallel()
	b := newBell()
	l := belled{bell: b}.GetListener(nil)
	require.NoError(t, l.Connect(t.Context()))
	require.NoError(t, l.Listen(t.Context(), insertTopic))
	now := time.Now()
	wake := func(queue string, in time.Duration) river.InsertManyParams {
		return tables.WakeUp(store.DueArgs{}, queue, now.Add(in), now)
	}
	b.ring([]river.InsertManyParams{wake("later", time.Hour), wake("due", 0), wake("sms", 0), wake("due", 0)})
	b.ring([]river.InsertManyParams{wake("due", time.Second)})
	heard := map[string]bool{}
	patient, end := context.WithTimeout(t.Context(), 10*time.Second) // only where it does not ring
	defer end()
	for range 2 {
		n, err := l.WaitForNotification(patient)
		require.NoError(t, err, "nothing rings; heard so far: %v", heard)
		require.Equal(t, insertTopic, n.Topic)
		require.False(t, heard[n.Payload], "each once")
		heard[n.Payload] = true
	}
	require.Equal(t, map[string]bool{`{"queue": "due"}`: true, `{"queue": "sms"}`: true}, heard)
	ended, leave := context.WithCancel(t.Context())
	leave()
	_, err := l.WaitForNotification(ended)
	require.ErrorIs(t, err, context.Canceled, "and for nothing else")
}

func TestAWakeUpIsHeardOfWithoutAnyTable(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	w := newWorker()
	close(w.end)
	require.NoError(t, s.Start(t.Context(), w.config()))
	for i := range 3 {
		_, err := s.Accept(t.Context(), planned(i))
		require.NoError(t, err)
		<-w.began
	}
	told, err := tables.One(t.Context(), reader{s.read}, func(row tables.Scanner) (n int, err error) { return n, row.Scan(&n) },
		"SELECT count(*) FROM river_notification")
	require.NoError(t, err)
	require.Zero(t, told)
}
