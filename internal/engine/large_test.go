package engine_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

// largest is a digest of as many alerts as there may be, beside as many receipts as are looked at, none of which cancels any.
func largest(tb testing.TB, unless string) (*engine.Generation, engine.Situation) {
	tb.Helper()
	g := loaded(tb, "version: 1\nrules: [ { name: a, trigger: user_mentioned, to: mentioned, digest: { window: 10m, by: conversation }, unless: "+
		unless+", send: [ { email: mention } ] } ]\n")
	s := engine.Situation{Found: engine.FoundContact, Contact: relay.Contact{UID: "cometchat-uid-2", Email: "george@example.com"}}
	for n := range relay.MaxMembers {
		e := webhook{trigger: relay.UserMentioned, which: 1000 + n}.event(time.Duration(n) * time.Second)
		plan, _ := g.Plan(e)
		if n == 0 {
			s.Alert, s.Event = plan.Alerts[0], e
			continue
		}
		s.Members = append(s.Members, relay.Member{Alert: plan.Alerts[0], Event: e})
		s.Facts.Members = append(s.Facts.Members, plan.Alerts[0])
	}
	for n := range relay.MaxCandidates {
		e := webhook{trigger: relay.MessageReadReceipt, which: -n}.event(0)
		e.ID = strconv.Itoa(n)
		s.Facts.Candidates = append(s.Facts.Candidates, e)
	}
	s.Now = noon.Add(time.Hour)
	return g, s
}

// BenchmarkDecideLargestDigest is the longest that one decision holds up all other writes.
func BenchmarkDecideLargestDigest(b *testing.B) {
	for name, unless := range map[string]string{
		"shorthand": "[read, replied]",
		"general":   `[ { trigger: message_read_receipt, if: "same(later.sender.uid, recipient.uid) && later.received_at > event.received_at" } ]`,
	} {
		b.Run(name, func(b *testing.B) {
			g, s := largest(b, unless)
			b.ReportAllocs()
			for b.Loop() {
				if d := g.Decide(s); d.Action != relay.ActSend {
					b.Fatal(d.Action, d.Reason)
				}
			}
		})
	}
}

func TestADigestOfManyIsDecidedWhole(t *testing.T) {
	t.Parallel()
	g, s := largest(t, "[read, replied]")
	require.Len(t, g.Decide(s).Members, relay.MaxMembers-1)
	s.Facts.Candidates[700].Message = &relay.Message{ID: "2500"} // covers all up to that one, whichever place it has
	d := g.Decide(s)
	require.Equal(t, relay.ReasonRead, d.Reason)
	read := 1
	for _, r := range d.Members {
		if r.Reason == relay.ReasonRead {
			read++
		}
	}
	require.Equal(t, 461, read, "ids 2040 to 2500")
}

func TestADigestThatTakesTooLongToLookAtIsSentInParts(t *testing.T) {
	t.Parallel()
	g, s := largest(t, `[ { trigger: message_read_receipt, if: "same(later.sender.uid, recipient.uid) && later.received_at > event.received_at" } ]`)
	d := g.Decide(s)
	require.Equal(t, relay.ActSend, d.Action)
	require.NotEmpty(t, d.Members)
	require.Less(t, len(d.Members), relay.MaxMembers/2, "the others stay held")
	for i, r := range d.Members {
		require.Equal(t, s.Members[i].Alert.ID, r.AlertID, "the first of them go")
	}
}
