package sendgrid

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACodeIsExplainedWithSendGridsPageAboutIt(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][2]string{
		"5.1.1": {"no such mailbox, for good", bouncePages},
		"4.2.2": {"the mailbox is full, for now", bouncePages},
		"5.7.9": {"the mail server's rules refuse it, for good", bouncePages},
		"5.0.0": {"the mail server gives no reason, for good", bouncePages},
		"413":   {"the mail is too large", answerPages},
		"500":   {"trouble at SendGrid", answerPages},
		"99999": {},
		"":      {},
	} {
		means, link := Explain(code)
		require.Equal(t, want, [2]string{means, link}, code)
	}
}
