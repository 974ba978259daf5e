package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Million is how many deliveries a console must stand on.
const Million = 1_000_000

// crowdStep is how far apart they are.
const crowdStep = 2 * time.Second

// crowdAt is when the i-th of them was made.
func crowdAt(i int) time.Time { return noon.Add(time.Duration(i) * crowdStep) }

// pick is SQL that gives one of several values for a number below 1000 in the column h: each is given with the number below which
// it is taken. The last is for the rest.
func pick(h string, below ...any) string {
	var sql strings.Builder
	sql.WriteString("CASE")
	for i := 0; i+1 < len(below); i += 2 {
		_, _ = fmt.Fprintf(&sql, " WHEN %s < %d THEN '%s'", h, below[i+1], below[i])
	}
	_, _ = fmt.Fprintf(&sql, " ELSE '%s' END", below[len(below)-1])
	return sql.String()
}

// Crowd gives the statements that fill the tables with an event, an alert and a delivery for each i of the series: most were
// delivered, a tenth of the alerts are held, some deliveries wait, are dead or were suppressed, one rule made nothing but the first
// three, long ago. blob makes a text what raw JSON is kept as.
func Crowd(series, blob string) []string {
	at := fmt.Sprintf("%d + i * %d", noon.UnixMicro(), crowdStep.Microseconds())
	// h, g and u are three numbers that have nothing to do with one another or with the time.
	rows := "(SELECT i, i * 7919 % 1000 AS h, i * 104729 % 997 AS g, i * 15485863 % 50021 AS u, " + at + " AS at FROM " + series + " c) r"
	rule := "CASE WHEN i <= 3 THEN 'once' ELSE " + pick("g", "mention", 500, "missed-call", 800, "unread", 900, "invite", 950, "recording", 980, "moderation", 995, "rare") + " END"
	trigger := pick("g", "user_mentioned", 500, "call_initiated", 800, "message_sent", 950, "recording_generated")
	recipient := "CASE WHEN u % 20 = 0 THEN 'email:ops@example.net' ELSE 'uid:u' || CAST(u AS TEXT) END"
	id := func(kind string) string { return "'" + kind + "_' || CAST(100000000 + i AS TEXT)" }
	if blob == "" {
		blob = "CAST(%s AS BLOB)"
	}
	raw := fmt.Sprintf(blob, `'{"id":"e_' || CAST(100000000 + i AS TEXT) || '","trigger":"user_mentioned","appId":"app","webhook":"w","data":{"message":{"id":"' || CAST(i AS TEXT) || '","conversationId":"group_1",'
		|| '"sender":"ann","receiverType":"group","receiver":"group_1","category":"message","type":"text","sentAt":1772452800,'
		|| '"data":{"text":"`+strings.Repeat("x", 200)+`"}}}}'`)
	alertState := pick("h", "held", 100, "cancelled", 200, "suppressed", 230, "failed", 250, "due", 251, "sent")
	alertReason := pick("h", "waiting", 80, "quiet_hours", 100, "read", 150, "answered", 200, "limit", 230, "expired", 250, "")
	state := "CASE WHEN i % 50000 = 0 THEN 'sending' ELSE " +
		pick("h", "queued", 30, "unknown", 31, "dead", 70, "suppressed", 120, "undelivered", 140, "sent", 400, "delivered") + " END"
	reason := "CASE WHEN i <= 5 THEN 'too_many' ELSE " +
		pick("h", "", 20, "throttled", 31, "expired", 50, "invalid_number", 70, "opted_out", 100, "collapsed", 120, "bounced", 140, "") + " END"
	channel := pick("u % 1000", "sms", 600, "email")
	address := "CASE WHEN u % 1000 < 600 THEN '+1415' || CAST(1000000 + u AS TEXT) ELSE 'u' || CAST(u AS TEXT) || '@Example.net' END"
	insert := func(table, columns string, values ...string) string {
		return "INSERT INTO " + table + " (" + columns + ") SELECT " + strings.Join(values, ", ") + " FROM " + rows
	}
	return []string{
		insert("events", "id, trigger, app_id, noise, received_at, raw, generation",
			id("e"), trigger, "'app'", pick("h", "to_self", 5, ""), "at", raw, "'g1'"),
		insert("alerts", `id, event_id, trigger, rule, role, recipient, state, reason, received_at, due_at, expires_at, digest, lead, again_at,
			fallback, generation, updated_at, trace`,
			id("al"), id("e"), trigger, rule, "'mentioned'", recipient, alertState, alertReason, "at", "at", "at + 86400000000", "''", "''", "0",
			"false", "'g1'", "at", `'[{"at":"2026-03-02T12:00:00Z","what":"planned","seen":"nothing yet"}]'`),
		insert("deliveries", `id, alert_id, event_id, rule, channel, template, recipient, address, state, reason, text, subject, html, locale,
			encoding, segments, unsubscribe, provider, provider_id, attempts, next_at, expires_at, created_at, updated_at, blanked_at`,
			id("dl"), id("al"), id("e"), rule, channel, "'t'", recipient, address, state, reason,
			"'Ann wrote to you: "+strings.Repeat("y", 100)+"'", "''", "''", "'en'", "'GSM-7'", "1", "''", "'twilio'", "'SM' || CAST(i AS TEXT)",
			"CASE WHEN h < 30 AND g > 30 OR h BETWEEN 70 AND 119 THEN 0 ELSE 1 END", "0", "at + 86400000000", "at", "at", "0"),
		insert("tallies", "what, at, named, carrier, outcome, teller, n, last_at",
			pick("i % 4", "events", 1, "rule", 2, "delivery", 3, "alert"), "at / 300000000 * 300000000", rule, "CAST(i AS TEXT)", state, "''", "1", "at") + " WHERE i <= 200000",
	}
}

