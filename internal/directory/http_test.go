package directory_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
)

// crm is a service that is asked for people.
func crm(t *testing.T, answer http.HandlerFunc, change ...func(*directory.HTTPConfig)) (*directory.HTTP, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	config := directory.HTTPConfig{Address: server.URL + "/contacts/{uid}"}
	for _, f := range change {
		f(&config)
	}
	source, err := directory.NewHTTP(config)
	require.NoError(t, err)
	t.Cleanup(source.Close)
	return source, server
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestAServiceAnswersOneEntryAsAFileHasIt(t *testing.T) {
	t.Parallel()
	source, _ := crm(t, says(http.StatusOK, `{
		"name": "Ann \ud83d\ude00", "email": "ann@example.com", "phone": "+1 (415) 555-0123", "locale": "de-at", "time_zone": "Europe/Vienna",
		"channels": ["email"], "quiet_hours": {"from": "21:30", "to": "08:00"},
		"mute": {"until": "2030-01-31T08:00:00+01:00", "conversations": ["group_hiking"]}
	}`))
	got, err := source.Lookup(t.Context(), "ANN-1")
	require.NoError(t, err)
	require.True(t, got.Mute.Until.Equal(time.Date(2030, 1, 31, 7, 0, 0, 0, time.UTC)))
	got.Mute.Until = time.Time{}
	require.Equal(t, relay.Contact{
		UID: "ann-1", Name: "Ann 😀", Email: "ann@example.com", Phone: "+14155550123", Locale: "de-AT", TimeZone: "Europe/Vienna",
		Channels: []relay.Channel{relay.ChannelEmail}, QuietHours: relay.QuietHours{From: 21*60 + 30, To: 8 * 60, Set: true},
		Mute: relay.Mute{Conversations: []string{"group_hiking"}},
	}, got)

	source, _ = crm(t, says(http.StatusOK, `{"name": null, "phone": ""}`))
	got, err = source.Lookup(t.Context(), "bob")
	require.NoError(t, err)
	require.Equal(t, relay.Contact{UID: "bob"}, got)
}

func TestAUidIsOnePartOfThePathAndCredentialsAreShown(t *testing.T) {
	t.Parallel()
	var path, authorization atomic.Value
	answer := func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.RequestURI)
		authorization.Store(r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNotFound)
	}
	for name, c := range map[string]struct {
		change func(*directory.HTTPConfig)
		want   string
	}{
		"none":  {func(*directory.HTTPConfig) {}, ""},
		"token": {func(c *directory.HTTPConfig) { c.Token = "t0ken" }, "Bearer t0ken"},
		"basic": {func(c *directory.HTTPConfig) { c.User, c.Password = "me", "pass" }, "Basic bWU6cGFzcw=="},
	} {
		source, _ := crm(t, answer, c.change, func(c *directory.HTTPConfig) { c.Address += "/entry?version=2" })
		for uid, want := range map[string]string{"ann-1": "ann-1", "a?b#c": "a%3Fb%23c", "a.b@c": "a.b@c"} {
			_, err := source.Lookup(t.Context(), uid)
			require.ErrorIs(t, err, directory.ErrUnknown, name)
			require.Equal(t, "/contacts/"+want+"/entry?version=2", path.Load())
			require.Equal(t, c.want, authorization.Load())
		}
	}
}

