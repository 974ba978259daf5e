package relay_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	olderSecret = "an older key of 32 characters ..." //nolint:gosec // of the test
	newerSecret = "a newer key of 32 characters ...." //nolint:gosec // of the test
)

func TestAHashedAddressIsRecognisedByWhicheverKey(t *testing.T) {
	t.Parallel()
	mail := relay.NewAddress(relay.ChannelEmail, "Ann@Example.com")
	old := relay.NewHashKeys([]string{olderSecret})
	both := relay.NewHashKeys([]string{newerSecret, olderSecret})
	require.Contains(t, both.Spellings(relay.NewAddress(relay.ChannelEmail, "ann@example.COM")), old.Address(mail).Hash)
	require.NotEqual(t, old.Address(mail), both.Address(mail), "the first key hashes")
	require.Equal(t, both.IDs()[1], old.Address(mail).Key)
	require.NotContains(t, old.Address(mail).Hash, "ann")
	require.NotEqual(t, old.Address(mail).Hash, old.Address(relay.NewAddress(relay.ChannelSMS, "ann@example.com")).Hash)
	require.Contains(t, both.Persons("ANN"), old.Person("ann"), "a uid is the same in any case")
	require.NotContains(t, old.Person("ann"), "ann")
}

func TestWhatWasHashedStaysRecognised(t *testing.T) {
	t.Parallel()
	hashed := relay.NewHashKeys([]string{olderSecret}).Address(relay.NewAddress(relay.ChannelSMS, "+14155550123"))
	require.Equal(t, relay.Hashed{
		Key: "4b290c8b", Hash: "hmac:19d54d5b3c342eaa1bf561fdc8b340c462d89ee6bc3ed169d0241b92cedc1c06",
	}, hashed, "such rows lie in databases: to hash otherwise needs a new mark beside the old one")
}

func TestWithoutAKeyNothingIsHashed(t *testing.T) {
	t.Parallel()
	none := relay.NewHashKeys([]string{""})
	require.True(t, none.Empty())
	require.Empty(t, none.Address(relay.NewAddress(relay.ChannelSMS, "+14155550123")))
	require.Equal(t, []string{"+14155550123"}, none.Spellings(relay.NewAddress(relay.ChannelSMS, "+14155550123")))
	require.Equal(t, "a person", none.Person("ann"))
	require.Empty(t, none.Persons("ann"))
}
