package rest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/cometchat/rest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// clock is a time that tests set.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time           { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(by time.Duration) { c.at.Add(int64(by)) }

type bench struct {
	*rest.Client

	server *cometchattest.Server
	clock  *clock
}

func newBench(t *testing.T, change ...func(*rest.Config)) bench {
	t.Helper()
	b := bench{clock: newClock()}
	b.server = cometchattest.New(t, b.clock.now)
	config := rest.Config{
		AppID: cometchattest.AppID, Region: cometchattest.Region, APIKey: cometchattest.APIKey, BaseURL: b.server.URL, Now: b.clock.now,
	}
	for _, f := range change {
		f(&config)
	}
	client, err := rest.New(config)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	b.Client = client
	return b
}

func group(kind string) relay.Conversation { return relay.Conversation{ID: "x", Kind: kind} }

func TestSettingsThatAreWrongAreNamedAtOnceWithoutTheKey(t *testing.T) {
	t.Parallel()
	_, err := rest.New(rest.Config{AppID: "evil.example/", Region: "eu.", APIKey: "hush hush", BaseURL: "ftp://x"})
	require.Error(t, err)
	for _, want := range []string{"the base address must be", "the app id is not one", "the region is not one", "the REST API key is missing"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "hush")
}

func TestAllMembersComeHoweverTheirPagesCount(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 99, 100, 101, 200, 250} {
		for _, counted := range []bool{false, true} {
			t.Run(fmt.Sprint(size, " counted ", counted), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				if counted {
					b.server.CountMembers()
				}
				var uids []string
				for i := range size {
					uids = append(uids, fmt.Sprintf("uid-%03d", i))
				}
				b.server.Group("hiking", uids...)
				members, err := b.Members(t.Context(), "hiking", 250)
				require.NoError(t, err)
				require.Len(t, members, size)
				for i, m := range members {
					require.Equal(t, uids[i], m.UID)
				}
			})
		}
	}
}

func TestALargeGroupIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var uids []string
	for i := range 1000 {
		uids = append(uids, fmt.Sprintf("uid-%04d", i))
	}
	b.server.Group("everybody", uids...)
	members, err := b.Members(t.Context(), "everybody", 150)
	require.ErrorIs(t, err, rest.ErrTooMany)
	require.Empty(t, members)
	require.Equal(t, 2, b.server.Asked("/v3/groups/everybody/members"))
	require.Equal(t, "2", b.server.Calls()[1].Query.Get("page"))
}

func TestAPageThatComesAgainAndAgainEndsTheReading(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.Fail("/v3/groups/loop/members", cometchattest.Fault{Status: 200, Body: `{"data":[` +
		strings.TrimSuffix(strings.Repeat(`{"uid":"ann","name":"Ann"},`, 100), ",") + `],"meta":[]}`})
	members, err := b.Members(t.Context(), "loop", 10)
	require.NoError(t, err)
	require.Equal(t, []relay.User{{UID: "ann", Name: "Ann"}}, members)
}

func TestAMessageNamesItsAuthorAndItsFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.User("ann", "Ann Example", nil)
	b.server.Message("77", "ann", "group:hiking", cometchattest.Attachment{URL: "https://x.example/a.png", Name: "a.png", MIMEType: "image/png", Size: 12})
	message, err := b.Message(t.Context(), "77")
	require.NoError(t, err)
	require.Equal(t, "77", message.ID)
	require.Equal(t, "ann", message.Sender.UID)
	require.Equal(t, "Ann Example", message.Sender.Name)
	require.Equal(t, []relay.Attachment{{URL: "https://x.example/a.png", Name: "a.png", MIMEType: "image/png", Size: 12}}, message.Attachments)

	b.server.Fail("/v3/messages/78", cometchattest.Fault{Status: 200, Body: `{"data":{"id":78,"sender":{"uid":"Bob","name":"Bob"},"data":{"text":"x"}}}`})
	message, err = b.Message(t.Context(), "78")
	require.NoError(t, err)
	require.Equal(t, rest.Message{ID: "78", Sender: relay.User{UID: "bob", Name: "Bob"}}, message)
}

