package app

import (
	"fmt"
	"strings"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// bulkFilter is what an order's query asks the store for.
func bulkFilter(of string, q view.Query) (store.Filter, error) {
	filter := store.Filter{
		Trigger: q.Trigger, EventID: q.Event, AlertID: q.Alert, Rule: q.Rule, State: q.State, Reason: q.Reason, Channel: q.Channel,
		Recipient: q.To, Since: q.Since, Until: q.Until,
	}
	for field, wrong := range map[string]bool{
		"channel": of == ofAlerts && q.Channel != "", "address": of == ofAlerts && q.Address != "", "trigger": of == ofDeliveries && q.Trigger != "",
	} {
		if wrong {
			return filter, fmt.Errorf("%s are not narrowed by %s", of, field)
		}
	}
	if q.State == view.Retrying {
		filter.State, filter.Tried = string(relay.DeliveryQueued), store.TriedBefore
	}
	if q.Address == "" {
		return filter, nil
	}
	channel := relay.ChannelSMS
	if strings.Contains(q.Address, "@") {
		channel = relay.ChannelEmail
	}
	var err error
	if filter.Address, err = directory.ParseAddress(channel, q.Address); err != nil {
		return filter, fmt.Errorf("address: %w", err)
	}
	return filter, nil
}