func TestAUidThatCouldLeadElsewhereIsNobodys(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	source, _ := crm(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, uid := range []string{"", ".", "..", "...", "../x", `..\x`, "a/b", "%2e%2e", "a b", "a\nb", strings.Repeat("x", 101)} {
		_, err := source.Lookup(t.Context(), uid)
		require.ErrorIs(t, err, directory.ErrUnknown, "%q", uid)
	}
	require.Zero(t, asked.Load())
}

func TestAnEntryThatIsWrongNamesItsFieldAndQuotesNothing(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"phone": "0151 23456789"}`:                       "phone: not a phone number with its country code; write it such as \"+14155550123\"",
		`{"phone": 15123456789}`:                           "phone: not a phone number with its country code; write it such as \"+14155550123\"",
		`{"phone": ["+15123456789"]}`:                      "phone: write a single text here, not a list or a mapping",
		`{"email": "Leak <leak@example.org>"}`:             "email: not an email address; write the bare address, such as ann@example.com",
		`{"locale": "leak 15123456789"}`:                   "locale: it is not a locale; write one such as de or pt-BR",
		`{"time_zone": "leak@example.org"}`:                "time_zone: it is not a time zone of the IANA database; write one such as Europe/Berlin",
		`{"channels": ["leak@example.org"]}`:               "channels: unknown channel; there are sms, email",
		`{"channels": []}`:                                 "channels: no channel is listed; leave the key out for all, or write `mute` to send this person nothing",
		`{"quiet_hours": {"from": "leak", "to": "08:00"}}`: "quiet_hours.from: it is not a time of day; write it as \"HH:MM\", from 00:00 to 23:59",
		`{"mute": {"until": "15123456789"}}`:               "mute.until: it is not a time with its zone; write it as 2030-01-31T08:00:00Z or 2030-01-31T08:00:00+01:00",
		`{"mute": {}}`:                                     "mute: this mutes nothing; write `until`, `conversations` or both",
		`{"phon": 1}`:                                      `unknown key "phon"; did you mean phone?`,
		`{"+15123456789 leak@example.org": 1}`:             `unknown key "[number] [address]"; there are name, email, phone, locale, time_zone, channels, quiet_hours, mute`,
		`{"name": "a", "name": "b"}`:                       `"name" is written twice`,
		`{"phone": "1", "email": "x"}`:                     "phone: not a phone number with its country code; write it such as \"+14155550123\"; email: not an email address; write the bare address, such as ann@example.com",
		`[{"phone": "+15123456789"}]`:                      "write it as `{ phone: \"+14155550123\", email: ann@example.com }`",
		`null`:                                             "write it as `{ phone: \"+14155550123\", email: ann@example.com }`",
		`{"name": "leak"} {}`:                              "something follows after the JSON object",
		`<html>leak@example.org`:                           "not JSON; one object is expected, such as {\"phone\": \"+14155550123\"}",
		`{"name": "leak`:                                   "not JSON; one object is expected, such as {\"phone\": \"+14155550123\"}",
		`{"name": [1`:                                      "not JSON; one object is expected, such as {\"phone\": \"+14155550123\"}",
		``:                                                 "not JSON; one object is expected, such as {\"phone\": \"+14155550123\"}",
		strings.Repeat(`{"mute":`, 99) + strings.Repeat("}", 99): "nested deeper than 8 levels",
	} {
		source, server := crm(t, says(http.StatusOK, body))
		_, err := source.Lookup(t.Context(), "ann")
		require.EqualError(t, err, "ask the directory at "+strings.TrimPrefix(server.URL, "http://")+": the entry is wrong: "+want, body)
		require.ErrorAs(t, err, new(*directory.EntryError))
		for _, leak := range []string{"15123456789", "leak"} {
			require.NotContains(t, err.Error(), leak)
		}
	}
}

func TestEverythingElseIsTroubleAndNotAMissingPerson(t *testing.T) {
	t.Parallel()
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"wrong credentials": {says(401, "leak"), "401: it refuses BECKON_DIRECTORY_TOKEN or BECKON_DIRECTORY_USER"},
		"forbidden":         {says(403, "leak"), "403: it refuses"},
		"no content":        {says(204, ""), "204"},
		"gone":              {says(410, "leak"), "410"},
		"its own trouble":   {says(500, "leak"), "500"},
		"a gateway":         {says(502, "leak"), "502"},
		"too long":          {says(200, strings.Repeat(" ", 64<<10+1)), "answer is longer than 65536 bytes"},
		"another host":      {redirect("http://evil.example/leak"), "302: a redirect to another host"},
		"another scheme":    {redirect("https://127.0.0.1/leak"), "302: a redirect to another host"},
		"no end":            {redirect("/round"), "302: a redirect to another host, or one of many, is not followed"},
	} {
		source, _ := crm(t, c.answer, func(c *directory.HTTPConfig) { c.Token = "s3cret" })
		_, err := source.Lookup(t.Context(), "gone")
		require.ErrorContains(t, err, "ask the directory at 127.0.0.1:", name)
		require.ErrorContains(t, err, c.want, name)
		require.NotErrorIs(t, err, directory.ErrUnknown, name)
		for _, leak := range []string{"leak", "s3cret", "gone", "contacts"} {
			require.NotContains(t, err.Error(), leak, name)
		}
	}
	source, server := crm(t, says(200, "{}"))
	server.Close()
	_, err := source.Lookup(t.Context(), "ann")
	require.ErrorContains(t, err, "connection refused")
}

