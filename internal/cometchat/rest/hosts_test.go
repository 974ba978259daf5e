package rest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// refusing notes what is asked, of whom and with which headers, and answers nothing.
type refusing struct{ asked []string }

// RoundTrip implements http.RoundTripper.
func (r *refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, request.Method+" "+request.URL.String()+" "+request.Header.Get("Apikey")+" "+request.Header.Get("Appid"))
	return nil, errors.New("refused")
}

func TestEachThingIsAskedOfItsOwnHost(t *testing.T) {
	t.Parallel()
	c, err := New(Config{AppID: "app1", Region: "in", APIKey: "key1"})
	require.NoError(t, err)
	r := &refusing{}
	c.http.Transport = r
	_, err = c.Contact(t.Context(), "ann@x")
	require.EqualError(t, err, "ask CometChat for a user: refused")
	_, err = c.Joined(t.Context(), "v1.in.2")
	require.Error(t, err)
	_, err = c.MediaURL(t.Context(), "https://files-in.cometchat.io/app1/media/a%20b.png?fat=old")
	require.Error(t, err)
	require.Equal(t, []string{
		"GET https://app1.api-in.cometchat.io/v3/users/ann@x key1 ",
		"GET https://app1.call-in.cometchat.io/v3/calls/v1.in.2 key1 ",
		"GET https://files-in.cometchat.io/app1/media/a%20b.png?redirect=0 key1 app1",
	}, r.asked)
}

// saying answers everything with one body.
type saying string

// RoundTrip implements http.RoundTripper.
func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

func FuzzNoAnswerDoesHarm(f *testing.F) {
	for _, body := range []string{
		`{"data":[{"uid":"ann","name":"Ann","metadata":{"email":"a@b.c"}}],"meta":{"pagination":{"total":0,"per_page":100}}}`,
		`{"data":{"uid":"ann","metadata":"{\"@private\":{\"contactNumber\":1}}"}}`, `{"data":{"email":"a@b.c","phno":"+1"}}`,
		`{"data":{"id":"1","sender":"ann","data":{"attachments":[{"url":"x"}]}}}`, `{"data":[{"unreadMessageCount":"1"}]}`,
		`{"data":{"sessionId":"1","participants":[{"uid":"a","isJoined":true}]}}`, `{"data":{"url":"https://files-eu.cometchat.io/app1/media/x"}}`,
		`{"data":null,"meta":[]}`, `[]`, ``,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, err := New(Config{AppID: "app1", Region: "eu", APIKey: "k", CallsPerSecond: 1e9})
		require.NoError(t, err)
		c.http.Transport = saying(body)
		if members, err := c.Members(t.Context(), "g", 10); err == nil {
			require.LessOrEqual(t, len(members), 10)
			for _, m := range members {
				require.NotEmpty(t, m.UID)
			}
		}
		if message, err := c.Message(t.Context(), "1"); err == nil {
			require.Equal(t, "1", message.ID)
			require.NotEmpty(t, message.Sender.UID)
		}
		if contact, err := c.Contact(t.Context(), "ann"); err == nil {
			require.Equal(t, "ann", contact.UID)
		}
		if unread, err := c.Unread(t.Context(), "ann", relay.Conversation{Kind: relay.KindUser}, "bob"); err == nil {
			require.GreaterOrEqual(t, unread, 0)
		}
		_, _ = c.Joined(t.Context(), "1")
		if link, err := c.MediaURL(t.Context(), "https://files-eu.cometchat.io/app1/media/x"); err == nil {
			require.True(t, c.MediaHost(link))
		}
	})
}
