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
		"BECKON_SMS_DAILY_SEGMENTS": "5000", "BECKON_SMS_COUNTRIES": "US, ca,DE",
		"BECKON_ONLY_TO": "+1 (415) 555-0100, +1415*,*@Corp.example,ann@example.com,*0199",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, config.Limits{Rate: 0.5, Concurrency: 4}, got.SMS)
	require.Equal(t, config.Limits{Rate: 250, Concurrency: 1000}, got.Email)
	require.Equal(t, 5000, got.SMSDailySegments)
	require.Equal(t, []string{"US", "CA", "DE"}, got.SMSCountries)
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