func TestWhatIsUnreadIsCountedForThePersonAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.Conversation("ann", "bob", 3)
	b.server.Conversation("ann", "hiking", 0)
	n, err := b.Unread(t.Context(), "ann", group(relay.KindUser), "bob")
	require.NoError(t, err)
	require.Equal(t, 3, n)
	n, err = b.Unread(t.Context(), "ann", group(relay.KindGroup), "hiking")
	require.NoError(t, err)
	require.Zero(t, n)
	calls := b.server.Calls()
	require.Equal(t, "/v3/users/bob/conversation ann", calls[0].Path+" "+calls[0].OnBehalfOf)
	require.Equal(t, "/v3/groups/hiking/conversation ann", calls[1].Path+" "+calls[1].OnBehalfOf)

	for body, want := range map[string]int{
		`{"data":{"unreadMessageCount":7,"conversationWith":{"uid":"bob"}}}`: 7,
		`{"data":{"unreadMessageCount":"8"}}`:                                8,
		`{"data":[{"unreadMessageCount":"1","conversationWith":{"uid":"eve"}},{"unreadMessageCount":"2","conversationWith":{"uid":"bob"}}]}`: 2,
		`{"data":[{"unreadMessageCount":"1","conversationWith":{"uid":"eve"}}]}`:                                                             -1,
		`{"data":[{"unreadMessageCount":"many"}]}`:                                                                                           -1,
		`{"data":[{"unreadMessageCount":"-2"}]}`:                                                                                             -1,
		`{"data":[]}`:                                                                                                                        -1,
		`{"data":"no"}`:                                                                                                                      -1,
	} {
		b.server.Fail("/v3/users/bob/conversation", cometchattest.Fault{Status: 200, Body: body})
		n, err := b.Unread(t.Context(), "ann", group(relay.KindUser), "bob")
		if want < 0 {
			require.ErrorContains(t, err, "ask CometChat for a conversation: ", body)
			continue
		}
		require.NoError(t, err, body)
		require.Equal(t, want, n, body)
	}
}

func TestOnlyWhoJoinedACallIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.Session("v1.eu.77", "ann", []string{"bob", "eve"}, []string{"ann", "eve"})
	joined, err := b.Joined(t.Context(), "v1.eu.77")
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "eve"}, joined)

	b.server.Fail("/v3/calls/odd", cometchattest.Fault{Status: 200, Body: `{"data":[{"sessionId":1,"participants":[
		{"uid":"A","isJoined":"true"},{"uid":"b","isJoined":0},{"uid":"c","joinedAt":"1772452800"},{"uid":"d","joinedAt":null},{"isJoined":true}]}]}`})
	joined, err = b.Joined(t.Context(), "odd")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c"}, joined)

	for _, body := range []string{`{"data":{}}`, `{"data":[]}`, `{"data":{"sessionId":"s","participants":"none"}}`} {
		b.server.Fail("/v3/calls/odd", cometchattest.Fault{Status: 200, Body: body})
		_, err = b.Joined(t.Context(), "odd")
		require.ErrorContains(t, err, "the answer is no call", body)
	}
}

func TestAContactComesFromTheFirstPlaceThatHasOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	private := map[string]any{"email": "private@example.com", "contactNumber": "+14155550102"}
	plain := map[string]any{"email": "plain@example.com", "contactNumber": "+14155550103"}
	both := map[string]any{"email": "plain@example.com", "contactNumber": 14155550103, "@private": map[string]any{"email": "private@example.com"}}
	for uid, c := range map[string]struct {
		email, phone string // of the contact details
		metadata     any
		want         relay.Contact
	}{
		"details": {"d@example.com", "+14155550101", map[string]any{"@private": private}, relay.Contact{Email: "d@example.com", Phone: "+14155550101"}},
		"mixed":   {"", "+14155550101", map[string]any{"@private": private}, relay.Contact{Email: "private@example.com", Phone: "+14155550101"}},
		"private": {"", "", map[string]any{"@private": private, "email": "x@example.com"}, relay.Contact{Email: "private@example.com", Phone: "+14155550102"}},
		"plain":   {"", "", plain, relay.Contact{Email: "plain@example.com", Phone: "+14155550103"}},
		"both":    {"", "", both, relay.Contact{Email: "private@example.com", Phone: "14155550103"}},
		"string":  {"", "", `{"email":"s@example.com"}`, relay.Contact{Email: "s@example.com"}},
		"list":    {"", "", []any{}, relay.Contact{}},
		"none":    {"", "", nil, relay.Contact{}},
		"odd":     {"", "", map[string]any{"email": []string{"x"}, "@private": "y"}, relay.Contact{}},
	} {
		b.server.User(uid, "Name "+uid, c.metadata)
		if c.email+c.phone != "" {
			b.server.ContactDetails(uid, c.email, c.phone)
		}
		got, err := b.Contact(t.Context(), strings.ToUpper(uid))
		require.NoError(t, err)
		c.want.UID, c.want.Name = uid, "Name "+uid
		require.Equal(t, c.want, got, uid)
	}
}

