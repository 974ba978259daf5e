package relay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestOfTwoWishesTheStricterHolds(t *testing.T) {
	t.Parallel()
	night, noon := relay.QuietHours{From: 22 * 60, To: 7 * 60, Set: true}, relay.QuietHours{From: 720, To: 780, Set: true}
	hiking := relay.Mute{Conversations: []string{"group_hiking"}}
	calls := relay.Mute{Rules: []string{"missed-call"}, Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	sms, email := []relay.Channel{relay.ChannelSMS}, []relay.Channel{relay.ChannelEmail}
	all := relay.Channels()
	for name, tt := range map[string]struct {
		directory relay.Contact
		kept      relay.Preferences
		want      relay.Contact
	}{
		"nothing is kept": {
			relay.Contact{UID: "ann", Locale: "de", TimeZone: "UTC", Channels: sms, QuietHours: []relay.QuietHours{night}, Mutes: []relay.Mute{hiking}},
			relay.Preferences{},
			relay.Contact{UID: "ann", Locale: "de", TimeZone: "UTC", Channels: sms, QuietHours: []relay.QuietHours{night}, Mutes: []relay.Mute{hiking}},
		},
		"the directory has none": {
			relay.Contact{UID: "ann"},
			relay.Preferences{UID: "ann", Channels: email, QuietHours: []relay.QuietHours{noon}, Mutes: []relay.Mute{calls}, Locale: "fr", TimeZone: "Europe/Paris"},
			relay.Contact{UID: "ann", Channels: email, QuietHours: []relay.QuietHours{noon}, Mutes: []relay.Mute{calls}, Locale: "fr", TimeZone: "Europe/Paris"},
		},
		"both have them": {
			relay.Contact{Channels: all, QuietHours: []relay.QuietHours{night}, Mutes: []relay.Mute{hiking}, Locale: "de", TimeZone: "Europe/Berlin"},
			relay.Preferences{Channels: email, QuietHours: []relay.QuietHours{noon}, Mutes: []relay.Mute{calls}, Locale: "fr", TimeZone: "Europe/Paris"},
			relay.Contact{
				Channels: email, QuietHours: []relay.QuietHours{night, noon}, Mutes: []relay.Mute{hiking, calls},
				Locale: "de", TimeZone: "Europe/Berlin",
			},
		},
		"no channel is wanted by both": {
			relay.Contact{Channels: sms}, relay.Preferences{Channels: email}, relay.Contact{Channels: []relay.Channel{}},
		},
		"one of both wants none": {
			relay.Contact{Channels: sms}, relay.Preferences{Channels: []relay.Channel{}}, relay.Contact{Channels: []relay.Channel{}},
		},
	} {
		got := tt.directory.With(tt.kept)
		require.Equal(t, tt.want.Channels == nil, got.Channels == nil, name)
		require.ElementsMatch(t, tt.want.Channels, got.Channels, name)
		require.ElementsMatch(t, tt.want.QuietHours, got.QuietHours, name)
		require.ElementsMatch(t, tt.want.Mutes, got.Mutes, name)
		require.Equal(t, []string{tt.want.UID, tt.want.Locale, tt.want.TimeZone}, []string{got.UID, got.Locale, got.TimeZone}, name)
		for _, ch := range all {
			require.Equal(t, tt.directory.Wants(ch) && relay.Contact{Channels: tt.kept.Channels}.Wants(ch), got.Wants(ch), name)
		}
	}
}

func TestARuleIsMutedOnceAndUnmutedAlone(t *testing.T) {
	t.Parallel()
	later := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	kept := relay.Preferences{Mutes: []relay.Mute{
		{Rules: []string{"call", "mention"}, Until: later},
		{Rules: []string{"call"}, Until: later},
		{Rules: []string{"call"}, Conversations: []string{"group_hiking"}},
		{Everything: true, Rules: []string{"call"}},
	}}
	require.False(t, kept.MutesRule("mention"), "only for a time")
	muted := kept.MuteRule("mention").MuteRule("mention")
	require.True(t, muted.MutesRule("mention"))
	require.Len(t, muted.Mutes, 5)
	require.Len(t, kept.Mutes, 4, "it is a value")

	free := muted.UnmuteRule("call")
	require.Equal(t, []relay.Mute{
		{Rules: []string{"mention"}, Until: later},
		{Rules: []string{}, Conversations: []string{"group_hiking"}},
		{Everything: true, Rules: []string{}},
		{Rules: []string{"mention"}},
	}, free.Mutes, "and a mute of a rule for a time does not become one of everything")
	require.Equal(t, []string{"call", "mention"}, kept.Mutes[0].Rules)
	require.True(t, relay.Preferences{}.MuteRule("call").UnmuteRule("call").Empty())
	require.False(t, relay.Preferences{Channels: []relay.Channel{}}.Empty(), "no channel is a wish")
}
