package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// overloadRetry is what a caller is told to wait when too much is waiting here. CometChat tries again after 10 s anyhow.
const overloadRetry = 2 * time.Second

// diskRetry is how long somebody needs at least to make room on a disk.
const diskRetry = time.Minute

// intake takes a webhook in: decoded, planned by the rules in force, and kept. It returns only after the commit.
type intake struct {
	store   store.Store
	current func() *engine.Generation
	metrics *metrics
	// tally counts for the overview; nil does not.
	tally *tallier
	now   func() time.Time
	// appID is the one app whose events are taken; empty takes all.
	appID string
	// keepAll keeps events that no rule wants as well.
	keepAll bool
	// watched is told whether the store answers; nil tells nobody.
	watched *storeWatch
	// tracer is nil where nothing is traced.
	tracer *telemetry.Tracer
}

// Accept implements server.Intake.
func (i *intake) Accept(ctx context.Context, body []byte) (server.Receipt, error) {
	event, err := cometchat.Decode(body, i.now())
	if err != nil {
		return server.Receipt{}, refusal(err)
	}
	if i.appID != "" && event.AppID != i.appID {
		return server.Receipt{}, &server.Refusal{
			Status: http.StatusForbidden, Code: "wrong_app", Message: "this relay takes the events of another app",
		}
	}
	plan, verdicts := i.current().Plan(event)
	trigger := i.metrics.planned(event, verdicts)
	// Whatever else is answered to a legacy before_message is written into the chat.
	empty := event.Trigger == relay.BeforeMessage
	if !plan.Wanted && !i.keepAll {
		return server.Receipt{ID: event.ID, Trigger: trigger, Empty: empty}, nil
	}
	kept, span := i.tracer.Accept(ctx, trigger, event.ID)
	accepted, err := i.store.Accept(store.WithTrace(kept, telemetry.Traceparent(ctx)), plan)
	span.Accepted(accepted.Duplicate, accepted.Alerts, err)
	if refusal, ok := turnedAway(err); ok {
		return server.Receipt{}, refusal
	}
	i.watched.saw(ctx, err)
	if err != nil {
		return server.Receipt{}, fmt.Errorf("keep event %s: %w", event.ID, err)
	}
	if !accepted.Duplicate {
		i.tally.accepted(trigger, verdicts)
	}
	return server.Receipt{
		ID: accepted.ID, Duplicate: accepted.Duplicate, Trigger: trigger, Alerts: accepted.Alerts, Empty: empty,
	}, nil
}

// turnedAway says what a caller is told where the store has no room just now; false for every other error.
func turnedAway(err error) (*server.Refusal, bool) {
	switch {
	case errors.Is(err, store.ErrOverloaded):
		return &server.Refusal{
			Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too much is waiting to be kept; try again",
			RetryAfter: overloadRetry,
		}, true
	case errors.Is(err, store.ErrDiskFull):
		return &server.Refusal{
			Status: http.StatusServiceUnavailable, Code: "disk_full", Message: "too little room is left to keep it; try again",
			RetryAfter: diskRetry,
		}, true
	}
	return nil, false
}

func refusal(err error) error {
	var bad *cometchat.DecodeError
	if !errors.As(err, &bad) {
		return fmt.Errorf("decode webhook: %w", err)
	}
	return &server.Refusal{Status: http.StatusBadRequest, Code: bad.Code, Message: bad.Message}
}
