package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// Backup writes a consistent copy of the database file from to the file to, while another process may be at work on it. The copy is
// complete and checked, or it is not there: it gets its name last. It fails where there is such a file already.
func Backup(ctx context.Context, from, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up %s: %w", from, err)
		}
	}()
	if _, err = os.Stat(from); err != nil {
		return plain(err)
	}
	if _, err = os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s is there already; name a new file", to)
		}
		return err
	}
	// A folder of its own keeps the copy from everybody's eyes while SQLite makes it, and its journal with it.
	dir, err := os.MkdirTemp(filepath.Dir(to), ".beckon-backup-")
	if err != nil {
		return fmt.Errorf("folder of %s: %w", to, plain(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	part := filepath.Join(dir, "copy.db")
	if err = copyInto(ctx, from, part); err != nil {
		return err
	}
	if err = checkCopy(ctx, part); err != nil {
		return fmt.Errorf("the copy is not sound: %w", err)
	}
	if err = settle(part); err != nil {
		return err
	}
	if err = name(part, to); err != nil {
		return fmt.Errorf("name the copy %s: %w", to, err)
	}
	return flush(filepath.Dir(to))
}

// name gives the copy its name. A link, unlike a rename, does not replace what somebody made meanwhile; not every file system
// has them.
func name(part, to string) error {
	if err := os.Link(part, to); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(part, to)
}

// copyInto makes the copy by a reader of the file, as of one moment: writers go on meanwhile, and need not wait.
func copyInto(ctx context.Context, from, to string) (err error) {
	db, err := openReaders(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err = checkVersion(ctx, db); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// It forbids writing to the copy, too. The file itself stays open for reading only.
	if _, err = conn.ExecContext(ctx, "PRAGMA query_only(OFF)"); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

func checkCopy(ctx context.Context, path string) (err error) {
	db, err := openReaders(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	result, err := tables.One(ctx, reader{db}, scanID, "PRAGMA quick_check(1)")
	if err == nil && result != "ok" {
		err = errors.New(result)
	}
	return err
}

// settle makes a file private and brings it to disk.
func settle(path string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	return flush(path)
}

func flush(path string) error {
	f, err := os.Open(path) //nolint:gosec // named by the operator
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
