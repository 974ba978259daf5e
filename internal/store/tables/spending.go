package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// dayOf numbers the day of a time in UTC.
func dayOf(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

// spend counts the segments of a text against the most that a day may have. Where they are too many it suppresses the delivery
// and reports so. It gives what it counted, 0 without a bound.
func (b *batch) spend(ctx context.Context, d *relay.Delivery, most int) (spent int, over bool, err error) {
	if spent, over, err = b.count(ctx, *d, most); over && err == nil {
		*d, err = b.move(ctx, *d, store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonDailySegments})
	}
	return spent, over, err
}

// count is spend for a delivery that is left as it is.
func (b *batch) count(ctx context.Context, d relay.Delivery, most int) (spent int, over bool, err error) {
	if most <= 0 || d.Channel != relay.ChannelSMS {
		return 0, false, nil
	}
	// Writing first locks the day, so that two replicas do not both find the last place free.
	segments := max(d.Content.Segments, 1)
	err = b.Later(ctx, "INSERT INTO spending (day, segments) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET segments = spending.segments + excluded.segments",
		dayOf(d.UpdatedAt), segments)
	if err != nil {
		return 0, false, fmt.Errorf("count segments: %w", err)
	}
	total, err := One(ctx, b, scanInt, "SELECT segments FROM spending WHERE day = ?", dayOf(d.UpdatedAt))
	if err != nil {
		return 0, false, fmt.Errorf("count segments: %w", err)
	}
	if total <= most {
		return segments, false, nil
	}
	return 0, true, b.giveBack(ctx, d.UpdatedAt, segments)
}

// giveBack takes segments out of a day again that were not sent.
func (b *batch) giveBack(ctx context.Context, day time.Time, segments int) error {
	if segments == 0 {
		return nil
	}
	_, err := b.Exec(ctx, "UPDATE spending SET segments = CASE WHEN segments > ? THEN segments - ? ELSE 0 END WHERE day = ?",
		segments, segments, dayOf(day))
	if err != nil {
		return fmt.Errorf("give segments back: %w", err)
	}
	return nil
}

func scanInt(row Scanner) (n int, err error) { return n, row.Scan(&n) }
