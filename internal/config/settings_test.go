package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/config"
)

func publicKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

func TestEverySettingIsNamedOnceAndExplained(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range config.Settings() {
		require.False(t, seen[s.Name], "%s stands twice", s.Name)
		seen[s.Name] = true
		require.NotEmpty(t, s.Help, s.Name)
	}
	require.Greater(t, len(seen), 30)
}

func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	var secrets []string
	for _, s := range config.Settings() {
		if s.Secret {
			secrets = append(secrets, s.Name)
		}
	}
	slices.Sort(secrets)
	require.Equal(t, []string{
		"BECKON_CONSOLE_TOKENS", "BECKON_CONSOLE_USERS", "BECKON_DATABASE_URL", "BECKON_DIRECTORY_TOKEN", "BECKON_DIRECTORY_USER", "BECKON_OPERATOR", "BECKON_SECRET_KEY", "BECKON_TOKEN", "BECKON_WEBHOOK_USERS", "COMETCHAT_API_KEY",
		"OTEL_EXPORTER_OTLP_HEADERS",
		"SENDGRID_API_KEY", "SENDGRID_EVENT_PUBLIC_KEY", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_AUTH_TOKEN",
	}, secrets)
}

func TestHelpShowsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	help := config.Help()
	for _, s := range config.Settings() {
		require.Contains(t, help, s.Name)
		require.Contains(t, help, s.Help)
	}
	require.Regexp(t, `BECKON_RULES +file of rules \(default rules\.yaml\)\n`, help)
	require.Regexp(t, `TWILIO_AUTH_TOKEN +\* its auth tokens: .*\n`, help)
	for line := range strings.Lines(help) {
		require.LessOrEqual(t, len(line), 120, line)
	}
}

func TestAMisspeltVariableIsNamedWithWhatWasMeant(t *testing.T) {
	t.Parallel()
	got := config.Unknown([]string{
		"PATH=/bin", "TWILIO_AUTH_TOKN=x", "BECKON_RULES=ok", "BECKON_SECRET_KEY_FILE=ok",
		"BECKON_LISTN=sensitive", "BECKON_RULES_FILE=/x", "BECKON_COLOUR=red", "BECKON_",
		"BECKON_SERVICE_HOST=10.0.0.1", "BECKON_PORT=tcp://10.0.0.1:80", "BECKON_PORT_80_TCP=tcp://10.0.0.1:80",
	})
	require.Equal(t, []string{
		"BECKON_ is not a setting",
		"BECKON_COLOUR is not a setting",
		"BECKON_LISTN is not a setting; did you mean BECKON_LISTEN?",
		"BECKON_RULES_FILE is not a setting",
	}, got)
}

func TestOneCredentialMakesAProviderConfigured(t *testing.T) {
	t.Parallel()
	require.False(t, config.Twilio{From: "+15005550006"}.Configured())
	require.True(t, config.Twilio{APISecret: "s"}.Configured())
	require.True(t, config.Twilio{AccountSID: "AC1"}.Configured())
	require.False(t, config.SendGrid{From: "a@example.com"}.Configured())
	require.True(t, config.SendGrid{APIKey: "k"}.Configured())
}
