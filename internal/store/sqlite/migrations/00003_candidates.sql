-- What was kept since a decision's candidates were read: each decision asks for it while it holds up all other writes, so it
-- must not walk through a long conversation.

-- +goose Up
CREATE INDEX event_keys_since ON event_keys (key, trigger, event);

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
