package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/links"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// click posts what the button of a mail program posts.
func (p *process) click(path string) int {
	p.t.Helper()
	a, err := p.request(http.MethodPost, p.public+path, strings.NewReader("List-Unsubscribe=One-Click"), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	require.NoError(p.t, err)
	return a.Status
}

// look opens a link as a program would that looks for harmful ones.
func (p *process) look(path string) int {
	p.t.Helper()
	a, err := p.request(http.MethodGet, p.public+path, http.NoBody, nil)
	require.NoError(p.t, err)
	return a.Status
}

// mention posts a new mention and gives what became of its deliveries, by channel, once its alert has ended.
func (p *process) mention(s store.Store, id string) map[relay.Channel]relay.Reason {
	p.t.Helper()
	event := p.mustPost(sample(p.t, relay.UserMentioned, map[string]any{"data.message.id": id})).ID
	require.Equal(p.t, relay.AlertSent, p.alert(s, event).State)
	ends := map[relay.Channel]relay.Reason{}
	p.eventually("its deliveries end", func() bool {
		deliveries, err := s.Deliveries(p.t.Context(), store.Filter{EventID: event})
		require.NoError(p.t, err)
		require.Len(p.t, deliveries, 2)
		for _, d := range deliveries {
			if !d.State.Done() {
				return false
			}
			ends[d.Channel] = d.Reason
		}
		return true
	})
	return ends
}

func TestOneClickInAMailEndsTheMailsAndNothingElse(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_LOG_LEVEL"] = "debug"
	p, s := l.serve(), l.kept()
	both := map[relay.Channel]relay.Reason{relay.ChannelSMS: "", relay.ChannelEmail: ""}
	require.Equal(t, both, p.mention(s, "2001"))
	headers := l.sendgrid.Mails()[0].Headers
	require.Equal(t, "List-Unsubscribe=One-Click", headers["List-Unsubscribe-Post"])
	path, ours := strings.CutPrefix(strings.Trim(headers["List-Unsubscribe"], "<>"), "https://relay.example.com")
	require.True(t, ours, headers)

	require.Equal(t, http.StatusOK, p.look(path))
	require.Equal(t, http.StatusNotFound, p.click(path+"A"), "a link that somebody made up")
	require.Equal(t, both, p.mention(s, "2002"), "neither changes anything")

	require.Equal(t, http.StatusOK, p.click(path))
	noMail := map[relay.Channel]relay.Reason{relay.ChannelSMS: "", relay.ChannelEmail: relay.ReasonOptedOut}
	require.Equal(t, noMail, p.mention(s, "2003"))
	require.NotContains(t, p.log(), strings.TrimPrefix(path, "/u/"), "a token in the log")
	require.Contains(t, p.log(), `"route":"/u/:token"`)
	p.kill()

	p = l.serve()
	require.Equal(t, http.StatusOK, p.click(path), "once more is no error")
	require.Equal(t, noMail, p.mention(s, "2004"), "what was said before a crash stands")
	p.stop()
	require.Len(t, l.sendgrid.Mails(), 2)
	require.Len(t, l.twilio.Messages(), 4)
	require.NotContains(t, p.log(), strings.TrimPrefix(path, "/u/"), "a token in the log")
	require.NotContains(t, p.log(), "george@", "an address in the log")
}

func TestANewKeyForLinksIsInForceWithoutARestart(t *testing.T) {
	t.Parallel()
	const older, newer = "an older key of 32 characters ...", "a newer key of 32 characters ...."
	link := func(key string) string {
		s, err := links.New([]string{key})
		require.NoError(t, err)
		return "/u/" + s.Unsubscribe(links.Subscription{Address: "george@example.net"})
	}
	l := newLab(t, labRules)
	delete(l.env, "BECKON_SECRET_KEY")
	l.env["BECKON_SECRET_KEY_FILE"] = l.path("key")
	l.write("key", older)
	p := l.serve()
	require.Equal(t, http.StatusOK, p.look(link(older)))
	require.Equal(t, http.StatusNotFound, p.look(link(newer)))
	l.write("key", newer+","+older)
	l.eventually("the change is noticed", func() bool { return strings.Contains(p.log(), `"msg":"reloaded"`) })
	require.Equal(t, http.StatusOK, p.look(link(newer)))
	require.Equal(t, http.StatusOK, p.look(link(older)), "mails that went out keep their links")
	p.stop()
}
