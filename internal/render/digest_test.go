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

func TestDigestThatDoesNotFitListsWhatDoesAndCountsTheRest(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	many := make([][3]string, 20)
	for i := range many {
		many[i] = [3]string{"Andrew Joseph", "Hiking Group", strings.Repeat("the bus leaves at eight ", 10)}
	}
	for _, name := range []string{"mention", "unread-message"} {
		trigger := shipped[name][0]
		golden(t, "long-digest-of-"+name, digest(name, 57, told(t, trigger, many...)))
		req := digest(name, 57, told(t, trigger, many...))
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, 3, content.Segments)
		require.Equal(t, render.GSM7, content.Encoding)
		fit, err := templates.Fit(req)
		require.NoError(t, err)
		require.Equal(t, render.Fit{Whole: content.Text, Listed: 3}, fit)
		req.MaxSegments = 10
		fit, err = templates.Fit(req)
		require.NoError(t, err)
		require.Equal(t, 13, fit.Listed, "as many as there is room for")
		require.True(t, strings.HasSuffix(fit.Whole.Reveal(), "\nand 44 more"))
	}
}

func TestDigestIsCutOnlyWhereOneEventIsTooLong(t *testing.T) {
	t.Parallel()
	long := [3]string{"Ann", "", strings.Repeat("mountain ", 60)}
	list := "{{.count}}:{{range .events}} {{.message.text}}{{end}}{{with .more}} and {{.}} more{{end}}"
	for _, c := range []struct {
		name, template string
		listed         int
		ends           string
	}{
		{"one entry fits", "{{.count}}:{{range .events}} {{short 300 .message.text}}{{end}}{{with .more}} and {{.}} more{{end}}", 1, "… and 8 more"},
		{"not even one", list, 1, "..."},
		{"the third by its number", "{{(index .events 2).message.text}}" + list, 3, "..."},
		{"nothing is listed", "{{.count}} {{printf \"%600s\" \".\"}}", 1, "..."},
	} {
		templates := load(t, files{"x/sms.txt": c.template})
		req := digest("x", 9, told(t, relay.MessageSent, long, long, long))
		fit, err := templates.Fit(req)
		require.NoError(t, err, c.name)
		require.Equal(t, c.listed, fit.Listed, c.name)
		require.Equal(t, c.ends == "...", fit.Cut, c.name)
		content, err := templates.Render(req)
		require.NoError(t, err, c.name)
		require.True(t, strings.HasSuffix(content.Text.Reveal(), c.ends), "%s: %s", c.name, content.Text.Reveal())
		require.LessOrEqual(t, content.Segments, 3)
	}
}

func TestFitSaysWhatAnSMSWouldBeUncut(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/sms.txt": "{{.event.message.text}}", "y/email.subject.txt": "s", "y/email.txt": "t"})
	long := strings.Repeat("a", 500) + "ê"
	fit, err := templates.Fit(message(long))
	require.NoError(t, err)
	require.Equal(t, render.Fit{Whole: relay.Text(long), Cut: true}, fit)
	fit, err = templates.Fit(message("hi"))
	require.NoError(t, err)
	require.Equal(t, render.Fit{Whole: "hi"}, fit)
	_, err = templates.Fit(message(" "))
	require.EqualError(t, err, "render x/sms.txt: the message is empty")
	req := message("hi")
	req.Template = "y"
	_, err = templates.Fit(req)
	require.ErrorContains(t, err, "nothing for sms")
}
