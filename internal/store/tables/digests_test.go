package tables_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// inDigest keeps alerts of one digest, each of its own event, whose JSON is padded to so many bytes.
func inDigest(t *testing.T, s *sqlite.Store, n, size int) (ids []string) {
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
	s := open(t, sqlite.Options{})
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
	s := open(t, sqlite.Options{})
	ids := inDigest(t, s, 34, 1<<20)
	alert, err := s.Alert(t.Context(), ids[0])
	require.NoError(t, err)
	members, err := s.Members(t.Context(), alert)
	require.NoError(t, err)
	require.Len(t, members, 32)
	require.Equal(t, ids[1], members[0].Alert.ID)
	require.Equal(t, ids[32], members[31].Alert.ID, "the youngest is left")
}
