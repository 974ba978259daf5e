package tables

import (
	"context"
	"fmt"
	"time"
)

// deliveryDone are the states of deliveries whose content nobody needs any more. They are said by what they are not, so that the index
// on times is used, and not the one on states.
const deliveryDone = "state NOT IN ('queued', 'sending', 'unknown')"

// blanked is a delivery without what it said and where it went: the address stands in the link, too.
const blanked = "address = '', text = '', subject = '', html = '', unsubscribe = '', blanked_at = ?"

// Blank implements store.Privacy, oldest first.
func (s *Tables) Blank(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, fmt.Errorf("blank messages: limit %d; want at least 1", limit)
	}
	n, err := do(ctx, s, patient.on("", "blank"), func(ctx context.Context, b *batch) (int, error) {
		n, err := b.Exec(ctx, "UPDATE deliveries SET "+blanked+` WHERE seq IN (
			SELECT d.seq FROM deliveries d WHERE d.created_at < ? AND d.blanked_at = 0 AND d.`+deliveryDone+`
			AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.id = d.alert_id AND (a.state IN ('held', 'due') OR a.again_at <> 0))
			ORDER BY d.created_at LIMIT ?)`, micros(b.now), micros(before), limit)
		if err != nil {
			return 0, err
		}
		gone, err := b.Exec(ctx, `DELETE FROM outbox WHERE seq IN (
			SELECT o.seq FROM outbox o WHERE o.received_at < ?
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = o.delivery_id AND d.state IN ('queued', 'sending', 'unknown'))
			ORDER BY o.received_at LIMIT ?)`, micros(before), limit)
		return max(n, gone), err
	})
	if err != nil {
		return 0, fmt.Errorf("blank messages: %w", err)
	}
	return n, nil
}

// PruneAudit implements store.Privacy, oldest first.
func (s *Tables) PruneAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, fmt.Errorf("prune the audit: limit %d; want at least 1", limit)
	}
	n, err := do(ctx, s, patient.on("", "prune"), func(ctx context.Context, b *batch) (int, error) {
		return b.Exec(ctx, "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ? ORDER BY at LIMIT ?)", micros(before), limit)
	})
	if err != nil {
		return 0, fmt.Errorf("prune the audit: %w", err)
	}
	return n, nil
}

// nothingUnderWay is an event that nobody waits for any more.
const nothingUnderWay = `NOT EXISTS (SELECT 1 FROM alerts a WHERE a.event_id = e.id AND a.state IN ('held', 'due'))
	AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.state IN ('queued', 'sending', 'unknown'))`

// pruneEvents deletes events with all that belongs to them, and tells how many. Keys, alerts, deliveries and attempts go by ON
// DELETE CASCADE, and with the deliveries what they claim and count against.
func (b *batch) pruneEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	ids, err := All(ctx, b, scanString, "SELECT e.id FROM events e WHERE e.received_at < ? AND "+nothingUnderWay+`
		ORDER BY e.received_at, e.seq LIMIT ?`, micros(before), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	_, err = b.Exec(ctx, `DELETE FROM receipts WHERE delivery <> '' AND delivery IN
		(SELECT id FROM deliveries WHERE event_id IN each(?))`, ids)
	if err != nil {
		return 0, err
	}
	return b.Exec(ctx, "DELETE FROM events AS e WHERE e.id IN each(?) AND "+nothingUnderWay, ids)
}

// pruneReceipts deletes those of no delivery that came in before, at most limit; the others go with theirs.
func (b *batch) pruneReceipts(ctx context.Context, before time.Time, limit int) error {
	_, err := b.Exec(ctx, `DELETE FROM receipts WHERE seq IN (SELECT r.seq FROM receipts r WHERE r.at < ?
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = r.delivery) ORDER BY r.at LIMIT ?)`, micros(before), limit)
	return err
}
