package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// A copy made while the relay runs is put in the place of a database that is lost; the alert that was waiting in it goes out.
func TestABackupRestoredGoesOnWithWhatWasWaiting(t *testing.T) {
	t.Parallel()
	l := newLab(t, `version: 1
rules:
  - { name: missed-call, trigger: call_initiated, to: callee, wait: 15s, urgent: true, send: [ { sms: missed-call } ] }
`)
	p := l.serve()
	call := p.mustPost(sample(t, relay.CallInitiated, nil))
	_, errs, code := l.run("backup", l.path("copy.db"))
	require.Zero(t, code, errs)
	require.Regexp(t, `copy\.db: \d+ bytes`, errs)
	_, errs, code = l.run("backup", l.path("copy.db"))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "is there already; name a new file")
	p.kill()
	for _, name := range []string{"beckon.db", "beckon.db-wal", "beckon.db-shm"} {
		require.NoError(t, os.Remove(l.path(name)))
	}
	require.NoError(t, os.Rename(l.path("copy.db"), l.path("beckon.db")))

	p = l.serve()
	require.Equal(t, relay.AlertSent, l.alert(l.kept(), call.ID).State)
	l.eventually("the text arrives", func() bool { return len(l.twilio.Messages()) == 1 })
	require.True(t, p.mustPost(sample(t, relay.CallInitiated, nil)).Duplicate, "the event is known")
	p.stop()
	require.Len(t, l.twilio.Messages(), 1)
}
