package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// replicas opens stores on one new database.
func replicas(t *testing.T, n int) []*Store {
	t.Helper()
	first := open(t, Options{})
	all := []*Store{first}
	for range n - 1 {
		all = append(all, open(t, Options{URL: first.options.URL}))
	}
	return all
}

// everywhere runs f n times at once, spread over the replicas.
func everywhere(all []*Store, n int, f func(s *Store, i int)) {
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-begin
			f(all[i%len(all)], i)
		})
	}
	close(begin)
	group.Wait()
}

// heldAlerts keeps n alerts for one person, each of an event of its own.
func heldAlerts(t *testing.T, s *Store, n int) []relay.Alert {
	t.Helper()
	alerts := make([]relay.Alert, n)
	everywhere([]*Store{s}, n, func(s *Store, i int) {
		e := storetest.NewEvent(fmt.Sprintf("e%d", i))
		alerts[i] = storetest.NewAlert(e, "mention", "lee")
		if _, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: alerts[i : i+1]}); err != nil {
			t.Error(err)
		}
	})
	return alerts
}

func TestManyAlertsForOneThingMakeOneMessageWhicheverReplicaDecides(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	const n = 60
	alerts := heldAlerts(t, all[0], n)
	for name, query := range map[string]relay.Query{
		"asked for":     {Claims: []string{"one thing"}},
		"not asked for": {},
	} {
		t.Run(name, func(t *testing.T) {
			queued := make(chan string, n)
			half := alerts[:n/2]
			if name == "asked for" {
				half = alerts[n/2:]
			}
			everywhere(all, len(half), func(s *Store, i int) {
				d, err := s.Decide(t.Context(), half[i].ID, query, half[i].DueAt, func(a relay.Alert, f relay.Facts) relay.Decision {
					d := storetest.NewDelivery(a, "t")
					d.Claims = []string{"one thing"}
					if name == "not asked for" {
						d.Claims = []string{"another thing", "a third"}
					}
					if len(f.Claimed) > 0 {
						d.State, d.Reason = relay.DeliverySuppressed, relay.ReasonCollapsed
					}
					return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}}
				})
				if err != nil {
					t.Error(err)
					return
				}
				if d.Deliveries[0].State == relay.DeliveryQueued {
					queued <- half[i].ID
				}
			})
			require.Len(t, queued, 1)
		})
	}
	require.Equal(t, 2, count(t, all[0], "SELECT count(*) FROM deliveries WHERE state = 'queued'"))
	require.Equal(t, n-2, count(t, all[0], "SELECT count(*) FROM deliveries WHERE reason = 'collapsed'"))
}

func TestALimitOfOneLetsOneThroughWhoeverItIsFor(t *testing.T) {
	t.Parallel()
	all := replicas(t, 4)
	const rounds, n = 25, 8
	for round := range rounds {
		alerts := make([]relay.Alert, n)
		for i := range n {
			e := storetest.NewEvent(fmt.Sprintf("e%d.%d", round, i))
			alerts[i] = storetest.NewAlert(e, "mention", fmt.Sprintf("person %d", i))
			_, err := all[0].Accept(t.Context(), relay.Plan{Event: e, Alerts: alerts[i : i+1]})
			require.NoError(t, err)
		}
		limit := relay.Count{Counter: relay.Counter(fmt.Sprintf("by sender %d", round)), Per: time.Hour, Max: 1, Shared: true}
		everywhere(all, n, func(s *Store, i int) {
			_, err := s.Decide(t.Context(), alerts[i].ID, relay.Query{Counts: []relay.Count{limit}}, alerts[i].DueAt,
				func(a relay.Alert, f relay.Facts) relay.Decision {
					d := storetest.NewDelivery(a, "t")
					d.Counters = []relay.Counter{limit.Counter}
					if len(f.Counted[limit]) >= limit.Max {
						return relay.Decision{Action: relay.ActSuppress, Reason: relay.ReasonLimit}
					}
					return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}}
				})
			if err != nil {
				t.Error(err)
			}
		})
		require.Equal(t, round+1, count(t, all[0], "SELECT count(*) FROM deliveries"))
	}
}

func TestAnEventThatSeveralReplicasAreToldOfIsKeptOnce(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	const n = 30
	first := make(chan string, 2*n)
	everywhere(all, n, func(s *Store, i int) {
		same, near := storetest.NewEvent("same"), storetest.NewEvent(fmt.Sprintf("near %d", i))
		near.Repeat = relay.Repeat{Key: "blocked", Window: time.Minute}
		near.ReceivedAt = near.ReceivedAt.Add(time.Duration(i) * time.Millisecond)
		for _, e := range []relay.Event{same, near} {
			got, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")}})
			if err != nil {
				t.Error(err)
			}
			if !got.Duplicate {
				first <- got.ID
			}
		}
	})
	require.Len(t, first, 2, "one of each")
	require.Equal(t, 2, count(t, all[0], "SELECT count(*) FROM events"))
	require.Equal(t, 2, count(t, all[0], "SELECT count(*) FROM alerts"))
	require.Equal(t, 2, count(t, all[0], "SELECT count(*) FROM river_job"))
}

