package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/view"
)

func TestWhatTheAPIRefusesThePagesSayInASentence(t *testing.T) {
	t.Parallel()
	err := shown(&server.Refusal{Status: http.StatusNotFound, Code: "not_paused", Message: "nothing is paused", RetryAfter: time.Second})
	require.Equal(t, &console.Refusal{Status: http.StatusNotFound, Message: "Nothing is paused.", RetryAfter: time.Second}, err)
	require.NoError(t, shown(nil))
	require.ErrorIs(t, shown(http.ErrBodyNotAllowed), http.ErrBodyNotAllowed, "what is none stays hidden")
}

func TestThePagesSuppressAndLiftAndTheAuditKnowsWho(t *testing.T) {
	t.Parallel()
	kept := opened(t)
	desk := deskSuppressions{suppressions{kept}}
	one := console.Suppression{Address: "+1 415 555 0123", Reason: relay.ReasonOptedOut}
	require.NoError(t, desk.Suppress(t.Context(), one, "ann"))
	page, err := desk.Suppressions(t.Context(), console.SuppressionQuery{}, "")
	require.NoError(t, err)
	require.Equal(t, "+14*******23", page.Items[0].Address)
	page, err = desk.Suppressions(t.Context(), console.SuppressionQuery{Channel: relay.ChannelSMS}, "bob")
	require.NoError(t, err)
	require.Equal(t, "+14155550123", page.Items[0].Address)
	var refusal *console.Refusal
	require.ErrorAs(t, desk.Suppress(t.Context(), console.Suppression{Address: "nonsense"}, "ann"), &refusal)
	require.Equal(t, http.StatusUnprocessableEntity, refusal.Status)
	_, err = desk.Suppressions(t.Context(), console.SuppressionQuery{After: "x"}, "")
	require.ErrorAs(t, err, &refusal)
	require.NoError(t, desk.Lift(t.Context(), one, false, "ann"))
	require.ErrorAs(t, desk.Lift(t.Context(), one, false, "ann"), &refusal)
	require.Equal(t, http.StatusNotFound, refusal.Status)
	audit, err := deskAudit{views{NewReader(kept)}}.Audit(t.Context(), console.AuditQuery{})
	require.NoError(t, err)
	did := make([]string, 0, len(audit.Items))
	for _, a := range audit.Items {
		did = append(did, a.Who+" "+a.Action)
	}
	require.Equal(t, []string{"ann lift", "bob reveal suppressions", "ann suppress"}, did)
}

func TestTheStampChangesWithWhatIsKept(t *testing.T) {
	t.Parallel()
	a := stocked(t, 0)
	a.inForce.Store(&view.Config{Hash: "h"})
	desk := deskOverview{overview{a}, a.store}
	before, err := desk.Stamp(t.Context())
	require.NoError(t, err)
	require.NoError(t, a.store.Note(t.Context(), relay.Audit{At: time.Now(), Who: "ann", Action: "reload", Subject: "rules"}))
	after, err := desk.Stamp(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}
