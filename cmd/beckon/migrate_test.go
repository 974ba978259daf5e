package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
)

// postgresServer is one for all tests that need one.
var postgresServer = sync.OnceValues(func() (*pgtest.Server, error) {
	return pgtest.Start(context.Background(), pgtest.Options{})
})

// onPostgres gives the lab an empty PostgreSQL database of its own.
func (l *lab) onPostgres() (url string) {
	l.t.Helper()
	server, err := postgresServer()
	require.NoError(l.t, err)
	name, err := server.Database(l.t.Context())
	require.NoError(l.t, err)
	l.t.Cleanup(func() { require.NoError(l.t, server.Drop(context.Background(), name)) })
	l.env["BECKON_DATABASE_URL"] = server.URL(name)
	return l.env["BECKON_DATABASE_URL"]
}

func TestARelayMovesFromSQLiteToPostgreSQLWithWhatWasWaiting(t *testing.T) {
	t.Parallel()
	l := newLab(t, `version: 1
rules:
  - { name: missed-call, trigger: call_initiated, to: callee, wait: 12s, urgent: true, send: [ { sms: missed-call } ] }
`)
	old := l.env["BECKON_DATABASE_URL"]
	p := l.serve()
	call := p.mustPost(sample(t, relay.CallInitiated, nil))
	target := l.onPostgres()
	_, said, code := l.run("migrate", "--from", old)
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "another process", "it is in use")
	p.kill()

	_, said, code = l.run("migrate", "--from", target, "--to", old)
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "no other way")
	_, said, code = l.run("migrate", "--to", target)
	require.Equal(t, exitUsage, code, said)
	_, said, code = l.run("migrate", "--from", old)
	require.Equal(t, exitFine, code, said)
	require.Contains(t, said, "events: 1\n")
	require.Contains(t, said, "wake-ups: 1\n")
	_, said, code = l.run("migrate", "--from", old)
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "the database is in use")

	first, second := l.serve(), l.serve()
	require.True(t, second.mustPost(sample(t, relay.CallInitiated, nil)).Duplicate, "the event is known")
	l.eventually("the text arrives", func() bool { return len(l.twilio.Messages()) == 1 })
	l.eventually("the alert is sent", func() bool {
		out, _, code := l.run("alerts", "list", "--json")
		return code == exitFine && contains(out, call.ID, `"sent"`)
	})
	out, said, code := l.run("explain", call.ID)
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "missed-call")
	_, said, code = l.run("migrate")
	require.Equal(t, exitFine, code)
	require.Contains(t, said, "already")
	first.stop()
	second.stop()
	require.Len(t, l.twilio.Messages(), 1)
}

func contains(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

func TestNothingIsMadeOfADatabaseThatIsNotThere(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	path := filepath.Join(t.TempDir(), "nope.db")
	_, said, code := l.run("migrate", "--from", "sqlite:"+path, "--to", "postgres://nobody@127.0.0.1:1/none")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "no such file")
	require.NoFileExists(t, path)
}
