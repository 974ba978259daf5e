package relay

// Done reports whether nothing more will be done about a delivery unless a receipt comes.
func (s DeliveryState) Done() bool {
	switch s {
	case DeliverySent, DeliveryDelivered, DeliveryUndelivered, DeliverySuppressed, DeliveryDead:
		return true
	case DeliveryQueued, DeliverySending, DeliveryUnknown:
	}
	return false
}

// Done reports whether the alert has reached an end.
func (s AlertState) Done() bool { return s != AlertHeld && s != AlertDue }

// RollUp gives the state of an alert that was decided "send" from its deliveries, and the Reason where it is not sent:
// sent once one was accepted, due while one is under way, failed if one is dead, or cancelled if all that are dead were cancelled by
// hand, suppressed if all are.
func RollUp(deliveries []Delivery) (AlertState, Reason) {
	var open, dead, suppressed *Delivery
	for i, d := range deliveries {
		switch d.State {
		case DeliverySent, DeliveryDelivered, DeliveryUndelivered:
			return AlertSent, ReasonNone
		case DeliveryQueued, DeliverySending, DeliveryUnknown:
			open = &deliveries[i]
		case DeliveryDead:
			if dead == nil || d.Reason != ReasonByHand {
				dead = &deliveries[i]
			}
		case DeliverySuppressed:
			suppressed = &deliveries[i]
		}
	}
	switch {
	case open != nil:
		return AlertDue, ReasonNone
	case dead != nil && dead.Reason == ReasonByHand:
		return AlertCancelled, ReasonByHand
	case dead != nil:
		return AlertFailed, dead.Reason
	case suppressed != nil:
		return AlertSuppressed, suppressed.Reason
	}
	return AlertSuppressed, ReasonNobody
}

// ReleasesClaims reports whether a delivery has come to an end at which somebody else may tell of the same thing: it did not go
// out. Without an answer it may have, and what a provider took keeps its claims, whatever it says later.
func (d Delivery) ReleasesClaims() bool {
	switch d.State {
	case DeliverySuppressed:
		return true
	case DeliveryDead:
		return d.Reason != ReasonNoAnswer
	case DeliveryQueued, DeliverySending, DeliverySent, DeliveryDelivered, DeliveryUndelivered, DeliveryUnknown:
	}
	return false
}

// Retriable reports whether an operator may have a delivery attempted again: it is over, its message did not arrive, and nobody said
// that it must not go out. Of those that are suppressed that is so only where the texts of a day were used up: the others have no
// message, or are for somebody who wants none.
func (d Delivery) Retriable() bool {
	switch d.State {
	case DeliveryDead, DeliveryUndelivered:
		return true
	case DeliverySuppressed:
		return d.Reason == ReasonDailySegments
	case DeliveryQueued, DeliverySending, DeliverySent, DeliveryDelivered, DeliveryUnknown:
	}
	return false
}

// Cancellable reports whether an operator may end a delivery: it waits. One that is being sent is left alone, and what waits for an
// answer may have arrived all the same.
func (d Delivery) Cancellable() bool { return d.State == DeliveryQueued || d.State == DeliveryUnknown }

// Reopens reports whether an alert that has ended becomes due again when one of its deliveries is retried by hand: nothing was sent,
// and it was not found to be true no longer.
func (a Alert) Reopens() bool {
	return a.State == AlertFailed || a.State == AlertSuppressed || a.State == AlertCancelled && a.Reason == ReasonByHand
}

// ReleasesCounters reports whether a delivery counts against no limit any more: it was not accepted.
func (d Delivery) ReleasesCounters() bool {
	return d.State == DeliverySuppressed || d.State == DeliveryDead
}

// FellThrough reports whether nothing of the deliveries arrives, and each for a reason that another channel may mend: what a
// rule's fallback is for. None at all have not fallen through.
func FellThrough(deliveries []Delivery) bool {
	for _, d := range deliveries {
		switch d.State {
		case DeliverySuppressed:
			// The person is over a limit, or was told already: a way around that is not wanted.
			if d.Reason == ReasonLimit || d.Reason == ReasonCollapsed {
				return false
			}
		case DeliveryDead:
			// Too late is too late on every channel; without an answer it may have arrived; and an operator wants none.
			if d.Reason == ReasonExpired || d.Reason == ReasonNoAnswer || d.Reason == ReasonByHand {
				return false
			}
		case DeliveryUndelivered:
		case DeliveryQueued, DeliverySending, DeliverySent, DeliveryDelivered, DeliveryUnknown:
			return false
		}
	}
	return len(deliveries) > 0
}