func TestARedirectOnTheSameHostIsFollowedWithTheCredential(t *testing.T) {
	t.Parallel()
	source, _ := crm(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/") {
			http.Redirect(w, r, "/contacts/ann/", http.StatusMovedPermanently)
			return
		}
		if r.Header.Get("Authorization") == "Bearer t0ken" {
			_, _ = w.Write([]byte(`{"name": "Ann"}`))
		}
	}, func(c *directory.HTTPConfig) { c.Token = "t0ken" })
	contact, err := source.Lookup(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, "Ann", contact.Name)
}

func TestAServiceThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	source, _ := crm(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := source.Lookup(ctx, "ann")
	require.ErrorContains(t, err, "timed out")
}

func TestAServiceThatAsksForAPauseGetsIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		after  string
		pause  time.Duration
	}{
		"429":             {429, "20", 20 * time.Second},
		"429 and no more": {429, "", 10 * time.Second},
		"503":             {503, "20", 20 * time.Second},
		"for a day":       {503, "86400", 5 * time.Minute},
		"503 and no more": {503, "", 0},
	} {
		now, asked := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), 0
		source, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Retry-After", c.after)
			w.WriteHeader(c.status)
		}, func(h *directory.HTTPConfig) { h.Now = func() time.Time { return now } })
		_, err := source.Lookup(t.Context(), "ann")
		require.Error(t, err)
		if c.pause > 0 {
			now = now.Add(c.pause - time.Second)
			_, err = source.Lookup(t.Context(), "bob")
			require.ErrorContains(t, err, "it asked for a pause, until 2026-03-02T12:", name)
			require.Equal(t, 1, asked, name)
			now = now.Add(time.Second)
		}
		_, err = source.Lookup(t.Context(), "bob")
		require.Error(t, err)
		require.Equal(t, 2, asked, name)
	}
}

func TestAddressesInsideAreNotDialledUnlessAllowed(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[fd00::1]", "0.0.0.0", "100.64.1.1",
		"[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "198.18.0.1", "240.0.0.1", "224.0.0.1", "[::]", "255.255.255.255",
	} {
		source, err := directory.NewHTTP(directory.HTTPConfig{Address: "https://" + host + "/{uid}"})
		require.NoError(t, err)
		_, err = source.Lookup(t.Context(), "ann")
		require.ErrorContains(t, err, "is not a public address; if it is right, allow its network with BECKON_DIRECTORY_NETWORKS", host)
	}
}

func TestAnAddressThatIsNoneIsRefusedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "https://crm.example/contacts", "https://{uid}.example/x", "https://crm.example/{uid}/{uid}", "https://crm.example/?u={uid}",
		"https://me:hush@crm.example/{uid}", "ftp://crm.example/{uid}", "http://crm.example/{uid}", "https:///{uid}", "https://crm.example/#{uid}", ":{uid}",
		"https://crm.example/{uid}?u={uid}",
	} {
		_, err := directory.NewHTTP(directory.HTTPConfig{Address: address})
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "hush")
	}
}

func FuzzAnEntryIsUsableOrNamed(f *testing.F) {
	for _, seed := range []string{
		`{"phone":"+14155550123","email":"a@b.example","mute":{"until":"2030-01-31T08:00:00Z"}}`, `{"channels":["sms",1,null]}`,
		`{"quiet_hours":{"from":"21:00","to":{}}}`, `[`, `null`, `{"a":{"a":{"a":{"a":{}}}}}`, `{"name":"\ud83d"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		contact, err := directory.ParseEntry("Ann", []byte(body))
		if err != nil {
			require.ErrorAs(t, err, new(*directory.EntryError))
			require.Zero(t, contact)
			return
		}
		require.Equal(t, "ann", contact.UID)
		require.True(t, contact.Phone == "" || strings.HasPrefix(contact.Phone.Reveal(), "+"))
	})
}
