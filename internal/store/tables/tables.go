package tables

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
)

// DefaultQueueLimit is how many writes may wait where Options says nothing: about a second's worth.
const DefaultQueueLimit = 4096

// ErrReadOnly is the answer to every write on a store that was opened for reading.
var ErrReadOnly = errors.New("the store was opened read-only")

// DB is what can be asked: connections, or a transaction. Queries are written as the package comment says.
type DB interface {
	Query(ctx context.Context, query string, args ...any) (Rows, error)
}

// Rows are what a query found. They hold a connection until they are closed.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close()
}

// Tx is a transaction that writes.
type Tx interface {
	DB
	// Exec runs a statement and tells how many rows it touched.
	Exec(ctx context.Context, query string, args ...any) (int, error)
	// Insert runs an INSERT of one row into a table whose key is seq, and tells the seq that the row was given: 0 where there is no
	// row because of an ON CONFLICT DO NOTHING.
	Insert(ctx context.Context, query string, args ...any) (seq int64, err error)
	// Add inserts a row into a table, given with its columns, unless it is there. That may be as late as before the next Exec, Query or
	// Later, or before the transaction ends: rows go together where that costs less. What is wrong with one of them that statement tells.
	Add(ctx context.Context, into string, values ...any) error
	// Later runs a statement before the next one, or before the transaction ends: where the database is far away they go there
	// together. What is wrong with it the next one tells.
	Later(ctx context.Context, query string, args ...any) error
	// Expect is Later for a statement that must touch so many rows. Where it touches fewer, because somebody else was faster, the
	// transaction is tried again.
	Expect(ctx context.Context, rows int, query string, args ...any) error
	// Ask runs queries one after the other, which where the database is far away go there together.
	Ask(ctx context.Context, asks ...Ask) error
	// Lock keeps everybody else who locks one of the keys waiting until the transaction ends. It is called once, before anything
	// else, so that no two transactions wait for each other.
	Lock(ctx context.Context, keys []string) error
	// Commit inserts the wake-ups and ends the transaction. Where it fails the transaction is rolled back.
	Commit(ctx context.Context, jobs []river.InsertManyParams) error
	Rollback(ctx context.Context)
}

// Fault is what an error of the database means for the writes that shared its transaction.
type Fault int

// Faults.
const (
	// FaultWrite: one of the writes is bad. Each is tried alone, so that it fails no neighbour.
	FaultWrite Fault = iota
	// FaultRace: others got in between. The same again may go well.
	FaultRace
	// FaultDatabase: the database is in trouble. None would go well now.
	FaultDatabase
)

// ErrRaced fails a write that found what it had looked for changed by somebody else.
var ErrRaced = errors.New("somebody else was faster")

// Room is what the disk has left.
type Room interface {
	// Check fails with store.ErrDiskFull while that is too little to take events in.
	Check() error
	// Bytes is what is left, -1 where nobody can say.
	Bytes() int64
}

// Options are what Tables work with. All but Write and what says so are required.
type Options struct {
	Read DB
	// Begin begins a transaction; nil refuses every write with ErrReadOnly.
	Begin func(context.Context) (Tx, error)
	// Fault tells what an error of the database means; nil takes each for FaultWrite.
	Fault  func(error) Fault
	Finder Finder
	// Ping fails where the transaction cannot write.
	Ping func(context.Context, Tx) error
	// Room is the disk.
	Room Room
	// Size is how many bytes the database takes on disk.
	Size func(context.Context) (int64, error)
	// Decode turns the JSON of a kept event back into the event.
	Decode func(raw []byte, receivedAt time.Time) (relay.Event, error)
	Logger *slog.Logger
	// Keys recognise the addresses of people who were forgotten, as they are in force now; nil has none.
	Keys func() relay.HashKeys
	// Now is the clock that wake-ups are scheduled by.
	Now func() time.Time
	// QueueLimit is how many writes may wait before more are refused with store.ErrOverloaded; 0 is DefaultQueueLimit.
	QueueLimit int
	// Writers is how many transactions may run side by side; 0 is one. More have as many beside them for writes that lock names.
	Writers int
	// Teller tells the counters of this process from those of others, which add at the same time; empty where it is alone.
	Teller string
	// Timeout bounds one transaction; 0 does not.
	Timeout time.Duration
}

// Tables keep events, alerts, deliveries and attempts. With what starts and stops the workers they are a store.Store.
type Tables struct {
	Options
	// writer is nil when read-only. Writes that lock names have writers of their own where several run side by side: they wait for
	// other replicas, and nobody else need wait with them. Those that lock the same name first, such as a recipient, share one.
	writer  *writer
	lockers []*writer
}

// New makes Tables and starts their writers. Close ends them.
func New(ctx context.Context, o Options) *Tables {
	t := &Tables{Options: o}
	if o.Begin != nil {
		// The writer outlives whatever context the store was opened with: it ends in Close.
		ctx = context.WithoutCancel(ctx)
		t.writer = startWriter(ctx, o, max(1, o.Writers))
		t.lockers = []*writer{t.writer}
		if o.Writers > 1 {
			t.lockers = nil
			for range o.Writers {
				t.lockers = append(t.lockers, startWriter(ctx, o, 1))
			}
		}
	}
	return t
}

func (o Options) keys() relay.HashKeys {
	if o.Keys == nil {
		return relay.HashKeys{}
	}
	return o.Keys()
}

// CloseWriter refuses further writes and returns when those that wait are done.
func (s *Tables) CloseWriter() {
	if s.writer != nil {
		s.writer.stop()
	}
	for _, l := range s.lockers {
		if l != s.writer {
			l.stop()
		}
	}
}
