// Package storetest is the suite that every store must pass: what package store promises, tried on a real database.
package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Run tries a store. open gives each test an empty one that decodes events with Decode, has the Keys, and closes when the test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, group := range [][]test{
		accepting(), repeating(), deciding(), lookingUp(), candidates(), claiming(), attempting(), beginning(), unanswered(), rollingUp(),
		receiving(), pausing(), spending(), suppressing(), listingSuppressed(), preferring(), limiting(), digesting(), fallingBack(),
		listing(), paging(), tallying(), naming(), generations(), keepingUp(), wakingUp(), waiting(),
		thinning(), hashing(), forgetting(), showing(), byHand(),
	} {
		for _, tt := range group {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				tt.run(t, open(t))
			})
		}
	}
}

type test struct {
	name string
	run  func(t *testing.T, s store.Store)
}

// payload is the JSON of the suite's events.
type payload struct {
	ID      string        `json:"id"`
	Trigger relay.Trigger `json:"trigger"`
}

// Decode reads the suite's events.
func Decode(raw []byte, receivedAt time.Time) (relay.Event, error) {
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return relay.Event{}, fmt.Errorf("decode: %w", err)
	}
	return relay.Event{ID: p.ID, Trigger: p.Trigger, ReceivedAt: receivedAt, Raw: raw}, nil
}

// Keys are those that the stores of the suite hash and recognise addresses by.
func Keys() relay.HashKeys {
	return relay.NewHashKeys([]string{"the suite's newer key, 32 characters", "the suite's older key, 32 characters"})
}

// noon is when the suite's events are received; after gives a time later that day.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

// NewEvent makes an event of the suite, received at noon on 2 March 2026.
func NewEvent(id string) relay.Event {
	raw, err := json.Marshal(payload{ID: id, Trigger: relay.UserMentioned})
	if err != nil {
		panic(err) // two strings can always be marshalled
	}
	return relay.Event{ID: id, Trigger: relay.UserMentioned, AppID: "app", ReceivedAt: noon, Raw: raw}
}

// NewAlert makes a held alert of an event for a uid, due at once.
func NewAlert(e relay.Event, rule, uid string) relay.Alert {
	to := relay.Recipient{UID: uid}
	return relay.Alert{
		ID: relay.AlertID(e.ID, rule, relay.RoleMentioned, to), EventID: e.ID, Trigger: e.Trigger, Rule: rule,
		Role: relay.RoleMentioned, Recipient: to, State: relay.AlertHeld, Reason: relay.ReasonWaiting,
		ReceivedAt: e.ReceivedAt, DueAt: e.ReceivedAt, ExpiresAt: e.ReceivedAt.Add(24 * time.Hour),
		Generation: "g1", UpdatedAt: e.ReceivedAt,
	}
}

// NewDelivery makes a queued SMS of an alert.
func NewDelivery(a relay.Alert, template string) relay.Delivery {
	return relay.Delivery{
		ID: relay.DeliveryID(a.ID, relay.ChannelSMS, template), AlertID: a.ID, EventID: a.EventID, Rule: a.Rule,
		Channel: relay.ChannelSMS, Template: template, Recipient: a.Recipient, Phone: "+14155550177",
		State:   relay.DeliveryQueued,
		Content: relay.Content{Text: "Ann wrote to you", Locale: "en", Encoding: "GSM-7", Segments: 1},
		Claims:  []string{"claim " + a.ID + template}, ExpiresAt: a.ExpiresAt, CreatedAt: after(time.Minute),
		UpdatedAt: after(time.Minute),
	}
}

func mail(a relay.Alert, template string) relay.Delivery {
	d := NewDelivery(a, template)
	d.ID = relay.DeliveryID(a.ID, relay.ChannelEmail, template)
	d.Channel, d.Phone, d.Email = relay.ChannelEmail, "", "lee@example.net"
	d.Content = relay.Content{
		Text: "Ann wrote", Subject: "Hello", HTML: "<p>Ann wrote</p>", Locale: "de",
		Unsubscribe: "https://relay.example/u/1",
	}
	d.Claims = []string{d.Claims[0] + " mail"}
	return d
}

// accept keeps an event with one alert for each uid.
func accept(t *testing.T, s store.Store, id string, uids ...string) []relay.Alert {
	t.Helper()
	plan := relay.Plan{Event: NewEvent(id)}
	for _, uid := range uids {
		plan.Alerts = append(plan.Alerts, NewAlert(plan.Event, "mention", uid))
	}
	_, err := s.Accept(t.Context(), plan)
	require.NoError(t, err)
	return plan.Alerts
}

// decide makes the same decision whatever the facts, a minute past noon or when the alert is due, if that is later.
func decide(t *testing.T, s store.Store, a relay.Alert, d relay.Decision) (relay.Decision, error) {
	t.Helper()
	now := after(time.Minute)
	if kept, err := s.Alert(t.Context(), a.ID); err == nil && kept.DueAt.After(now) {
		now = kept.DueAt
	}
	return s.Decide(t.Context(), a.ID, relay.Query{}, now,
		func(relay.Alert, relay.Facts) relay.Decision { return d })
}

// send accepts an event and decides to send it by the given deliveries of its alert.
func send(t *testing.T, s store.Store, id string, make ...func(relay.Alert, string) relay.Delivery) []relay.Delivery {
	t.Helper()
	alert := accept(t, s, id, "lee")[0]
	d := relay.Decision{Action: relay.ActSend}
	for i, m := range make {
		d.Deliveries = append(d.Deliveries, m(alert, fmt.Sprintf("t%d", i)))
	}
	kept, err := decide(t, s, alert, d)
	require.NoError(t, err)
	return kept.Deliveries
}

// kept is a delivery as it is read back: without what was handed in with it.
func kept(d relay.Delivery) relay.Delivery {
	d.Claims, d.Counters = nil, nil
	return d
}

func stateOf(t *testing.T, s store.Store, alertID string) (relay.AlertState, relay.Reason) {
	t.Helper()
	a, err := s.Alert(t.Context(), alertID)
	require.NoError(t, err)
	return a.State, a.Reason
}

// audited gives the newest of what was done.
func audited(t *testing.T, s store.Store, limit int) []relay.Audit {
	t.Helper()
	found, err := s.Audit(t.Context(), store.AuditFilter{Limit: limit})
	require.NoError(t, err)
	var out []relay.Audit
	for _, a := range found {
		out = append(out, a.Audit)
	}
	return out
}

func ids(events []relay.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}
