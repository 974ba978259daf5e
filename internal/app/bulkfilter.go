package app

import (
	"errors"

	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// bulkFilter is what a query asks the store for.
func bulkFilter(_ string, q view.Query) (store.Filter, error) {
	if q.Address != "" || q.State == view.Retrying {
		return store.Filter{}, errors.New("they cannot be narrowed so")
	}
	return store.Filter{
		Trigger: q.Trigger, EventID: q.Event, AlertID: q.Alert, Rule: q.Rule, State: q.State, Reason: q.Reason, Channel: q.Channel,
		Recipient: q.To, Since: q.Since, Until: q.Until,
	}, nil
}
