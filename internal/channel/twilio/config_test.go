package twilio

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
)

func TestAWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"no account":                {func(c *Config) { c.AccountSID = "" }, "TWILIO_ACCOUNT_SID: must be AC"},
		"a key as account":          {func(c *Config) { c.AccountSID = vendortest.TwilioAPIKey }, "TWILIO_ACCOUNT_SID: must be AC"},
		"a line break in the token": {func(c *Config) { c.AuthToken = "secret\n" }, "TWILIO_AUTH_TOKEN: must be one word"},
		"no credentials":            {func(c *Config) { c.AuthToken = "" }, "TWILIO_AUTH_TOKEN: must be set"},
		"an account as key": {
			func(c *Config) { c.APIKey, c.APISecret = c.AccountSID, "secret" }, "TWILIO_API_KEY: must be SK",
		},
		"a key alone":              {func(c *Config) { c.APIKey = vendortest.TwilioAPIKey }, "must be set together"},
		"a secret alone":           {func(c *Config) { c.APISecret = "secret" }, "must be set together"},
		"a space in the secret":    {func(c *Config) { c.APISecret = "sec ret" }, "TWILIO_API_SECRET: must be one word"},
		"no sender":                {func(c *Config) { c.From = "" }, "TWILIO_FROM: must be set"},
		"two senders":              {func(c *Config) { c.MessagingServiceSID = vendortest.TwilioServiceSID }, "only one of them"},
		"a number without its +":   {func(c *Config) { c.From = "14155550100" }, "TWILIO_FROM: must be a number such as"},
		"a name that is too long":  {func(c *Config) { c.From = "Beckon Relay" }, "TWILIO_FROM: must be a number such as"},
		"a name that is a picture": {func(c *Config) { c.From = "👋" }, "TWILIO_FROM: must be a number such as"},
		"not a service": {
			func(c *Config) { c.From, c.MessagingServiceSID = "", "MGxyz" }, "TWILIO_MESSAGING_SERVICE_SID: must be MG",
		},
		"a base without scheme":           {func(c *Config) { c.BaseURL = "proxy:8080" }, "BECKON_TWILIO_BASE_URL: must be an address"},
		"a base with a password":          {func(c *Config) { c.BaseURL = "https://a:secret@proxy" }, "BECKON_TWILIO_BASE_URL: must not have"},
		"a public address, unreadable":    {func(c *Config) { c.PublicURL = "https://secret:x:y" }, "BECKON_PUBLIC_URL: must be an address"},
		"a public address with query":     {func(c *Config) { c.PublicURL = "https://b.example.com/?k=secret" }, "BECKON_PUBLIC_URL: must not have"},
		"a public host Twilio refuses":    {func(c *Config) { c.PublicURL = "https://my_host.example.com" }, "underscore"},
		"a public address without a host": {func(c *Config) { c.PublicURL = "beckon.example.com" }, "BECKON_PUBLIC_URL: must be an address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := validConfig()
			test.change(&config)
			_, err := New(config)
			require.ErrorContains(t, err, "configure twilio: ")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), vendortest.TwilioAuthToken)
		})
	}
}

func TestEveryWrongSettingIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Config{APISecret: "x", BaseURL: "nowhere", PublicURL: "nowhere"})
	for _, setting := range []string{
		"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_FROM", "BECKON_TWILIO_BASE_URL", "BECKON_PUBLIC_URL",
	} {
		require.ErrorContains(t, err, setting)
	}
}

func TestSendersThatTwilioTakesAreTaken(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"+14155550100", "12345", "Beckon", "A 1+-_&"} {
		config := validConfig()
		config.From = from
		_, err := New(config)
		require.NoError(t, err, from)
	}
}
