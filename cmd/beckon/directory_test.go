package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// mentioned is who the sample of user_mentioned mentions.
const mentioned = "cometchat-uid-2"

// withCometChat points a lab at a fake CometChat, which knows the one who is mentioned.
func withCometChat(t *testing.T, l *lab) *cometchattest.Server {
	t.Helper()
	chat := cometchattest.New(t, nil)
	chat.User(mentioned, "George Alan", map[string]any{"@private": map[string]any{"email": "george@example.net"}})
	chat.ContactDetails(mentioned, "", "+1 415 555 0102")
	l.env["BECKON_COMETCHAT_BASE_URL"] = chat.URL
	l.env["COMETCHAT_APP_ID"], l.env["COMETCHAT_REGION"] = cometchattest.AppID, cometchattest.Region
	l.env["COMETCHAT_API_KEY"] = cometchattest.APIKey
	l.env["BECKON_DIRECTORY"] = "cometchat"
	return chat
}

// ofApp is a mention in the app that the fake CometChat is.
func ofApp(t *testing.T, id string) []byte {
	t.Helper()
	return sample(t, relay.UserMentioned, map[string]any{"data.message.id": id, "appId": cometchattest.AppID})
}

// troubles are ways in which a directory fails at first; what they return mends it.
var troubles = map[string]func(t *testing.T, l *lab) (mend func()){ //nolint:gochecknoglobals // a table
	"CometChat has trouble": func(t *testing.T, l *lab) func() {
		t.Helper()
		chat := withCometChat(t, l)
		chat.Fail("/", cometchattest.Fault{Status: http.StatusInternalServerError, Code: "ERR_INTERNAL"})
		return func() { chat.Fail("/", cometchattest.Fault{}) }
	},
	"CometChat hangs": func(t *testing.T, l *lab) func() {
		t.Helper()
		chat := withCometChat(t, l)
		chat.Fail("/v3/notifications", cometchattest.Fault{Hang: true})
		return func() { chat.Fail("/v3/notifications", cometchattest.Fault{}) }
	},
	"CometChat has had too many calls": func(t *testing.T, l *lab) func() {
		t.Helper()
		chat := withCometChat(t, l)
		tooMany := cometchattest.TooMany(15)
		tooMany.Times = 1
		chat.Fail("/", tooMany)
		return func() {}
	},
	"a service is down, behind a file that does not know the person": func(t *testing.T, l *lab) func() {
		t.Helper()
		var up atomic.Bool
		crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken" || !up.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = w.Write([]byte(`{"phone": "+14155550102", "email": "george@example.net"}`))
		}))
		t.Cleanup(crm.Close)
		l.write("people.yaml", "somebody-else: {}\n")
		l.env["BECKON_DIRECTORY"] += "," + crm.URL + "/contacts/{uid}"
		l.env["BECKON_DIRECTORY_TOKEN"] = "t0ken"
		return func() { up.Store(true) }
	},
}

func TestASourceThatIsDownDelaysAnAlertAndLosesNone(t *testing.T) {
	t.Parallel()
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, labRules)
			mend := trouble(t, l)
			p := l.serve()
			event := p.mustPost(ofApp(t, "1"))
			s := l.kept()
			l.eventually("the alert is held", func() bool {
				alerts, err := s.Alerts(t.Context(), store.Filter{EventID: event.ID})
				require.NoError(t, err)
				require.Len(t, alerts, 1)
				require.False(t, alerts[0].State.Done(), alerts[0].Reason)
				return alerts[0].Reason == relay.ReasonDirectoryDown
			})
			require.Empty(t, l.twilio.Messages())
			mend()
			require.Equal(t, relay.AlertSent, l.alert(s, event.ID).State)
			// It is sent once one of its messages is accepted.
			l.eventually("both arrive", func() bool { return len(l.twilio.Messages()) == 1 && len(l.sendgrid.Mails()) == 1 })
			require.Equal(t, "+14155550102", l.twilio.Messages()[0].To)
			p.stop()
			for _, private := range []string{"4155550102", "george@", cometchattest.APIKey, "t0ken"} {
				require.NotContains(t, p.log(), private)
			}
		})
	}
}

func TestServeSaysWhatADirectoryNeeds(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_DIRECTORY"] = "cometchat,file:" + l.path("people.yaml")
	out, err := l.command("serve").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "BECKON_DIRECTORY: cometchat needs COMETCHAT_API_KEY, COMETCHAT_APP_ID and COMETCHAT_REGION")

	// A check of rules, such as that of a pull request, does without credentials, and reads the files.
	out, err = l.command("check").CombinedOutput()
	require.NoError(t, err, string(out))
	l.write("people.yaml", "x: { phone: \"12\" }\n")
	out, err = l.command("check").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "people.yaml:1:")
}

func TestCommandsThatTryRulesOutAskTheDirectory(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	chat := withCometChat(t, l)
	l.write("event.json", string(ofApp(t, "1")))
	out, err := l.command("explain", "event.json").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "g***@example.net")
	out, err = l.command("preview", "mention", "--to", mentioned, "--sample", "user_mentioned").CombinedOutput()
	require.NoError(t, err, string(out))

	chat.Fail("/", cometchattest.Fault{Status: http.StatusBadGateway})
	asked := len(chat.Calls())
	out, err = l.command("explain", "event.json").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "beckon: not everybody could be looked up, so alerts are shown as held: ask CometChat for a user: 502")
	require.Len(t, chat.Calls(), asked+1)
	out, err = l.command("preview", "mention", "--to", mentioned, "--sample", "user_mentioned").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "ask CometChat for a user: 502")
	require.NotContains(t, strings.ToLower(string(out)), cometchattest.APIKey)
}