func TestNoContactDetailsAreNoTrouble(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.User("ann", "Ann", map[string]any{"email": "ann@example.com"})
	for _, fault := range []cometchattest.Fault{
		{Status: 200, Body: `{"data":{}}`},
		{Status: 200, Body: `{"data":[]}`},
		{Status: 200, Body: `{"data":null}`},
		{Status: 404, Code: "ERR_WHATEVER"},
		{Status: 403, Code: "ERR_PLAN"},
	} {
		b.server.Fail("/v3/notifications", fault)
		contact, err := b.Contact(t.Context(), "ann")
		require.NoError(t, err)
		require.Equal(t, "ann@example.com", contact.Email.Reveal())
	}
	// What comes from something on the way, or says that the key is wrong, is trouble.
	for _, fault := range []cometchattest.Fault{{Status: 404, Body: "<html>"}, {Status: 403, Body: "no"}, {Status: 404, Code: "AUTH_ERR_APIKEY_NOT_FOUND"}, {Status: 429, Code: "ERR_TOO_MANY"}} {
		b.server.Fail("/v3/notifications", fault)
		_, err := b.Contact(t.Context(), "ann")
		require.Error(t, err)
		require.NotErrorIs(t, err, rest.ErrNotFound)
	}
}

// questions asks everything there is about what does not exist, or whatever the server says.
func (b bench) questions() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"members": func(ctx context.Context) error { _, err := b.Members(ctx, "gone", 10); return err },
		"message": func(ctx context.Context) error { _, err := b.Message(ctx, "gone"); return err },
		"joined":  func(ctx context.Context) error { _, err := b.Joined(ctx, "gone"); return err },
		"contact": func(ctx context.Context) error { _, err := b.Contact(ctx, "gone"); return err },
		"unread": func(ctx context.Context) error {
			_, err := b.Unread(ctx, "gone", group(relay.KindUser), "away")
			return err
		},
		"unread group": func(ctx context.Context) error {
			_, err := b.Unread(ctx, "gone", group(relay.KindGroup), "away")
			return err
		},
	}
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, ask := range b.questions() {
		require.ErrorIs(t, ask(t.Context()), rest.ErrNotFound, name)
	}
}

func TestAnIDThatCannotBeOneIsNotAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, id := range []string{"..", ".", "a/b", `a\b`, "a b", "a\r\nx", "ä", "%2e", "a?b", "a#b", strings.Repeat("x", 256)} {
		for name, err := range map[string]error{
			"members": errOf(b.Members(t.Context(), id, 1)), "message": errOf(b.Message(t.Context(), id)),
			"joined": errOf(b.Joined(t.Context(), id)), "contact": errOf(b.Contact(t.Context(), id)),
			"other":  errOf(b.Unread(t.Context(), "ann", group(relay.KindUser), id)),
			"behalf": errOf(b.Unread(t.Context(), id, group(relay.KindUser), "ann")),
		} {
			require.ErrorIs(t, err, rest.ErrNotFound, "%s %q", name, id)
		}
	}
	require.Empty(t, b.server.Calls())
}

func errOf[T any](_ T, err error) error { return err }

