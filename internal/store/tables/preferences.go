package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// wishes are preferences as they are kept: names that do not change with those of the code.
type wishes struct {
	Channels   []relay.Channel `json:"channels,omitempty"`
	QuietHours []window        `json:"quiet_hours,omitempty"`
	Mutes      []mute          `json:"mutes,omitempty"`
	Locale     string          `json:"locale,omitempty"`
	TimeZone   string          `json:"time_zone,omitempty"`
	// None says that no channel is wanted, which an empty list that is left out does not.
	None bool `json:"none,omitempty"`
}

// window is in minutes after midnight.
type window struct {
	From int `json:"from"`
	To   int `json:"to"`
}

type mute struct {
	Until         int64    `json:"until,omitempty"`
	Everything    bool     `json:"everything,omitempty"`
	Conversations []string `json:"conversations,omitempty"`
	Rules         []string `json:"rules,omitempty"`
}

func writeWishes(p relay.Preferences) (string, error) {
	w := wishes{Channels: p.Channels, Locale: p.Locale, TimeZone: p.TimeZone, None: p.Channels != nil && len(p.Channels) == 0}
	for _, q := range p.QuietHours {
		w.QuietHours = append(w.QuietHours, window{From: q.From, To: q.To})
	}
	for _, m := range p.Mutes {
		w.Mutes = append(w.Mutes, mute{
			Until: micros(m.Until), Everything: m.Everything, Conversations: m.Conversations, Rules: m.Rules,
		})
	}
	text, err := json.Marshal(w)
	return string(text), err
}

func scanPreferences(row Scanner) (relay.Preferences, error) {
	var p relay.Preferences
	var text string
	if err := row.Scan(&p.UID, &text, at{&p.UpdatedAt}); err != nil {
		return p, err
	}
	return p, readWishes(&p, text)
}

// readWishes takes in what writeWishes wrote.
func readWishes(p *relay.Preferences, text string) error {
	var w wishes
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return fmt.Errorf("read what is kept: %w", err)
	}
	p.Channels, p.Locale, p.TimeZone = w.Channels, w.Locale, w.TimeZone
	if w.None {
		p.Channels = []relay.Channel{}
	}
	for _, q := range w.QuietHours {
		p.QuietHours = append(p.QuietHours, relay.QuietHours{From: q.From, To: q.To, Set: true})
	}
	for _, m := range w.Mutes {
		p.Mutes = append(p.Mutes, relay.Mute{
			Until: timeOf(m.Until), Everything: m.Everything, Conversations: m.Conversations, Rules: m.Rules,
		})
	}
	return nil
}

// Preferences implements store.Store.
func (s *Tables) Preferences(ctx context.Context, uid string) (relay.Preferences, error) {
	p, err := readPreferences(ctx, s.Read, uid, "")
	if err != nil {
		return p, fmt.Errorf("preferences: %w", err)
	}
	return p, nil
}

func readPreferences(ctx context.Context, db DB, uid, lock string) (relay.Preferences, error) {
	uid = strings.ToLower(uid)
	p, err := One(ctx, db, scanPreferences, "SELECT uid, wishes, updated_at FROM preferences WHERE uid = ?"+lock, uid)
	if errors.Is(err, store.ErrNotFound) {
		return relay.Preferences{UID: uid}, nil
	}
	return p, err
}

// ChangePreferences implements store.Store.
func (s *Tables) ChangePreferences(ctx context.Context, uid string, audit relay.Audit,
	change func(relay.Preferences) (relay.Preferences, error),
) (relay.Preferences, error) {
	uid = strings.ToLower(uid)
	err := checkAudit(audit)
	if err == nil && uid == "" {
		err = errors.New("they are nobody's")
	}
	var kept relay.Preferences
	if err == nil {
		kept, err = do(ctx, s, patient.on(uid, "preferences "+uid), func(ctx context.Context, b *batch) (relay.Preferences, error) {
			return b.changePreferences(ctx, uid, audit, change)
		})
	}
	if err != nil {
		return relay.Preferences{}, fmt.Errorf("change preferences: %w", err)
	}
	return kept, nil
}

func (b *batch) changePreferences(ctx context.Context, uid string, audit relay.Audit,
	change func(relay.Preferences) (relay.Preferences, error),
) (relay.Preferences, error) {
	before, err := readPreferences(ctx, b, uid, " FOR UPDATE")
	if err != nil {
		return before, err
	}
	next, err := change(before)
	if err != nil {
		return before, err
	}
	next.UID, next.UpdatedAt = uid, timeOf(micros(audit.At))
	if !next.UpdatedAt.After(before.UpdatedAt) { // a clock that was put back
		next.UpdatedAt = before.UpdatedAt.Add(time.Microsecond)
	}
	if err = b.putPreferences(ctx, next); err != nil {
		return before, err
	}
	if next.Empty() {
		next.UpdatedAt = time.Time{}
	}
	return next, b.note(ctx, audit)
}

// putPreferences keeps preferences in the place of those there were; empty ones are none.
func (b *batch) putPreferences(ctx context.Context, p relay.Preferences) error {
	if p.Empty() {
		_, err := b.Exec(ctx, "DELETE FROM preferences WHERE uid = ?", p.UID)
		return err
	}
	text, err := writeWishes(p)
	if err != nil {
		return err
	}
	_, err = b.Exec(ctx, `INSERT INTO preferences (uid, wishes, updated_at) VALUES (?, ?, ?)
		ON CONFLICT (uid) DO UPDATE SET wishes = excluded.wishes, updated_at = excluded.updated_at`, p.UID, text, micros(p.UpdatedAt))
	return err
}
