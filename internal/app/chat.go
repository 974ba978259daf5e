package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/cometchat/rest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// chat answers questions by CometChat's API. What it does not count as unread is gone: what is not known to be read has to be told.
type chat struct {
	client *rest.Client
	// most is how many members a group may have.
	most int
}

// Ask implements dispatch.Chat.
func (c chat) Ask(ctx context.Context, q relay.Question) (answer relay.Answer, err error) {
	switch q.Topic {
	case relay.TopicMembers:
		var users []relay.User
		users, err = c.client.Members(ctx, q.ID, c.most)
		for _, user := range users {
			answer.People = append(answer.People, user.UID)
		}
	case relay.TopicAuthor:
		var message rest.Message
		message, err = c.client.Message(ctx, q.ID)
		answer.People = []string{message.Sender.UID}
	case relay.TopicJoined:
		answer.People, err = c.client.Joined(ctx, q.ID)
	case relay.TopicUnread:
		group := relay.Conversation{ID: "group_" + q.ID, Kind: relay.KindGroup}
		answer.Unread, err = c.client.Unread(ctx, q.UID, group, q.ID)
	default:
		err = fmt.Errorf("nobody can be asked for %q", q.Topic)
	}
	switch {
	case errors.Is(err, rest.ErrNotFound):
		err = dispatch.ErrGone
	case errors.Is(err, rest.ErrTooMany):
		err = dispatch.ErrTooMany
	}
	return answer, err
}

// Ask implements dispatch.Chat with the settings in force.
func (a *App) Ask(ctx context.Context, q relay.Question) (relay.Answer, error) {
	inForce := a.live.Load().chat
	if inForce == nil {
		return relay.Answer{}, dispatch.ErrNobody
	}
	return inForce.Ask(ctx, q)
}

// newChat makes what asks CometChat, nil without a key for its API.
func newChat(people *sources, c config.Config) dispatch.Chat {
	if people == nil || people.cometchat == nil {
		return nil
	}
	return chat{client: people.cometchat, most: c.GroupCap}
}

// Ask is what the rules have to ask CometChat's API for.
type Ask struct {
	Rule string `json:"rule"`
	// Roles are those that nobody else knows; RingsGroups says that of calls to groups nobody else knows whom they rang.
	Roles       []relay.Role `json:"roles,omitempty"`
	RingsGroups bool         `json:"rings_groups,omitempty"`
}

// asksOf lists what the enabled rules have to ask for.
func asksOf(generation *engine.Generation) []Ask {
	var asks []Ask
	if generation == nil {
		return nil
	}
	for _, rule := range generation.Rules.Rules() {
		if rule.Enabled && (len(rule.Asks) > 0 || rule.RingsGroups) {
			asks = append(asks, Ask{Rule: rule.Name, Roles: rule.Asks, RingsGroups: rule.RingsGroups})
		}
	}
	return asks
}

// unasked names the rules that cannot do without CometChat's API, where there is no key for it.
func unasked(generation *engine.Generation, c config.Config) error {
	if c.CometChat.APIKey != "" {
		return nil
	}
	var names []string
	for _, ask := range asksOf(generation) {
		if len(ask.Roles) > 0 {
			names = append(names, fmt.Sprintf("%s (%s)", ask.Rule, joinRoles(ask.Roles)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("only CometChat's API knows whom these rules tell: %s; set COMETCHAT_API_KEY, COMETCHAT_APP_ID and COMETCHAT_REGION",
		strings.Join(names, ", "))
}

// deaf warns of the rules that work but for calls to groups, where there is no key for CometChat's API.
func deaf(generation *engine.Generation, c config.Config) []rules.Finding {
	if generation == nil || c.CometChat.APIKey != "" {
		return nil
	}
	var findings []rules.Finding
	for _, ask := range asksOf(generation) {
		if !ask.RingsGroups {
			continue
		}
		rule, _ := generation.Rules.Rule(ask.Rule)
		f := generation.Rules.Finding(rule.Line, rule.Column, rules.SeverityWarning,
			"of calls to groups it tells nobody, since COMETCHAT_API_KEY is not set and only CometChat's API knows whom they rang",
			`set it, or write `+"`"+`if: event.conversation.kind == "user"`+"`")
		f.Rule = rule.Name
		findings = append(findings, f)
	}
	return findings
}

func joinRoles(roles []relay.Role) string {
	words := make([]string, 0, len(roles))
	for _, role := range roles {
		words = append(words, string(role))
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
