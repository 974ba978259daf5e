package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// sending makes the deliveries of a decision.
type sending struct {
	*decision

	// going are the alerts that are still true, in the order a message lists them, and told those that some delivery carries.
	going []*item
	told  map[*item]bool
	// claimed and spent are what was taken before, with what this decision takes.
	claimed map[string]string
	spent   map[relay.Counter]int
	made    []relay.Delivery
	trace   []relay.Step
	// free is when the first of the limits that hold something up lets it go.
	free time.Time
}

// send makes a delivery for each entry of the rule's `send`, with the Reason where one must not go out, and goes on to the
// fallback where none of them can arrive. A digest that is only over a limit stays open.
func (d *decision) send() {
	s := &sending{decision: d, told: map[*item]bool{}, claimed: maps.Clone(d.Facts.Claimed), spent: map[relay.Counter]int{}}
	if s.claimed == nil {
		s.claimed = map[string]string{}
	}
	d.each(func(i *item) { s.going = append(s.going, i) })
	if !d.again() {
		for _, entry := range d.rule.Send {
			s.add(entry)
		}
		if s.staysOpen() {
			d.each(func(i *item) { d.hold(i, s.free, relay.ReasonLimit, "limits") })
			return
		}
	}
	rest := s.untried()
	for len(rest) > 0 && s.fellThrough() {
		s.note("fallback", string(rest[0].Channel), rest[0].Template)
		s.add(rest[0])
		rest = rest[1:]
	}
	s.conclude(rest)
}

func (s *sending) note(check, result, seen string) {
	s.trace = append(s.trace, relay.Step{At: s.Now, Check: check, Result: result, Seen: seen})
}

// add makes the delivery of an entry.
func (s *sending) add(entry rules.Send) {
	delivery := relay.Delivery{
		Rule: s.rule.Name, Channel: entry.Channel, Template: entry.Template, Recipient: s.Alert.Recipient,
		Phone: s.Contact.Phone, Email: s.Contact.Email, State: relay.DeliverySuppressed, CreatedAt: s.Now, UpdatedAt: s.Now,
		ExpiresAt: s.going[0].Alert.ExpiresAt,
	}
	listed := s.unclaimed(entry.Channel)
	if delivery.Reason = s.forbidden(delivery, listed); delivery.Reason == relay.ReasonNone {
		content, err := s.render(entry, listed)
		if err != nil {
			delivery.State, delivery.Reason = relay.DeliveryDead, relay.ReasonRenderFailed
			s.note("send "+string(entry.Channel), string(delivery.Reason), err.Error())
			s.made = append(s.made, delivery)
			return
		}
		delivery.State, delivery.Content = relay.DeliveryQueued, content
		s.take(&delivery, listed)
	}
	result := "queued"
	if delivery.Reason != relay.ReasonNone {
		result = string(delivery.Reason)
	}
	s.note("send "+string(entry.Channel), result, entry.Template)
	s.made = append(s.made, delivery)
}

// unclaimed are the alerts whose thing the recipient was not told of on that channel.
func (s *sending) unclaimed(channel relay.Channel) []*item {
	return slices.DeleteFunc(slices.Clone(s.going), func(i *item) bool {
		claim := claimOf(s.rule, &i.Event, i.Alert.Recipient, channel)
		_, taken := s.claimed[claim]
		return claim != "" && taken
	})
}

// forbidden gives the Reason why a delivery must not go out, if there is one.
func (s *sending) forbidden(delivery relay.Delivery, listed []*item) relay.Reason {
	if delivery.Address() == "" {
		if delivery.Channel == relay.ChannelSMS {
			return relay.ReasonNoPhone
		}
		return relay.ReasonNoEmail
	}
	if !s.Contact.Wants(delivery.Channel) {
		return relay.ReasonNotWanted
	}
	if reason, ok := s.Facts.Suppressed[relay.NewAddress(delivery.Channel, delivery.Address())]; ok {
		return reason
	}
	if len(listed) == 0 {
		return relay.ReasonCollapsed
	}
	if until := s.limited(delivery.Channel, listed); !until.IsZero() {
		if s.free.IsZero() || until.Before(s.free) {
			s.free = until
		}
		return relay.ReasonLimit
	}
	return relay.ReasonNone
}

// limited is when the limits let a message with those alerts go; zero where they do now.
func (s *sending) limited(channel relay.Channel, listed []*item) time.Time {
	var until time.Time
	for _, i := range listed {
		for _, count := range s.generation.counts(s.rule, &i.Event, i.Alert.Recipient, channel) {
			free := s.freeAt(count)
			if free.After(until) {
				until = free
			}
		}
	}
	return until
}

