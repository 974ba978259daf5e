package engine

import (
	"cmp"
	"fmt"
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

	// going are the alerts that are still true, in the order a message lists them; told those that some delivery carries, and
	// limited when a limit lets go those that it keeps from one.
	going   []*item
	told    map[*item]bool
	limited map[*item]time.Time
	// claimed and spent are what was taken before, with what this decision takes.
	claimed map[string]string
	spent   map[relay.Counter]int
	made    []relay.Delivery
	trace   []relay.Step
}

// send makes a delivery for each entry of the rule's `send`, with the Reason where one must not go out, and goes on to the
// fallback where none of them can arrive. A digest of which nothing can go out but what is over a limit stays open.
func (d *decision) send() {
	s := &sending{
		decision: d, told: map[*item]bool{}, limited: map[*item]time.Time{}, claimed: maps.Clone(d.Facts.Claimed),
		spent: map[relay.Counter]int{},
	}
	if s.claimed == nil {
		s.claimed = map[string]string{}
	}
	d.each(func(i *item) { s.going = append(s.going, i) })
	if !d.again() {
		for _, entry := range d.rule.Send {
			s.add(entry)
		}
	}
	rest := s.untried()
	for len(rest) > 0 && s.fellThrough() {
		s.note("fallback", string(rest[0].Channel), rest[0].Template)
		s.add(rest[0])
		rest = rest[1:]
	}
	if d.rule.Digest != nil && len(s.limited) > 0 && !s.queued() {
		s.stayOpen()
		return
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
	result, seen := "queued", entry.Template
	reason, evidence, listed := s.forbidden(delivery), "", []*item(nil)
	if reason == relay.ReasonNone {
		listed, reason, evidence = s.allowed(entry.Channel)
	}
	if reason != relay.ReasonNone {
		delivery.Reason, result, seen = reason, string(reason), cmp.Or(evidence, entry.Template)
	} else if content, err := s.render(entry, listed); err != nil {
		delivery.State, delivery.Reason = relay.DeliveryDead, relay.ReasonRenderFailed
		result, seen = string(delivery.Reason), err.Error()
	} else {
		delivery.State, delivery.Content = relay.DeliveryQueued, content
		s.take(&delivery, listed)
	}
	s.note("send "+string(entry.Channel), result, seen)
	s.made = append(s.made, delivery)
}

// forbidden gives the Reason why nothing must go out to that address, if there is one.
func (s *sending) forbidden(delivery relay.Delivery) relay.Reason {
	if delivery.Address() == "" {
		if delivery.Channel == relay.ChannelSMS {
			return relay.ReasonNoPhone
		}
		return relay.ReasonNoEmail
	}
	if !s.Contact.Wants(delivery.Channel) {
		return relay.ReasonNotWanted
	}
	to := relay.NewAddress(delivery.Channel, delivery.Address())
	reason := s.Facts.Suppressed[to]
	if reason == relay.ReasonNone && s.Guard != nil {
		reason = s.Guard(to)
	}
	return reason
}

// allowed are the alerts that a message on that channel may carry: those whose thing the recipient was not told of there, each
// thing once, and that are within their limits. Where none is left, the Reason and what shows it.
func (s *sending) allowed(channel relay.Channel) (listed []*item, reason relay.Reason, evidence string) {
	claims := map[string]bool{}
	for _, i := range s.going {
		claim := claimOf(s.rule, &i.Event, i.Alert.Recipient, channel)
		holder, taken := s.claimed[claim]
		if claim != "" && (taken || claims[claim]) {
			if reason == relay.ReasonNone {
				reason, evidence = relay.ReasonCollapsed, "told by "+holder
			}
			continue
		}
		if limit, until := s.limit(channel, i); !until.IsZero() {
			if known := s.limited[i]; known.IsZero() || until.Before(known) {
				s.limited[i] = until
			}
			reason, evidence = relay.ReasonLimit, fmt.Sprintf("%s, until %s", limit, until.UTC().Format(time.RFC3339))
			continue
		}
		claims[claim] = true
		listed = append(listed, i)
	}
	if len(listed) > 0 {
		return listed, relay.ReasonNone, ""
	}
	return nil, reason, evidence
}

// limit is which limit keeps an alert back for longest, and until when; zero where none does.
func (s *sending) limit(channel relay.Channel, i *item) (limit bound, until time.Time) {
	for _, b := range s.generation.bounds(s.rule, &i.Event, i.Alert.Recipient, channel) {
		if free := s.freeAt(b.Count); free.After(until) {
			limit, until = b, free
		}
	}
	return limit, until
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
			s.claimed[claim] = "this decision's " + string(delivery.Channel) + " " + delivery.Template
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
	event := s.seen.newest(listed[0].Event)
	request := s.generation.request(s.rule, entry, &event, s.Contact, s.links(listed[0], event))
	if s.rule.Digest != nil || len(listed) > 1 { // several, though a reload took `digest` away since
		most := max(len(listed), maxParts)
		if s.rule.Digest != nil {
			most = s.rule.Digest.Max
		}
		request.Count, request.Events = 0, nil
		for _, i := range listed {
			event := s.seen.newest(i.Event)
			told, count := s.generation.told(&event, s.links(i, event))
			request.Count += count
			request.Events = append(request.Events, told[:min(len(told), most-len(request.Events))]...)
		}
	}
	return s.generation.Templates.Render(request)
}

func (s *sending) links(i *item, event relay.Event) render.Links {
	if s.Links == nil {
		return render.Links{}
	}
	return s.Links(i.Alert, event, s.Contact)
}

func (s *sending) queued() bool {
	return slices.ContainsFunc(s.made, func(d relay.Delivery) bool { return d.State == relay.DeliveryQueued })
}

// stayOpen holds what a limit keeps back, each for as long as its own. What is there for another reason ends.
func (s *sending) stayOpen() {
	s.own.ruling.Trace = append(s.own.ruling.Trace, s.trace...)
	if s.again() {
		s.hold(s.own, s.soonest(), relay.ReasonLimit, "limits")
		return
	}
	for _, i := range s.going {
		if until, ok := s.limited[i]; ok {
			s.hold(i, until, relay.ReasonLimit, "limits")
		} else {
			s.end(i, relay.ActSuppress, relay.ReasonCollapsed, "digest", "")
		}
	}
}

// soonest is when the first of the limits lets something go.
func (s *sending) soonest() time.Time {
	var first time.Time
	for _, until := range s.limited {
		if first.IsZero() || until.Before(first) {
			first = until
		}
	}
	return first
}

// conclude says whose the deliveries are, what becomes of each alert, and whether to look again.
func (s *sending) conclude(rest []rules.Send) {
	queued := s.queued()
	lead := s.lead(queued)
	for n := range s.made {
		d := &s.made[n]
		d.ID, d.AlertID, d.EventID = relay.DeliveryID(lead.Alert.ID, d.Channel, d.Template), lead.Alert.ID, lead.Event.ID
		if d.State == relay.DeliveryQueued && lead != s.own {
			d.NextAt = s.Now // it is not the lead's own wake-up that this decision was made in
		}
	}
	for _, i := range s.going {
		until, limited := s.limited[i]
		switch {
		case i == lead:
			i.ruling.Action = relay.ActSend
			i.ruling.Trace = append(i.ruling.Trace, s.trace...)
		case !queued || s.told[i] || s.again():
			i.ruling.Action = relay.ActSend
			s.decision.note(i, "digest", "goes along", lead.Alert.ID)
		case limited:
			s.hold(i, until, relay.ReasonLimit, "limits")
		default:
			s.end(i, relay.ActSuppress, relay.ReasonCollapsed, "digest", "")
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
