package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
)

// The store's own test keeps the database away for half a minute; this one is about what the relay answers meanwhile.
func TestWhileTheDatabaseIsAwayWebhooksAreToldToComeAgain(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start(t.Context(), pgtest.Options{Sync: true}) // it must lose nothing when it is stopped
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	name, err := server.Database(t.Context())
	require.NoError(t, err)
	l := newLab(t, labRules)
	l.env["BECKON_DATABASE_URL"] = server.URL(name)
	p := l.serve()
	call := p.mustPost(sample(t, relay.CallInitiated, nil)) // waits, and falls due while the database is away

	require.NoError(t, server.Pause(t.Context()))
	for range 20 {
		a, err := p.post(sample(t, relay.UserMentioned, nil))
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, a.Status)
		require.Equal(t, "store_unavailable", a.Error.Code)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/livez": http.StatusOK} {
		a, err := p.request(http.MethodGet, p.admin+path, http.NoBody, nil)
		require.NoError(t, err)
		require.Equal(t, want, a.Status, path)
	}
	require.NoError(t, server.Resume(t.Context()))

	var mention answer
	l.eventually("webhooks are taken again", func() bool {
		mention, err = p.post(sample(t, relay.UserMentioned, nil))
		return err == nil && mention.Status == http.StatusOK
	})
	require.False(t, mention.Duplicate, "what was answered 503 was not kept")
	s := l.kept()
	for _, event := range []answer{call, mention} {
		require.Equal(t, relay.AlertSent, l.alert(s, event.ID).State)
	}
	p.stop()
	require.Len(t, l.twilio.Messages(), 2)
	require.Len(t, l.sendgrid.Mails(), 1)
}
