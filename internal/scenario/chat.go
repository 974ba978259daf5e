package scenario

import (
	"maps"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// chat is what CometChat's API says in a test. What it does not say, CometChat does not know.
type chat struct {
	// groups are the members by guid, authors who wrote a message by its id, and joined those who joined a call by its session.
	groups, joined map[string][]string
	authors        map[string]string
	unread         map[relay.Question]int
	// down is for how long after the start it does not answer.
	down time.Duration
}

// with is a chat that others may add to: a copy of what the file says, or an empty one.
func (c *chat) with() *chat {
	if c == nil {
		return &chat{groups: map[string][]string{}, joined: map[string][]string{}, authors: map[string]string{}, unread: map[relay.Question]int{}}
	}
	return &chat{maps.Clone(c.groups), maps.Clone(c.joined), maps.Clone(c.authors), maps.Clone(c.unread), c.down}
}

// chat reads what CometChat says, on top of what it says in the whole file.
func (b *builder) chat(n *yaml.Node, whole *chat) *chat {
	if n == nil {
		return whole
	}
	c := whole.with()
	b.mapping(n, "`cometchat`", []field{
		{"groups", false, func(n *yaml.Node) { b.uidsBy(n, "`groups`", "{ hiking: [ann, bob] }", c.groups) }},
		{"joined", false, func(n *yaml.Node) { b.uidsBy(n, "`joined`", "{ SESSION: [ann] }", c.joined) }},
		{"messages", false, func(n *yaml.Node) {
			b.each(n, "`messages`", `{ "1041": ann }`, func(id string, n *yaml.Node) { c.authors[id] = b.uid(n) })
		}},
		{"unread", false, func(n *yaml.Node) { b.unread(n, c) }},
		{"down", false, func(n *yaml.Node) { c.down = b.span(n, "`down`") }},
	})
	return c
}

// each goes through a map from something that is no fixed word.
func (b *builder) each(n *yaml.Node, what, such string, read func(key string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		b.fail(n, what+" must be a map", "such as "+such)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		read(n.Content[i].Value, n.Content[i+1])
	}
}

func (b *builder) uidsBy(n *yaml.Node, what, such string, into map[string][]string) {
	b.each(n, what, such, func(key string, n *yaml.Node) {
		into[key] = []string{}
		for _, item := range b.items(n, "an entry of "+what) {
			into[key] = append(into[key], b.uid(item))
		}
	})
}

func (b *builder) unread(n *yaml.Node, c *chat) {
	const such = "{ hiking: { ann: 3 } }"
	b.each(n, "`unread`", such, func(guid string, n *yaml.Node) {
		if _, known := c.groups[guid]; !known && len(c.groups) > 0 {
			b.fail(n, "`groups` says nothing of "+quote(guid), "name its members, or look at how it is spelt")
		}
		b.each(n, "an entry of `unread`", such, func(uid string, n *yaml.Node) {
			q := relay.Question{Topic: relay.TopicUnread, ID: guid, UID: strings.ToLower(uid)}
			c.unread[q] = b.number(n, "how many are unread", 0, 1_000_000)
		})
	})
}

// uidForm is what CometChat allows in a uid.
var uidForm = regexp.MustCompile(`^[a-z0-9_-]{1,100}$`)

func (b *builder) uid(n *yaml.Node) string {
	text, ok := b.text(n, "a uid")
	if text = strings.ToLower(text); ok && !uidForm.MatchString(text) {
		b.fail(n, quote(text)+" is no uid", "CometChat's have letters, digits, - and _, at most 100")
	}
	return text
}

// ask answers as CometChat's API would.
func (t *Test) ask(q relay.Question, now time.Time) relay.Answer {
	people := func(uids []string, ok bool) relay.Answer {
		if !ok {
			return relay.Answer{State: relay.AnswerMissing}
		}
		return relay.Answer{State: relay.AnswerGiven, People: uids}
	}
	switch {
	case t.chat == nil:
		return relay.Answer{State: relay.AnswerNobody}
	case now.Before(t.Start.Add(t.chat.down)):
		return relay.Answer{State: relay.AnswerDown}
	}
	switch q.Topic {
	case relay.TopicMembers:
		uids, ok := t.chat.groups[q.ID]
		return people(uids, ok)
	case relay.TopicJoined:
		uids, ok := t.chat.joined[q.ID]
		return people(uids, ok)
	case relay.TopicAuthor:
		uid, ok := t.chat.authors[q.ID]
		return people([]string{uid}, ok)
	case relay.TopicUnread:
		unread, ok := t.chat.unread[q]
		answer := people(nil, ok)
		answer.Unread = unread
		return answer
	}
	return relay.Answer{State: relay.AnswerMissing}
}
