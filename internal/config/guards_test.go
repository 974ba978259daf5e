package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/config"
)

func TestRatesAndGuardsAreRead(t *testing.T) {
	t.Parallel()
	got, err := load(map[string]string{
		"BECKON_SMS_RATE": "0.5", "BECKON_SMS_CONCURRENCY": "4", "BECKON_EMAIL_RATE": "250", "BECKON_EMAIL_CONCURRENCY": "1000",
		"BECKON_SMS_DAILY_SEGMENTS": "5000", "BECKON_SMS_COUNTRIES": "US, ca,DE", "BECKON_GROUP_CAP": "10000",
		"BECKON_ONLY_TO": "+1 (415) 555-0100, +1415*,*@Corp.example,ann@example.com,*0199",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, config.Limits{Rate: 0.5, Concurrency: 4}, got.SMS)
	require.Equal(t, config.Limits{Rate: 250, Concurrency: 1000}, got.Email)
	require.Equal(t, 5000, got.SMSDailySegments)
	require.Equal(t, []string{"US", "CA", "DE"}, got.SMSCountries)
	require.Equal(t, 10_000, got.GroupCap)
	require.Equal(t, config.Addresses{"+14155550100", "+1415*", "*@corp.example", "ann@example.com", "*0199"}, got.OnlyTo)
}

func TestAListOfAddressesNamesWholeOnesAndEitherEnd(t *testing.T) {
	t.Parallel()
	list := config.Addresses{"+14155550100", "+4930*", "*@corp.example", "ann@example.com"}
	for address, want := range map[string]bool{
		"+14155550100": true, "+141555501000": false, "+14155550101": false,
		"+49301234": true, "+4930": true, "+4940123": false,
		"bob@corp.example": true, "Bob@CORP.example": true, "bob@corp.example.com": false, "bob@sub.corp.example": false,
		"ann@example.com": true, "Ann@Example.com": true, "joann@example.com": false, "": false,
	} {
		require.Equal(t, want, list.Names(address), address)
	}
	require.False(t, config.Addresses(nil).Names("+14155550100"))
}

func TestSettingsThatGuardSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"BECKON_SMS_RATE", "0", "BECKON_SMS_RATE: \"0\" is not a number of messages per second from 0.001 to 100000, such as 0.5 or 100"},
		{"BECKON_SMS_COUNTRIES", "US,,DE", "BECKON_SMS_COUNTRIES: entry 2 is empty"},
		{"BECKON_SMS_COUNTRIES", "XX,XX", "BECKON_SMS_COUNTRIES: \"XX\" is not a country, such as US, CA or DE (ISO 3166, two letters)"},
		{"BECKON_GROUP_CAP", "10001", "BECKON_GROUP_CAP: \"10001\" is not a number from 1 to 10000"},
		{"BECKON_GROUP_CAP", "0", "BECKON_GROUP_CAP: \"0\" is not a number from 1 to 10000"},
		{"BECKON_ONLY_TO", "+1415*,", "BECKON_ONLY_TO: entry 2 is empty"},
		{"BECKON_ONLY_TO", "+1415", "BECKON_ONLY_TO: \"+1415\" is no whole phone number; write * after it for all that begin so"},
		{"BECKON_ONLY_TO", "@corp.example", "BECKON_ONLY_TO: \"@corp.example\" names nobody: no address begins with @; write * before it"},
		{"BECKON_ONLY_TO", "*@", "BECKON_ONLY_TO: \"*@\" names nobody: no address ends so"},
		{"BECKON_ONLY_TO", "+1415a*", "BECKON_ONLY_TO: \"+1415a*\" names nobody: a phone number is + and digits"},
		{"BECKON_ONLY_TO", "+*", "BECKON_ONLY_TO: \"+*\" names nobody or everybody; write addresses such as +1415* or *@corp.example"},
		{
			"BECKON_DATABASE_URL", "postgres://beckon@db/beckon?sslmode=bogus",
			"BECKON_DATABASE_URL: its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full",
		},
	} {
		_, err := load(map[string]string{c.name: c.value}, nil)
		require.EqualError(t, err, c.want)
	}
	got, err := load(map[string]string{"BECKON_SMS_RATE": " 2 ", "BECKON_LOG_LEVEL": "debug "}, nil)
	require.NoError(t, err)
	require.InDelta(t, 2, got.SMS.Rate, 0)
}
