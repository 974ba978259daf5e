package rules_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

var update = flag.Bool("update", false, "write what is found into the .findings files below testdata")

// TestEveryFindingIsReported reads each testdata/bad/*.yaml, whose findings forbid the file, and each testdata/doubtful/*.yaml, which
// has warnings only, and compares what is printed with the .findings file beside it. To add a case, write the .yaml, run
// `go test ./internal/rules -run EveryFinding -update` and read what it wrote.
func TestEveryFindingIsReported(t *testing.T) {
	t.Parallel()
	bad, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, bad)
	doubtful, err := filepath.Glob("testdata/doubtful/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, doubtful)
	for _, name := range slices.Concat(bad, doubtful) {
		t.Run(filepath.Base(filepath.Dir(name))+"/"+filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(name)
			require.NoError(t, err)
			set, findings := rules.Load("rules.yaml", src, catalogue())
			require.Equal(t, slices.Contains(doubtful, name), set != nil)
			var got bytes.Buffer
			rules.Write(&got, findings)
			golden := strings.TrimSuffix(name, ".yaml") + ".findings"
			if *update {
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

// load loads what must be without findings.
func load(t *testing.T, src string) *rules.Set {
	t.Helper()
	set, findings := rules.Load("rules.yaml", []byte(src), catalogue())
	require.Empty(t, findings)
	require.NotNil(t, set)
	return set
}

func loadFile(t *testing.T, name string) *rules.Set {
	t.Helper()
	src, err := os.ReadFile(name)
	require.NoError(t, err)
	return load(t, string(src))
}

func TestAFileIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	set := loadFile(t, "testdata/good/shipped.yaml")

	d := set.Defaults()
	require.Equal(t, "pt-BR", d.Locale)
	require.Equal(t, "Europe/Berlin", d.TimeZone.String())
	require.Equal(t, relay.QuietHours{From: 22 * 60, To: 7*60 + 30, Set: true}, d.QuietHours)
	require.Equal(t, 12*time.Hour, d.Expires)
	require.Equal(t, 2, d.MaxSegments)
	require.Len(t, set.Rules(), 3)

	call, ok := set.Rule("missed-call")
	require.True(t, ok)
	require.Same(t, set.Rules()[0], call)
	require.Equal(t, "Text the person called when nobody picked up.", call.Description)
	require.Equal(t, []relay.Trigger{relay.CallInitiated, relay.CallUnanswered}, call.Triggers)
	require.Equal(t, []rules.Target{{Role: relay.RoleCallee, Line: 20, Column: 9}}, call.To)
	require.Equal(t, time.Minute, call.Wait)
	require.Equal(t, 12*time.Hour, call.Expires)
	require.Equal(t, []string{"answered", "declined", "online"}, clauseNames(call.Unless))
	require.True(t, call.Urgent)
	require.True(t, call.Enabled)
	require.True(t, call.Collapse)
	require.False(t, call.IncludeActor)
	require.False(t, call.QuietHours.Set)
	require.False(t, call.QuietOff)
	require.Equal(t, []rules.Send{{Channel: relay.ChannelSMS, Template: "missed-call", Line: 24, Column: 20}}, call.Send)
	require.Equal(t, []int{16, 11}, []int{call.Line, call.Column})

	mention := set.Rules()[1]
	require.Equal(t, []relay.Recipient{{}, {UID: "ops-lead"}, {Email: "ops@example.com"}, {Phone: "+14155550123"}}, fixed(mention.To))
	require.Equal(t, relay.RoleFixed, mention.To[3].Role)
	require.Equal(t, 2*time.Hour, mention.Expires)
	require.True(t, mention.QuietOff)
	require.False(t, mention.Collapse)
	require.Equal(t, relay.ChannelEmail, mention.Send[0].Channel)

	joined := set.Rules()[2]
	require.True(t, joined.IncludeActor)
	require.False(t, joined.Enabled)
	require.Equal(t, relay.QuietHours{From: 20 * 60, To: 6 * 60, Set: true}, joined.QuietHours)
}

func TestDigestsLimitsAndFallbacksAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	set := loadFile(t, "testdata/good/shipped.yaml")
	require.Equal(t, []rules.Limit{{Max: 20, Per: 24 * time.Hour}, {Max: 2, Per: time.Hour, By: rules.ByConversation}}, set.Defaults().Limits)
	require.Equal(t, rules.Limit{Max: 100, Per: 30 * time.Minute}, set.Defaults().SenderLimit)

	call := set.Rules()[0]
	require.Equal(t, []rules.Send{
		{Channel: relay.ChannelEmail, Template: "missed-call", Line: 25, Column: 26},
		{Channel: relay.ChannelSMS, Template: "short", Line: 25, Column: 48},
	}, call.Fallback)
	require.Equal(t, 20*time.Minute, call.FallbackAfter)
	require.Equal(t, rules.GiveUp, call.OnUnknown)
	require.Nil(t, call.Digest)
	require.Empty(t, call.Limits)
	require.True(t, call.LimitsOff)

	mention := set.Rules()[1]
	require.Equal(t, []string{"read", "message_sent", "replied", "message_reaction_added", "message_sent 2", "deleted"},
		clauseNames(mention.Unless))
	require.Equal(t, &rules.Digest{Window: 10 * time.Minute, By: rules.ByConversation, Max: 5}, mention.Digest)
	require.Equal(t, []rules.Limit{
		{Max: 1000, Per: 720 * time.Hour, By: rules.BySender}, {Max: 3, Per: time.Second, By: rules.ByRule},
	}, mention.Limits)
	require.False(t, mention.LimitsOff)
}

func clauseNames(clauses []*rules.Clause) []string {
	names := make([]string, len(clauses))
	for i, c := range clauses {
		names[i] = c.Name
	}
	return names
}

func fixed(targets []rules.Target) []relay.Recipient {
	out := make([]relay.Recipient, len(targets))
	for i, target := range targets {
		out[i] = target.Fixed
	}
	return out
}

func TestDefaultsStandInForAFileWithoutAny(t *testing.T) {
	t.Parallel()
	set := load(t, minimal)
	require.Equal(t, rules.Defaults{
		Locale: "en", TimeZone: time.UTC, Expires: 24 * time.Hour, MaxSegments: 3,
		SenderLimit: rules.Limit{Max: 50, Per: time.Hour},
	}, set.Defaults())
	require.Equal(t, 24*time.Hour, set.Rules()[0].Expires)
	require.Len(t, set.Hash(), 64)
	require.NotEqual(t, set.Hash(), load(t, minimal+"# changed\n").Hash())
}

// minimal is the shortest rule there is.
const minimal = `version: 1
rules:
  - { name: a, trigger: user_mentioned, to: mentioned, send: [ { sms: mention } ] }
`

func TestDefaultsHoldWhereverTheyStand(t *testing.T) {
	t.Parallel()
	set := load(t, minimal+"defaults: { expires: 3h, quiet_hours: off }\n")
	require.Equal(t, 3*time.Hour, set.Rules()[0].Expires)
	require.False(t, set.Defaults().QuietHours.Set)
}

func TestOnlyWhatEnabledRulesNeedIsWanted(t *testing.T) {
	t.Parallel()
	set := load(t, `version: 1
rules:
  - { name: call, trigger: call_initiated, to: callee, wait: 1m, unless: [answered], send: [ { sms: t } ] }
  - { name: mention, trigger: user_mentioned, to: mentioned, expires: 100h, send: [ { sms: t } ] }
  - { name: off, enabled: false, trigger: group_created, to: group_owner, wait: 10h, expires: 200h, send: [ { sms: t } ] }
`)
	for _, trigger := range []relay.Trigger{
		"call_initiated", "call_started", "call_participant_joined", "user_mentioned", "message_deleted", "message_edited",
	} {
		require.True(t, set.Wants(trigger), trigger)
	}
	for _, trigger := range []relay.Trigger{"group_created", "call_rejected", "message_read_receipt", "call_ended", "brand_new"} {
		require.False(t, set.Wants(trigger), trigger)
	}
	require.Equal(t, 100*time.Hour, set.LongestWait())
	require.Len(t, set.For("user_mentioned"), 1)
	require.Empty(t, set.For("group_created"))
	_, ok := set.Rule("off")
	require.True(t, ok)
	_, ok = set.Rule("gone")
	require.False(t, ok)
}

func TestRolesOfASessionWantItsOtherEvents(t *testing.T) {
	t.Parallel()
	set := load(t, `version: 1
rules: [ { name: rec, trigger: recording_generated, to: participants, send: [ { email: t } ] } ]
`)
	for _, trigger := range []relay.Trigger{"recording_generated", "call_initiated", "call_participant_joined", "call_ended"} {
		require.True(t, set.Wants(trigger), trigger)
	}
	require.False(t, set.Wants("call_started"), "it names nobody")
	require.False(t, set.Wants("message_sent"))
}

func TestAFindingOfOthersLooksLikeOurs(t *testing.T) {
	t.Parallel()
	set := load(t, minimal)
	f := set.Finding(3, 71, rules.SeverityWarning, "no template", "write one")
	require.Equal(t, "rules.yaml:3:71: warning: no template (write one)", f.String())
	line, caret, found := strings.Cut(f.Excerpt, "\n")
	require.True(t, found)
	require.Equal(t, "mention", line[len(caret)-1:len(caret)+6])
	require.Empty(t, set.Finding(99, 1, rules.SeverityError, "outside", "").Excerpt)
}

func TestOnlyWarningsDoNotForbidAFile(t *testing.T) {
	t.Parallel()
	set, findings := rules.Load("r", []byte(`version: 1
rules: [ { name: a, trigger: user_mentioned, to: mentioned, unless: [read], send: [ { sms: t } ] } ]
`), catalogue())
	require.NotNil(t, set)
	require.Len(t, findings, 1)
	require.Equal(t, rules.SeverityWarning, findings[0].Severity)
	require.Equal(t, "a", findings[0].Rule)
	set, findings = rules.Load("r", []byte("version: 1\nrules: []\n"), catalogue())
	require.NotNil(t, set)
	require.Zero(t, set.LongestWait())
	require.Contains(t, findings[0].Message, "no rules")
}

// What is too big for a data file.
func TestAFileWithoutBoundsIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ src, want string }{
		"too long":         {strings.Repeat("#", 1<<20+1), "1:1: the file has 1048577 bytes, more than 1048576"},
		"long line":        {"version: 1\n# " + strings.Repeat("x", 16<<10), "2:1: the line has 16386 bytes, more than 16384 (break it)"},
		"too many rules":   {"version: 1\nrules:\n" + strings.Repeat("  - {}\n", 10_001), "10003:5: there are 10001 rules"},
		"long condition":   {strings.Replace(minimal, "to:", "if: '"+strings.Repeat("a", 5000)+"', to:", 1), "the condition has 5000 bytes, more than 4096"},
		"deep nesting":     {"version: 1\nrules: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "nested too deeply"},
		"deep expression":  {strings.Replace(minimal, "to:", "if: '"+strings.Repeat("(", 2000)+"', to:", 1), "3:"},
		"endless findings": {"version: 1\nrules:\n" + strings.Repeat("  - {}\n", 5000), "more findings"},
		"not text":         {"version: 1\nname: \"\x00\"\n", "2:8: the character U+0000 is not allowed"},
		"other line ends":  {"version: 1\r\nrules: []\rx: y\n", "2:10: the character U+000D is not allowed"},
		"Unicode line end": {"version: 1 # \u2028\n", "1:14: the character U+2028 is not allowed"},
		"not UTF-8":        {"version: 1\n\xff: 2\n", "2:1: this is not text in UTF-8"},
		"nothing":          {"", "1:1: the file is empty"},
		"only a comment":   {"# nothing\n", "the file is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, findings := rules.Load("rules.yaml", []byte(tt.src), catalogue())
			require.Nil(t, set)
			require.LessOrEqual(t, len(findings), 1001)
			var got bytes.Buffer
			rules.Write(&got, findings)
			require.Contains(t, got.String(), tt.want)
			for _, f := range findings {
				require.Less(t, len(f.Excerpt), 2000)
				require.Less(t, len(f.Message), 1000)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/doubtful/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, name := range files {
			src, err := os.ReadFile(name)
			require.NoError(f, err)
			f.Add(src)
		}
	}
	catalogue := catalogue()
	f.Fuzz(func(t *testing.T, src []byte) {
		set, findings := rules.Load("rules.yaml", src, catalogue)
		broken := false
		lines := bytes.Count(src, []byte("\n")) + 1
		for _, finding := range findings {
			broken = broken || finding.Severity == rules.SeverityError
			require.GreaterOrEqual(t, finding.Line, 1)
			require.LessOrEqual(t, finding.Line, lines)
			require.GreaterOrEqual(t, finding.Column, 1)
			require.NotEmpty(t, finding.Message)
		}
		require.Equal(t, broken, set == nil)
	})
}

func TestARuleKnowsWhatCometChatIsAskedFor(t *testing.T) {
	t.Parallel()
	const rule = "{ version: 1, defaults: { sender_limit: off }, rules: [ { name: r, send: [ { sms: t } ], %s } ] }"
	for keys, want := range map[string]rules.Rule{
		"trigger: message_sent, to: [receiver, group_members]":                                         {Asks: []relay.Role{relay.RoleGroupMembers}},
		"trigger: call_initiated, to: callee":                                                          {RingsGroups: true},
		"trigger: call_initiated, to: callee, if: 'event.conversation.kind == \"user\"'":               {},
		"trigger: call_initiated, to: callee, if: 'event.conversation.kind != \"user\"'":               {RingsGroups: true},
		"trigger: call_initiated, to: callee, if: 'event.call.type == \"audio\"'":                      {RingsGroups: true},
		"trigger: [call_initiated, call_unanswered], to: callee, if: 'event.trigger == \"call_busy\"'": {},
		"trigger: call_initiated, to: caller, include_actor: true":                                     {},
	} {
		set, _ := rules.Load("rules.yaml", fmt.Appendf(nil, rule, keys), catalogue())
		require.NotNil(t, set, keys)
		r, _ := set.Rule("r")
		require.Equal(t, want.Asks, r.Asks, keys)
		require.Equal(t, want.RingsGroups, r.RingsGroups, keys)
		require.Equal(t, want.RingsGroups, set.Wants(relay.CallJoined), "those who joined are left out: %s", keys)
	}
}