// decided sends n alerts by so many deliveries each, which are queued.
func decided(t *testing.T, s *Store, n, deliveries int) (out [][]relay.Delivery) {
	t.Helper()
	for _, a := range heldAlerts(t, s, n) {
		d, err := s.Decide(t.Context(), a.ID, relay.Query{}, a.DueAt, func(a relay.Alert, _ relay.Facts) relay.Decision {
			d := relay.Decision{Action: relay.ActSend}
			for i := range deliveries {
				d.Deliveries = append(d.Deliveries, storetest.NewDelivery(a, fmt.Sprintf("t%d", i)))
			}
			return d
		})
		require.NoError(t, err)
		out = append(out, d.Deliveries)
	}
	return out
}

func TestOneDeliveryIsAttemptedByOneReplica(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	deliveries := decided(t, all[0], 10, 1)
	won := make(chan string, 200)
	everywhere(all, 100, func(s *Store, i int) {
		d := deliveries[i%10][0]
		_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: d.CreatedAt, Segments: 1000})
		switch {
		case err == nil:
			won <- d.ID
		case !errors.Is(err, store.ErrConflict):
			t.Error(err)
		}
	})
	require.Len(t, won, 10)
	require.Equal(t, 10, count(t, all[0], "SELECT count(*) FROM attempts"))
	require.Equal(t, 10, count(t, all[0], "SELECT segments FROM spending"))
}

func TestTheLastOfSeveralDeliveriesRollsUpTheAlertWhoeverFinishesIt(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	const alerts, each = 30, 2
	deliveries := decided(t, all[0], alerts, each)
	everywhere(all, alerts*each, func(s *Store, i int) {
		// Neighbours go to different replicas, so the two deliveries of an alert end at once on both.
		d := deliveries[i/each][i%each]
		_, a, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: d.CreatedAt})
		if err == nil {
			a.EndedAt, a.Outcome = d.CreatedAt, relay.Outcome{Kind: relay.Permanent}
			err = s.FinishAttempt(t.Context(), a, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonInvalidNumber})
		}
		if err != nil {
			t.Error(err)
		}
	})
	require.Equal(t, alerts, count(t, all[0], "SELECT count(*) FROM alerts WHERE state = 'failed'"))
}

func TestWhatIsHeldForAPauseWhileItEndsIsWokenUp(t *testing.T) {
	t.Parallel()
	all := replicas(t, 4)
	const rounds, n = 10, 8
	alerts := heldAlerts(t, all[0], rounds*n)
	noon := alerts[0].DueAt
	for round := range rounds {
		pause := relay.Pause{By: "ann", At: noon}
		require.NoError(t, all[0].Pause(t.Context(), pause))
		everywhere(all, n+1, func(s *Store, i int) {
			if i == n {
				if _, err := s.Resume(t.Context(), pause); err != nil {
					t.Error(err)
				}
				return
			}
			_, err := s.Decide(t.Context(), alerts[round*n+i].ID, relay.Query{}, noon, func(_ relay.Alert, f relay.Facts) relay.Decision {
				if len(f.Paused) > 0 {
					return relay.Decision{Action: relay.ActHold, Reason: relay.ReasonPaused, Until: noon.Add(time.Hour)}
				}
				return relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}
			})
			if err != nil {
				t.Error(err)
			}
		})
		late := count(t, all[0], fmt.Sprintf("SELECT count(*) FROM alerts WHERE state = 'held' AND due_at > %d", noon.UnixMicro()))
		require.Zero(t, late, "nothing sleeps on after the pause")
	}
}

func TestADeadlockIsKnownForWhatItIs(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2)
	deliveries := decided(t, all[0], 2, 1)
	var met sync.WaitGroup
	met.Add(2)
	both := func(s *Store, first, second relay.Delivery) error {
		tried := 0
		tx := func(ctx context.Context) error {
			tried++
			tx, err := s.begin(ctx)
			if err != nil {
				return err
			}
			defer tx.Rollback(ctx)
			for i, d := range []relay.Delivery{first, second} {
				if i == 1 && tried == 1 {
					met.Done()
					met.Wait() // until both hold one row
				}
				if _, err = tx.Exec(ctx, "UPDATE deliveries SET reason = 'x' WHERE id = ?", d.ID); err != nil {
					return err
				}
			}
			return tx.Commit(ctx, nil)
		}
		err := tx(t.Context())
		for fault(err) == tables.FaultRace { // and nothing else
			err = tx(t.Context())
		}
		return err
	}
	errs := make(chan error, 2)
	go func() { errs <- both(all[0], deliveries[0][0], deliveries[1][0]) }()
	go func() { errs <- both(all[1], deliveries[1][0], deliveries[0][0]) }()
	require.NoError(t, errors.Join(<-errs, <-errs))
}
