package view

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// OutboxQuery narrows what the sandbox took. Zero fields do not narrow.
type OutboxQuery struct {
	Channel relay.Channel
	// Address is a number or a mail address, exactly.
	Address string
	// After is the Next of the page before.
	After string
	// Limit is 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
}

// Outbox lists what the sandbox took, newest first, in clear where reveal asks for it.
func (r *Reader) Outbox(ctx context.Context, q OutboxQuery, reveal bool) (Page[OutboxMessage], error) {
	narrowed := Query{Channel: q.Channel, Address: q.Address, Limit: q.Limit}
	if err := narrowed.valid(); err != nil {
		return Page[OutboxMessage]{}, err
	}
	place, err := narrowed.place()
	if err != nil {
		return Page[OutboxMessage]{}, err
	}
	before, err := parseSeq(q.After)
	if err != nil {
		return Page[OutboxMessage]{}, err
	}
	limit := limitOf(q.Limit)
	found, err := r.Store.Outbox(ctx, store.OutboxFilter{Channel: q.Channel, Address: place, Before: before, Limit: read(limit)})
	if err != nil {
		return Page[OutboxMessage]{}, fmt.Errorf("list the outbox: %w", err)
	}
	return listed(found, limit, func(m store.OutboxMessage) OutboxMessage { return OutboxOf(m, reveal) },
		func(last store.OutboxMessage) string { return strconv.FormatInt(last.Seq, 10) }), nil
}

// OutboxMessage gives the message with that Seq. One that is not kept is a *Refusal.
func (r *Reader) OutboxMessage(ctx context.Context, seq int64, reveal bool) (OutboxMessage, error) {
	if seq < 1 || seq == math.MaxInt64 {
		return OutboxMessage{}, &Refusal{Code: NotFound, Message: "the outbox has no such message"}
	}
	found, err := r.Store.Outbox(ctx, store.OutboxFilter{Before: seq + 1, Limit: 1})
	if err != nil {
		return OutboxMessage{}, fmt.Errorf("read the outbox: %w", err)
	}
	if len(found) == 0 || found[0].Seq != seq {
		return OutboxMessage{}, &Refusal{Code: NotFound, Message: fmt.Sprintf("the outbox has no message %d", seq)}
	}
	return OutboxOf(found[0], reveal), nil
}

// OutboxOf shows what the sandbox took, in clear where reveal asks for it.
func OutboxOf(m store.OutboxMessage, reveal bool) OutboxMessage {
	out := OutboxMessage{
		ID: m.ID, Seq: m.Seq, DeliveryID: m.DeliveryID, Channel: m.Channel, To: m.Phone.String() + m.Email.String(), ReceivedAt: m.ReceivedAt,
		Subject: m.Content.Subject.String(), Text: m.Content.Text.String(), Locale: m.Content.Locale, Encoding: m.Content.Encoding,
		Segments: m.Content.Segments, Mail: m.Content.HTML != "", Clear: reveal,
	}
	if reveal {
		out.To = m.Phone.Reveal() + m.Email.Reveal()
		out.Subject, out.Text, out.HTML = m.Content.Subject.Reveal(), m.Content.Text.Reveal(), m.Content.HTML.Reveal()
	}
	return out
}

// AuditQuery narrows the audit. Zero fields do not narrow.
type AuditQuery struct {
	Who, Action  string
	Since, Until time.Time
	// After is the Next of the page before.
	After string
	// Limit is 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
}

// Audit lists what operators did, newest first.
func (r *Reader) Audit(ctx context.Context, q AuditQuery) (Page[Audit], error) {
	before, err := parseSeq(q.After)
	if err != nil {
		return Page[Audit]{}, err
	}
	limit := limitOf(q.Limit)
	found, err := r.Store.Audit(ctx, store.AuditFilter{
		Who: q.Who, Action: q.Action, Since: q.Since, Until: q.Until, Before: before, Limit: read(limit),
	})
	if err != nil {
		return Page[Audit]{}, fmt.Errorf("list the audit: %w", err)
	}
	return listed(found, limit, func(a store.Audit) Audit {
		return Audit{At: a.At, Who: a.Who, Action: a.Action, Subject: a.Subject}
	}, func(last store.Audit) string { return strconv.FormatInt(last.Seq, 10) }), nil
}

func limitOf(limit int) int {
	if limit == 0 {
		return DefaultLimit
	}
	return limit
}

func parseSeq(after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil || n < 1 {
		return 0, badQuery("after is not what the page before of this list gave as next")
	}
	return n, nil
}
