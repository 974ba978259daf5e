package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestAQueryExpectsFewCandidatesOfOneMessageAndManyOfAConversation(t *testing.T) {
	t.Parallel()
	for unless, few := range map[string]bool{"[deleted]": true, "[read, deleted]": false, "[replied]": false} {
		g := loaded(t, "version: 1\nrules: [ { name: a, trigger: user_mentioned, to: mentioned, unless: "+unless+", send: [ { sms: mention } ] } ]\n")
		event := webhook{trigger: relay.UserMentioned}.event(0)
		plan, _ := g.Plan(event)
		query := g.Query(plan.Alerts[0], event, relay.Contact{}, nil)
		require.NotEmpty(t, query.Lookups, unless)
		require.Equal(t, few, query.Few, unless)
	}
}
