package app

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

// askable is an app that asks a CometChat like the real one.
func askable(t *testing.T) (*App, *cometchattest.Server) {
	t.Helper()
	server := cometchattest.New(t, nil)
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	c := config.Config{GroupCap: 2, CometChat: config.CometChat{
		AppID: cometchattest.AppID, Region: cometchattest.Region, APIKey: cometchattest.APIKey, BaseURL: base,
	}}
	people, err := finder{observer: nobody{}}.open(c)
	require.NoError(t, err)
	a := &App{}
	a.live.Store(&live{chat: newChat(people, c)})
	return a, server
}

func TestQuestionsAreAskedOfCometChat(t *testing.T) {
	t.Parallel()
	a, server := askable(t)
	for _, uid := range []string{"ann", "bob", "eve"} {
		server.User(uid, uid, nil)
	}
	server.Group("hiking", "ann", "bob")
	server.Group("crowd", "ann", "bob", "eve")
	server.Group("silent", "ann")
	server.Message("7", "bob", "ann")
	server.Session("s1", "ann", []string{"bob", "eve"}, []string{"bob"})
	server.Conversation("ann", "hiking", 3)
	server.Fail("/v3/groups/silent/conversation", cometchattest.Fault{Status: 200, Body: `{"data":{"conversationId":"group_silent"}}`})
	for q, want := range map[relay.Question]relay.Answer{
		{Topic: relay.TopicMembers, ID: "hiking"}:            {People: []string{"ann", "bob"}},
		{Topic: relay.TopicAuthor, ID: "7"}:                  {People: []string{"bob"}},
		{Topic: relay.TopicUnread, ID: "hiking", UID: "ann"}: {Unread: 3},
	} {
		got, err := a.Ask(t.Context(), q)
		require.NoError(t, err, q.Topic)
		require.Equal(t, want, got)
	}
	joined, err := a.Ask(t.Context(), relay.Question{Topic: relay.TopicJoined, ID: "s1"})
	require.NoError(t, err)
	require.Contains(t, joined.People, "bob")
	require.NotContains(t, joined.People, "eve")

	for q, want := range map[relay.Question]error{
		{Topic: relay.TopicMembers, ID: "crowd"}:             dispatch.ErrTooMany,
		{Topic: relay.TopicMembers, ID: "gone"}:              dispatch.ErrGone,
		{Topic: relay.TopicAuthor, ID: "8"}:                  dispatch.ErrGone,
		{Topic: relay.TopicJoined, ID: "s2"}:                 dispatch.ErrGone,
		{Topic: relay.TopicUnread, ID: "silent", UID: "ann"}: dispatch.ErrGone, // nothing is counted: it has to be told
	} {
		_, err := a.Ask(t.Context(), q)
		require.ErrorIs(t, err, want, "%v", q)
	}
	server.Fail("/", cometchattest.Fault{Status: 500})
	_, err = a.Ask(t.Context(), relay.Question{Topic: relay.TopicMembers, ID: "hiking"})
	require.Error(t, err)
	for _, other := range []error{dispatch.ErrGone, dispatch.ErrTooMany, dispatch.ErrNobody} {
		require.NotErrorIs(t, err, other)
	}
	_, err = a.Ask(t.Context(), relay.Question{Topic: "weather"})
	require.ErrorContains(t, err, `"weather"`)
}

func TestWithoutAKeyNobodyIsAsked(t *testing.T) {
	t.Parallel()
	people, err := finder{observer: nobody{}}.open(config.Config{})
	require.NoError(t, err)
	require.Nil(t, newChat(people, config.Config{}))
	a := &App{}
	a.live.Store(&live{})
	_, err = a.Ask(t.Context(), relay.Question{Topic: relay.TopicJoined})
	require.ErrorIs(t, err, dispatch.ErrNobody)
}

// rulesOf makes a generation of rules with the shipped templates.
func rulesOf(t *testing.T, source string) *engine.Generation {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte(source), 0o600))
	g, findings, err := LoadGeneration(path, "../../templates")
	require.NoError(t, err)
	require.NotNil(t, g, "%v", findings)
	return g
}

func TestRulesThatNeedCometChatsAPIAreRefusedWithoutAKey(t *testing.T) {
	t.Parallel()
	g := rulesOf(t, `version: 1
defaults: { sender_limit: off }
rules:
  - { name: news, trigger: message_sent, to: group_members, send: [ { email: unread-message } ] }
  - { name: added, trigger: [group_member_added], to: [members, group_members], send: [ { email: group-added } ] }
  - { name: off, enabled: false, trigger: message_sent, to: group_members, send: [ { email: unread-message } ] }
  - { name: rings, trigger: call_initiated, to: callee, send: [ { sms: missed-call } ] }
  - { name: two, trigger: call_initiated, if: event.conversation.kind == "user", to: callee, send: [ { sms: missed-call } ] }
`)
	keyed := config.Config{CometChat: config.CometChat{APIKey: "k"}}
	require.EqualError(t, unasked(g, config.Config{}), "only CometChat's API knows whom these rules tell: news (group_members), "+
		"added (group_members); set COMETCHAT_API_KEY, COMETCHAT_APP_ID and COMETCHAT_REGION")
	require.NoError(t, unasked(g, keyed))
	warnings := deaf(g, config.Config{})
	require.Len(t, warnings, 1)
	require.Equal(t, "rings", warnings[0].Rule)
	require.Contains(t, warnings[0].String(), "rules.yaml:7:13: warning: of calls to groups it tells nobody, since COMETCHAT_API_KEY is not set")
	require.Empty(t, deaf(g, keyed))
	require.NoError(t, unasked(nil, config.Config{}))
	require.Empty(t, deaf(nil, config.Config{}))
}
