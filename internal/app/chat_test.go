package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

var (
	errGone    = errors.New("gone")
	errTooMany = errors.New("too many")
	errDown    = errors.New("down")
)

// clientOf answers as a client of CometChat's API does, or fails.
func clientOf(err error) chat {
	return chat{
		members: func(_ context.Context, guid string, most int) ([]relay.User, error) {
			return []relay.User{{UID: guid}, {UID: "bob", Name: "Bob"}}[:most], err
		},
		author: func(_ context.Context, id string) (relay.User, error) { return relay.User{UID: "author-of-" + id}, err },
		joined: func(_ context.Context, session string) ([]string, error) { return []string{session}, err },
		unread: func(_ context.Context, uid string, c relay.Conversation, other string) (int, error) {
			return len(uid + c.ID + c.Kind + other), err
		},
		gone: errGone, tooMany: errTooMany, most: 2,
	}
}

func TestQuestionsAreAskedOfTheClient(t *testing.T) {
	t.Parallel()
	for q, want := range map[relay.Question]relay.Answer{
		{Topic: relay.TopicMembers, ID: "hiking"}:            {People: []string{"hiking", "bob"}},
		{Topic: relay.TopicAuthor, ID: "7"}:                  {People: []string{"author-of-7"}},
		{Topic: relay.TopicJoined, ID: "s1"}:                 {People: []string{"s1"}},
		{Topic: relay.TopicUnread, ID: "hiking", UID: "ann"}: {Unread: len("ann" + "group_hiking" + "group" + "hiking")},
	} {
		got, err := clientOf(nil).Ask(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for fails, want := range map[error]error{errGone: dispatch.ErrGone, errTooMany: dispatch.ErrTooMany, errDown: errDown} {
			_, err := clientOf(fails).Ask(t.Context(), q)
			require.ErrorIs(t, err, want)
		}
	}
	_, err := clientOf(nil).Ask(t.Context(), relay.Question{Topic: "weather"})
	require.ErrorContains(t, err, `"weather"`)
}

func TestWithoutAKeyNobodyIsAsked(t *testing.T) {
	t.Parallel()
	a := &App{Options: Options{Chat: func(config.Config) (dispatch.Chat, error) { return clientOf(nil), nil }}}
	made, err := a.newChat(config.Config{})
	require.NoError(t, err)
	require.Nil(t, made)
	a.live.Store(&live{})
	_, err = a.Ask(t.Context(), relay.Question{Topic: relay.TopicJoined})
	require.ErrorIs(t, err, dispatch.ErrNobody)

	keyed := config.Config{CometChat: config.CometChat{APIKey: "k"}}
	made, err = a.newChat(keyed)
	require.NoError(t, err)
	a.live.Store(&live{chat: made})
	answer, err := a.Ask(t.Context(), relay.Question{Topic: relay.TopicJoined, ID: "s1"})
	require.NoError(t, err)
	require.Equal(t, []string{"s1"}, answer.People)

	a.Chat = func(config.Config) (dispatch.Chat, error) { return nil, errDown }
	_, err = a.newChat(keyed)
	require.ErrorIs(t, err, errDown)
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
