package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// concurrently runs f b.N times by so many callers and reports how many a second.
func concurrently(b *testing.B, callers int, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := f(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// syncing is a server that syncs to disk, as one that must lose nothing does.
var syncing = sync.OnceValues(func() (*pgtest.Server, error) {
	return pgtest.Start(context.Background(), pgtest.Options{Sync: true})
})

func durable(b *testing.B) Options {
	b.Helper()
	s, err := syncing()
	require.NoError(b, err)
	return Options{URL: database(b, s)}
}

// BenchmarkMillion measures what a console asks for where 1,000,000 deliveries are kept: the median of each question.
func BenchmarkMillion(b *testing.B) {
	s := open(b, durable(b))
	crowd(b, s, storetest.Million)
	for _, q := range storetest.Questions(s) {
		b.Run(q.Name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				require.NoError(b, q.Ask(b.Context()))
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
		})
	}
}

// crowd fills the database with so many deliveries, and gathers statistics, as the server does by itself after a while.
func crowd(tb testing.TB, s *Store, n int) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), s.options.URL)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close(context.WithoutCancel(tb.Context()))) }()
	exec := func(statement string) {
		_, err := conn.Exec(tb.Context(), statement)
		require.NoError(tb, err, statement)
	}
	exec("SET session_replication_role = replica") // no references are looked up
	exec("SET synchronous_commit = off")
	for _, statement := range storetest.Crowd(fmt.Sprintf("(SELECT CAST(i AS BIGINT) AS i FROM generate_series(1, %d) AS g (i))", n), "convert_to(%s, 'UTF8')") {
		exec(statement)
	}
	exec("VACUUM ANALYZE")
}

func planned(i int) relay.Plan {
	e := storetest.NewEvent(fmt.Sprintf("e%d", i))
	return relay.Plan{
		Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", fmt.Sprintf("lee-%d", i))},
		Keys: []relay.Key{"conversation:group_7", relay.Key(fmt.Sprintf("message:%d", i)), "sent:kim"},
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			s := open(b, durable(b))
			concurrently(b, callers, func(i int) error {
				_, err := s.Accept(b.Context(), planned(i))
				return err
			})
		})
	}
}

func BenchmarkDecideBeginFinish(b *testing.B) {
	s := open(b, durable(b))
	alerts := make([]relay.Alert, b.N+1)
	concurrently(b, 128, func(i int) error {
		plan := planned(i)
		alerts[i] = plan.Alerts[0]
		_, err := s.Accept(b.Context(), plan)
		return err
	})
	query := relay.Query{Few: true, Lookups: []relay.Lookup{
		{Key: "message:1", Trigger: relay.MessageReadReceipt}, {Key: "nothing", Trigger: relay.MessageReadReceipt},
	}}
	concurrently(b, 128, func(i int) error {
		d := storetest.NewDelivery(alerts[i], "mention")
		now := d.CreatedAt
		query := query
		query.EventID, query.Recipient = alerts[i].EventID, alerts[i].Recipient
		query.Addresses = []relay.Address{relay.NewAddress(d.Channel, d.Address())}
		_, begun, err := s.DecideAndBegin(b.Context(), alerts[i].ID, query, now, func(relay.Alert, relay.Facts) (relay.Decision, []store.Start) {
			return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}},
				[]store.Start{{DeliveryID: d.ID, Provider: "twilio", Now: now}}
		})
		if err != nil {
			return err
		}
		attempt := begun[0].Attempt
		attempt.EndedAt, attempt.Outcome.Kind = now, relay.Accepted
		return s.FinishAttempt(b.Context(), attempt, store.Next{State: relay.DeliverySent, ProviderID: "SM1"})
	})
}

// BenchmarkWakeUp measures how long it takes from an accepted event to the worker of its alert.
func BenchmarkWakeUp(b *testing.B) {
	s := open(b, durable(b))
	w := newWorker()
	close(w.end)
	require.NoError(b, s.Start(b.Context(), w.config()))
	var total time.Duration
	b.ResetTimer()
	for i := range b.N {
		_, err := s.Accept(b.Context(), planned(i))
		require.NoError(b, err)
		accepted := time.Now()
		<-w.began
		total += time.Since(accepted)
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/wake-up")
}
