package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

const george = "cometchat-uid-2"

// wish changes what is kept of George's wishes.
func (b *bench) wish(change func(relay.Preferences) relay.Preferences) {
	b.t.Helper()
	_, err := b.kept.ChangePreferences(b.t.Context(), george, relay.Audit{At: b.now, Who: relay.ByRecipient, Action: "wish"},
		func(p relay.Preferences) (relay.Preferences, error) { return change(p), nil })
	require.NoError(b.t, err)
}

// decided keeps a mention, decides its alert, and gives it.
func (b *bench) decided(message string) relay.Alert {
	b.t.Helper()
	id := b.mentionOf(message)
	require.NoError(b.t, b.due(b.t.Context(), id))
	return b.alert(id)
}

func TestWhatIsKeptOfAPersonsWishesHoldsFromTheNextDecisionOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention } ]")
	require.Equal(t, relay.AlertSent, b.decided("1").State)
	b.wish(func(p relay.Preferences) relay.Preferences { return p.MuteRule("told") })
	require.Equal(t, relay.ReasonMuted, b.decided("2").Reason)
	b.wish(func(p relay.Preferences) relay.Preferences { return p.UnmuteRule("told") })
	require.Equal(t, relay.AlertSent, b.decided("3").State)
	b.wish(func(p relay.Preferences) relay.Preferences {
		p.Channels = []relay.Channel{relay.ChannelEmail}
		return p
	})
	require.Equal(t, relay.ReasonNotWanted, b.decided("4").Reason)
}

func TestWhatAPersonSaysWhileADirectoryIsSlowCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention } ]")
	b.meanwhile = func() {
		b.now = b.now.Add(time.Second)
		b.wish(func(p relay.Preferences) relay.Preferences { return p.MuteRule("told") })
	}
	require.Equal(t, relay.ReasonMuted, b.decided("1").Reason)
}

func TestOfTheDirectoryAndWhatIsKeptTheStricterHolds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention }, { email: mention } ]")
	contact := b.people[george]
	contact.Email, contact.TimeZone, contact.Channels = "george@example.net", "", []relay.Channel{relay.ChannelSMS}
	contact.QuietHours = []relay.QuietHours{{From: 12 * 60, To: 13*60 + 30, Set: true}}
	b.people[george] = contact
	b.wish(func(p relay.Preferences) relay.Preferences {
		p.QuietHours, p.TimeZone, p.Locale = []relay.QuietHours{{From: 13 * 60, To: 15 * 60, Set: true}}, "Europe/London", "de"
		p.Channels = []relay.Channel{relay.ChannelEmail}
		return p
	})
	alert := b.decided("1")
	require.Equal(t, relay.ReasonQuietHours, alert.Reason)
	require.Equal(t, b.now.Add(3*time.Hour), alert.DueAt, "to the end of both")
	b.now = alert.DueAt
	require.NoError(t, b.due(t.Context(), alert.ID))
	for _, d := range b.deliveries(alert.ID) {
		require.Equal(t, relay.ReasonNotWanted, d.Reason, "each wants another channel, so none is wanted by both")
	}
	require.Equal(t, relay.AlertSuppressed, b.alert(alert.ID).State)
}

func TestAKeptTimeZoneStandsInForOneThatIsMissingOrUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention } ]")
	b.wish(func(p relay.Preferences) relay.Preferences {
		p.TimeZone, p.QuietHours = "Asia/Tokyo", []relay.QuietHours{{From: 20 * 60, To: 22 * 60, Set: true}} // noon in UTC is 21:00 there
		return p
	})
	alert := b.decided("1")
	require.Equal(t, b.now.Add(time.Hour), alert.DueAt)
	require.Equal(t, 1, b.seen.zones, "Nowhere/Land")
	contact := b.people[george]
	contact.TimeZone = "Europe/London"
	b.people[george] = contact
	require.Equal(t, relay.AlertSent, b.decided("2").State, "the directory's stands over it")
}

func TestWhoNoDirectoryKnowsIsUnknownWhateverIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention } ]")
	b.wish(func(p relay.Preferences) relay.Preferences { p.Locale = "de"; return p })
	b.people = people{}
	b.Directory = b.people
	require.Equal(t, relay.ReasonUnknownPerson, b.decided("1").Reason)
}
