package directory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
)

// source is a source that a test plays. It answers with a name that counts how often it was asked.
type source struct {
	mu    sync.Mutex
	asked int
	err   error
	// hold, if set, is waited for.
	hold chan struct{}
}

var errAway = errors.New("away")

// Lookup implements directory.Source.
func (s *source) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	s.mu.Lock()
	s.asked++
	n, err, hold := s.asked, s.err, s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return relay.Contact{}, ctx.Err()
		}
	}
	if err != nil {
		return relay.Contact{}, err
	}
	return relay.Contact{UID: uid, Name: fmt.Sprint("answer ", n)}, nil
}

func (s *source) fails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *source) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// tally counts what an Observer is told.
type tally struct {
	mu sync.Mutex
	of map[string]int
}

// LookedUp implements directory.Observer.
func (c *tally) LookedUp(source string, result directory.Result, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[source+" "+string(result)]++
}

func newCache(t *testing.T, s directory.Source) (*directory.Cache, *tally) {
	t.Helper()
	counts := &tally{}
	cache, err := directory.NewCache(s, directory.CacheOptions{Name: "crm", TTL: 4 * time.Minute, Observer: counts})
	require.NoError(t, err)
	return cache, counts
}

// name looks somebody up.
func name(t *testing.T, cache *directory.Cache, uid string) string {
	t.Helper()
	contact, err := cache.Lookup(t.Context(), uid)
	if err != nil {
		return err.Error()
	}
	return contact.Name
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestAnAnswerIsGoodForItsTimeAndRefreshedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		cache, counts := newCache(t, s)
		require.Equal(t, "answer 1", name(t, cache, "Ann"))
		pass(3*time.Minute - time.Second)
		require.Equal(t, "answer 1", name(t, cache, "ann"))
		synctest.Wait()
		require.Equal(t, 1, s.times())
		pass(time.Second)
		require.Equal(t, "answer 1", name(t, cache, "ann"), "nobody waits for the refresh")
		cache.Wait()
		require.Equal(t, "answer 2", name(t, cache, "ann"))
		pass(2 * time.Minute)
		require.Equal(t, "answer 2", name(t, cache, "ann"), "the time counts from the refresh")
		pass(2 * time.Minute)
		require.Equal(t, "answer 3", name(t, cache, "ann"), "an answer that nobody asked for runs out")
		require.Equal(t, map[string]int{"crm known": 3, "crm cached": 4}, counts.of)
	})
}

func TestARefreshThatFailsChangesNothingUntilTheAnswerRunsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		cache, counts := newCache(t, s)
		require.Equal(t, "answer 1", name(t, cache, "ann"))
		s.fails(errAway)
		pass(3 * time.Minute)
		for range 10 {
			require.Equal(t, "answer 1", name(t, cache, "ann"))
			cache.Wait()
		}
		require.Equal(t, 2, s.times(), "it is not asked again at every look-up")
		pass(12 * time.Second)
		require.Equal(t, "answer 1", name(t, cache, "ann"))
		cache.Wait()
		require.Equal(t, 3, s.times(), "but a little later")
		pass(48 * time.Second)
		require.Equal(t, "away", name(t, cache, "ann"), "what may hide a wish is not served past its time")
		require.Equal(t, 3, counts.of["crm down"])
		s.fails(nil)
		require.Equal(t, "answer 5", name(t, cache, "ann"))
	})
}

func TestWhoIsUnknownIsRememberedBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{err: directory.ErrUnknown}
		cache, counts := newCache(t, s)
		for range 3 {
			_, err := cache.Lookup(t.Context(), "ann")
			require.ErrorIs(t, err, directory.ErrUnknown)
		}
		require.Equal(t, 1, s.times())
		require.Equal(t, map[string]int{"crm unknown": 1, "crm cached": 2}, counts.of)
		s.fails(nil)
		pass(30 * time.Second)
		require.Equal(t, "answer 2", name(t, cache, "ann"), "who has just signed up")
	})
}

func TestARefreshThatSaysUnknownForgetsThePerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		cache, _ := newCache(t, s)
		require.Equal(t, "answer 1", name(t, cache, "ann"))
		s.fails(directory.ErrUnknown)
		pass(3 * time.Minute)
		_ = name(t, cache, "ann")
		cache.Wait()
		require.Equal(t, directory.ErrUnknown.Error(), name(t, cache, "ann"))
	})
}

func TestAPersonIsLookedUpOnceAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{hold: make(chan struct{})}
		cache, _ := newCache(t, s)
		gone, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			_, err := cache.Lookup(gone, "ann")
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		for range 20 {
			group.Go(func() { require.Equal(t, "answer 1", name(t, cache, "ANN")) })
		}
		group.Go(func() { require.Equal(t, "answer 2", name(t, cache, "bob")) })
		synctest.Wait()
		cancel() // who asked first goes away; the others still get the answer
		synctest.Wait()
		close(s.hold)
		group.Wait()
		require.Equal(t, 2, s.times())
	})
}

func TestASourceThatHangsIsLeftByTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{hold: make(chan struct{})}
		cache, _ := newCache(t, s)
		start := time.Now()
		require.Equal(t, context.DeadlineExceeded.Error(), name(t, cache, "ann"))
		require.Equal(t, 4500*time.Millisecond, time.Since(start))
	})
}

func TestASourceThatFailsAgainAndAgainIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{err: errAway}
		cache, counts := newCache(t, s)
		for range 5 {
			require.Equal(t, "away", name(t, cache, "ann"))
		}
		for range 100 {
			require.Equal(t, "the crm directory failed again and again; it is asked anew within 5s", name(t, cache, "ann"))
		}
		require.Equal(t, 5, s.times())
		require.Equal(t, 105, counts.of["crm down"])
		s.fails(nil)
		pass(6 * time.Second)
		require.Equal(t, "answer 6", name(t, cache, "ann"))
		require.Equal(t, "answer 7", name(t, cache, "bob"))
	})
}

// busy is what a client says that has too much to do itself.
type busy struct{ error }

// Busy says so.
func (busy) Busy() bool { return true }

func TestOnePersonsWrongEntryAndOurOwnLimitsAreNoTroubleOfTheSource(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		fmt.Errorf("ask: %w", &directory.EntryError{Problems: []string{"phone: not one"}}), fmt.Errorf("ask: %w", busy{errors.New("busy")}),
	} {
		s := &source{err: err}
		cache, _ := newCache(t, s)
		for range 20 {
			require.Equal(t, err.Error(), name(t, cache, "ann"))
		}
		require.Equal(t, 20, s.times())
		s.fails(nil)
		require.Equal(t, "answer 21", name(t, cache, "ann"))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s := &source{}
	cache, _ := newCache(t, s)
	for i := range 50_001 {
		_, err := cache.Lookup(t.Context(), fmt.Sprint("uid-", i))
		require.NoError(t, err)
	}
	require.Equal(t, "answer 50001", name(t, cache, "uid-50000"))
	require.Equal(t, "answer 50002", name(t, cache, "uid-0"), "who was not asked for longest is forgotten first")
}

// profiles are people as a vendor keeps them.
type profiles map[string]relay.Contact

var errNoSuchUser = errors.New("no such user")

// Contact implements directory.Profiles.
func (p profiles) Contact(_ context.Context, uid string) (relay.Contact, error) {
	if uid == "down" {
		return relay.Contact{}, errAway
	}
	contact, ok := p[uid]
	if !ok {
		return relay.Contact{}, fmt.Errorf("ask: %w", errNoSuchUser)
	}
	return contact, nil
}

func TestAVendorsNumbersAndAddressesAreMadeFitOrLeftOut(t *testing.T) {
	t.Parallel()
	var odd []string
	vendor := directory.Vendor{
		Profiles: profiles{
			"ann": {UID: "ann", Name: "Ann", Phone: "+1 (415) 555-0123", Email: " ann@example.com"},
			"bob": {UID: "bob", Phone: "0151 234567", Email: "Bob <bob@example.com>"},
			"eve": {UID: "eve"},
		},
		Unknown: errNoSuchUser, Odd: func(field string) { odd = append(odd, field) },
	}
	for uid, want := range map[string]relay.Contact{
		"ann": {UID: "ann", Name: "Ann", Phone: "+14155550123", Email: "ann@example.com"}, "bob": {UID: "bob"}, "eve": {UID: "eve"},
	} {
		got, err := vendor.Lookup(t.Context(), uid)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, []string{"phone", "email"}, odd)
	_, err := vendor.Lookup(t.Context(), "gone")
	require.ErrorIs(t, err, directory.ErrUnknown)
	_, err = vendor.Lookup(t.Context(), "down")
	require.ErrorIs(t, err, errAway)
	require.NotErrorIs(t, err, directory.ErrUnknown)
}

func TestLookUpsOfAFileAreCountedToo(t *testing.T) {
	t.Parallel()
	counts := &tally{}
	chain := directory.Chain{
		directory.Observed{Source: people(t, "ann: {}"), Name: "file", Observer: counts},
		directory.Observed{Source: broken{errAway}, Name: "crm", Observer: counts},
	}
	_, err := chain.Lookup(t.Context(), "ann")
	require.NoError(t, err)
	_, err = chain.Lookup(t.Context(), "bob")
	require.ErrorIs(t, err, errAway)
	require.Equal(t, map[string]int{"file known": 1, "file unknown": 1, "crm down": 1}, counts.of)
}
