package render_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// noon is when the events of these tests arrive.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// files is a templates folder: contents by path.
type files map[string]string

func (f files) fs() fs.FS {
	m := fstest.MapFS{}
	for path, text := range f {
		m[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func load(t *testing.T, f files) *render.Templates {
	t.Helper()
	templates, problems := render.Load(f.fs())
	require.Empty(t, problems)
	return templates
}

func shapeOf(trigger relay.Trigger) *relay.Shape {
	return relay.EventShape(cometchat.Catalogue()[trigger])
}

// sample is the built-in event of a trigger.
func sample(t *testing.T, trigger relay.Trigger) *relay.Event {
	t.Helper()
	body, ok := cometchat.Sample(trigger)
	require.True(t, ok, trigger)
	event, err := cometchat.Decode(body, noon)
	require.NoError(t, err)
	return &event
}

// message asks for an SMS by template x about a message with this text.
func message(text string) render.Request {
	return render.Request{
		Template: "x", Channel: relay.ChannelSMS, Shape: shapeOf(relay.MessageSent),
		Event: &relay.Event{
			ID: "e1", Trigger: relay.MessageSent, ReceivedAt: noon,
			Sender:  &relay.User{UID: "ann", Name: "Ann"},
			Message: &relay.Message{ID: "7", Text: relay.Text(text)},
		},
		Recipient: relay.Contact{UID: "bob", Name: "Bob"},
	}
}

// mail asks for the mail of template x about a message with this text.
func mail(text string) render.Request {
	req := message(text)
	req.Channel = relay.ChannelEmail
	return req
}

func renderMail(t *testing.T, html string, req render.Request) relay.Content {
	t.Helper()
	content, err := load(t, files{"x/email.subject.txt": "s", "x/email.html": html}).Render(req)
	require.NoError(t, err)
	return content
}