// Question is something that a console asks a store.
type Question struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Questions are the lists of a console, their first pages and those in the middle, with their counts, and the numbers on its first
// page. They are about what Crowd made.
func Questions(s store.Store) []Question {
	var out []Question
	add := func(name string, ask func(context.Context) error) { out = append(out, Question{name, ask}) }
	middle := func(kind string) store.Mark {
		return store.Mark{At: crowdAt(Million / 2), ID: fmt.Sprintf("%s_%d", kind, 100_000_000+Million/2)}
	}
	pages := func(name string, kind store.Kind, mark store.Mark, f store.Filter, read func(context.Context, store.Filter) error) {
		add(name+"/first", func(ctx context.Context) error { return read(ctx, f) })
		add(name+"/middle", func(ctx context.Context) error {
			f := f
			f.After = mark
			return read(ctx, f)
		})
		add(name+"/count", func(ctx context.Context) error {
			_, err := s.Count(ctx, kind, f, 10_001)
			return err
		})
	}
	for name, f := range EventFilters() {
		pages("events/"+name, store.KindEvent, middle("e"), f, func(ctx context.Context, f store.Filter) error {
			_, err := s.Events(ctx, f)
			return err
		})
	}
	for name, f := range AlertFilters() {
		pages("alerts/"+name, store.KindAlert, middle("al"), f, func(ctx context.Context, f store.Filter) error {
			_, err := s.Alerts(ctx, f)
			return err
		})
	}
	for name, f := range DeliveryFilters() {
		pages("deliveries/"+name, store.KindDelivery, middle("dl"), f, func(ctx context.Context, f store.Filter) error {
			_, err := s.Deliveries(ctx, f)
			return err
		})
	}
	add("stats", func(ctx context.Context) error {
		_, err := s.Stats(ctx)
		return err
	})
	add("tallies/day", func(ctx context.Context) error {
		_, err := s.Tallies(ctx, store.TallyFilter{What: "delivery", Since: crowdAt(100), Until: crowdAt(43_300), Step: store.TallySlot})
		return err
	})
	add("waiting", func(ctx context.Context) error {
		_, err := s.Waiting(ctx, store.Waiting{Channel: relay.ChannelSMS, State: relay.DeliveryQueued, ReadyBy: crowdAt(Million), Limit: 10})
		return err
	})
	return out
}

