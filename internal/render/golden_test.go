package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shipped says which triggers each template in templates/ is for.
var shipped = map[string][]relay.Trigger{
	"mention":         {relay.UserMentioned},
	"missed-call":     {relay.CallInitiated, relay.CallUnanswered},
	"unread-message":  {relay.MessageSent},
	"group-added":     {"group_member_added"},
	"recording-ready": {"recording_generated"},
}

func shippedTemplates(t *testing.T) *render.Templates {
	t.Helper()
	templates, problems := render.Load(os.DirFS("../../templates"))
	require.Empty(t, problems)
	return templates
}

func TestShippedTemplatesPassCheckForTheirTriggers(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	require.Len(t, templates.Names(), len(shipped))
	for name, triggers := range shipped {
		require.Equal(t, []string{"de", "es", "fr"}, templates.Locales(name))
		for _, trigger := range triggers {
			for _, ch := range relay.Channels() {
				require.Empty(t, templates.Check(name, ch, shapeOf(trigger)), "%s by %s", name, trigger)
			}
		}
	}
}

func TestShippedTemplatesSayWhatTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	hiking := &relay.Group{GUID: "cometchat-guid-1", Name: "Hiking Group"}
	tests := []struct {
		name, template string
		trigger        relay.Trigger
		change         func(*relay.Event)
	}{
		{"mention", "mention", relay.UserMentioned, nil},
		{"mention in a group", "mention", relay.UserMentioned, func(e *relay.Event) { e.Group, e.Receiver = hiking, nil }},
		{"missed call", "missed-call", relay.CallInitiated, nil},
		{"missed call, unanswered", "missed-call", relay.CallUnanswered, nil},
		{"missed call in a group", "missed-call", relay.CallInitiated, func(e *relay.Event) { e.Group = hiking }},
		{"missed call of nobody known", "missed-call", relay.CallUnanswered, func(e *relay.Event) { e.Call.Caller = nil }},
		{"unread message", "unread-message", relay.MessageSent, nil},
		{"unread picture", "unread-message", relay.MessageSent, func(e *relay.Event) {
			e.Message.Text, e.Message.Attachments = "", []relay.Attachment{
				{URL: "https://cdn.example/tracker.png", Name: "a.png", MIMEType: "image/png"},
			}
		}},
		{"unread message with files", "unread-message", relay.MessageSent, func(e *relay.Event) {
			e.Group, e.Message.Attachments = hiking, []relay.Attachment{{URL: "x", MIMEType: "video/mp4"}, {URL: "x", MIMEType: "audio/ogg"}}
		}},
		{"mention with a file", "mention", relay.UserMentioned, func(e *relay.Event) {
			e.Message.Attachments = []relay.Attachment{{URL: "x", MIMEType: "application/pdf"}}
		}},
		{"unread link", "unread-message", relay.MessageSent, func(e *relay.Event) {
			e.Sender.Name, e.Message.Text = "win.example.com", "You have won, see https://win.example/now <b>today</b>"
		}},
		{"added to a group", "group-added", "group_member_added", nil},
		{"recording", "recording-ready", "recording_generated", nil},
		{"event with nothing in it", "mention", relay.UserMentioned, func(e *relay.Event) { *e = relay.Event{ReceivedAt: noon} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			event := sample(t, tt.trigger)
			if tt.change != nil {
				tt.change(event)
			}
			golden(t, strings.ReplaceAll(strings.ReplaceAll(tt.name, ",", ""), " ", "-"), render.Request{
				Template: tt.template, Shape: shapeOf(tt.trigger), Event: event, Rule: "a-rule",
			})
		})
	}
}

// golden compares a message in both languages and on both channels with a file.
func golden(t *testing.T, name string, req render.Request) {
	t.Helper()
	templates := shippedTemplates(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	req.Recipient, req.TimeZone = relay.Contact{UID: "cometchat-uid-2", Name: "George Alan"}, berlin
	req.Links = render.Links{
		Unsubscribe: "https://relay.example/u/token", Recording: "https://relay.example/m/recording",
		Attachments: []string{"https://relay.example/m/first"},
	}
	var got strings.Builder
	for _, req.Locale = range []string{"en", "de-AT", "fr-CA", "es-MX"} {
		req.Channel = relay.ChannelSMS
		sms, err := templates.Render(req)
		require.NoError(t, err)
		require.LessOrEqual(t, sms.Segments, max(1, len(req.Events)), "a part for each event at most")
		req.Channel = relay.ChannelEmail
		mail, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, req.Links.Unsubscribe, mail.Unsubscribe)
		require.NotContains(t, mail.HTML.Reveal(), "<no value>")
		got.WriteString("######## " + req.Locale + "\nSMS: " + sms.Text.Reveal() + "\n\nSubject: " + mail.Subject.Reveal() +
			"\n\n" + mail.Text.Reveal() + "\n\n")
	}
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "go test ./internal/render -update writes it anew")
}

func TestMissedCallTextsWhatTheScenarioTestsExpect(t *testing.T) {
	t.Parallel()
	content, err := shippedTemplates(t).Render(render.Request{
		Template: "missed-call", Channel: relay.ChannelSMS, Shape: shapeOf(relay.CallInitiated),
		Event: sample(t, relay.CallInitiated), Locale: "en",
	})
	require.NoError(t, err)
	require.Equal(t, "You missed a call from Andrew Joseph.", content.Text.Reveal())
}

func TestUnsubscribeLinkStandsInTheMailOnlyWhenThereIsOne(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	for _, link := range []string{"", "https://relay.example/u/token"} {
		for name, triggers := range shipped {
			content, err := templates.Render(render.Request{
				Template: name, Channel: relay.ChannelEmail, Shape: shapeOf(triggers[0]),
				Event: sample(t, triggers[0]), Links: render.Links{Unsubscribe: link},
			})
			require.NoError(t, err)
			require.Equal(t, link, content.Unsubscribe)
			require.Equal(t, link != "", strings.Contains(content.HTML.Reveal(), "Unsubscribe"), name)
		}
	}
}

// A template that passes Check must render whatever of its fields an event lacks.
func TestShippedTemplatesRenderEmptyEventsOfEveryTriggerTheyPassCheckFor(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	passed := 0
	for trigger, spec := range cometchat.Catalogue() {
		shape := relay.EventShape(spec)
		for _, name := range templates.Names() {
			for _, ch := range relay.Channels() {
				if len(templates.Check(name, ch, shape)) > 0 {
					continue
				}
				passed++
				_, err := templates.Render(render.Request{
					Template: name, Channel: ch, Shape: shape, Event: &relay.Event{Trigger: trigger, ReceivedAt: noon},
				})
				require.NoError(t, err, "%s by %s", name, trigger)
			}
		}
	}
	require.Greater(t, passed, 12)
}
