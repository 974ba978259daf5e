package view_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/view"
)

// reading opens an empty database.
func reading(t *testing.T) *view.Reader {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlitetest.New(t), Decode: storetest.Decode, Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &view.Reader{
		Store: s,
		Explain: func(provider, code string) view.Explained {
			return view.Explained{Means: provider + " " + code, Link: "https://x"}
		},
		Generation: func(context.Context, string) (*engine.Generation, error) { return nil, errors.New("they are gone") },
	}
}

// accepted keeps an event with one alert.
func accepted(t *testing.T, r *view.Reader, id string) relay.Alert {
	t.Helper()
	event := storetest.NewEvent(id)
	alert := storetest.NewAlert(event, "mention", "lee")
	_, err := r.Store.Accept(t.Context(), relay.Plan{Event: event, Alerts: []relay.Alert{alert}})
	require.NoError(t, err)
	return alert
}

// decided decides an alert "send", with one delivery.
func decided(t *testing.T, r *view.Reader, alert relay.Alert) relay.Delivery {
	t.Helper()
	delivery := storetest.NewDelivery(alert, "mention")
	_, err := r.Store.Decide(t.Context(), alert.ID, relay.Query{}, time.Now().Add(time.Hour), func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{delivery}}
	})
	require.NoError(t, err)
	return delivery
}

func TestPagesJoinToTheWholeListWhateverTheLimit(t *testing.T) {
	t.Parallel()
	r := reading(t)
	for i := range 5 {
		accepted(t, r, fmt.Sprintf("event%03d", i))
	}
	whole, err := r.Alerts(t.Context(), view.Query{})
	require.NoError(t, err)
	require.Len(t, whole.Items, 5)
	require.Empty(t, whole.Next)
	for _, limit := range []int{1, 2, 5} {
		var joined []view.Alert
		query := view.Query{Limit: limit}
		for {
			page, err := r.Alerts(t.Context(), query)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Items), limit)
			joined = append(joined, page.Items...)
			if query.After = page.Next; page.Next == "" {
				break
			}
		}
		require.Equal(t, whole.Items, joined, limit)
	}
	n, err := r.Count(t.Context(), view.OfEvents, view.Query{Limit: 1}, 3)
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

func TestAPlaceInAListThatWasTamperedWithIsRefused(t *testing.T) {
	t.Parallel()
	r := reading(t)
	accepted(t, r, "event001")
	accepted(t, r, "event002")
	page, err := r.Events(t.Context(), view.Query{Limit: 1})
	require.NoError(t, err)
	_, err = r.Events(t.Context(), view.Query{After: page.Next})
	require.NoError(t, err)
	_, err = r.Alerts(t.Context(), view.Query{After: page.Next})
	require.ErrorContains(t, err, "after is not what the page before", "it is of another list")
	raw, err := base64.RawURLEncoding.DecodeString(page.Next)
	require.NoError(t, err)
	for i := range raw {
		raw[i] ^= 1
		_, err = r.Events(t.Context(), view.Query{After: base64.RawURLEncoding.EncodeToString(raw)})
		require.ErrorContains(t, err, "after is not what the page before", i)
		raw[i] ^= 1
	}
	for _, after := range []string{"x", "!", "AAAA"} {
		_, err = r.Events(t.Context(), view.Query{After: after})
		require.ErrorContains(t, err, "after is not")
	}
}

