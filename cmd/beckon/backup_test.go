package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	out, errs, code := l.run("backup", "-")
	require.Zero(t, code, errs)
	require.Equal(t, fmt.Sprintf("%d bytes, SHA-256 %x\n", len(out), sha256.Sum256([]byte(out))), errs, "what came out is what was sent")
	require.True(t, strings.HasPrefix(out, "SQLite format 3\x00"))
	left, err := filepath.Glob(l.path(".beckon-backup-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	p.kill()
	for _, name := range []string{"beckon.db", "beckon.db-wal", "beckon.db-shm"} {
		require.NoError(t, os.Remove(l.path(name)))
	}
	require.NoError(t, os.WriteFile(l.path("beckon.db"), []byte(out), 0o600))

	p = l.serve()
	require.Equal(t, relay.AlertSent, l.alert(l.kept(), call.ID).State)
	l.eventually("the text arrives", func() bool { return len(l.twilio.Messages()) == 1 })
	require.True(t, p.mustPost(sample(t, relay.CallInitiated, nil)).Duplicate, "the event is known")
	p.stop()
	require.Len(t, l.twilio.Messages(), 1)
}
