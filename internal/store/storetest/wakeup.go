package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func wakingUp() []test {
	return []test{
		{"an alert that is due wakes a worker at once", wakesNow},
		{"an alert due later wakes a worker when it is due and not before", wakesLater},
		{"an alert due within seconds comes early and its worker can snooze the rest", snoozes},
		{"a delivery to be looked at again wakes a worker in its channel's queue", wakesDelivery},
		{"an alert that was held anew or resolved wakes a worker", wakesAnew},
		{"an alert to be decided again wakes a worker, for whatever reason it is", wakesAgain},
		{"a member of a digest that is due earlier now wakes a worker", wakesMember},
		{"wake-ups from before the start are worked after it", worksBacklog},
		{"workers that were stopped take nothing more", stops},
	}
}

// arrival is a wake-up that a worker was given, at the time it was.
type arrival struct {
	id    string
	queue string
	at    time.Time
}

// recorder passes on what arrives. It snoozes alerts until notBefore.
type recorder struct {
	arrivals  chan arrival
	notBefore time.Time
}

type dueWorker struct {
	river.WorkerDefaults[store.DueArgs]
	*recorder
}

func (w dueWorker) Work(_ context.Context, job *river.Job[store.DueArgs]) error {
	if rest := time.Until(w.notBefore); rest > 0 {
		return river.JobSnooze(rest)
	}
	w.arrivals <- arrival{job.Args.AlertID, job.Queue, time.Now()}
	return nil
}

type deliveryWorker struct {
	river.WorkerDefaults[store.DeliveryArgs]
	*recorder
}

func (w deliveryWorker) Work(_ context.Context, job *river.Job[store.DeliveryArgs]) error {
	w.arrivals <- arrival{job.Args.DeliveryID, job.Queue, time.Now()}
	return nil
}

// start works the wake-ups of a store until the test ends.
func start(t *testing.T, s store.Store, notBefore time.Time) <-chan arrival {
	t.Helper()
	return startOn(t, s, notBefore, relay.Channels()...)
}

// startOn does so for alerts and these channels.
func startOn(t *testing.T, s store.Store, notBefore time.Time, channels ...relay.Channel) <-chan arrival {
	t.Helper()
	r := &recorder{arrivals: make(chan arrival, 100), notBefore: notBefore}
	workers := river.NewWorkers()
	river.AddWorker(workers, dueWorker{recorder: r})
	river.AddWorker(workers, deliveryWorker{recorder: r})
	queues := map[string]river.QueueConfig{store.QueueDue: {MaxWorkers: 10}}
	for _, channel := range channels {
		queues[store.QueueOf(channel)] = river.QueueConfig{MaxWorkers: 10}
	}
	require.NoError(t, s.Start(t.Context(), &river.Config{Workers: workers, Queues: queues}))
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return r.arrivals
}

// next waits for the next wake-up. The limit is for a busy machine; it is not what is promised.
func next(t *testing.T, arrivals <-chan arrival) arrival {
	t.Helper()
	select {
	case a := <-arrivals:
		return a
	case <-time.After(30 * time.Second):
		require.FailNow(t, "nothing woke up")
		return arrival{}
	}
}

// acceptDue keeps an event with an alert that is due so long from now.
func acceptDue(t *testing.T, s store.Store, id string, in time.Duration) relay.Alert {
	t.Helper()
	e := NewEvent(id)
	e.ReceivedAt = time.Now()
	a := NewAlert(e, "mention", "lee")
	a.DueAt = e.ReceivedAt.Add(in)
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}})
	require.NoError(t, err)
	return a
}

func wakesNow(t *testing.T, s store.Store) {
	t.Helper()
	arrivals := start(t, s, noon)
	a := acceptDue(t, s, "e1", 0)
	got := next(t, arrivals)
	require.Equal(t, a.ID, got.id)
	require.Equal(t, store.QueueDue, got.queue)
}

func wakesLater(t *testing.T, s store.Store) {
	t.Helper()
	a := acceptDue(t, s, "far", store.NearFuture+3*time.Second) // so far even where accepting takes long
	got := next(t, start(t, s, noon))
	require.Equal(t, a.ID, got.id)
	require.False(t, got.at.Before(a.DueAt.Truncate(time.Millisecond)), "early by %s", a.DueAt.Sub(got.at))
}

