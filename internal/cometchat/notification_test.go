package cometchat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

func notified(t *testing.T, data string) relay.Event {
	t.Helper()
	e, err := cometchat.Decode([]byte(`{"trigger": "sms-notification-payload-generated", "data": `+data+`}`), time.Unix(1772452800, 0))
	require.NoError(t, err)
	return e
}

func TestANotificationBringsTheAddressAlong(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]*relay.Reach{
		`{"uid": "Ann", "name": "Ann", "phno": "+1 (415) 555-0101"}`: {UID: "ann", Name: "Ann", Phone: "+14155550101"},
		`{"uid": "ann", "phno": "0014155550101"}`:                    {UID: "ann", Phone: "+14155550101"},
		`{"uid": "ann", "phno": 14155550101}`:                        {UID: "ann", Malformed: []string{"to.phno"}},
		`{"uid": "ann", "phno": "call me", "email": "Ann <a@b.c>"}`:  {UID: "ann", Malformed: []string{"to.phno", "to.email"}},
		`{"uid": "ann", "phno": "", "email": "ann@example.com"}`:     {UID: "ann", Email: "ann@example.com"},
		`{"uid": "ann", "phno": null, "email": ["x"]}`:               {UID: "ann"},
		`{"phno": "+14155550101"}`:                                   nil,
		`"ann"`:                                                      nil,
	} {
		got := notified(t, `{"to": `+to+`}`).Reach
		require.Equal(t, want, got, to)
		require.NotContains(t, fmt.Sprintf("%+v", got), "4155550101", "it masks itself")
	}
}

func TestANotificationIsAboutEachOfItsMessages(t *testing.T) {
	t.Parallel()
	e := notified(t, `{"to": {"uid": "ann"}, "messages": [
		{"sender": {"uid": "bob", "name": "Bob"}, "message": "New message"},
		{"sender": {"uid": "cat"}, "message": "Has sent a file", "messageObject": {"id": 7, "sender": "cat", "data": {"text": "Here"}}}, 3]}`)
	require.Equal(t, 3, e.Count)
	require.Equal(t, relay.Text("New message"), e.Parts[0].Message.Text)
	require.Equal(t, "Bob", e.Parts[0].Sender.Name)
	require.Equal(t, relay.Text("Here"), e.Parts[1].Message.Text, "what the person typed, and not how the service words it")
	require.Equal(t, "7", e.Parts[1].Message.ID)
	require.Equal(t, relay.Part{}, e.Parts[2])

	many := notified(t, `{"to": {"uid": "ann"}, "messages": [`+strings.Repeat(`{"message": "old"},`, 150)+`{"message": "new"}]}`)
	require.Len(t, many.Parts, 100)
	require.Equal(t, 151, many.Count)
	require.Equal(t, relay.Text("new"), many.Message.Text)
}
