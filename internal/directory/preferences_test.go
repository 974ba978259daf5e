package directory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestPreferencesAreReadAsARecipientsFileHasThem(t *testing.T) {
	t.Parallel()
	got, problems := directory.ParsePreferences([]byte(`{
		"channels": ["email"], "quiet_hours": {"from": "21:00", "to": "08:00"}, "locale": "de-at", "time_zone": "Europe/Vienna",
		"mute": [{"rules": ["missed-call"]}, {"until": "2030-01-31T08:00:00Z", "conversations": ["group_\ud83c\udfd4\/hike"]}, {"everything": true}]
	}`))
	require.Empty(t, problems)
	require.Equal(t, relay.Preferences{
		Channels: []relay.Channel{relay.ChannelEmail}, QuietHours: []relay.QuietHours{{From: 1260, To: 480, Set: true}},
		Locale: "de-AT", TimeZone: "Europe/Vienna", Mutes: []relay.Mute{
			{Rules: []string{"missed-call"}},
			{Until: time.Date(2030, 1, 31, 8, 0, 0, 0, time.UTC), Conversations: []string{"group_🏔/hike"}},
			{Everything: true},
		},
	}, got)
	for _, nothing := range []string{`{}`, `{"mute":null,"channels":null,"locale":"","time_zone":null}`, ` {"mute":[],"quiet_hours":[]} `} {
		got, problems = directory.ParsePreferences([]byte(nothing))
		require.Empty(t, problems, nothing)
		require.True(t, got.Empty(), nothing)
	}
}

func TestEveryProblemOfPreferencesNamesItsField(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][]string{
		``:                                      {": not JSON; one object is expected"},
		`{"mute":`:                              {": not JSON; one object is expected"},
		`{} {}`:                                 {": something follows after the JSON object"},
		`{"locale":"de",}`:                      {": not JSON; one object is expected"},
		`[]`:                                    {": write it as an object such as"},
		`null`:                                  {": write it as an object such as"},
		strings.Repeat("[", 5000):               {": nested deeper than 8 levels"},
		`"` + strings.Repeat("x", 64<<10) + `"`: {": is larger than 64 KiB"},
		`{"locale":"de","locale":"fr"}`:         {`locale: "locale" is written twice`},
		`{"timezone":"UTC","email":"ann@example.com"}`:                     {`timezone: unknown key "timezone"; did you mean time_zone?`, `email: unknown key "email"; there are`},
		`{"time_zone":"Mars/Olympus","locale":5}`:                          {`time_zone: "Mars/Olympus" is not a time zone`, `locale: "5" is not a locale`},
		`{"channels":["sms","fax"]}`:                                       {`channels[1]: unknown channel "fax"`},
		`{"channels":[]}`:                                                  {`channels: no channel is listed`},
		`{"quiet_hours":{"from":"9pm","to":"08:00"}}`:                      {`quiet_hours.from: "9pm" is not a time of day`},
		`{"quiet_hours":[{"from":"09:00","to":2500}]}`:                     {`quiet_hours[0].to: "2500" is not a time of day`},
		`{"mute":[{"until":"tomorrow"},{"rule":["call"]}]}`:                {`mute[0].until: "tomorrow" is not a time with its zone`, `mute[1].rule: unknown key "rule"; did you mean rules?`},
		`{"mute":{"rules":["a",7,""]}}`:                                    {`mute.rules[2]: an empty rule`},
		`{"mute":[` + strings.Repeat(`{"everything":true},`, 100) + `{}]}`: {`mute: these are 101; there may be 100 at the most`},
	} {
		_, problems := directory.ParsePreferences([]byte(src))
		require.Len(t, problems, len(want), "%.80s: %v", src, problems)
		for i, p := range problems {
			require.True(t, strings.HasPrefix(p.Field+": "+p.Message, want[i]), "%.80s: %s: %s", src, p.Field, p.Message)
		}
	}
}

func TestAnAddressByItselfTellsItsChannel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		channel relay.Channel
		text    string
		want    relay.Address
	}{
		{"", "+1 (415) 555-0123", relay.NewAddress(relay.ChannelSMS, "+14155550123")},
		{relay.ChannelSMS, "0014155550123", relay.NewAddress(relay.ChannelSMS, "+14155550123")},
		{"", "Ann@Example.com", relay.NewAddress(relay.ChannelEmail, "ann@example.com")},
		{relay.ChannelEmail, "ann@bücher.example", relay.NewAddress(relay.ChannelEmail, "ann@xn--bcher-kva.example")},
	} {
		got, err := directory.ParseAddress(tt.channel, tt.text)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
	for want, bad := range map[string][2]string{
		"not a phone number": {"", "04155550123"}, "not an email address": {"", "Ann <ann@example.com>"},
		`unknown channel "fax"`: {"fax", "+14155550123"}, "not an email address; write": {"email", "+14155550123"},
	} {
		_, err := directory.ParseAddress(relay.Channel(bad[0]), bad[1])
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), bad[1])
	}
}

func FuzzParsePreferences(f *testing.F) {
	f.Add([]byte(`{"mute":[{"rules":["a"]}],"quiet_hours":{"from":"21:00","to":"08:00"},"channels":["sms"]}`))
	f.Add([]byte(`{"mute":{"until":"2030-01-31T08:00:00Z","everything":true}}`))
	f.Add([]byte(`[[{"a":`))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, problems := directory.ParsePreferences(src)
		if len(problems) > 0 {
			return
		}
		for _, q := range got.QuietHours {
			require.True(t, q.Set && q.From != q.To && q.From >= 0 && q.To < 24*60)
		}
		require.True(t, got.Channels == nil || len(got.Channels) > 0)
	})
}
