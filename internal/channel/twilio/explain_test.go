package twilio

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACodeIsExplainedWithTwiliosPageAboutIt(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][2]string{
		"21610":  {"the recipient answered STOP", "https://www.twilio.com/docs/api/errors/21610"},
		"30003":  {"the handset cannot be reached now", "https://www.twilio.com/docs/api/errors/30003"},
		"39999":  {"", "https://www.twilio.com/docs/api/errors/39999"},
		"503":    {"trouble at Twilio", statusPages},
		"":       {},
		"no":     {},
		"-21610": {},
	} {
		means, link := Explain(code)
		require.Equal(t, want, [2]string{means, link}, code)
	}
	for code, verdict := range codes {
		require.NotEmpty(t, verdict.Words, code)
	}
}
