package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// first loads a file with one rule that says also this, and some defaults.
func first(t *testing.T, defaults, also string) (*rules.Set, *rules.Rule) {
	t.Helper()
	set := load(t, `version: 1
defaults: { `+defaults+` }
rules: [ { name: a, trigger: user_mentioned, to: mentioned, send: [ { sms: t } ], `+also+` } ]
`)
	return set, set.Rules()[0]
}

func TestADigestIsByRecipientAndListsTwentyUnlessItSaysOtherwise(t *testing.T) {
	t.Parallel()
	tests := map[string]rules.Digest{
		`{ window: 1s }`:                          {Window: time.Second, By: rules.ByRecipient, Max: 20},
		`{ window: 10m, by: recipient }`:          {Window: 10 * time.Minute, By: rules.ByRecipient, Max: 20},
		`{ by: conversation, window: 1h, max: 1}`: {Window: time.Hour, By: rules.ByConversation, Max: 1},
		`{ window: 90s, max: "100" }`:             {Window: 90 * time.Second, By: rules.ByRecipient, Max: 100},
	}
	for written, want := range tests {
		_, rule := first(t, "", "digest: "+written)
		require.Equal(t, &want, rule.Digest, written)
	}
	_, rule := first(t, "", "")
	require.Nil(t, rule.Digest)
}

func TestOffIsNoLimit(t *testing.T) {
	t.Parallel()
	set, rule := first(t, "limits: off, sender_limit: off", "limits: off")
	require.Empty(t, set.Defaults().Limits)
	require.Equal(t, rules.Limit{}, set.Defaults().SenderLimit)
	require.Empty(t, rule.Limits)
	require.True(t, rule.LimitsOff)

	set, rule = first(t, "sender_limit: { max: 1000, per: 720h }", "")
	require.Equal(t, rules.Limit{Max: 1000, Per: 720 * time.Hour}, set.Defaults().SenderLimit)
	require.False(t, rule.LimitsOff)
}

func TestAFallbackWaitsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	set, findings := rules.Load("r", []byte(`version: 1
rules: [ { name: a, trigger: user_mentioned, to: mentioned, send: [ { sms: t } ], fallback: [ { sms: u }, { email: t } ], fallback_after: 90s } ]
`), catalogue())
	require.Empty(t, findings)
	rule := set.Rules()[0]
	require.Equal(t, 90*time.Second, rule.FallbackAfter)
	require.Equal(t, []relay.Channel{relay.ChannelSMS, relay.ChannelEmail}, []relay.Channel{rule.Fallback[0].Channel, rule.Fallback[1].Channel})
	require.Equal(t, []string{"u", "t"}, []string{rule.Fallback[0].Template, rule.Fallback[1].Template})
	require.Equal(t, "t", rule.Send[0].Template)
	require.Len(t, rule.Send, 1)
}

func TestALostAnswerIsResentUnlessTheRuleGivesUp(t *testing.T) {
	t.Parallel()
	_, rule := first(t, "", "")
	require.Equal(t, rules.Resend, rule.OnUnknown)
	_, rule = first(t, "", "on_unknown: resend")
	require.Equal(t, rules.Resend, rule.OnUnknown)
	_, rule = first(t, "", "on_unknown: give_up")
	require.Equal(t, rules.GiveUp, rule.OnUnknown)
}

func TestTheLongestWaitCountsWindowsAndLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, defaults, rule string
		want                 time.Duration
	}{
		{"expires", "", "", 24 * time.Hour},
		{"the built-in sender limit", "expires: 10m", "", time.Hour},
		{"a sender limit", "expires: 10m, sender_limit: { max: 1, per: 7h }", "", 7 * time.Hour},
		{"no sender limit", "expires: 10m, sender_limit: off", "", 10 * time.Minute},
		{"a window of a digest", "expires: 10h, sender_limit: off", "digest: { window: 9h }", 10 * time.Hour},
		{"a default limit", "limits: [ { max: 1, per: 1h }, { max: 2, per: 48h } ]", "", 48 * time.Hour},
		{"a default limit that the rule does without", "limits: [ { max: 1, per: 48h } ]", "limits: off", 24 * time.Hour},
		{"a limit in place of the default's", "limits: [ { max: 1, per: 48h } ]", "limits: [ { max: 1, per: 30h } ]", 30 * time.Hour},
		{"a limit of a disabled rule", "", "enabled: false, limits: [ { max: 1, per: 30h } ]", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, _ := first(t, tt.defaults, tt.rule)
			require.Equal(t, tt.want, set.LongestWait())
		})
	}
}

func TestAHurriedSetWaitsForNothingLong(t *testing.T) {
	t.Parallel()
	set, findings := rules.Load("r", []byte(`version: 1
defaults: { quiet_hours: { from: "22:00", to: "07:00" }, limits: [ { max: 2, per: 1h } ] }
rules:
  - name: slow
    trigger: user_mentioned
    to: mentioned
    wait: 5m
    digest: { window: 10m, by: conversation, max: 3 }
    limits: [ { max: 5, per: 2h } ]
    send: [ { sms: t } ]
    fallback: [ { email: t } ]
    fallback_after: 20m
    quiet_hours: { from: "20:00", to: "06:00" }
  - { name: quick, trigger: user_mentioned, to: mentioned, wait: 1s, digest: { window: 2s }, send: [ { sms: t } ] }
  - { name: "off", enabled: false, trigger: user_mentioned, to: mentioned, wait: 1h, send: [ { sms: t } ] }
`), catalogue())
	require.Empty(t, findings)
	hurried := set.Hurried(3 * time.Second)

	slow := hurried.Rules()[0]
	require.Equal(t, 3*time.Second, slow.Wait)
	require.Equal(t, &rules.Digest{Window: 3 * time.Second, By: rules.ByConversation, Max: 3}, slow.Digest)
	require.Equal(t, 3*time.Second, slow.FallbackAfter)
	require.Equal(t, []rules.Limit{{Max: 5, Per: 2 * time.Hour}}, slow.Limits)
	require.Equal(t, []rules.Limit{{Max: 2, Per: time.Hour}}, hurried.Defaults().Limits)
	require.False(t, slow.QuietHours.Set)
	require.False(t, hurried.Defaults().QuietHours.Set)
	byName, ok := hurried.Rule("slow")
	require.True(t, ok)
	require.Same(t, slow, byName)
	require.Equal(t, hurried.Rules()[:2], hurried.For("user_mentioned"))

	quick := hurried.Rules()[1]
	require.Equal(t, time.Second, quick.Wait)
	require.Equal(t, 2*time.Second, quick.Digest.Window)
	require.Zero(t, quick.FallbackAfter)

	// The set itself stays as it was.
	require.Equal(t, 5*time.Minute, set.Rules()[0].Wait)
	require.Equal(t, 10*time.Minute, set.Rules()[0].Digest.Window)
	require.Equal(t, 20*time.Minute, set.Rules()[0].FallbackAfter)
	require.True(t, set.Defaults().QuietHours.Set)
}
