package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// stocked is an app with that many texts and mails in its outbox, the newest a mail.
func stocked(t *testing.T, n int) *App {
	t.Helper()
	a := &App{store: opened(t), trials: newSlots(), Options: Options{Logger: slog.New(slog.DiscardHandler)}}
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for i := range n {
		m := relay.OutboxMessage{
			ID: fmt.Sprintf("m%d", i), DeliveryID: fmt.Sprintf("dl_%d", i), Channel: relay.ChannelSMS, Phone: "+14155550105",
			ReceivedAt: start.Add(time.Duration(i) * time.Second),
			Content:    relay.Content{Text: relay.Text(fmt.Sprintf("You missed call %d", i)), Encoding: "GSM-7", Segments: 1},
		}
		if i%2 == 1 {
			m.Channel, m.Phone, m.Email = relay.ChannelEmail, "", "ann@example.com"
			m.Content.Subject, m.Content.HTML = "Missed call", "<p>You missed a call</p>"
		}
		require.NoError(t, a.store.KeepOutbox(t.Context(), m))
	}
	return a
}

func TestTheInboxIsReadPageByPageMaskedOrWithTheAuditKnowing(t *testing.T) {
	t.Parallel()
	a := stocked(t, 2*inboxPage+4)
	box := a.inbox(config.Config{SendGrid: config.SendGrid{From: "Beckon <beckon@example.com>"}})
	page, err := box.Messages(t.Context(), console.InboxQuery{}, "")
	require.NoError(t, err)
	require.Len(t, page.Items, inboxPage)
	require.Equal(t, "dl_83", page.Items[0].DeliveryID, "the newest comes first")
	require.Equal(t, "a***@example.com", page.Items[0].To)
	require.NotContains(t, fmt.Sprint(page.Items), "You missed")
	require.True(t, page.Items[0].Mail)
	require.Empty(t, page.Items[0].HTML)
	older, err := box.Messages(t.Context(), console.InboxQuery{After: page.Next, Channel: relay.ChannelSMS}, "")
	require.NoError(t, err)
	require.Equal(t, "dl_42", older.Items[0].DeliveryID)
	require.Empty(t, older.Next)
	require.Empty(t, a.audit(t))

	page, err = box.Messages(t.Context(), console.InboxQuery{}, "kim")
	require.NoError(t, err)
	require.Equal(t, "You missed call 83", page.Items[0].Text)
	require.Len(t, a.audit(t), 1)
	mail, err := box.Message(t.Context(), page.Items[0].Seq, "kim")
	require.NoError(t, err)
	require.Equal(t, "<p>You missed a call</p>", mail.HTML)
	require.Equal(t, "Beckon <beckon@example.com>", mail.From)
	require.Equal(t, "kim reveal outbox m83", a.audit(t)[0])

	for _, wrong := range []func() error{
		func() error { _, err := box.Message(t.Context(), 1<<40, "kim"); return err },
		func() error { _, err := box.Messages(t.Context(), console.InboxQuery{After: "x"}, "kim"); return err },
	} {
		_, ok := errors.AsType[*view.Refusal](wrong())
		require.True(t, ok)
	}
	require.Len(t, a.audit(t), 2, "who saw nothing is not in the audit")
}

func (a *App) audit(t *testing.T) []string {
	t.Helper()
	entries, err := a.store.Audit(t.Context(), store.AuditFilter{Limit: 100})
	require.NoError(t, err)
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Who+" "+e.Action+" "+e.Subject)
	}
	return out
}

func TestNothingIsMaskedInDevOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	a := stocked(t, 1)
	for _, test := range []struct {
		dev    bool
		listen string
		clear  bool
	}{{true, "127.0.0.1:8081", true}, {true, ":8081", false}, {false, "127.0.0.1:8081", false}} {
		a.Dev = test.dev
		page, err := a.inbox(config.Config{AdminListen: test.listen}).Messages(t.Context(), console.InboxQuery{}, "")
		require.NoError(t, err)
		require.Equal(t, test.clear, page.Items[0].Clear, test)
		require.Equal(t, test.clear, page.Items[0].Text == "You missed call 0", test)
	}
	require.Empty(t, a.audit(t))
}

func TestTheRulesPageTellsWhyAReloadWasRefused(t *testing.T) {
	t.Parallel()
	a := stocked(t, 0)
	g, _, err := LoadGeneration("../../rules.yaml", "../../templates")
	require.NoError(t, err)
	a.live.Store(&live{generation: g})
	a.metrics = newMetrics("test", "")
	a.inForce.Store(&view.Config{Hash: g.Hash})
	page := a.rulesPage()
	counted := page.counted
	page.counted = func(ctx context.Context) (view.Rules, error) {
		shown, err := counted(ctx)
		shown.Text += "# ask +49 30 901820\n"
		return shown, err
	}
	shown, err := page.Rules(t.Context(), false)
	require.NoError(t, err)
	require.Contains(t, shown.Text, "901820")
	require.Empty(t, shown.RefusedFor)
	require.Equal(t, g.Templates.Files()["mention/sms.txt"], textOf(shown.Files, "mention/sms.txt"))
	shown, err = page.Rules(t.Context(), true)
	require.NoError(t, err)
	require.NotContains(t, shown.Text, "901820")
	require.Contains(t, shown.Text, "name: missed-call")
	require.Equal(t, "missed-call", shown.Rules[0].Name)

	broken := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(g.Rules.Text(), "to: callee", "to: cale", 1)), 0o600))
	a.Config = config.Config{Rules: broken, Templates: "../../templates", Providers: config.ProvidersOutbox, AdminListen: "127.0.0.1:0"}
	require.Error(t, a.Reload(t.Context()))
	shown, err = page.Rules(t.Context(), false)
	require.NoError(t, err)
	require.Len(t, shown.RefusedFor, 1)
	require.Equal(t, 17, shown.RefusedFor[0].Line)
	require.Contains(t, shown.RefusedFor[0].Excerpt, "to: cale")
	require.Contains(t, shown.Refused, "to: cale"[4:])
}

func textOf(files []view.TextFile, name string) string {
	for _, f := range files {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}
