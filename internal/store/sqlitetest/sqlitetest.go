// Package sqlitetest is for tests: it gives each an empty SQLite database of its own. They are copies of one, since migrating takes
// longer than most tests do.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

var migrated = sync.OnceValues(func() (content []byte, err error) { //nolint:gochecknoglobals // made once, read by all tests
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "beckon.db")
	if _, _, err = sqlite.Migrate(context.Background(), path); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Clean(path))
})

// New writes a database of this version and gives its path.
func New(tb testing.TB) string {
	tb.Helper()
	content, err := migrated()
	path := filepath.Join(tb.TempDir(), "beckon.db")
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		tb.Fatalf("make a database: %v", err)
	}
	return path
}
