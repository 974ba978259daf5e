package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
)

// bell tells the workers of new wake-ups. River's SQLite driver writes that into a table and looks there every 50 ms; but who inserts
// and who works are one process here.
type bell struct {
	mu sync.Mutex
	// queues are those that were rung for, and nobody knows yet.
	queues map[string]bool
	rung   chan struct{}
}

func newBell() *bell { return &bell{queues: map[string]bool{}, rung: make(chan struct{}, 1)} }

// ring is for jobs that were committed; what has a time comes by the clock.
func (b *bell) ring(jobs []river.InsertManyParams) {
	b.mu.Lock()
	for _, j := range jobs {
		if j.InsertOpts.ScheduledAt.IsZero() {
			b.queues[j.InsertOpts.Queue] = true
		}
	}
	some := len(b.queues) > 0
	b.mu.Unlock()
	if some {
		b.again()
	}
}

func (b *bell) again() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// take gives one of the queues that were rung for; none where there is none.
func (b *bell) take() (queue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for queue = range b.queues {
		delete(b.queues, queue)
		break
	}
	if len(b.queues) > 0 {
		b.again()
	}
	return queue
}

// belled is River's driver with a bell.
type belled struct {
	riverdriver.Driver[*sql.Tx]
	*bell
}

// SupportsListenNotify implements riverdriver.Driver: nothing is to be written for the listener.
func (belled) SupportsListenNotify() bool { return false }

// GetListener implements riverdriver.Driver.
func (d belled) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return &listener{bell: d.bell}
}

// insertTopic is River's name for news of new jobs.
const insertTopic = "river_insert"

// listener implements riverdriver.Listener.
type listener struct {
	*bell

	mu     sync.Mutex
	topics []string
}

// Connect implements riverdriver.Listener, as the others.
func (l *listener) Connect(context.Context) error { return nil }

// Ping implements riverdriver.Listener.
func (l *listener) Ping(context.Context) error { return nil }

// Schema implements riverdriver.Listener.
func (l *listener) Schema() string { return "" }

// SetAfterConnectExec implements riverdriver.Listener.
func (l *listener) SetAfterConnectExec(string) {}

// Close implements riverdriver.Listener.
func (l *listener) Close(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics = nil
	return nil
}

// Listen implements riverdriver.Listener.
func (l *listener) Listen(_ context.Context, topic string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics = append(l.topics, topic)
	return nil
}

// Unlisten implements riverdriver.Listener.
func (l *listener) Unlisten(_ context.Context, topic string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics = slices.DeleteFunc(l.topics, func(t string) bool { return t == topic })
	return nil
}

// WaitForNotification implements riverdriver.Listener.
func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.rung:
		}
		queue := l.take()
		l.mu.Lock()
		listens := slices.Contains(l.topics, insertTopic)
		l.mu.Unlock()
		if queue != "" && listens {
			return &riverdriver.Notification{Topic: insertTopic, Payload: fmt.Sprintf(`{"queue": %q}`, queue)}, nil
		}
	}
}
