package sqlite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// counts are statements, and how often a database that is far away is waited for, beginning and commit aside: what is put off goes there
// with the next statement that is not.
type counts struct{ statements, ways int }

func (c *counts) add(statements, ways int) {
	c.statements, c.ways = c.statements+statements, c.ways+ways
}

// counted is what reads, and counts.
type counted struct {
	tables.DB

	counts *counts
}

func (c counted) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	c.counts.add(1, 1)
	return c.DB.Query(ctx, query, args...)
}

// countedTx is a transaction that counts. Rows that are added one after the other to one table are one statement.
type countedTx struct {
	tables.Tx

	counts *counts
	into   string
}

func (c *countedTx) count(statements, ways int) {
	c.into = ""
	c.counts.add(statements, ways)
}

func (c *countedTx) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	c.count(1, 1)
	return c.Tx.Query(ctx, query, args...)
}

func (c *countedTx) Ask(ctx context.Context, asks ...tables.Ask) error {
	c.count(len(asks), 1)
	return c.Tx.Ask(ctx, asks...)
}

func (c *countedTx) Exec(ctx context.Context, query string, args ...any) (int, error) {
	c.count(1, 1)
	return c.Tx.Exec(ctx, query, args...)
}

func (c *countedTx) Insert(ctx context.Context, query string, args ...any) (int64, error) {
	c.count(1, 1)
	return c.Tx.Insert(ctx, query, args...)
}

func (c *countedTx) Later(ctx context.Context, query string, args ...any) error {
	c.count(1, 0)
	return c.Tx.Later(ctx, query, args...)
}

func (c *countedTx) Expect(ctx context.Context, rows int, query string, args ...any) error {
	c.count(1, 0)
	return c.Tx.Expect(ctx, rows, query, args...)
}

func (c *countedTx) Add(ctx context.Context, into string, values ...any) error {
	if c.into != into {
		c.count(1, 0)
		c.into = into
	}
	return c.Tx.Add(ctx, into, values...)
}

func TestTheWayOfAMessageTakesFewStatements(t *testing.T) {
	t.Parallel()
	opened := open(t, Options{})
	var got counts
	s := opened.tables(t.Context(), func(ctx context.Context) (tables.Tx, error) {
		tx, err := opened.begin(ctx)
		return &countedTx{Tx: tx, counts: &got}, err
	})
	t.Cleanup(s.CloseWriter)
	s.Read = counted{s.Read, &got}
	taken := func(what string, statements, ways int) {
		t.Helper()
		require.Equal(t, counts{statements, ways}, got, what)
		got = counts{}
	}

	e := storetest.NewEvent("e1")
	alert := storetest.NewAlert(e, "mention", "lee")
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{alert}, Keys: []relay.Key{"message/1", "conversation/1"}})
	require.NoError(t, err)
	taken("to accept: the event, its keys, its alerts", 3, 1)

	_, err = s.Case(t.Context(), alert.ID)
	require.NoError(t, err)
	taken("what is known before", 1, 1)

	d := storetest.NewDelivery(alert, "mention")
	d.Counters = []relay.Counter{"a", "b"}
	now := alert.DueAt.Add(time.Minute)
	_, begun, err := s.DecideAndBegin(t.Context(), alert.ID, relay.Query{
		EventID: e.ID, Recipient: alert.Recipient, Claims: d.Claims, Addresses: []relay.Address{relay.NewAddress(d.Channel, d.Address())},
		Lookups: []relay.Lookup{{Key: "message/1", Trigger: relay.MessageDeleted}, {Key: "message/1", Trigger: relay.MessageEdited}}, Few: true,
	}, now, func(relay.Alert, relay.Facts) (relay.Decision, []store.Start) {
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}}, []store.Start{{DeliveryID: d.ID, Provider: "twilio", Now: now}}
	})
	require.NoError(t, err)
	require.Len(t, begun, 1)
	taken("to decide and begin: by alert, pauses, claims, suppressions, candidates; the delivery, its attempt, claims and counters, the alert", 10, 1)

	attempt := begun[0].Attempt
	attempt.EndedAt, attempt.Outcome.Kind = now, relay.Accepted
	require.NoError(t, s.FinishAttempt(t.Context(), attempt, store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: "SM1"}))
	taken("to end the attempt: its delivery and alert, it, the alert's deliveries; all three as they are now", 6, 1)
}