func TestEveryFailureIsTroubleThatNamesItsCodeAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault cometchattest.Fault
		want  []string
	}{
		"wrong key":    {cometchattest.Fault{Status: 401, Code: "AUTH_ERR_APIKEY_NOT_FOUND"}, []string{"401 AUTH_ERR_APIKEY_NOT_FOUND", "COMETCHAT_API_KEY"}},
		"not allowed":  {cometchattest.Fault{Status: 403, Code: "ERR_SCOPE"}, []string{"403 ERR_SCOPE", "fullAccess"}},
		"its own 5xx":  {cometchattest.Fault{Status: 500, Code: "ERR_INTERNAL"}, []string{"500 ERR_INTERNAL"}},
		"a gateway":    {cometchattest.Fault{Status: 502, Body: "<h1>leak@example.com</h1>"}, []string{": 502"}},
		"another 404":  {cometchattest.Fault{Status: 404, Body: "nothing here"}, []string{"404", "COMETCHAT_REGION"}},
		"unknown code": {cometchattest.Fault{Status: 404, Code: "ERR_APP_NOT_FOUND"}, []string{"404 ERR_APP_NOT_FOUND"}},
		"odd code":     {cometchattest.Fault{Status: 400, Body: `{"error":{"code":"leak@example.com"}}`}, []string{"400"}},
		"a redirect":   {cometchattest.Fault{Status: 302, Header: map[string]string{"Location": "https://evil.example/"}}, []string{"302", "redirects are not followed"}},
		"not JSON":     {cometchattest.Fault{Status: 200, Body: "<html>leak@example.com</html>"}, []string{"not JSON"}},
		"no data":      {cometchattest.Fault{Status: 200, Body: `{"error":null}`}, []string{"not JSON with data"}},
		"other data":   {cometchattest.Fault{Status: 200, Body: `{"data":"leak@example.com"}`}, []string{"the answer "}},
		"a reset":      {cometchattest.Fault{Reset: true}, []string{"reset"}},
		"no end":       {cometchattest.Fault{Status: 200, Body: strings.Repeat(" ", 5<<20)}, []string{"longer than"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.server.Fail("/", c.fault)
			for question, ask := range b.questions() {
				err := ask(t.Context())
				require.Error(t, err, question)
				require.NotErrorIs(t, err, rest.ErrNotFound, question)
				require.ErrorContains(t, err, "ask CometChat for ")
				for _, want := range c.want {
					require.ErrorContains(t, err, want, question)
				}
				for _, leak := range []string{"leak@", "4155550199", cometchattest.APIKey, "gone", "evil"} {
					require.NotContains(t, err.Error(), leak, question)
				}
				var trouble *rest.Error
				require.ErrorAs(t, err, &trouble)
			}
		})
	}
}

func TestAWrongKeyIsNotTakenForAMissingPerson(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *rest.Config) { c.APIKey = "another" })
	b.server.User("ann", "Ann", nil)
	_, err := b.Contact(t.Context(), "ann")
	require.NotErrorIs(t, err, rest.ErrNotFound)
	require.ErrorContains(t, err, "AUTH_ERR_APIKEY_NOT_FOUND")
	require.NotContains(t, err.Error(), "another")
}

func TestAServerThatHangsIsLeftByTheDeadline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.Fail("/v3/users", cometchattest.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.Contact(ctx, "ann")
	require.EqualError(t, err, "ask CometChat for a user: timed out")
}

func inSeconds(from time.Time, n int64) string { return strconv.FormatInt(from.Unix()+n, 10) }

func TestTooManyCallsStopAllOfThemUntilCometChatWantsThemAgain(t *testing.T) {
	t.Parallel()
	start := newClock().now()
	for name, c := range map[string]struct {
		header map[string]string
		pause  time.Duration
	}{
		"Retry-After":      {map[string]string{"Retry-After": "15"}, 15 * time.Second},
		"reset":            {map[string]string{"X-Rate-Limit-Reset": inSeconds(start, 40)}, 40 * time.Second},
		"the later":        {map[string]string{"Retry-After": "60", "X-Rate-Limit-Reset": inSeconds(start, 40)}, time.Minute},
		"neither":          {nil, 15 * time.Second},
		"nonsense":         {map[string]string{"Retry-After": "soon", "X-Rate-Limit-Reset": "x"}, 15 * time.Second},
		"a day":            {map[string]string{"Retry-After": "86400"}, 5 * time.Minute},
		"a reset long ago": {map[string]string{"X-Rate-Limit-Reset": "1"}, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.server.User("ann", "Ann", nil)
			b.server.Group("hiking", "ann")
			b.server.Fail("/v3/users/ann", cometchattest.Fault{Status: 429, Code: "ERR_TOO_MANY_REQUESTS", Header: c.header, Times: 1})
			_, err := b.Contact(t.Context(), "ann")
			want := "not before " + start.Add(c.pause).Format(time.RFC3339)
			require.EqualError(t, err, "ask CometChat for a user: 429 ERR_TOO_MANY_REQUESTS: too many calls, "+want)

			b.clock.advance(c.pause - time.Second)
			asked := len(b.server.Calls())
			_, err = b.Members(t.Context(), "hiking", 10)
			require.EqualError(t, err, "ask CometChat for the members of a group: 429: CometChat asked for a pause, "+want)
			require.Len(t, b.server.Calls(), asked, "nobody is asked meanwhile")

			b.clock.advance(time.Second)
			_, err = b.Members(t.Context(), "hiking", 10)
			require.NoError(t, err)
			_, err = b.Contact(t.Context(), "ann")
			require.NoError(t, err)
		})
	}
}

