package tables

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/beckon-relay/beckon/internal/store"
)

// IDs implements store.Store. It asks for a range and not with LIKE, which would take % and _ for what they are not, and could
// not use the index.
func (s *Tables) IDs(ctx context.Context, of store.Kind, prefix string, limit int) ([]string, error) {
	table, ok := map[store.Kind]string{
		store.KindEvent: "events", store.KindAlert: "alerts", store.KindDelivery: "deliveries",
	}[of]
	switch {
	case !ok:
		return nil, fmt.Errorf("look for IDs: there is no kind %q", of)
	case limit < 1 || limit > store.MaxList:
		return nil, fmt.Errorf("look for IDs: limit %d; want 1 to %d", limit, store.MaxList)
	}
	found, err := All(ctx, s.Read, scanString, "SELECT id FROM "+table+" WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
		prefix, prefix+string(utf8.MaxRune), limit)
	if err != nil {
		return nil, fmt.Errorf("look for IDs: %w", err)
	}
	return found, nil
}
