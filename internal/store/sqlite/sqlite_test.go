package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return open(t, Options{})
	})
}

// migrated is the content of a new database: most tests start from it, since migrating takes longer than they do.
var migrated = sync.OnceValues(func() (content []byte, err error) {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "beckon.db")
	if _, _, err = Migrate(context.Background(), path); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Clean(path))
})

// open opens a store until the test ends, in a new file unless the options name one that is there.
func open(tb testing.TB, o Options) *Store {
	tb.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(tb.TempDir(), "beckon.db")
	}
	if _, err := os.Stat(o.Path); errors.Is(err, os.ErrNotExist) {
		content, err := migrated()
		require.NoError(tb, err)
		require.NoError(tb, os.WriteFile(o.Path, content, 0o600))
	}
	if o.Decode == nil {
		o.Decode = storetest.Decode
	}
	if o.Keys == nil {
		o.Keys = storetest.Keys
	}
	s, err := Open(tb.Context(), o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}
