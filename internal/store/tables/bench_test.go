package tables_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

func conversing(i int) relay.Plan {
	e := storetest.NewEvent(fmt.Sprintf("e%d", i))
	return relay.Plan{
		Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")},
		Keys: []relay.Key{"conversation:group_7", relay.Key(fmt.Sprintf("message:%d", i)), "sent:kim"},
	}
}

// BenchmarkCatchUp measures how long a digest of a thousand messages holds up all other writes to see what was kept since.
func BenchmarkCatchUp(b *testing.B) {
	s := open(b, sqlite.Options{})
	own := conversing(0)
	_, err := s.Accept(b.Context(), own)
	require.NoError(b, err)
	keep := func(from, to int) {
		group := make(chan error, to-from)
		for i := from; i < to; i++ {
			go func() {
				_, err := s.Accept(b.Context(), conversing(i))
				group <- err
			}()
		}
		for range to - from {
			require.NoError(b, <-group)
		}
	}
	keep(1, 2000)
	var query relay.Query
	for i := range 1000 {
		for _, trigger := range []relay.Trigger{relay.UserMentioned, relay.MessageDeleted} {
			query.Lookups = append(query.Lookups, relay.Lookup{Key: relay.Key(fmt.Sprintf("message:%d", 500+i)), Trigger: trigger})
		}
	}
	catchUp, err := s.ReadAhead(b.Context(), own.Alerts[0].ID, query)
	require.NoError(b, err)
	keep(2000, 3000) // none of which it looks for
	b.ResetTimer()
	for range b.N {
		events, err := tables.Do(b.Context(), s.Tables, false, catchUp)
		require.NoError(b, err)
		require.Len(b, events, 1000)
	}
}
