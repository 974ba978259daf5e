package tables

import (
	"context"
	"fmt"
	"strings"

	"github.com/beckon-relay/beckon/internal/store"
)

// readCase reads an alert with its event and its recipient's preferences. The database puts the uid into lower case as it can, and gives
// what it made of it.
const readCase = `SELECT a.id, a.event_id, a.trigger, a.rule, a.role, a.recipient, a.state, a.reason, a.received_at, a.due_at, a.expires_at,
	a.digest, a.lead, a.again_at, a.fallback, a.generation, a.updated_at, a.trace,
	e.seq, e.id, e.trigger, e.app_id, e.noise, e.received_at, e.raw, e.generation,
	lower(substr(a.recipient, 5)), coalesce(p.wishes, ''), coalesce(p.updated_at, 0)
	FROM alerts a JOIN events e ON e.id = a.event_id
	LEFT JOIN preferences p ON p.uid = lower(substr(a.recipient, 5)) AND substr(a.recipient, 1, 4) = 'uid:' WHERE a.id = ?`

// kept is a case as it is kept: with the uid that preferences were looked for by, and what they are where there are any.
type kept struct {
	store.Case

	event       row
	uid, wishes string
}

func scanKept(row Scanner) (k kept, err error) {
	columns := append(intoAlert(&k.Alert), intoRow(&k.event)...)
	return k, row.Scan(append(columns, &k.uid, &k.wishes, at{&k.Preferences.UpdatedAt})...)
}

// Case implements store.Store.
func (s *Tables) Case(ctx context.Context, alertID string) (store.Case, error) {
	k, err := One(ctx, s.Read, scanKept, readCase, alertID)
	if err == nil {
		err = s.preferring(ctx, &k)
	}
	if err != nil {
		return store.Case{}, fmt.Errorf("alert %q: %w", alertID, err)
	}
	k.Event, k.Unreadable = s.decode(k.event)
	return k.Case, nil
}

// preferring takes in the recipient's preferences. Those of a uid that the database does not put into lower case as we do are read anew.
func (s *Tables) preferring(ctx context.Context, k *kept) (err error) {
	uid := strings.ToLower(k.Alert.Recipient.UID)
	switch {
	case uid == "":
	case uid != k.uid:
		k.Preferences, err = readPreferences(ctx, s.Read, uid, "")
	case k.wishes != "":
		err = readWishes(&k.Preferences, k.wishes)
		fallthrough
	default:
		k.Preferences.UID = uid
	}
	return err
}
