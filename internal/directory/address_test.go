package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/directory"
)

func TestNumbersInAnyFormatBecomeE164(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"+14155550123":           "+14155550123",
		"+1 (415) 555-0123":      "+14155550123",
		"+1.415.555.0123":        "+14155550123",
		" +1 415 555 0123 ":      "+14155550123",
		"001 415 555 0123":       "+14155550123",
		"+49 (0) 151 2345678":    "+491512345678",
		"+44 7911 123456":        "+447911123456",
		"+15551234567":           "+15551234567", // possible, though not assigned
		"4155550123":             "",
		"(415) 555-0123":         "",
		"+1 415 555 0123 x12":    "",
		"+999 123 4567":          "",
		"+1":                     "",
		"+555-0123":              "",
		"call me":                "",
		strings.Repeat("+1", 40): "",
	} {
		require.Equal(t, want, lookup(t, "phone", written).phone, written)
	}
}

func TestOnlyBareAddressesThatAMailServerKnowsAreTaken(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"ann@example.com":                        "ann@example.com",
		" ann+chat@example.co.uk ":               "ann+chat@example.co.uk",
		"Ann.O'Hara@Example.com":                 "Ann.O'Hara@example.com",
		"bob@bücher.example":                     "bob@xn--bcher-kva.example",
		"<ann@example.com>":                      "",
		"Ann <ann@example.com>":                  "",
		"ann@example.com, b@c.de":                "",
		`"ann smith"@example.com`:                "",
		"ann@localhost":                          "",
		"ann@[192.0.2.1]":                        "",
		"ann@exa mple.com":                       "",
		"ann@example.com\r\nBcc: x@y.z":          "",
		"äänn@example.com":                       "",
		"ann@":                                   "",
		"@example.com":                           "",
		strings.Repeat("a", 65) + "@example.com": "",
		"a@" + strings.Repeat("b", 60) + strings.Repeat("."+strings.Repeat("c", 60), 4): "",
	} {
		require.Equal(t, want, lookup(t, "email", written).email, written)
	}
}

// lookup writes one key of one person and reads it back: both empty where it was refused.
func lookup(t *testing.T, key, value string) (found struct{ phone, email string }) {
	t.Helper()
	file, problems := directory.ParseFile("people.yaml", fmt.Appendf(nil, "ann: { %s: %q }", key, value))
	if file == nil {
		require.Len(t, problems, 1)
		return found
	}
	contact, err := file.Lookup(t.Context(), "ann")
	require.NoError(t, err)
	found.phone, found.email = contact.Phone.Reveal(), contact.Email.Reveal()
	return found
}
