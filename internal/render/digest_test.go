package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// told are messages of a trigger, one a minute: who wrote it, where (a direct message when empty), and what.
func told(t *testing.T, trigger relay.Trigger, messages ...[3]string) []render.Told {
	t.Helper()
	list := make([]render.Told, 0, len(messages))
	for i, m := range messages {
		event := sample(t, trigger)
		event.Sender.Name, event.Message.Text, event.Group = m[0], relay.Text(m[2]), nil
		if m[1] != "" {
			event.Group = &relay.Group{GUID: "g", Name: m[1]}
		}
		event.OccurredAt = noon.Add(time.Duration(i) * time.Minute)
		list = append(list, render.Told{Shape: shapeOf(trigger), Event: event})
	}
	return list
}

// digest asks for a message that tells of several events.
func digest(template string, count int, events []render.Told) render.Request {
	return render.Request{
		Template: template, Channel: relay.ChannelSMS, Shape: events[0].Shape, Event: events[0].Event, Events: events, Count: count,
		Rule: "a-rule",
	}
}

func TestShippedDigestsSayWhatTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	mentions := told(t, relay.UserMentioned,
		[3]string{"Andrew Joseph", "Hiking Group", "@George Alan the bus leaves at eight. Please tell me today whether you are coming, and who else is."},
		[3]string{"win.example.com", "", "See https://win.example/now <b>today</b>"},
		[3]string{"Susan Marie", "Hiking Group", ""})
	messages := told(t, relay.MessageSent,
		[3]string{"Andrew Joseph", "", "Are you coming along on Saturday?"},
		[3]string{"Susan Marie", "", ""})
	messages[1].Event.Message.Attachments = []relay.Attachment{{URL: "https://cdn.example/a.png"}, {URL: "https://cdn.example/b.png"}}
	golden(t, "digest-of-mentions", digest("mention", 3, mentions))
	golden(t, "digest-of-mentions-with-more", digest("mention", 12, mentions))
	golden(t, "digest-of-messages", digest("unread-message", 2, messages))
	golden(t, "digest-of-messages-with-more", digest("unread-message", 3, messages))
}

func TestDigestOfOneEventReadsLikeThatEvent(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	for name, trigger := range map[string]relay.Trigger{"mention": relay.UserMentioned, "unread-message": relay.MessageSent} {
		for _, ch := range relay.Channels() {
			for _, locale := range []string{"en", "de"} {
				one := digest(name, 1, told(t, trigger, [3]string{"Ann", "Hiking", "Hello"}))
				one.Channel, one.Locale = ch, locale
				alone := one
				alone.Events, alone.Count = nil, 0
				got, err := templates.Render(one)
				require.NoError(t, err)
				want, err := templates.Render(alone)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		}
	}
}

func TestDigestListsEventsOfSeveralTriggersInOrder(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/sms.txt": "{{.event.id}} {{.count}} {{.more}}{{range .events}} {{.trigger}}={{with .sender.name}}{{.}}{{else}}-{{end}}{{end}}"})
	events := []render.Told{
		{Shape: shapeOf(relay.MessageSent), Event: &relay.Event{ID: "a", Trigger: relay.MessageSent, Sender: &relay.User{Name: "Ann"}}},
		{Shape: shapeOf(relay.CallInitiated), Event: &relay.Event{ID: "b", Trigger: relay.CallInitiated}},
	}
	for _, told := range events {
		require.Empty(t, templates.Check("x", relay.ChannelSMS, told.Shape))
	}
	content, err := templates.Render(digest("x", 5, events))
	require.NoError(t, err)
	require.Equal(t, "a 5 3 message_sent=Ann call_initiated=-", content.Text.Reveal())

	content, err = templates.Render(digest("x", 0, events))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(content.Text.Reveal(), "a 2 0 "), "never fewer in all than are listed")

	events[1].Shape = nil
	_, err = templates.Render(digest("x", 2, events))
	require.ErrorContains(t, err, "no event")
}

func TestLongDigestStaysWithinTheSegmentsAndSaysHowMany(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	many := make([][3]string, 20)
	for i := range many {
		many[i] = [3]string{"Andrew Joseph", "Hiking Group", strings.Repeat("the bus leaves at eight ", 10)}
	}
	content, err := templates.Render(digest("mention", 57, told(t, relay.UserMentioned, many...)))
	require.NoError(t, err)
	require.Equal(t, 3, content.Segments)
	require.Equal(t, render.GSM7, content.Encoding)
	require.True(t, strings.HasPrefix(content.Text.Reveal(), "You were mentioned 57 times:\nAndrew Joseph in Hiking Group: the bus"))
}
