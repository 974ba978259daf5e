package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func TestEachKindGoesAfterItsOwnTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.fallDue()
	began := b.now
	require.NoError(t, b.kept.Pause(t.Context(), relay.Pause{Channel: relay.ChannelEmail, By: "kim", At: b.now}))
	looked := func(after time.Duration) (text relay.Text, audit int) {
		b.now = began.Add(after)
		require.NoError(t, b.houseKeeping(t.Context()))
		entries, err := b.kept.Audit(t.Context(), store.AuditFilter{Limit: 10})
		require.NoError(t, err)
		return b.delivery(id).Content.Text, len(entries)
	}
	text, audit := looked(23 * time.Hour)
	require.NotEmpty(t, text)
	require.Equal(t, 1, audit)
	text, audit = looked(25 * time.Hour)
	require.Empty(t, text, "the text is past its retention")
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Equal(t, 1, audit)
	_, audit = looked(49 * time.Hour)
	require.Zero(t, audit)
	b.RetentionMessages, b.RetentionAudit = 0, 0
	require.NoError(t, b.kept.Pause(t.Context(), relay.Pause{Channel: relay.ChannelSMS, By: "kim", At: began}))
	_, audit = looked(50 * time.Hour)
	require.Equal(t, 1, audit, "nothing is said of how long, so it is kept")
}

func TestWhoIsForgottenMeanwhileIsNotWrittenToAndNobodyStumbles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.NoError(t, b.decide(t.Context(), b.caseOf(id), nil))
	queued := b.delivery(id)
	person := privacy.New(b.alert(id).Recipient.UID)
	_, err := b.kept.Forget(t.Context(), store.Forgetting{
		UID: b.alert(id).Recipient.UID, Person: person, Keys: relay.NewHashKeys([]string{"a key of at least 32 characters .."}), By: "kim", At: b.now,
	})
	require.NoError(t, err)
	require.NoError(t, b.due(t.Context(), id), "a wake-up that is left")
	require.NoError(t, b.work(queued.ID))
	require.NoError(t, b.attempt(t.Context(), queued, atOnce), "a worker that had read it before")
	require.NoError(t, b.handOver(t.Context(), queued, relay.ReasonNone))
	require.NoError(t, b.settle(t.Context(), queued, relay.ReasonExpired))
	require.Empty(t, b.provider.sent)
}