func TestADeliveryIsMaskedUntilItIsRevealed(t *testing.T) {
	t.Parallel()
	r := reading(t)
	delivery := decided(t, r, accepted(t, r, "event001"))
	_, attempt, err := r.Store.BeginAttempt(t.Context(), store.Start{DeliveryID: delivery.ID, Provider: "twilio", Now: time.Now()})
	require.NoError(t, err)
	attempt.EndedAt, attempt.Outcome = time.Now(), relay.Outcome{Kind: relay.Retry, Reason: relay.ReasonThrottled, Status: 429, Code: "20429"}
	require.NoError(t, r.Store.FinishAttempt(t.Context(), attempt, store.Next{
		State: relay.DeliveryQueued, Reason: relay.ReasonThrottled, NextAt: time.Now().Add(time.Minute),
	}))
	masked, err := r.Delivery(t.Context(), delivery.ID, false)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%+v", masked), delivery.Address())
	require.NotContains(t, fmt.Sprintf("%+v", masked), delivery.Content.Text.Reveal())
	require.Equal(t, view.Retrying, masked.State)
	require.NotEmpty(t, masked.Meaning)
	require.False(t, masked.NextAt.IsZero())
	require.Equal(t, view.Explained{Means: "twilio 20429", Link: "https://x"}, masked.AttemptsMade[0].Explained)
	clear, err := r.Delivery(t.Context(), delivery.ID, true)
	require.NoError(t, err)
	require.True(t, clear.Revealed)
	require.Equal(t, []string{delivery.Address(), delivery.Content.Text.Reveal()}, []string{clear.To, clear.Text})

	for state, want := range map[string]int{view.Retrying: 1, "queued": 1, "dead": 0} {
		page, err := r.Deliveries(t.Context(), view.Query{State: state})
		require.NoError(t, err)
		require.Len(t, page.Items, want, state)
	}
	page, err := r.Deliveries(t.Context(), view.Query{Address: delivery.Address()})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

func TestAnEventSaysWhyItsRulesAreNotKnown(t *testing.T) {
	t.Parallel()
	r := reading(t)
	alert := accepted(t, r, "event001")
	detail, err := r.Event(t.Context(), alert.EventID, false)
	require.NoError(t, err)
	require.Empty(t, detail.Raw)
	require.Contains(t, detail.RulesUnknown, "use explain with --current")
	require.Equal(t, alert.ID, detail.Alerts[0].ID)
	detail, err = r.Event(t.Context(), alert.EventID, true)
	require.NoError(t, err)
	require.NotEmpty(t, detail.Raw)
}

func TestWhatIsNotKeptIsRefused(t *testing.T) {
	t.Parallel()
	r := reading(t)
	alert := accepted(t, r, "abcdef01")
	accepted(t, r, "abcdef02")
	code := func(err error) string {
		refusal, ok := errors.AsType[*view.Refusal](err)
		require.True(t, ok, "%v", err)
		return refusal.Code
	}
	_, err := r.Event(t.Context(), "nothing", false)
	require.Equal(t, view.NotFound, code(err))
	_, err = r.Alert(t.Context(), "nothing")
	require.Equal(t, view.NotFound, code(err))
	_, err = r.Delivery(t.Context(), "nothing", false)
	require.Equal(t, view.NotFound, code(err))
	_, err = r.OutboxMessage(t.Context(), 7, false)
	require.Equal(t, view.NotFound, code(err))
	_, _, err = r.Find(t.Context(), "abcdef")
	require.Equal(t, view.Ambiguous, code(err))
	_, _, err = r.Find(t.Context(), "al_12345")
	require.Equal(t, view.BadID, code(err))
	of, id, err := r.Find(t.Context(), alert.ID[:12])
	require.NoError(t, err)
	require.Equal(t, []string{view.OfAlerts, alert.ID}, []string{of, id})
}

func TestTheAuditAndTheOutboxHavePages(t *testing.T) {
	t.Parallel()
	r := reading(t)
	for i := range 3 {
		require.NoError(t, r.Store.Note(t.Context(), relay.Audit{At: time.Now(), Who: "kim", Action: "test", Subject: strconv.Itoa(i)}))
		require.NoError(t, r.Store.KeepOutbox(t.Context(), relay.OutboxMessage{
			ID: fmt.Sprint("m", i), Channel: relay.ChannelSMS, Phone: "+14155550123", Content: relay.Content{Text: "hello you"}, ReceivedAt: time.Now(),
		}))
	}
	first, err := r.Audit(t.Context(), view.AuditQuery{Who: "kim", Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{"2", "1"}, []string{first.Items[0].Subject, first.Items[1].Subject})
	last, err := r.Audit(t.Context(), view.AuditQuery{Who: "kim", Limit: 2, After: first.Next})
	require.NoError(t, err)
	require.Len(t, last.Items, 1)
	require.Empty(t, last.Next)
	_, err = r.Audit(t.Context(), view.AuditQuery{After: "x"})
	require.ErrorContains(t, err, "after is not")

	box, err := r.Outbox(t.Context(), view.OutboxQuery{Address: "+1 415 555 0123", Limit: 2}, false)
	require.NoError(t, err)
	require.Len(t, box.Items, 2)
	require.NotEmpty(t, box.Next)
	require.Equal(t, "[9 bytes]", box.Items[0].Text)
	message, err := r.OutboxMessage(t.Context(), box.Items[1].Seq, true)
	require.NoError(t, err)
	require.Equal(t, []string{"m1", "hello you", "+14155550123"}, []string{message.ID, message.Text, message.To})
	_, err = r.Outbox(t.Context(), view.OutboxQuery{Address: "12"}, false)
	require.ErrorContains(t, err, "address: not a phone number")
}
