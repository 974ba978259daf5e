package sqlite

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
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

func planned(i int) relay.Plan {
	e := storetest.NewEvent(fmt.Sprintf("e%d", i))
	return relay.Plan{
		Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", fmt.Sprintf("lee-%d", i))},
		Keys: []relay.Key{"conversation:group_7", relay.Key(fmt.Sprintf("message:%d", i)), "sent:kim"},
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, callers := range []int{1, 64, 128} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			s := open(b, Options{})
			concurrently(b, callers, func(i int) error {
				_, err := s.Accept(b.Context(), planned(i))
				return err
			})
		})
	}
}

func BenchmarkDecideBeginFinish(b *testing.B) {
	s := open(b, Options{})
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
	concurrently(b, 64, func(i int) error {
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
	s := open(b, Options{})
	w := newWorker()
	close(w.end)
	require.NoError(b, s.Start(b.Context(), w.config()))
	var total time.Duration
	b.ResetTimer()
	for i := range b.N {
		_, err := s.Accept(b.Context(), planned(i))
		require.NoError(b, err)
		accepted := time.Now()
		total += (<-w.began).Sub(accepted)
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/wake-up")
}

// BenchmarkWakeUps inserts wake-ups, ten in a transaction, and has them worked by nobody who does anything.
func BenchmarkWakeUps(b *testing.B) {
	s := open(b, Options{})
	w := newWorker()
	close(w.end)
	require.NoError(b, s.Start(b.Context(), w.config()))
	b.ResetTimer()
	go func() {
		for i := 0; i < b.N; i += 10 {
			now := time.Now()
			jobs := make([]river.InsertManyParams, min(10, b.N-i))
			for k := range jobs {
				jobs[k] = tables.WakeUp(store.DueArgs{AlertID: strconv.Itoa(i + k)}, store.QueueDue, now, now)
			}
			tx, err := s.begin(b.Context())
			if err == nil {
				err = tx.Commit(b.Context(), jobs)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	}()
	for range b.N {
		<-w.began
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}
