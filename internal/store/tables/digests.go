package tables

import (
	"context"
	"fmt"

	"github.com/beckon-relay/beckon/internal/relay"
)

// What a digest takes along waits like the alert that takes it: see package store. Of one that was decided before, and now is
// for its fallback, it is what goes along already.
const (
	waitsWith = `digest = ? AND digest <> '' AND state = 'held' AND again_at = 0`
	ledBy     = `lead = ? AND lead <> '' AND state IN ('due', 'sent')`
)

func takes(a relay.Alert) (condition, key string) {
	if again(a) {
		return ledBy, a.ID
	}
	return waitsWith, a.Digest
}

// membersAmong gives those of the alerts that an alert takes along, oldest first.
func membersAmong(ctx context.Context, db DB, a relay.Alert, of []string) ([]relay.Alert, error) {
	if len(of) == 0 {
		return nil, nil
	}
	condition, key := takes(a)
	members, err := All(ctx, db, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE "+condition+
		" AND id <> ? AND id IN each(?) ORDER BY received_at, seq FOR UPDATE", key, a.ID, of)
	if err != nil {
		return nil, fmt.Errorf("read the members of its digest: %w", err)
	}
	return members, nil
}

func membersOf(ctx context.Context, db DB, a relay.Alert) ([]relay.Alert, error) {
	condition, key := takes(a)
	members, err := All(ctx, db, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE "+condition+
		" AND id <> ? ORDER BY received_at, seq LIMIT ?", key, a.ID, relay.MaxMembers-1)
	if err != nil {
		return nil, fmt.Errorf("read the members of its digest: %w", err)
	}
	return members, nil
}

// Members implements store.Store.
func (s *Tables) Members(ctx context.Context, a relay.Alert) ([]relay.Member, error) {
	alerts, err := membersOf(ctx, s.Read, a)
	if err != nil {
		return nil, fmt.Errorf("alert %q: %w", a.ID, err)
	}
	members, err := s.withEvents(ctx, alerts)
	if err != nil {
		return nil, fmt.Errorf("alert %q: read the members of its digest: %w", a.ID, err)
	}
	return members, nil
}

// withEvents gives alerts with their events, without those whose event cannot be read.
func (s *Tables) withEvents(ctx context.Context, alerts []relay.Alert) ([]relay.Member, error) {
	events, err := s.eventsOf(ctx, alerts)
	if err != nil {
		return nil, err
	}
	members := make([]relay.Member, 0, len(alerts))
	for _, m := range alerts {
		if e := events[m.EventID]; e != nil {
			members = append(members, relay.Member{Alert: m, Event: *e})
		}
	}
	return members, nil
}

// eventsOf decodes the events of alerts, by ID, as far as they can be read together.
func (s *Tables) eventsOf(ctx context.Context, alerts []relay.Alert) (map[string]*relay.Event, error) {
	ids := make([]string, len(alerts))
	for i, a := range alerts {
		ids[i] = a.EventID
	}
	places, err := All(ctx, s.Read, ScanPlace, `SELECT seq, received_at, length(raw) FROM events
		WHERE id IN each(?) ORDER BY received_at, seq`, ids)
	if err != nil {
		return nil, fmt.Errorf("find their events: %w", err)
	}
	rows, err := readRows(ctx, s.Read, together(places))
	if err != nil {
		return nil, err
	}
	events := make(map[string]*relay.Event, len(rows))
	for _, e := range s.decodeAll(ctx, rows) {
		if e != nil {
			events[e.ID] = e
		}
	}
	return events, nil
}
