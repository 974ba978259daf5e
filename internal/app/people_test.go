package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/engine"
)

// asked is a directory that counts how often it is asked, and settings that use it and CometChat, behind a file.
func asked(t *testing.T) (*atomic.Int64, *cometchattest.Server, config.Config) {
	t.Helper()
	var count atomic.Int64
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		if r.URL.Path != "/ann" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`{"name": "Ann of the CRM"}`))
	}))
	t.Cleanup(crm.Close)
	chat := cometchattest.New(t, nil)
	chat.User("ann", "Ann of CometChat", nil)
	chat.User("bob", "Bob of CometChat", nil)
	file := filepath.Join(t.TempDir(), "people.yaml")
	require.NoError(t, os.WriteFile(file, []byte("eve: { name: Eve of the file }\n"), 0o600))
	env := map[string]string{
		"BECKON_DIRECTORY": "file:" + file + "," + crm.URL + "/{uid},cometchat", "BECKON_DIRECTORY_TOKEN": "t0ken",
		"COMETCHAT_APP_ID": cometchattest.AppID, "COMETCHAT_REGION": cometchattest.Region, "COMETCHAT_API_KEY": cometchattest.APIKey,
		"BECKON_COMETCHAT_BASE_URL": chat.URL,
	}
	c, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, nil)
	require.NoError(t, err)
	return &count, chat, c
}

func (s *sources) name(t *testing.T, uid string) string {
	t.Helper()
	contact, err := s.chain.Lookup(t.Context(), uid)
	if err != nil {
		return err.Error()
	}
	return contact.Name
}

func TestSourcesAreAskedInTheirOrderAndRemembered(t *testing.T) {
	t.Parallel()
	count, chat, c := asked(t)
	m := newMetrics("test", "abc")
	require.Contains(t, scrape(t, m), `beckon_directory_lookups_total{result="down",source="cometchat"} 0`)
	s, err := finder{observer: m, odd: func(string) {}}.open(c)
	require.NoError(t, err)
	for range 2 {
		require.Equal(t, "Eve of the file", s.name(t, "eve"))
		require.Equal(t, "Ann of the CRM", s.name(t, "ann"))
		require.Equal(t, "Bob of CometChat", s.name(t, "bob"))
		require.Equal(t, "unknown person", s.name(t, "joe"))
	}
	require.EqualValues(t, 3, count.Load())
	require.Equal(t, 2, chat.Asked("/v3/users"))
	got := scrape(t, m)
	for _, line := range []string{
		`beckon_directory_lookups_total{result="known",source="file"} 2`, `beckon_directory_lookups_total{result="unknown",source="file"} 6`,
		`beckon_directory_lookups_total{result="known",source="http"} 1`, `beckon_directory_lookups_total{result="cached",source="http"} 3`,
		`beckon_directory_lookups_total{result="unknown",source="cometchat"} 1`, `beckon_directory_lookups_total{result="malformed",source="http"} 0`,
		`beckon_directory_lookup_duration_seconds_count{source="http"} 3`, `beckon_directory_lookup_duration_seconds_count{source="cometchat"} 2`,
	} {
		require.Contains(t, got, line)
	}
}

func TestWhatIsRememberedOutlivesAReloadThatChangesNothingAboutItsSource(t *testing.T) {
	t.Parallel()
	count, chat, c := asked(t)
	f := finder{observer: nobody{}, odd: func(string) {}}
	first, err := f.open(c)
	require.NoError(t, err)
	require.Equal(t, "Ann of the CRM", first.name(t, "ann"))
	require.Equal(t, "Bob of CometChat", first.name(t, "bob"))
	before := count.Load()

	f.before = first
	c.Directory.Sources = append([]config.DirectorySource(nil), c.Directory.Sources[1:]...) // the file is gone
	same, err := f.open(c)
	require.NoError(t, err)
	require.Equal(t, "Ann of the CRM", same.name(t, "ann"))
	require.Equal(t, "Bob of CometChat", same.name(t, "bob"))
	require.Equal(t, before, count.Load())
	require.Equal(t, 1, chat.Asked("/v3/users"))
	require.Same(t, first.cometchat, same.cometchat, "and so does a pause that CometChat asked for")

	for name, change := range map[string]func(*config.Config){
		"token":    func(c *config.Config) { c.Directory.Token = "rotated" },
		"ttl":      func(c *config.Config) { c.Directory.TTL = time.Minute },
		"networks": func(c *config.Config) { c.Directory.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} },
	} {
		changed := c
		change(&changed)
		other, err := f.open(changed)
		require.NoError(t, err)
		before := count.Load()
		require.Equal(t, "Ann of the CRM", other.name(t, "ann"))
		require.Equal(t, before+1, count.Load(), name)
	}
	changed := c
	changed.CometChat.APIKey = "rotated"
	other, err := f.open(changed)
	require.NoError(t, err)
	require.NotSame(t, first.cometchat, other.cometchat)
	require.Contains(t, other.name(t, "bob"), "AUTH_ERR_APIKEY_NOT_FOUND")
	require.NotEqual(t, secretsOf(c), secretsOf(changed), "so a rotated key is noticed")
	changed = c
	changed.Directory.Token = "rotated"
	require.NotEqual(t, secretsOf(c), secretsOf(changed))
}

func TestSettingsOfSourcesThatAreWrongAreNamedTogether(t *testing.T) {
	t.Parallel()
	_, err := finder{observer: nobody{}}.open(config.Config{Directory: config.Directory{Sources: []config.DirectorySource{
		{Kind: config.DirectoryFile, Address: "gone.yaml"}, {Kind: config.DirectoryCometChat}, {Kind: config.DirectoryHTTP, Address: "https://hush"},
	}}})
	require.ErrorContains(t, err, "gone.yaml: open the file of recipients")
	require.ErrorContains(t, err, "BECKON_DIRECTORY: cometchat needs COMETCHAT_API_KEY, COMETCHAT_APP_ID and COMETCHAT_REGION")
	require.ErrorContains(t, err, "BECKON_DIRECTORY: not the address of a directory")
	require.NotContains(t, err.Error(), "hush")
}

func TestCommandsAskNobodyAnyMoreAfterTheFirstTrouble(t *testing.T) {
	t.Parallel()
	_, chat, c := asked(t)
	people, err := OpenPeople(c)
	require.NoError(t, err)
	contact, found := people.Find("bob", time.Time{})
	require.Equal(t, engine.FoundContact, found)
	require.Equal(t, "Bob of CometChat", contact.Name)
	require.NoError(t, people.Trouble())

	chat.Fail("/", cometchattest.Fault{Status: 503})
	before := len(chat.Calls())
	for range 100 {
		_, found = people.Find("joe", time.Time{})
		require.Equal(t, engine.FoundDown, found)
	}
	require.Len(t, chat.Calls(), before+1)
	require.EqualError(t, people.Trouble(), "ask CometChat for a user: 503")
}

func TestAFieldInCometChatThatCannotBeUsedIsToldWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	_, chat, c := asked(t)
	chat.User("joe", "Joe", map[string]any{"contactNumber": "0151 23456789", "email": "joe@example.com"})
	var log strings.Builder
	a := &App{Options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, metrics: newMetrics("test", "abc")}
	s, err := a.finder().open(c)
	require.NoError(t, err)
	contact, err := s.chain.Lookup(t.Context(), "joe")
	require.NoError(t, err)
	require.Equal(t, "joe@example.com", contact.Email.Reveal())
	require.Empty(t, contact.Phone)
	require.Contains(t, log.String(), "field=phone")
	require.NotContains(t, log.String(), "23456789")
}