func snoozes(t *testing.T, s store.Store) {
	t.Helper()
	due := time.Now().Add(2 * time.Second)
	arrivals := start(t, s, due)
	a := acceptDue(t, s, "near", time.Until(due))
	got := next(t, arrivals)
	require.Equal(t, a.ID, got.id)
	require.False(t, got.at.Before(due), "early by %s", due.Sub(got.at))
	require.Less(t, got.at.Sub(due), store.NearFuture-time.Second, "River's scheduler had it")
}

func wakesDelivery(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery, mail, mail, func(a relay.Alert, template string) relay.Delivery {
		d := mail(a, template)
		d.NextAt = noon
		return d
	})
	finish(t, s, d[0].ID, later(relay.DeliveryQueued, relay.ReasonThrottled, noon))
	finish(t, s, d[1].ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, noon))
	require.NoError(t, s.Settle(t.Context(), d[2].ID, later(relay.DeliveryQueued, relay.ReasonNone, noon), noon))
	orphan := send(t, s, "e2", NewDelivery)[0]
	begin(t, s, orphan.ID)
	_, err := s.Orphaned(t.Context(), after(time.Hour), after(time.Hour), noon)
	require.NoError(t, err)

	arrivals := start(t, s, noon)
	want := map[string]string{
		d[0].ID: "sms", d[1].ID: "email", d[2].ID: "email", d[3].ID: "email", orphan.ID: "sms",
	}
	got := map[string]string{}
	for len(got) < len(want) {
		if a := next(t, arrivals); a.queue != store.QueueDue {
			got[a.id] = a.queue
		}
	}
	require.Equal(t, want, got)
}

func wakesAnew(t *testing.T, s store.Store) {
	t.Helper()
	e := NewEvent("e1")
	open := NewAlert(e, "group", "")
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{open}})
	require.NoError(t, err)
	arrivals := start(t, s, noon)
	require.Equal(t, open.ID, next(t, arrivals).id)
	_, err = decide(t, s, open, relay.Decision{
		Action: relay.ActHold, Reason: relay.ReasonDirectoryDown, Until: after(time.Hour),
	})
	require.NoError(t, err)
	require.Equal(t, open.ID, next(t, arrivals).id)
	lee := NewAlert(e, "group", "lee")
	_, err = decide(t, s, open, relay.Decision{Action: relay.ActResolve, Resolved: []relay.Alert{lee}})
	require.NoError(t, err)
	require.Equal(t, lee.ID, next(t, arrivals).id)
}

func wakesAgain(t *testing.T, s store.Store) {
	t.Helper()
	arrivals := start(t, s, noon)
	wokenFor := func(id string) {
		got := next(t, arrivals)
		require.Equal(t, arrival{id, store.QueueDue, got.at}, got)
	}
	alert, d := sendFallback(t, s, "e1", NewDelivery)
	wokenFor(alert.ID) // it fell due
	finish(t, s, d[0].ID, sent)
	require.NoError(t, s.Settle(t.Context(), d[0].ID, undelivered, after(time.Hour)))
	wokenFor(alert.ID)
	for i, decision := range []relay.Decision{
		{Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: after(3 * time.Hour)},
		{Action: relay.ActSend, Again: after(4 * time.Hour)},
	} {
		decideAt(t, s, alert.ID, relay.Query{}, after(time.Duration(2+i)*time.Hour), always(decision))
		wokenFor(alert.ID)
	}
}

func wakesMember(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 2)
	arrivals := start(t, s, noon)
	woken := []string{next(t, arrivals).id, next(t, arrivals).id}
	require.ElementsMatch(t, idsOf(alerts), woken)
	early := ruling(alerts[1], relay.ActHold, relay.ReasonLimit)
	early.Until = alerts[1].DueAt.Add(-time.Second)
	decideAll(t, s, alerts, noon, relay.Decision{
		Action: relay.ActCancel, Reason: relay.ReasonRead, Members: []relay.Ruling{early},
	})
	require.Equal(t, alerts[1].ID, next(t, arrivals).id)
}

func worksBacklog(t *testing.T, s store.Store) {
	t.Helper()
	a := acceptDue(t, s, "e1", 0)
	require.Equal(t, a.ID, next(t, start(t, s, noon)).id)
}

func stops(t *testing.T, s store.Store) {
	t.Helper()
	require.NoError(t, s.Stop(t.Context()), "before the start there is nothing to stop")
	start(t, s, noon)
	require.Error(t, s.Start(t.Context(), nil), "workers are started once")
	require.NoError(t, s.Stop(t.Context()))
	acceptDue(t, s, "e1", 0)
	require.NotEmpty(t, next(t, start(t, s, noon)).id, "the next to start works what came meanwhile")
}
