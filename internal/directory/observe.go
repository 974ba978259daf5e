package directory

import (
	"context"
	"errors"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Result is what came of a look-up.
type Result string

// Results.
const (
	ResultKnown   Result = "known"
	ResultUnknown Result = "unknown"
	// ResultCached is an answer that was remembered, whatever it was.
	ResultCached Result = "cached"
	// ResultMalformed is an entry that cannot be used.
	ResultMalformed Result = "malformed"
	// ResultDown is no answer.
	ResultDown Result = "down"
)

// Results lists every Result.
func Results() []Result {
	return []Result{ResultKnown, ResultUnknown, ResultCached, ResultMalformed, ResultDown}
}

// Observer is told what came of look-ups. It must be quick and may be called from many goroutines.
type Observer interface {
	// LookedUp: source is its name; took is 0 where nobody was asked.
	LookedUp(source string, result Result, took time.Duration)
}

// Observed is a source whose look-ups are told of.
type Observed struct {
	Source   Source
	Name     string
	Observer Observer
}

// Lookup implements Source.
func (o Observed) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	started := time.Now()
	contact, err := o.Source.Lookup(ctx, uid)
	o.Observer.LookedUp(o.Name, resultOf(err), time.Since(started))
	return contact, err
}

func resultOf(err error) Result {
	if err == nil {
		return ResultKnown
	}
	if errors.Is(err, ErrUnknown) {
		return ResultUnknown
	}
	if _, wrong := errors.AsType[*EntryError](err); wrong {
		return ResultMalformed
	}
	return ResultDown
}
