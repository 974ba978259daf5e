package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

const (
	// writers is how many transactions of one process run side by side, and as many for writes that lock names.
	writers = 3
	// Connections of one process, for each purpose: together 17, so that five replicas fit what a server takes by default.
	writeConns = 2*writers + 1
	readConns  = 4
	jobConns   = 6
	// cooldown is how long workers wait after a look for jobs. Each replica is told of all jobs, and each look costs the server as much as a
	// write: with 5 ms four replicas made 2.8 looks for a message.
	cooldown = 10 * time.Millisecond
	// writeTimeout bounds a transaction, and with it how long a write that was begun can hang.
	writeTimeout = 5 * time.Second
	// connectTimeout is for one address of the server.
	connectTimeout = 3 * time.Second
	// openTimeout bounds the look at the database when a store is opened, migrations aside.
	openTimeout = 10 * time.Second
)

// Options says how to open a store. URL and Decode are required.
type Options struct {
	// URL of the database: postgres://user:password@host/name?sslmode=verify-full. It is never quoted in an error.
	URL string
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
	// ReadOnly needs a database that was migrated before, and refuses every write.
	ReadOnly bool
}

// Store is a store.Store in a PostgreSQL database. Open makes one.
type Store struct {
	*tables.Tables

	options Options
	log     *slog.Logger
	now     func() time.Time
	dialect dialect
	write   *pgxpool.Pool // nil when read-only, as river and jobs
	river   *pgxpool.Pool
	read    *pgxpool.Pool
	jobs    *river.Client[pgx.Tx] // inserts wake-ups
	workers tables.Workers[pgx.Tx]
	close   func() error
}

var _ store.Store = (*Store)(nil)

// Shared implements store.Store: other processes may work on the same database.
func (s *Store) Shared() bool { return true }

// badURL does not say what is wrong in words of the parser, which quotes.
func badURL() error {
	return errors.New("not the URL of a database, such as postgres://user:password@host:5432/beckon?sslmode=verify-full")
}

// Open connects to the database, and unless it is read-only brings its schema up to date. It fails when the database cannot be
// reached, and when a newer version of Beckon has migrated it.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	switch {
	case err != nil || o.URL == "":
		return nil, fmt.Errorf("open postgres store: %w", badURL())
	case o.Decode == nil:
		return nil, errors.New("open postgres store: no decoder for events given")
	case o.QueueLimit < 0:
		return nil, fmt.Errorf("open postgres store: queue limit %d is negative", o.QueueLimit)
	}
	s := &Store{options: o, log: o.Logger, now: o.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.close = sync.OnceValue(s.shut)
	if config.ConnConfig.ConnectTimeout == 0 || config.ConnConfig.ConnectTimeout > time.Minute {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	open := s.openWriting
	if o.ReadOnly {
		open = s.openReading
	}
	if err := open(ctx, config); err != nil {
		_ = s.Close() // what it fails on is what opening failed on
		return nil, fmt.Errorf("open postgres store: %w", err)
	}
	return s, nil
}

func (s *Store) openWriting(ctx context.Context, config *pgxpool.Config) (err error) {
	if _, _, err = migrate(ctx, config); err != nil {
		return err
	}
	// The server ends what takes too long, also where we are not there any more to end it.
	if s.write, err = pool(ctx, config, writeConns, map[string]string{
		"statement_timeout": "10s", "idle_in_transaction_session_timeout": "10s",
	}); err != nil {
		return err
	}
	if s.river, err = pool(ctx, config, jobConns, map[string]string{"idle_in_transaction_session_timeout": "60s"}); err != nil {
		return err
	}
	if err = s.openReader(ctx, config); err != nil {
		return err
	}
	client := func(c *river.Config) (*river.Client[pgx.Tx], error) {
		return river.NewClient(riverpgxv5.New(s.river), c)
	}
	// The cooldown is also how often it tells the workers of new jobs.
	if s.jobs, err = client(&river.Config{FetchCooldown: cooldown, Logger: s.log}); err != nil {
		return fmt.Errorf("make the job client: %w", err)
	}
	s.workers.New, s.workers.Logger, s.workers.Now, s.workers.Cooldown = client, s.log, s.now, cooldown
	s.Tables = s.tables(ctx, s.begin)
	return nil
}

func (s *Store) openReading(ctx context.Context, config *pgxpool.Config) error {
	if err := s.openReader(ctx, config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := checkVersion(ctx, s.read); err != nil {
		return err
	}
	s.Tables = s.tables(ctx, nil)
	return nil
}

func (s *Store) openReader(ctx context.Context, config *pgxpool.Config) (err error) {
	s.read, err = pool(ctx, config, readConns, map[string]string{
		"default_transaction_read_only": "on", "statement_timeout": "30s",
	})
	return err
}

func (s *Store) tables(ctx context.Context, begin func(context.Context) (tables.Tx, error)) *tables.Tables {
	return tables.New(ctx, tables.Options{
		Read: reader{s.read, &s.dialect}, Begin: begin, Fault: fault, Finder: finder{s.read, &s.dialect}, Ping: ping,
		Room: unknownRoom{}, Size: s.size, Decode: s.options.Decode, Logger: s.log, Now: s.now, Keys: s.options.Keys,
		QueueLimit: s.options.QueueLimit, Writers: writers, Timeout: writeTimeout, Teller: uuid.NewString(),
	})
}

// pool connects when it is first used.
func pool(ctx context.Context, config *pgxpool.Config, conns int32, parameters map[string]string) (*pgxpool.Pool, error) {
	config = config.Copy()
	config.MaxConns, config.MinConns, config.MinIdleConns = conns, 0, 0
	maps.Copy(config.ConnConfig.RuntimeParams, parameters)
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "beckon"
	}
	return pgxpool.NewWithConfig(ctx, config)
}

// Connections are those of a pool.
type Connections struct {
	Idle, Busy, Max int
	// Waits is how often one had to be waited for.
	Waits int64
}

// Connections tells of the pools by name.
func (s *Store) Connections() map[string]Connections {
	told := map[string]Connections{}
	for name, p := range map[string]*pgxpool.Pool{"read": s.read, "write": s.write, "river": s.river} {
		if p != nil {
			stat := p.Stat()
			told[name] = Connections{
				Idle: int(stat.IdleConns()), Busy: int(stat.AcquiredConns()), Max: int(stat.MaxConns()), Waits: stat.EmptyAcquireCount(),
			}
		}
	}
	return told
}

// Close ends the workers if they still run and finishes the writes that wait. Closing again does nothing.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	ctx, cancel := context.WithTimeout(context.Background(), tables.StopTimeout)
	defer cancel()
	err := s.workers.Halt(ctx)
	if s.Tables != nil {
		s.CloseWriter()
	}
	for _, p := range []*pgxpool.Pool{s.write, s.river, s.read} {
		if p != nil {
			p.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

func (s *Store) size(ctx context.Context) (bytes int64, err error) {
	err = s.read.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&bytes)
	return bytes, err
}

// unknownRoom is the disk of a server, which nobody tells us about.
type unknownRoom struct{}

// Check implements tables.Room.
func (unknownRoom) Check() error { return nil }

// Bytes implements tables.Room.
func (unknownRoom) Bytes() int64 { return -1 }
