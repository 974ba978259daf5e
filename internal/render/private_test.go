package render_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

const secret = "the combination is 4711"

// secretive is an event that carries the secret wherever somebody could have written it.
func secretive(trigger relay.Trigger) *relay.Event {
	return &relay.Event{
		ID: "e1", Trigger: trigger, ReceivedAt: noon, Sender: &relay.User{UID: "ann", Name: "Ann"},
		Group: &relay.Group{GUID: "g", Name: "Hiking"},
		Message: &relay.Message{
			ID: "7", Text: secret, Type: "image", Mentions: []relay.User{{UID: "x", Name: secret}},
			Attachments: []relay.Attachment{{URL: "https://" + secret, Name: secret, MIMEType: "image/" + secret}},
			Metadata:    map[string]any{"note": secret},
		},
		Recording: &relay.Recording{URL: secret}, Reaction: &relay.Reaction{Emoji: secret},
		Raw: json.RawMessage(`{"text":"` + secret + `"}`),
	}
}

func TestAPrivateMessageTellsNothingThatWasWritten(t *testing.T) {
	t.Parallel()
	const every = `{{.rule.private}} {{.event.sender.name}} {{.event.group.name}} {{.event.message.text}}` +
		`{{range .event.message.mentions}}{{.name}}{{end}}{{range .event.message.attachments}}{{.name}}{{.url}}{{.mime_type}}{{end}}` +
		`{{printf "%v" .event.message.metadata}}{{printf "%v" .event.raw}}{{.event.reaction.emoji}}{{.event.recording.url}}` +
		`{{.links.media}}{{range .events}}{{.message.text}}{{printf "%v" .raw}}{{end}}`
	templates := load(t, files{"x/sms.txt": every})
	req := render.Request{
		Template: "x", Channel: relay.ChannelSMS, Shape: relay.WholeEventShape(), Event: secretive(relay.MessageSent), MaxSegments: 10,
		Links: render.Links{Attachments: []string{"https://relay.example/m/" + secret}, Recording: secret},
	}
	req.Events = []render.Told{{Shape: req.Shape, Event: req.Event, Links: req.Links}, {Shape: req.Shape, Event: req.Event, Links: req.Links}}
	open, err := templates.Render(req)
	require.NoError(t, err)
	require.Contains(t, open.Text.Reveal(), secret)
	req.Private = true
	private, err := templates.Render(req)
	require.NoError(t, err)
	require.Equal(t, "true Ann Hiking map[]<nil><nil><nil>", private.Text.Reveal())
	fit, err := templates.Fit(req)
	require.NoError(t, err)
	require.Equal(t, private.Text, fit.Whole)
	require.Equal(t, relay.Text(secret), req.Event.Message.Text, "the event itself is as it was")
}

func TestShippedTemplatesKeepTheSecretOfAPrivateRule(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	for trigger, spec := range cometchat.Catalogue() {
		shape := relay.EventShape(spec)
		for _, name := range templates.Names() {
			for _, ch := range relay.Channels() {
				if len(templates.Check(name, ch, shape)) > 0 {
					continue
				}
				for _, locale := range []string{"en", "de", "fr", "es"} {
					for _, digest := range [][]render.Told{nil, {{Shape: shape, Event: secretive(trigger)}, {Shape: shape, Event: secretive(trigger)}}} {
						content, err := templates.Render(render.Request{
							Template: name, Channel: ch, Shape: shape, Event: secretive(trigger), Events: digest, Locale: locale, Private: true,
							Links: render.Links{Attachments: []string{secret}, Recording: secret},
						})
						require.NoError(t, err)
						for _, part := range []relay.Text{content.Subject, content.HTML, content.Text} {
							require.NotContains(t, part.Reveal(), secret)
						}
					}
				}
			}
		}
	}
}

func TestAPrivateMessageReadsWell(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, template string
		trigger        relay.Trigger
	}{
		{"private-mention", "mention", relay.UserMentioned},
		{"private-message", "unread-message", relay.MessageSent},
		{"private-recording", "recording-ready", "recording_generated"},
	} {
		golden(t, tt.name, render.Request{
			Template: tt.template, Shape: shapeOf(tt.trigger), Event: sample(t, tt.trigger), Rule: "a-rule", Private: true,
		})
	}
	messages := told(t, relay.MessageSent, [3]string{"Andrew Joseph", "Hiking Group", secret}, [3]string{"Susan Marie", "", secret})
	private := digest("unread-message", 3, messages)
	private.Private = true
	golden(t, "private-digest", private)
}

func TestAddressesOfFilesAreOursOrNone(t *testing.T) {
	t.Parallel()
	const every = `{{range .event.message.attachments}}[{{.url}}]{{end}} {{.event.recording.url}} {{.links.media}}` +
		`{{range .events}} {{range .message.attachments}}({{.url}}){{end}}{{.recording.url}}{{end}}`
	templates := load(t, files{"x/sms.txt": every})
	event := secretive(relay.MessageSent)
	event.Message.Attachments = make([]relay.Attachment, 3)
	for i := range event.Message.Attachments {
		event.Message.Attachments[i].URL = "https://files-us.cometchat.io/app/media/x"
	}
	req := render.Request{
		Template: "x", Channel: relay.ChannelSMS, Shape: relay.WholeEventShape(), Event: event, MaxSegments: 10, Count: 2,
		Links: render.Links{Attachments: []string{"", "/m/2"}, Recording: "/m/r"},
	}
	req.Events = []render.Told{
		{Shape: req.Shape, Event: event, Links: req.Links},
		{Shape: req.Shape, Event: event, Links: render.Links{Attachments: []string{"/m/other"}}},
	}
	content, err := templates.Render(req)
	require.NoError(t, err)
	require.Equal(t, "[][/m/2][] /m/r /m/2 ()(/m/2)()/m/r (/m/other)()()", content.Text.Reveal())
	req.Links, req.Events = render.Links{Recording: "/m/r"}, nil
	content, err = templates.Render(req)
	require.NoError(t, err)
	require.Equal(t, "[][][] /m/r /m/r ()()()/m/r", content.Text.Reveal())
}
