package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	driver "modernc.org/sqlite"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// Options says how to open a store. Path and Decode are required.
type Options struct {
	// Path of the database file. Its folder must exist; the file is made where it is missing.
	Path string
	// Decode turns the JSON of a kept event back into the event.
	Decode func(raw []byte, receivedAt time.Time) (relay.Event, error)
	// Logger is used for what no caller can be told; nil discards.
	Logger *slog.Logger
	// Keys recognise the addresses of people who were forgotten, as they are in force now; nil has none.
	Keys func() relay.HashKeys
	// Now is the clock that wake-ups are scheduled by; nil is the system's.
	Now func() time.Time
	// QueueLimit is how many writes may wait before more are refused with store.ErrOverloaded; 0 is tables.DefaultQueueLimit.
	QueueLimit int
	// MinFree is how many bytes the disk must have left for events to be taken in, and Free tells how many it has; 0 is
	// DefaultMinFree, nil asks the system.
	MinFree int64
	Free    func(dir string) (int64, error)
	// ReadOnly takes no lock, needs a file that was migrated before, and refuses every write. It works while another
	// process has the file open.
	ReadOnly bool
}

func (o Options) check() error {
	switch {
	case o.Path == "":
		return errors.New("no path given; write one such as sqlite:beckon.db")
	case o.Path == ":memory:":
		return errors.New("a database in memory would lose what was accepted; give the path of a file")
	case o.Decode == nil:
		return errors.New("no decoder for events given")
	case o.QueueLimit < 0:
		return fmt.Errorf("queue limit %d is negative", o.QueueLimit)
	}
	return nil
}

// Store is a store.Store in a SQLite file. Open makes one.
type Store struct {
	*tables.Tables

	options Options
	log     *slog.Logger
	now     func() time.Time
	lock    *flock.Flock // nil when read-only
	write   *sql.DB      // one connection, shared with River; nil when read-only
	read    *sql.DB
	jobs    *river.Client[span] // inserts wake-ups; nil when read-only
	workers tables.Workers[*sql.Tx]
	bell    *bell
	room    *room
	close   func() error
}

var _ store.Store = (*Store)(nil)

// Databases are the connection pools by name, for their statistics.
func (s *Store) Databases() map[string]*sql.DB {
	pools := map[string]*sql.DB{"read": s.read}
	if s.write != nil {
		pools["write"] = s.write
	}
	return pools
}

// Open opens the database file, and unless it is read-only locks it and brings its schema up to date. It fails when
// another process has it open for writing, and when a newer version of Beckon has migrated it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open sqlite store: %w", err)
	}
	s := &Store{options: o, log: o.Logger, now: o.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.bell = newBell()
	s.room = newRoom(o, s.now)
	s.close = sync.OnceValue(s.shut)
	open := s.openWriting
	if o.ReadOnly {
		open = s.openReading
	}
	if err := open(ctx); err != nil {
		_ = s.Close() // what it fails on is what opening failed on
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	return s, nil
}

func (s *Store) openWriting(ctx context.Context) (err error) {
	if s.lock, err = acquire(s.options.Path); err != nil {
		return err
	}
	if s.write, err = openWriter(s.options.Path); err != nil {
		return err
	}
	if _, _, err = migrate(ctx, s.write); err != nil {
		return err
	}
	if s.read, err = openReaders(s.options.Path); err != nil {
		return err
	}
	queue := belled{gathering{riversqlite.New(s.write), s.read, s.write}, s.bell}
	client := func(c *river.Config) (*river.Client[*sql.Tx], error) { return river.NewClient(queue, c) }
	if s.jobs, err = river.NewClient(inserting{queue}, &river.Config{Logger: s.log}); err != nil {
		return fmt.Errorf("make the job client: %w", err)
	}
	s.workers.New, s.workers.Prepare, s.workers.Logger, s.workers.Now = client, s.release, s.log, s.now
	s.Tables = s.tables(ctx, s.begin)
	return nil
}

func (s *Store) tables(ctx context.Context, begin func(context.Context) (tables.Tx, error)) *tables.Tables {
	return tables.New(ctx, tables.Options{
		Read: reader{s.read}, Begin: begin, Finder: finder{s.read}, Size: s.size, Decode: s.options.Decode, Room: s.room,
		Ping:   func(ctx context.Context, tx tables.Tx) error { return ping(ctx, tx, s.now().UnixMicro()) },
		Logger: s.log, Now: s.now, Keys: s.options.Keys, QueueLimit: s.options.QueueLimit,
	})
}

func (s *Store) openReading(ctx context.Context) (err error) {
	if _, err = os.Stat(s.options.Path); err != nil {
		return plain(err)
	}
	if s.read, err = openReaders(s.options.Path); err != nil {
		return err
	}
	if err = checkVersion(ctx, s.read); err != nil {
		return err
	}
	s.Tables = s.tables(ctx, nil)
	return nil
}

// Close ends the workers if they still run, finishes the writes that wait, moves what is in the write-ahead log into the
// file and gives up the lock. Closing again does nothing.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), tables.StopTimeout)
	defer cancel()
	errs = append(errs, s.workers.Halt(ctx))
	if s.Tables != nil {
		s.CloseWriter()
	}
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		// Closing would do it too, but not while another process reads the file.
		_, err := s.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		errs = append(errs, err, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", s.options.Path, err)
	}
	return nil
}

// acquire takes the lock beside the file. The lock file stays when it is given up: removing it would let two processes
// hold locks on two files of that name.
func acquire(path string) (*flock.Flock, error) {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, plain(err))
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s.lock: %w", path, plain(err))
	}
	if !locked {
		return nil, fmt.Errorf("another process has it open for writing (it holds %s.lock); stop that one first", path)
	}
	return lock, nil
}

func openWriter(path string) (*sql.DB, error) {
	// SQLite would make the file readable for everybody; it holds addresses and messages.
	file, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, plain(err)
	}
	if err = file.Close(); err != nil {
		return nil, plain(err)
	}
	db, err := connect(path, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "secure_delete(ON)",
		"journal_size_limit(67108864)",
		// The copies of pages that a statement of several rows needs, to be taken back alone, do not go to a file.
		"temp_store(MEMORY)",
		// What a transaction changes stays in memory until it is committed, up to 16 MB. By itself SQLite writes pages out as soon as 2 MB of them
		// have changed, and at the commit reads them again for their checksums.
		"cache_spill(4000)",
		// 16 MB, four times as much as SQLite's own: pages that are written again and again are moved into the file less often.
		"wal_autocheckpoint(4000)",
	}})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func openReaders(path string) (*sql.DB, error) {
	db, err := connect(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(ON)"}})
	if err != nil {
		return nil, err
	}
	readers := max(4, runtime.NumCPU())
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers) // to open one reads the whole schema
	return db, nil
}

func connect(path string, parameters url.Values) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, plain(err)
	}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: parameters.Encode()}
	connector, err := driver.NewConnector(name.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(preparing{connector}), nil
}

// size is that of the file and its write-ahead log.
func (s *Store) size(context.Context) (bytes int64, err error) {
	for _, suffix := range []string{"", "-wal"} {
		info, e := os.Stat(s.options.Path + suffix)
		if e == nil {
			bytes += info.Size()
		} else if !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, plain(e))
		}
	}
	return bytes, err
}

// plain drops the path from an error of the file system, where the caller says it already.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
