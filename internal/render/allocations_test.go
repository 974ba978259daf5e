package render_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// A message is rendered while the decision holds up other writes.
func TestATextIsRenderedAndMeasuredWithFewAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all goroutines
	templates, problems := render.Load(os.DirFS("../../templates"))
	require.Empty(t, problems)
	req := message("Are you coming along on Saturday?")
	req.Template, req.DefaultLocale, req.Channel = "unread-message", "en", relay.ChannelSMS
	content, err := templates.Render(req)
	require.NoError(t, err)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { render.Measure(string(content.Text), true) }), 6.0, "measuring")
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if _, err := templates.Render(req); err != nil {
			panic(err)
		}
	}), 190.0, "rendering")
}
