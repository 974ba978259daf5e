package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

var (
	block = regexp.MustCompile("(?ms)^```(\\S+)( \\S+)*\n(.*?)^```$")
	// passing are the parts of an output that change with the machine and with the templates.
	passing = regexp.MustCompile(`\d+(\.\d+)?(µs|ms|s)\b|[0-9a-f]{16}\b`)
)

// TestTheFirstRuleGoesAsThePageSays does what the first chapter of docs/rules.md says, in its order, and holds what the commands print
// against the page, but for how long they took and the hashes of generations.
func TestTheFirstRuleGoesAsThePageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	require.NoError(t, err)
	chapter, _, found := strings.Cut(string(page), "\n## Ten recipes")
	require.True(t, found)
	l := newLab(t, "")
	delete(l.env, "BECKON_DIRECTORY")
	l.write("call.json", string(sample(t, relay.CallInitiated, nil)))
	ran := 0
	for _, b := range block.FindAllStringSubmatch(chapter, -1) {
		kind, what, text := b[1], strings.TrimSpace(b[2]), b[3]
		switch {
		case kind == "yaml" && what == "rules":
			l.write("rules.yaml", text)
		case kind == "yaml":
			l.write("rules.test.yaml", text)
		case kind == "console":
			line, want, _ := strings.Cut(text, "\n")
			l.sameAs(line, want)
			ran++
		}
	}
	require.Equal(t, 5, ran)
}

// sameAs runs a line of the page, and compares. One of its outputs is about a slip in the rules above.
func (l *lab) sameAs(line, want string) {
	l.t.Helper()
	const slip = "call_initated"
	if strings.Contains(want, slip) {
		good, err := os.ReadFile(l.path("rules.yaml"))
		require.NoError(l.t, err)
		l.write("rules.yaml", strings.Replace(string(good), "call_initiated", slip, 1))
		defer l.write("rules.yaml", string(good))
	}
	l.env["BECKON_RULES"] = "rules.yaml"
	out, said, _ := l.run(strings.Fields(strings.TrimPrefix(line, "$ beckon "))...)
	require.Equal(l.t, passing.ReplaceAllString(want, "?"), passing.ReplaceAllString(out+said, "?"), line)
}