func TestNoMoreCallsAreUnderWayThanAllowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *rest.Config) { c.CallsAtOnce, c.CallsPerSecond = 2, 1000 })
	b.server.Fail("/v3/messages", cometchattest.Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	var hanging sync.WaitGroup
	for range 2 {
		hanging.Go(func() { _, _ = b.Message(ctx, "1") })
	}
	require.Eventually(t, func() bool { return b.server.Asked("/v3/messages") == 2 }, 10*time.Second, time.Millisecond)
	short, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	_, err := b.Joined(short, "x")
	require.EqualError(t, err, "ask CometChat for a call: no room among our calls to CometChat")
	cancel()
	hanging.Wait()
	_, err = b.Joined(t.Context(), "x")
	require.ErrorIs(t, err, rest.ErrNotFound, "their room is given back")
}

func TestOurOwnLimitIsBelowCometChats(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *rest.Config) { c.CallsPerSecond = 1 })
	_, err := b.Joined(t.Context(), "x")
	require.ErrorIs(t, err, rest.ErrNotFound)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = b.Joined(ctx, "x")
	require.EqualError(t, err, "ask CometChat for a call: our own limit of calls to CometChat is reached")
	require.Len(t, b.server.Calls(), 1)
}

func TestOnlyFilesOfThisAppAreCometChats(t *testing.T) {
	t.Parallel()
	config := rest.Config{AppID: "app1", Region: "EU"}
	for address, want := range map[string]bool{
		"https://files-eu.cometchat.io/app1/media/a.png":                  true,
		"https://FILES-eu.cometchat.io/app1/media/a/b%20(1).png?fat=x":    true,
		"https://files-eu.cometchat.io:443/app1/media/a.png":              true,
		"https://media-eu.cometchat.io/app1/media/a.png?Signature=x":      true,
		"https://media-eu.cometchat.io/app1/media/%C3%A4%2C.png":          true,
		"http://files-eu.cometchat.io/app1/media/a.png":                   false,
		"//files-eu.cometchat.io/app1/media/a.png":                        false,
		"https://files-us.cometchat.io/app1/media/a.png":                  false,
		"https://files-eu.cometchat.io./app1/media/a.png":                 false,
		"https://files-eu.cometchat.io.evil.example/app1/media/a.png":     false,
		"https://evil.example/files-eu.cometchat.io/app1/media/a.png":     false,
		"https://files-eu.cometchat.io@evil.example/app1/media/a.png":     false,
		"https://user:x@files-eu.cometchat.io/app1/media/a.png":           false,
		"https://files-eu.cometchat.io:8443/app1/media/a.png":             false,
		"https://files-eu.cometchat.io/app2/media/a.png":                  false,
		"https://files-eu.cometchat.io/app1/media/":                       false,
		"https://files-eu.cometchat.io/app1/media":                        false,
		"https://files-eu.cometchat.io/app1/media/../../app2/media/a.png": false,
		"https://files-eu.cometchat.io/app1/media/%2e%2e/%2e%2e/a.png":    false,
		"https://files-eu.cometchat.io/app1/media/..%2f..%2fapp2/a.png":   false,
		"https://files-eu.cometchat.io/app1/media/..%5c..%5ca.png":        false,
		"https://files-eu.cometchat.io/app1/media/%252e%252e/a.png":       false,
		"https://files-eu.cometchat.io/app1/media/a\\..\\b.png":           false,
		"https://files-eu.cometchat.io//app1/media/a.png":                 false,
		"https://files-eu.cometchat.io/app1/media/a.png#x":                false,
		"https://api-eu.cometchat.io/app1/media/a.png":                    false,
		"javascript:alert(1)": false,
		"":                    false,
		"https://[":           false,
	} {
		require.Equal(t, want, config.MediaHost(address), address)
	}
	require.False(t, rest.Config{Region: "eu"}.MediaHost("https://files-eu.cometchat.io//media/a.png"), "without an app nothing is its own")
	require.False(t, rest.Config{AppID: "app1"}.MediaHost("https://files-.cometchat.io/app1/media/a.png"))
}

