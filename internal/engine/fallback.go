package engine

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// untried are the entries of the rule's fallback that the alert has no delivery of yet.
func (d *decision) untried() []rules.Send {
	return slices.DeleteFunc(slices.Clone(d.rule.Fallback), func(entry rules.Send) bool {
		return slices.ContainsFunc(d.Facts.Deliveries, func(made relay.Delivery) bool {
			return made.Channel == entry.Channel && made.Template == entry.Template
		})
	})
}

// fellThrough reports whether nothing of what was made so far arrives, and for a reason that another channel may mend. A
// message that was silent for long enough counts as not arrived.
func (s *sending) fellThrough() bool {
	all := slices.Concat(s.Facts.Deliveries, s.made)
	for i, d := range all {
		if at := s.silentAt(d); d.State == relay.DeliverySent && !at.IsZero() && !at.After(s.Now) {
			all[i].State = relay.DeliveryUndelivered
		}
	}
	return relay.FellThrough(all)
}

// silentAt is when a message that was sent counts as not arrived because no receipt came; zero where it never does.
func (s *sending) silentAt(d relay.Delivery) time.Time {
	if s.Receipts == nil || !s.Receipts(d.Channel) || s.rule.FallbackAfter == 0 {
		return time.Time{}
	}
	return d.UpdatedAt.Add(s.rule.FallbackAfter)
}

// lookAgain is when silence will have lasted long enough for the next fallback; zero where nothing is waited for.
func (s *sending) lookAgain() time.Time {
	var again time.Time
	for _, d := range slices.Concat(s.Facts.Deliveries, s.made) {
		switch d.State {
		case relay.DeliveryDelivered:
			return time.Time{}
		case relay.DeliveryQueued, relay.DeliverySending, relay.DeliveryUnknown:
			d.UpdatedAt = s.Now
		case relay.DeliverySent:
		case relay.DeliveryUndelivered, relay.DeliverySuppressed, relay.DeliveryDead:
			continue
		}
		if at := s.silentAt(d); at.After(again) {
			again = at
		}
	}
	if !again.After(s.Now) || !again.Before(s.own.Alert.ExpiresAt) {
		return time.Time{}
	}
	return again
}
