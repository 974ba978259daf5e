package sqlite

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// inDigest keeps alerts of one digest, each of its own event, whose JSON is padded to so many bytes.
func inDigest(t *testing.T, s *Store, n, size int) (ids []string) {
	t.Helper()
	for i := range n {
		e := storetest.NewEvent(fmt.Sprintf("e%d", i))
		e.ReceivedAt = e.ReceivedAt.Add(time.Duration(i) * time.Second)
		pad := strings.Repeat("x", max(0, size-100))
		e.Raw = fmt.Appendf(nil, `{"trigger":"user_mentioned","pad":"%s","id":"e%d"}`, pad, i)
		a := storetest.NewAlert(e, "mention", "lee")
		a.Digest = "d"
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}})
		require.NoError(t, err)
		ids = append(ids, a.ID)
	}
	return ids
}

func TestADigestThatIsHeldAgainAndAgainDoesNotPileUpWakeUps(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ids := inDigest(t, s, 5, 0)
	for i := range 3 {
		until := storetest.NewEvent("").ReceivedAt.Add(time.Duration(i+1) * time.Hour)
		d := relay.Decision{Action: relay.ActHold, Reason: relay.ReasonDirectoryDown, Until: until}
		for _, id := range ids[1:] {
			d.Members = append(d.Members, relay.Ruling{AlertID: id, Action: d.Action, Reason: d.Reason, Until: until})
		}
		_, err := s.Decide(t.Context(), ids[0], relay.Query{Members: ids}, until.Add(-time.Minute),
			func(relay.Alert, relay.Facts) relay.Decision { return d })
		require.NoError(t, err)
	}
	require.Equal(t, 5+3, count(t, s, "SELECT count(*) FROM river_job"), "one for each alert, and one for each decision")
	require.Equal(t, 5, count(t, s, "SELECT count(*) FROM alerts WHERE state = 'held' AND reason = 'directory_down'"))
}

func TestMembersThatAreTooLargeToReadTogetherAreLeftForLater(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ids := inDigest(t, s, 34, 1<<20)
	alert, err := s.Alert(t.Context(), ids[0])
	require.NoError(t, err)
	members, err := s.Members(t.Context(), alert)
	require.NoError(t, err)
	require.Len(t, members, 32)
	require.Equal(t, ids[1], members[0].Alert.ID)
	require.Equal(t, ids[32], members[31].Alert.ID, "the youngest is left")
}

func TestWhatADecisionAsksForIsFoundByIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	alert := relay.Alert{ID: "al_1", Digest: "d"}
	before := alert
	before.AgainAt = time.Now()
	for want, ask := range map[string]func(ctx context.Context, b *explained) error{
		"SEARCH alerts USING INDEX alerts_digest (digest=?)": func(ctx context.Context, b *explained) error {
			_, err := membersOf(ctx, b, alert)
			return err
		},
		"SEARCH alerts USING INDEX alerts_lead (lead=?)": func(ctx context.Context, b *explained) error {
			_, err := membersOf(ctx, b, before)
			return err
		},
		"SEARCH counted USING PRIMARY KEY (counter=? AND at>?)": func(ctx context.Context, b *explained) error {
			_, err := counted(ctx, b, []relay.Count{{Counter: "c", Per: time.Hour, Max: 5}}, time.Now())
			return err
		},
		"SEARCH claims USING PRIMARY KEY (claim=?)": func(ctx context.Context, b *explained) error {
			_, err := claimed(ctx, b, []string{"c"})
			return err
		},
	} {
		plan := &explained{s: s}
		require.NoError(t, ask(t.Context(), plan))
		require.Contains(t, plan.steps, want)
		require.NotContains(t, plan.steps, "TEMP B-TREE", "nothing is sorted: %s", want)
	}
}
