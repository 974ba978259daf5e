package storetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func showing() []test {
	return []test{
		{"all that is kept of a person is shown, and nothing of others", shows},
		{"showing stops where it is no longer listened to", stopsShowing},
	}
}

// album collects what it is shown.
type album struct {
	kinds       []string
	events      []string
	deliveries  []relay.Delivery
	receipts    int
	suppression []relay.Suppression
	audit       []string
	err         error
}

func (a *album) add(kind string) error {
	a.kinds = append(a.kinds, kind)
	return a.err
}

// Event implements store.Visitor.
func (a *album) Event(e relay.Event) error {
	a.events = append(a.events, e.ID)
	return a.add("event")
}

// Alert implements store.Visitor.
func (a *album) Alert(relay.Alert) error { return a.add("alert") }

// Delivery implements store.Visitor.
func (a *album) Delivery(d relay.Delivery, _ []relay.Attempt, receipts []relay.Receipt) error {
	a.deliveries, a.receipts = append(a.deliveries, d), a.receipts+len(receipts)
	return a.add("delivery")
}

// Outbox implements store.Visitor.
func (a *album) Outbox(relay.OutboxMessage) error { return a.add("outbox") }

// Suppression implements store.Visitor.
func (a *album) Suppression(s relay.Suppression) error {
	a.suppression = append(a.suppression, s)
	return a.add("suppression")
}

// Record implements store.Visitor.
func (a *album) Preferences(relay.Preferences) error { return a.add("preferences") }

// Audit implements store.Visitor.
func (a *album) Audit(entry relay.Audit) error {
	a.audit = append(a.audit, entry.Subject)
	return a.add("audit")
}

func visitAnn(visitor store.Visitor) store.Visit {
	return store.Visit{UID: "ann", Person: ann().Person, Keys: Keys(), Visitor: visitor}
}

func shows(t *testing.T, s store.Store) {
	t.Helper()
	l := live(t, s)
	var seen album
	require.NoError(t, s.Visit(t.Context(), visitAnn(&seen)))
	require.Equal(t, l.gone, seen.events)
	require.Equal(t, []string{
		"event", "event", "event", "alert", "alert", "alert", "delivery", "delivery", "delivery", "outbox", "suppression", "preferences", "audit",
	}, seen.kinds)
	require.Equal(t, "Ann wrote to you", seen.deliveries[0].Content.Text.Reveal())
	require.Equal(t, 1, seen.receipts)
	require.Equal(t, []relay.Suppression{optedOut(leesMail)}, seen.suppression)
	require.Equal(t, []string{"of ann"}, seen.audit)
	forget(t, s, ann())
	seen = album{}
	require.NoError(t, s.Visit(t.Context(), visitAnn(&seen)))
	require.Equal(t, []string{"suppression", "audit", "audit"}, seen.kinds, "the hashed ones are still hers")
	require.Equal(t, []relay.Suppression{optedOut(leesMail)}, seen.suppression)
}

func stopsShowing(t *testing.T, s store.Store) {
	t.Helper()
	live(t, s)
	gone := errors.New("gone")
	require.ErrorIs(t, s.Visit(t.Context(), visitAnn(&album{err: gone})), gone)
}
