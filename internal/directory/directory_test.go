package directory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
)

// broken is a source that does not answer.
type broken struct{ err error }

func (b broken) Lookup(context.Context, string) (relay.Contact, error) { return relay.Contact{}, b.err }

func people(t *testing.T, src string) *directory.File {
	t.Helper()
	file, problems := directory.ParseFile("people.yaml", []byte(src))
	require.Empty(t, texts(problems))
	return file
}

func TestTheFirstSourceThatKnowsThePersonWins(t *testing.T) {
	t.Parallel()
	chain := directory.Chain{people(t, "ann: { name: First }"), people(t, "ann: { name: Second }\nbob: { name: Bob }")}
	for uid, name := range map[string]string{"ann": "First", "bob": "Bob"} {
		contact, err := chain.Lookup(t.Context(), uid)
		require.NoError(t, err)
		require.Equal(t, name, contact.Name)
	}
	_, err := chain.Lookup(t.Context(), "eve")
	require.ErrorIs(t, err, directory.ErrUnknown)
	_, err = directory.Chain{}.Lookup(t.Context(), "ann")
	require.ErrorIs(t, err, directory.ErrUnknown)
}

func TestASourceInTroubleEndsTheSearch(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	chain := directory.Chain{people(t, "ann: {}"), broken{down}, people(t, "bob: {}")}
	_, err := chain.Lookup(t.Context(), "bob")
	require.ErrorIs(t, err, down)
	_, err = chain.Lookup(t.Context(), "ann")
	require.NoError(t, err, "a source behind the one that knows is not asked")
}