func TestWithABaseAddressFilesMayBeThere(t *testing.T) {
	t.Parallel()
	config := rest.Config{AppID: "app1", Region: "eu", BaseURL: "http://127.0.0.1:9000"}
	for address, want := range map[string]bool{
		"http://127.0.0.1:9000/app1/media/a.png":         true,
		"https://files-eu.cometchat.io/app1/media/a.png": true,
		"https://127.0.0.1:9000/app1/media/a.png":        false,
		"http://127.0.0.1:9001/app1/media/a.png":         false,
		"http://127.0.0.1:9000/app2/media/a.png":         false,
		"http://127.0.0.1:9000@evil.example/app1/media/": false,
	} {
		require.Equal(t, want, config.MediaHost(address), address)
	}
}

func TestAFileThatNeedsTheKeyGetsALinkThatNeedsNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	address := b.server.File("photo (1).png", []byte("picture"))
	status, _ := get(t, address)
	require.Equal(t, http.StatusUnauthorized, status)
	for range 2 { // an old link serves as an address, too
		link, err := b.MediaURL(t.Context(), address)
		require.NoError(t, err)
		status, body := get(t, link)
		require.Equal(t, "200 picture", fmt.Sprint(status, " ", body))
		b.clock.advance(cometchattest.TokenLife)
		status, _ = get(t, link)
		require.Equal(t, http.StatusUnauthorized, status)
		address = link
	}
	for _, call := range b.server.Calls() {
		if call.Key != "" {
			require.Equal(t, "0", call.Query.Get("redirect"))
			require.Empty(t, call.Query.Get("fat"))
		}
	}
}

func TestALinkThatIsSignedIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	link := b.server.SignedFile("a.png", []byte("x"), time.Hour)
	got, err := b.MediaURL(t.Context(), link)
	require.NoError(t, err)
	require.Equal(t, link, got)
	require.Empty(t, b.server.Calls(), "the key is not shown for it")
}

func TestTheKeyGoesNowhereElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	evil := cometchattest.New(t, nil)
	for _, address := range []string{evil.File("a.png", nil), "https://evil.example/a.png", "http://[", ""} {
		_, err := b.MediaURL(t.Context(), address)
		require.ErrorIs(t, err, rest.ErrForeign, address)
	}
	mine := b.server.File("a.png", nil)
	for name, fault := range map[string]cometchattest.Fault{
		"a redirect":       {Status: 302, Header: map[string]string{"Location": evil.URL + "/" + cometchattest.AppID + "/media/a.png"}},
		"a foreign link":   {Status: 200, Body: `{"data":{"url":"` + evil.URL + `/x"}}`},
		"no link":          {Status: 200, Body: `{"data":{}}`},
		"another's app":    {Status: 200, Body: `{"data":{"url":"` + b.server.URL + `/other/media/a.png"}}`},
		"a script":         {Status: 200, Body: `{"data":{"url":"javascript:alert(1)"}}`},
		"not JSON":         {Status: 200, Body: `picture`},
		"the key is wrong": {Status: 401, Code: "AUTH_ERR_APIKEY_NOT_FOUND"},
	} {
		b.server.Fail("/"+cometchattest.AppID, fault)
		link, err := b.MediaURL(t.Context(), mine)
		require.Error(t, err, name)
		require.Empty(t, link)
		require.NotContains(t, err.Error(), "127.0.0.1", name)
	}
	require.Empty(t, evil.Calls())
}

func get(t *testing.T, address string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw)
}
