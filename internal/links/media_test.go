package links_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/links"
)

var (
	soon  = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	event = strings.Repeat("0a", 32)
)

func TestAMediaLinkLeadsBackToItsFile(t *testing.T) {
	t.Parallel()
	s := signer(t, newer)
	for _, f := range []links.File{
		{Event: event, Index: 0, Expires: soon},
		{Event: event, Index: 254, Expires: soon.Add(time.Hour)},
		{Event: event, Index: links.Recording, Expires: soon},
		{Event: "ab", Index: 1, Expires: time.Unix(0, 0)},
		{Event: strings.Repeat("ff", 64), Index: 1, Expires: time.Unix(1<<32-1, 0)},
	} {
		token := s.Media(f)
		require.Equal(t, token, url.PathEscape(token), "it stands in an address as it is")
		got, err := s.File(token)
		require.NoError(t, err)
		require.Equal(t, f.Event, got.Event)
		require.Equal(t, f.Index, got.Index)
		require.True(t, f.Expires.Equal(got.Expires))
	}
	require.Len(t, s.Media(links.File{Event: event, Expires: soon}), 94, "a mail shows it in its text part")
}

func TestAMediaLinkThatWentOutStaysGood(t *testing.T) {
	t.Parallel()
	got := signer(t, older).Media(links.File{Event: event, Index: 3, Expires: soon})
	require.Equal(t, "EL_ygKcs69bWYce_dxnsfUU4syHeWIn4WqfkJRm0Dmdrac0IwAMKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCg", got,
		"mails with this link lie in mailboxes: a change needs a new kind beside the old one")
}

func TestAFileThatCannotBeWrittenHasNoLink(t *testing.T) {
	t.Parallel()
	s := signer(t, newer)
	for name, f := range map[string]links.File{
		"no event":               {Expires: soon},
		"no hexadecimal id":      {Event: "evt_1", Expires: soon},
		"an id in capitals":      {Event: "AB", Expires: soon},
		"an id that is too long": {Event: strings.Repeat("ab", 65), Expires: soon},
		"too many files":         {Event: event, Index: 255, Expires: soon},
		"before the first":       {Event: event, Index: -2, Expires: soon},
		"before 1970":            {Event: event, Expires: time.Time{}},
		"after 2106":             {Event: event, Expires: time.Unix(1<<32, 0)},
	} {
		require.Empty(t, s.Media(f), name)
	}
}

func TestAMediaTokenThatWasChangedIsRefused(t *testing.T) {
	t.Parallel()
	s := signer(t, newer, older)
	good := s.Media(links.File{Event: event, Index: 1, Expires: soon})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	for i := range raw {
		for bit := range 8 {
			changed := append([]byte{}, raw...)
			changed[i] ^= 1 << bit
			_, err := s.File(base64.RawURLEncoding.EncodeToString(changed))
			require.Error(t, err, "bit %d of byte %d", bit, i)
		}
	}
	for name, c := range map[string]struct{ token, want string }{
		"nothing":             {"", "wrong length"},
		"cut":                 {good[:len(good)-4], "none of our keys"},
		"with a tail":         {good + "AAAA", "none of our keys"},
		"padded":              {good + "=", "not base64url"},
		"an unsubscribe link": {s.Unsubscribe(links.Subscription{Address: "ann@example.com"}), "another kind"},
		"of another's key":    {signer(t, "a foreign key of 32 characters ..").Media(links.File{Event: event, Expires: soon}), "none of our keys"},
	} {
		_, err := s.File(c.token)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "media link: ", name)
	}
	_, err = s.Subscription(good)
	require.ErrorContains(t, err, "another kind", "it unsubscribes nobody")
}

func FuzzFile(f *testing.F) {
	s := signer(f, newer)
	f.Add(s.Media(links.File{Event: event, Index: 1, Expires: soon}))
	f.Add(s.Media(links.File{Event: event, Index: links.Recording, Expires: soon}))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		file, err := s.File(token)
		if err != nil {
			require.Zero(t, file)
			return
		}
		require.Equal(t, token, s.Media(file), "only what we signed is taken, in its one spelling")
	})
}
