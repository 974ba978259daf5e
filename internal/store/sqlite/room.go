package sqlite

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// DefaultMinFree is how many bytes of the disk must be left for events to be taken in, where Options says nothing. What is
	// under way needs some of it to end well.
	DefaultMinFree = 256 << 20
	// roomLook is how long a look at the disk is good for: far less than it takes to fill what is kept free.
	roomLook = time.Second
)

// room looks at how much the disk has left, now and then.
type room struct {
	dir  string
	min  int64
	free func(dir string) (int64, error)
	now  func() time.Time

	mu     sync.Mutex
	looked time.Time
	left   int64
}

func newRoom(o Options, now func() time.Time) *room {
	r := &room{dir: filepath.Dir(o.Path), min: o.MinFree, free: o.Free, now: now, left: -1}
	if r.min == 0 {
		r.min = DefaultMinFree
	}
	if r.free == nil {
		r.free = freeBytes
	}
	return r
}

// Bytes implements tables.Room: what is left; -1 where nobody can say.
func (r *room) Bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); r.looked.IsZero() || now.Sub(r.looked).Abs() >= roomLook {
		left, err := r.free(r.dir)
		if err != nil {
			left = -1
		}
		r.looked, r.left = now, left
	}
	return r.left
}

// Check implements tables.Room: it refuses events while too little is left.
func (r *room) Check() error {
	if left := r.Bytes(); left >= 0 && left < r.min {
		return store.ErrDiskFull
	}
	return nil
}

// Beat implements store.Store: the lock on the file sees to it that there is one replica.
func (s *Store) Beat(context.Context, string) (int, error) { return 1, nil }
