package dispatch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestWhatAProviderQuotesOfAMessageIsNotKept(t *testing.T) {
	t.Parallel()
	content := relay.Content{Text: "Ann mentioned you: \"the password is Swordfish\"\nhttps://x.example", Subject: "News of the day"}
	for detail, want := range map[string]string{ //nolint:gosec // no credentials
		"":                        "",
		"refused":                 "refused",
		"the number is not valid": "the number is not valid",
		"body 'The password is Swordfish' is wrong": "body [text] is wrong",
		"wrong: Ann mentioned you: the password is": "wrong: [text]",
		"news of the day, and: the password is":     "[text] and: [text]",
		"two words: password is  kept":              "two words: password is  kept",
	} {
		got := discreet(relay.Outcome{Detail: detail, Status: 400}, content)
		require.Equal(t, relay.Outcome{Detail: want, Status: 400}, got)
	}
	require.Equal(t, "a b c", discreet(relay.Outcome{Detail: "a b c"}, relay.Content{}).Detail)
}
