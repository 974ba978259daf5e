package console

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// liveEvery is how often it is looked whether something changed, and liveFor how long one connection lasts: the browser makes a new
	// one, and is asked again who it is.
	liveEvery = 2 * time.Second
	liveFor   = 5 * time.Minute
	// liveQuiet is after how long without news a line is sent, so that a proxy does not take the connection for dead.
	liveQuiet = 20 * time.Second
	// liveMost bounds how many pages are kept up to date at once.
	liveMost = 100
)

// stamp asks for the newest stamp once for all who are connected.
type stamp struct {
	of  Overview
	now func() time.Time

	mu      sync.Mutex
	last    string
	err     error
	askedAt time.Time
	open    int
}

// get gives a stamp that is younger than liveEvery.
func (s *stamp) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); s.askedAt.IsZero() || now.Sub(s.askedAt) >= liveEvery/2 || now.Before(s.askedAt) {
		s.last, s.err = s.of.Stamp(ctx)
		s.askedAt = s.now()
		if ctx.Err() != nil {
			s.askedAt = time.Time{} // whoever asked is gone; it says nothing to the others
		}
	}
	return s.last, s.err
}

func (s *stamp) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= liveMost {
		return false
	}
	s.open++
	return true
}

func (s *stamp) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// live tells a page that something changed, as server-sent events. It says no more than that: the page fetches itself anew.
func (k *console) live(c echo.Context) error {
	if !k.stamp.enter() {
		return &Refusal{Status: http.StatusServiceUnavailable, RetryAfter: liveFor, Message: "Too many pages are being kept up to date."}
	}
	defer k.stamp.leave()
	ctx, cancel := context.WithTimeout(c.Request().Context(), liveFor)
	defer cancel()
	last, err := k.stamp.get(ctx)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events
	tell := func(format string, args ...any) error {
		out := http.NewResponseController(c.Response())
		_ = out.SetWriteDeadline(time.Now().Add(liveQuiet)) // where it cannot be, the server's own holds
		if _, err := fmt.Fprintf(c.Response(), format, args...); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := tell("retry: 3000\n\n"); err != nil {
		return nil // the browser is gone
	}
	k.follow(ctx, last, tell)
	return nil
}

// follow tells of changes until the browser is gone, the time is over or the store is: then the browser comes again.
func (k *console) follow(ctx context.Context, last string, tell func(string, ...any) error) {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	quiet := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next, err := k.stamp.get(ctx)
		if err != nil {
			return
		}
		switch quiet += int(liveEvery); {
		case next != last:
			err = tell("event: changed\ndata: %d\n\n", k.Now().Unix())
			last, quiet = next, 0
		case quiet >= int(liveQuiet):
			err = tell(": nothing new\n\n")
			quiet = 0
		}
		if err != nil {
			return
		}
	}
}