// EventFilters are what lists are narrowed by; AlertFilters and DeliveryFilters likewise.
func EventFilters() map[string]store.Filter {
	return map[string]store.Filter{
		"all": {}, "id": {EventID: "e_100500000"}, "trigger": {Trigger: relay.MessageSent}, "no_trigger": {Trigger: "never_seen"},
		"reason": {Reason: relay.ReasonToSelf}, "no_reason": {Reason: "none_such"}, "time": {Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"trigger+time": {Trigger: relay.UserMentioned, Since: crowdAt(400_000), Until: crowdAt(600_000)},
	}
}

// AlertFilters are what lists of alerts are narrowed by.
func AlertFilters() map[string]store.Filter {
	return map[string]store.Filter{
		"all": {}, "id": {AlertID: "al_100500000"}, "event": {EventID: "e_100500000"}, "time": {Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"state": {State: "failed"}, "held": {State: "held"}, "sent": {State: "sent"}, "rule": {Rule: "mention"}, "rare_rule": {Rule: "once"},
		"no_rule": {Rule: "none"}, "trigger": {Trigger: relay.UserMentioned}, "no_trigger": {Trigger: "never_seen"}, "uid": {Recipient: "u17"},
		"ops": {Recipient: "email:ops@example.net"}, "reason": {Reason: relay.ReasonRead}, "waiting": {Reason: relay.ReasonWaiting},
		"no_reason": {Reason: relay.ReasonTooMany}, "state+rule": {State: "failed", Rule: "unread"}, "state+rare_rule": {State: "failed", Rule: "once"},
		"state+trigger": {State: "due", Trigger: relay.MessageSent}, "uid+state": {Recipient: "u17", State: "sent"},
		"ops+state": {Recipient: "email:ops@example.net", State: "due"}, "reason+rule": {Reason: relay.ReasonRead, Rule: "mention"},
		"reason+rare_rule": {Reason: relay.ReasonRead, Rule: "once"}, "reason+state": {Reason: relay.ReasonRead, State: "sent"},
		"reason+time":  {Reason: relay.ReasonRead, Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"rule+time":    {Rule: "mention", Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"rule+trigger": {Rule: "mention", Trigger: relay.CallInitiated},
	}
}

// DeliveryFilters are what lists of deliveries are narrowed by.
func DeliveryFilters() map[string]store.Filter {
	sms, ops := relay.ChannelSMS, "email:ops@example.net"
	return map[string]store.Filter{
		"all": {}, "event": {EventID: "e_100500000"}, "alert": {AlertID: "al_100500000"}, "time": {Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"dead": {State: "dead"}, "delivered": {State: "delivered"}, "sending": {State: "sending"}, "rule": {Rule: "mention"},
		"rare_rule": {Rule: "once"}, "no_rule": {Rule: "none"}, "reason": {Reason: relay.ReasonOptedOut}, "rare_reason": {Reason: relay.ReasonTooMany},
		"no_reason": {Reason: relay.ReasonLimit}, "channel": {Channel: sms}, "no_channel": {Channel: "pigeon"}, "uid": {Recipient: "u17"}, "ops": {Recipient: ops},
		"address": {Address: relay.NewAddress(relay.ChannelEmail, "U10700@example.NET")}, "number": {Address: relay.NewAddress(sms, "+14151000017")},
		"retrying": {State: "queued", Tried: store.TriedBefore}, "tried": {Tried: store.TriedBefore}, "never_tried": {Tried: store.TriedNever},
		"state+rule": {State: "dead", Rule: "unread"}, "state+rare_rule": {State: "dead", Rule: "once"}, "state+channel": {State: "dead", Channel: sms},
		"rule+channel": {Rule: "mention", Channel: sms}, "reason+time": {Reason: relay.ReasonOptedOut, Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"reason+rule": {Reason: relay.ReasonOptedOut, Rule: "mention"}, "reason+rare_rule": {Reason: relay.ReasonOptedOut, Rule: "once"},
		"reason+state": {Reason: relay.ReasonOptedOut, State: "dead"}, "rule+time": {Rule: "mention", Since: crowdAt(400_000), Until: crowdAt(600_000)},
		"uid+state": {Recipient: "u17", State: "dead"}, "ops+state": {Recipient: ops, State: "unknown"}, "ops+sending": {Recipient: ops, Channel: sms, State: "sending"},
		"state+time": {State: "dead", Since: crowdAt(400_000), Until: crowdAt(600_000)}, "state+rule+channel": {State: "dead", Rule: "mention", Channel: sms},
	}
}