// freeAt is when one more delivery is within a limit: when enough of the newest have left its window.
func (s *sending) freeAt(count relay.Count) time.Time {
	counted, spent := s.Facts.Counted[count], s.spent[count.Counter]
	switch {
	case spent+len(counted) < count.Max:
		return time.Time{}
	case spent >= count.Max:
		return s.Now.Add(count.Per)
	}
	return counted[count.Max-1-spent].Add(count.Per)
}

// take notes what a delivery claims, what it counts against, and whom it carries.
func (s *sending) take(delivery *relay.Delivery, listed []*item) {
	counters := map[relay.Counter]bool{}
	for _, i := range listed {
		s.told[i] = true
		if i.Alert.ExpiresAt.After(delivery.ExpiresAt) {
			delivery.ExpiresAt = i.Alert.ExpiresAt
		}
		claim := claimOf(s.rule, &i.Event, i.Alert.Recipient, delivery.Channel)
		if _, twice := s.claimed[claim]; claim != "" && !twice {
			s.claimed[claim] = delivery.Template
			delivery.Claims = append(delivery.Claims, claim)
		}
		for _, c := range countersOf(s.rule.Name, &i.Event, i.Alert.Recipient, delivery.Channel) {
			counters[c] = true
		}
	}
	delivery.Counters = slices.Sorted(maps.Keys(counters))
	for _, c := range delivery.Counters {
		s.spent[c]++
	}
}

func (s *sending) render(entry rules.Send, listed []*item) (relay.Content, error) {
	var links render.Links
	if s.Links != nil {
		links = s.Links(s.Contact)
	}
	event := s.seen.newest(listed[0].Event)
	request := s.generation.request(s.rule, entry, &event, s.Contact, links)
	if s.rule.Digest != nil {
		request.Count = len(listed)
		for _, i := range listed[:min(len(listed), s.rule.Digest.Max)] {
			event := s.seen.newest(i.Event)
			request.Events = append(request.Events, render.Told{Shape: s.generation.shapes[event.Trigger], Event: &event})
		}
	}
	return s.generation.Templates.Render(request)
}

// staysOpen reports whether a digest waits because nothing can go out but what a limit holds up.
func (s *sending) staysOpen() bool {
	if s.rule.Digest == nil || s.free.IsZero() {
		return false
	}
	return !slices.ContainsFunc(s.made, func(d relay.Delivery) bool { return d.State == relay.DeliveryQueued })
}

// conclude says whose the deliveries are, what becomes of each alert, and whether to look again.
func (s *sending) conclude(rest []rules.Send) {
	queued := slices.ContainsFunc(s.made, func(d relay.Delivery) bool { return d.State == relay.DeliveryQueued })
	lead := s.lead(queued)
	for n := range s.made {
		d := &s.made[n]
		d.ID, d.AlertID, d.EventID = relay.DeliveryID(lead.Alert.ID, d.Channel, d.Template), lead.Alert.ID, lead.Event.ID
		if d.State == relay.DeliveryQueued && lead != s.own {
			d.NextAt = s.Now // it is not the lead's own wake-up that this decision was made in
		}
	}
	for _, i := range s.going {
		switch {
		case i == lead:
			i.ruling.Action = relay.ActSend
			i.ruling.Trace = append(i.ruling.Trace, s.trace...)
		case queued && !s.told[i] && !s.again():
			s.end(i, relay.ActSuppress, relay.ReasonCollapsed, "digest", "")
		default:
			i.ruling.Action = relay.ActSend
			s.decision.note(i, "digest", "goes along", lead.Alert.ID)
		}
	}
	if s.again() {
		s.out.Action = relay.ActSend
	}
	if lead != s.own {
		s.out.Lead = lead.Alert.ID
	}
	s.out.Deliveries = s.made
	s.out.Fallback = len(rest) > 0
	if len(rest) > 0 {
		s.out.Again = s.lookAgain()
	}
}

// lead is the alert that the deliveries belong to: the one decided if it is told of, else the first that is.
func (s *sending) lead(queued bool) *item {
	if s.again() || slices.Contains(s.going, s.own) && (s.told[s.own] || !queued) {
		return s.own
	}
	for _, i := range s.going {
		if s.told[i] || !queued {
			return i
		}
	}
	return s.own
}
