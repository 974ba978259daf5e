package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
)

// document is a page, or a file that a page shows, by its path from the top of the project.
type document struct{ path, text string }

// documents are all pages and all examples, but the log of changes and the decisions, which tell of other times.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	top := os.DirFS(filepath.Join("..", ".."))
	require.NoError(t, fs.WalkDir(top, ".", func(name string, entry fs.DirEntry, err error) error {
		page := path.Ext(name) == ".md" && (path.Dir(name) == "." || path.Dir(name) == "docs") && name != "CHANGELOG.md"
		if err != nil || entry.IsDir() || !page && !strings.HasPrefix(name, "docs/examples/") {
			return err
		}
		text, err := fs.ReadFile(top, name)
		all = append(all, document{name, string(text)})
		return err
	}))
	require.Greater(t, len(all), 20)
	return all
}

func pageOf(t *testing.T, name string) string {
	t.Helper()
	for _, d := range documents(t) {
		if d.path == name {
			return d.text
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

var (
	fence = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$")
	// calls is a command in a line of a shell: what is before it ends another command, or leads into a container.
	calls = regexp.MustCompile(`(?:^|[;&|(] *|\$ |-- |=\S+ )(?:\./|/|go run \./cmd/)?beckon ([a-z][^|>&;#<)]*)`)
	span  = regexp.MustCompile("`(?:[A-Z_]+=\\S+ )*(?:go run \\./cmd/|/)?beckon ([a-z][^`]*)`")
)

// commands are the arguments of every beckon that a document calls.
func (d document) commands() []string {
	var all []string
	shell := d.text
	if path.Ext(d.path) == ".md" {
		for _, found := range span.FindAllStringSubmatch(d.text, -1) {
			line, _, _ := strings.Cut(strings.ReplaceAll(found[1], `\|`, "|"), " | ")
			all = append(all, line)
		}
		var blocks []string
		for _, found := range fence.FindAllStringSubmatch(d.text, -1) {
			blocks = append(blocks, strings.ReplaceAll(found[1], "\\\n", " "))
		}
		shell = strings.Join(blocks, "\n")
	}
	for line := range strings.Lines(shell) {
		for _, found := range calls.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
			all = append(all, found[1])
		}
	}
	return all
}

func TestEveryCommandInTheDocsIsOneThatThereIs(t *testing.T) {
	t.Parallel()
	n := 0
	for _, d := range documents(t) {
		for _, line := range d.commands() {
			n++
			require.Empty(t, misused(line), "%s: beckon %s", d.path, line)
		}
	}
	require.Greater(t, n, 150)
	require.NotEmpty(t, misused("evnts list"))
	require.NotEmpty(t, misused("events lst"))
	require.NotEmpty(t, misused("events list|shw"))
	require.NotEmpty(t, misused("pause --chanel sms"))
}

// misused says what is wrong with the arguments of a call; empty where nothing is.
func misused(line string) string {
	words := strings.Fields(line)
	for i, word := range words {
		if one, others, ok := strings.Cut(word, "|"); ok && i < 2 { // both of `list|show`
			for other := range strings.SplitSeq(others, "|") {
				if wrong := misused(strings.Join(slices.Concat(words[:i], []string{other}), " ")); wrong != "" {
					return wrong
				}
			}
			words[i] = one
		}
	}
	root := newRoot()
	addCompletion(root)
	command, rest, err := root.Find(words)
	switch {
	case err != nil:
		return err.Error()
	case command == root || command.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && rest[0] != "...":
		return "there is no such command"
	}
	command.InitDefaultHelpFlag()
	for _, word := range oneDash(append([]string{command.Name()}, rest...)) {
		name, _, _ := strings.Cut(strings.Trim(word, `'"[]`), "=")
		long, isLong := strings.CutPrefix(name, "--")
		short, isShort := strings.CutPrefix(name, "-")
		switch {
		case isLong && long != "" && command.Flag(long) == nil:
			return "there is no flag " + name
		case !isLong && isShort && len(short) == 1 && command.Flags().ShorthandLookup(short) == nil:
			return "there is no flag " + name
		}
	}
	return ""
}

var setting = regexp.MustCompile(`\b(?:BECKON|TWILIO|SENDGRID|COMETCHAT)_[A-Z_]*[A-Z]\b`)

func TestEverySettingInTheDocsIsOneThatThereIs(t *testing.T) {
	t.Parallel()
	// What only tests read.
	known := map[string]bool{"BECKON_CHAOS_KILLS": true, "BECKON_SCREENSHOTS": true, "BECKON_SOAK": true}
	for _, s := range config.Settings() {
		known[s.Name] = true
		if s.Secret {
			known[s.Name+"_FILE"] = true
		}
	}
	n := 0
	for _, d := range documents(t) {
		for _, name := range setting.FindAllString(d.text, -1) {
			n++
			require.True(t, known[name], "%s: there is no setting %s", d.path, name)
		}
	}
	require.Greater(t, n, 200)
}

var (
	metric    = regexp.MustCompile(`\bbeckon_[a-z_]+[a-z](_\*)?`)
	metricRow = regexp.MustCompile("(?m)^\\| `(beckon_[a-z_]+)` \\| (\\w+)")
)

func TestEveryMetricInTheDocsIsOneThatThereIs(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, row := range metricRow.FindAllStringSubmatch(pageOf(t, "docs/metrics.md"), -1) {
		known[row[1]] = true
		if row[2] == "histogram" {
			known[row[1]+"_bucket"], known[row[1]+"_count"], known[row[1]+"_sum"] = true, true, true
		}
	}
	require.Greater(t, len(known), 30)
	for _, d := range documents(t) {
		for _, name := range metric.FindAllString(d.text, -1) {
			if prefix, ok := strings.CutSuffix(name, "*"); ok {
				ok = false
				for m := range known {
					ok = ok || strings.HasPrefix(m, prefix)
				}
				require.True(t, ok, "%s: no metric begins with %s", d.path, prefix)
				continue
			}
			require.True(t, known[name], "%s: there is no metric %s", d.path, name)
		}
	}
}

func TestOperateNamesEveryTriggerAndHowEverySecretIsRotated(t *testing.T) {
	t.Parallel()
	text := pageOf(t, "docs/operate.md")
	for trigger := range cometchat.Catalogue() {
		require.Contains(t, text, "`"+string(trigger)+"`", "%s is not among what to tick", trigger)
	}
	_, rotate, found := strings.Cut(text, "\n## Rotate a secret\n")
	require.True(t, found)
	rotate, _, _ = strings.Cut(rotate, "\n## ")
	for _, s := range config.Settings() {
		if s.Secret {
			require.Contains(t, rotate, "`"+s.Name+"`")
		}
	}
	for _, word := range []relay.Reason{relay.ReasonMisconfigured, relay.ReasonProviderTrouble, relay.ReasonUnknownPerson} {
		require.Contains(t, text, "`"+string(word)+"`")
	}
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s:]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unlinked = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

func TestEveryLinkInTheDocsLeadsSomewhere(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		if path.Ext(d.path) != ".md" {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(d.text, ""), -1) {
			file, anchor, _ := strings.Cut(found[1], "#")
			target := d.path
			if file != "" {
				target = path.Join(path.Dir(d.path), file)
			}
			text, err := os.ReadFile(filepath.Join("..", "..", target))
			if info, isThere := os.Stat(filepath.Join("..", "..", target)); isThere == nil && info.IsDir() {
				continue
			}
			require.NoError(t, err, "%s links to %s", d.path, found[1])
			if anchor == "" || path.Ext(target) != ".md" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(string(text), -1) {
				anchors = append(anchors, strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			require.Contains(t, anchors, anchor, "%s links to %s", d.path, found[1])
		}
	}
}
