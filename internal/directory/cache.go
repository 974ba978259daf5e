package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"

	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// cached is how many people a Cache remembers: some tens of MB at the most.
	cached = 50_000
	// maxNegative is how long somebody may be unknown without being asked for again: for them alerts are not held but suppressed, so
	// who has just signed up must not stay unknown for long.
	maxNegative = 30 * time.Second
	// breakAfter failures in a row a source is left alone for breakFor: each would keep somebody waiting for lookupDeadline.
	breakAfter = 5
	breakFor   = 5 * time.Second
)

// CacheOptions are what a Cache is made with.
type CacheOptions struct {
	// Name is the source's, for metrics.
	Name string
	// TTL is how long an answer is good for. In its last quarter the first look-up has it refreshed in the background.
	TTL time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Observer is told of every look-up; nil is nobody.
	Observer Observer
}

// Cache is a source that remembers what another one answered.
//
// What is remembered is never served past its time, also not while the source is down: it might be missing that the person
// has since said no. Of one person there is one look-up at a time, and whoever else asks meanwhile gets its answer. When
// a source fails again and again, most look-ups fail at once, without asking it.
type Cache struct {
	source  Source
	options CacheOptions

	people  *lru.Cache[string, *remembered]
	flight  singleflight.Group
	breaker *gobreaker.CircuitBreaker[relay.Contact]
	// background are the refreshes under way.
	background sync.WaitGroup
}

// remembered is one answer. It does not change, but for when it may next be refreshed.
type remembered struct {
	contact relay.Contact
	unknown bool
	// until is how long it is good for, and refresh when it is to be renewed, in unix nanoseconds.
	until   time.Time
	refresh atomic.Int64
}

// NewCache makes one.
func NewCache(source Source, o CacheOptions) (*Cache, error) {
	people, err := lru.New[string, *remembered](cached)
	if err != nil {
		return nil, fmt.Errorf("make the memory of a directory: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cache{
		source: source, options: o, people: people,
		breaker: gobreaker.NewCircuitBreaker[relay.Contact](gobreaker.Settings{
			Timeout:      breakFor,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakAfter },
			IsSuccessful: func(err error) bool { return !troubled(err) },
		}),
	}, nil
}

// troubled reports whether an error says that the source is in trouble, and not the entry or we ourselves.
func troubled(err error) bool {
	if err == nil || errors.Is(err, ErrUnknown) {
		return false
	}
	if _, wrong := errors.AsType[*EntryError](err); wrong {
		return false
	}
	var ours interface{ Busy() bool }
	return !errors.As(err, &ours) || !ours.Busy()
}

// Lookup implements Source.
func (c *Cache) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	uid = strings.ToLower(uid)
	now := c.options.Now()
	if known, ok := c.people.Get(uid); ok && now.Before(known.until) {
		c.observe(ResultCached, 0)
		c.renew(ctx, uid, known, now)
		return known.answer()
	}
	answer := c.flight.DoChan(uid, func() (any, error) { return c.ask(ctx, uid) })
	select {
	case got := <-answer:
		contact, _ := got.Val.(relay.Contact)
		return contact, got.Err
	case <-ctx.Done():
		return relay.Contact{}, fmt.Errorf("wait for the directory: %w", ctx.Err())
	}
}

func (r *remembered) answer() (relay.Contact, error) {
	if r.unknown {
		return relay.Contact{}, ErrUnknown
	}
	return r.contact, nil
}

// renew has an answer that is getting old looked up again, beside whoever asked. If that fails the answer stays good for as
// long as it was, and is tried again a little later.
func (c *Cache) renew(ctx context.Context, uid string, known *remembered, now time.Time) {
	at := known.refresh.Load()
	if at == 0 || now.UnixNano() < at || !known.refresh.CompareAndSwap(at, now.Add(c.options.TTL/20).UnixNano()) {
		return
	}
	c.background.Go(func() {
		_, _, _ = c.flight.Do(uid, func() (any, error) { return c.ask(ctx, uid) }) // what fails is counted
	})
}

// Wait waits for what is being refreshed in the background.
func (c *Cache) Wait() { c.background.Wait() }

// ask asks the source and remembers what it says. Others may be waiting for the answer, so it does not end with whoever asked
// first.
func (c *Cache) ask(ctx context.Context, uid string) (relay.Contact, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupDeadline)
	defer cancel()
	started := time.Now()
	contact, err := c.breaker.Execute(func() (relay.Contact, error) { return c.source.Lookup(ctx, uid) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		c.observe(ResultDown, 0)
		return contact, fmt.Errorf("the %s directory failed again and again; it is asked anew within %s", c.options.Name, breakFor)
	}
	c.observe(resultOf(err), time.Since(started))
	now := c.options.Now()
	switch {
	case err == nil:
		known := &remembered{contact: contact, until: now.Add(c.options.TTL)}
		known.refresh.Store(now.Add(c.options.TTL * 3 / 4).UnixNano())
		c.people.Add(uid, known)
	case errors.Is(err, ErrUnknown):
		c.people.Add(uid, &remembered{unknown: true, until: now.Add(min(c.options.TTL, maxNegative))})
	}
	return contact, err
}

func (c *Cache) observe(result Result, took time.Duration) {
	if c.options.Observer != nil {
		c.options.Observer.LookedUp(c.options.Name, result, took)
	}
}
