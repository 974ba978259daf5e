package loadtest_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

func TestATemplateIsAWholeRequestWithItsNumbers(t *testing.T) {
	t.Parallel()
	template, err := loadtest.NewTemplate(
		loadtest.Head{Host: "relay:8080", Path: loadtest.WebhookPath, Authorization: "Basic eA=="},
		[]byte(`{"id":"####","again":"####","who":"u@@"}`),
		loadtest.Slot{Mark: "####", Of: func(n int64) int64 { return n }},
		loadtest.Slot{Mark: "@@", Of: func(n int64) int64 { return n * 7 }},
	)
	require.NoError(t, err)
	for n, want := range map[int64]string{
		3:      `{"id":"0003","again":"0003","who":"u21"}`,
		123456: `{"id":"3456","again":"3456","who":"u92"}`, // the last digits
		0:      `{"id":"0000","again":"0000","who":"u00"}`,
	} {
		raw := template.Append([]byte("before"), n)
		require.True(t, bytes.HasPrefix(raw, []byte("beforePOST ")))
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw[len("before"):])))
		require.NoError(t, err)
		body, err := io.ReadAll(request.Body)
		require.NoError(t, err)
		require.Equal(t, want, string(body))
		require.Equal(t, want, string(template.Body(n)))
		require.Equal(t, "relay:8080", request.Host)
		require.Equal(t, "Basic eA==", request.Header.Get("Authorization"))
		require.Equal(t, "application/json", request.Header.Get("Content-Type"))
	}
	_, err = loadtest.NewTemplate(loadtest.Head{}, []byte(`{}`), loadtest.Slot{Mark: "##"})
	require.ErrorContains(t, err, `"##" is not in the body`)
}

func template(t *testing.T, body string) *loadtest.Template {
	t.Helper()
	out, err := loadtest.NewTemplate(loadtest.Head{Host: "x", Path: loadtest.WebhookPath}, []byte(body),
		loadtest.Slot{Mark: "######", Of: func(n int64) int64 { return n }})
	require.NoError(t, err)
	return out
}

func dial(t *testing.T, server *httptest.Server, template *loadtest.Template) *loadtest.Conn {
	t.Helper()
	c, err := loadtest.Dial(t.Context(), server.Listener.Addr().String(), template)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAConnectionIsKeptAndConnectedAnewWhereTheServerClosesIt(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch string(body) {
		case `{"n":"000003"}`:
			w.Header().Set("Connection", "close")
		case `{"n":"000005"}`:
			panic(http.ErrAbortHandler)
		case `{"n":"000007"}`:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), 10_000)) // chunked
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { connections.Add(1); return ctx }
	server.Start()
	t.Cleanup(server.Close)
	c := dial(t, server, template(t, `{"n":"######"}`))
	for n := range int64(9) {
		status, err := c.Call(t.Context(), n)
		require.Equal(t, n == 5, err != nil, "%d: %v", n, err)
		if err == nil {
			require.Equal(t, map[bool]int{true: 503, false: 200}[n == 7], status)
		}
	}
	require.EqualValues(t, 3, connections.Load(), "after the one that was closed, and the one that broke")
}

func TestTheAnchorsAnswerWhatARelayWould(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.Handler{"decoder": loadtest.Decoder(), "nothing": loadtest.Nothing()} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		status, err := dial(t, server, template(t, `{"trigger":"message_sent","n":"######"}`)).Call(t.Context(), 1)
		require.NoError(t, err, name)
		require.Equal(t, http.StatusOK, status, name)
	}
	server := httptest.NewServer(loadtest.Decoder())
	t.Cleanup(server.Close)
	status, err := dial(t, server, template(t, `{"n":"######"`)).Call(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status, "it does decode")
	made, err := loadtest.Alerts(t.Context(), server.Listener.Addr().String(), template(t, `{"n":"######"}`), 1)
	require.NoError(t, err)
	require.Equal(t, 1, made)
}

func TestTheSinkAnswersAsTheVendorsAndNotesWhenMessagesCame(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(loadtest.NewSink())
	t.Cleanup(server.Close)
	client := loadtest.SinkClient{Address: server.Listener.Addr().String()}
	post := func(path, body string) (status int, id string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, client.URL()+path, strings.NewReader(body))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, answer.Header.Get("X-Message-Id")
	}
	number := func(n int64) string { return loadtest.NumberMark + strconv.FormatInt(loadtest.FirstNumber+n, 10) }
	const sms = "/2010-04-01/Accounts/AC1/Messages.json"
	before := time.Now()
	status, _ := post(sms, url.Values{"Body": {"hello " + number(3) + " there"}}.Encode())
	require.Equal(t, 201, status)
	status, id := post("/v3/mail/send", `{"subject":"`+number(5)+`"}`)
	require.Equal(t, 202, status)
	require.NotEmpty(t, id)
	post("/v3/mail/send", `{"subject":"`+number(5)+`"}`)
	post(sms, "Body=nothing")
	status, _ = post("/elsewhere", "")
	require.Equal(t, 404, status)

	n, err := client.Count(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	seen, err := client.Times(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, seen, 2)
	require.EqualValues(t, 3, seen[0].N)
	require.Equal(t, 1, seen[0].Times)
	require.EqualValues(t, 5, seen[1].N)
	require.Equal(t, 2, seen[1].Times)
	require.False(t, seen[1].First.Before(before.Truncate(0)))
	require.True(t, seen[1].Last.After(seen[1].First))
	seen, err = client.Times(t.Context(), 4, 5)
	require.NoError(t, err)
	require.Empty(t, seen)

	_, err = client.Times(t.Context(), 0, 2_000_000)
	require.ErrorContains(t, err, "at most 1000000 apart")

	require.NoError(t, client.Delay(t.Context(), 30*time.Millisecond))
	start := time.Now()
	post(sms, "Body=late")
	require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
	require.ErrorContains(t, client.Delay(t.Context(), -time.Second), "400")
}

func TestOnlyAWholeNumberIsOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"nr-100000000000": 0, "x nr-100000000042+y": 42,
		"nr-10000000004": -1, "nr-": -1, "": -1, "100000000042": -1, "nr-000000000001": -1, "nr-abcdefghijkl": -1, "nr-999999999999": 899_999_999_999,
	} {
		n, ok := loadtest.NumberIn([]byte(text))
		require.Equal(t, want >= 0, ok, text)
		if ok {
			require.Equal(t, want, n, text)
		}
	}
}

func TestAPageThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	took, err := loadtest.Pages(t.Context(), server.URL+"/there", 3)
	require.NoError(t, err)
	require.EqualValues(t, 3, took.Count())
	_, err = loadtest.Pages(t.Context(), server.URL+"/gone", 3)
	require.ErrorContains(t, err, "404")
}
