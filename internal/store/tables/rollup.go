package tables

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// standing is where an alert stands between its deliveries and its fallback.
type standing struct {
	state    relay.AlertState
	reason   relay.Reason
	againAt  time.Time
	fallback bool
	digest   string
}

func scanStanding(row Scanner) (s standing, err error) {
	return s, row.Scan(&s.state, &s.reason, at{&s.againAt}, &s.fallback, &s.digest)
}

// siblings are the deliveries of an alert, as far as its standing depends on them.
type siblings struct {
	standing standing
	all      []relay.Delivery
}

func scanSibling(row Scanner) (d relay.Delivery, err error) {
	return d, row.Scan(&d.ID, &d.State, &d.Reason)
}

// with gives them with one of them as it is now.
func (s *siblings) with(now relay.Delivery) []relay.Delivery {
	for i := range s.all {
		if s.all[i].ID == now.ID {
			s.all[i].State, s.all[i].Reason = now.State, now.Reason
		}
	}
	return s.all
}

// by is where the alert stands once its deliveries are as given. One that is held for its fallback waits for that all the same; one
// that has ended stays as it is, unless a message turns out to have been taken.
func (s standing) by(deliveries []relay.Delivery, now time.Time) standing {
	state, reason := relay.RollUp(deliveries)
	switch s.state {
	case relay.AlertFailed, relay.AlertSuppressed:
		if state != relay.AlertSent {
			return s
		}
		s.state, s.reason = state, reason // the receipt came after it was given up, and may say that it did not arrive
	case relay.AlertCancelled:
		if s.reason == relay.ReasonByHand && state == relay.AlertSent {
			s.state, s.reason = state, reason // it was under way when it was cancelled; a fallback is not wanted all the same
		}
		return s
	case relay.AlertHeld, relay.AlertDue, relay.AlertSent:
	}
	if s.fallback && relay.FellThrough(deliveries) {
		if s.state != relay.AlertHeld {
			s.againAt = timeOf(micros(now))
		}
		return s
	}
	switch {
	case s.state == relay.AlertSent:
	case state == relay.AlertSent:
		s.state, s.reason = state, reason
	case state.Done():
		s.state, s.reason, s.againAt = state, reason, timeOf(0)
	}
	return s
}
