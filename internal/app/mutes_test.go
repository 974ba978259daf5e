package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/rules"
)

func TestARuleThatIsMutedAndNotThereIsDoubtful(t *testing.T) {
	t.Parallel()
	people := filepath.Join(t.TempDir(), "people.yaml")
	require.NoError(t, os.WriteFile(people, []byte("ann: { mute: { rules: [missed-cal, missed-call] } }\nbob: { mute: { everything: true } }\n"), 0o600))
	directory := config.Directory{Sources: []config.DirectorySource{{Kind: config.DirectoryFile, Address: people}}}
	checked, err := app.Check("../../rules.yaml", config.Config{Templates: "../../templates", Directory: directory, Retention: 30 * 24 * 3600 * 1e9})
	require.NoError(t, err)
	require.Len(t, checked.Findings, 1)
	require.Equal(t, rules.SeverityWarning, checked.Findings[0].Severity)
	require.Equal(t, people, checked.Findings[0].File)
	require.Contains(t, checked.Findings[0].Message, `ann: no rule is named "missed-cal", so muting it mutes nothing; the rules are `)
}
