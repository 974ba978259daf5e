-- Of what is kept under a key the newest is what was kept last, so that one tree leads to it and to what was kept since. Until now there
-- were two, in an order of their own each, and a webhook alone in its transaction wrote six pages more.

-- +goose Up
CREATE TABLE event_keys_by_seq (
    key         TEXT    NOT NULL,
    trigger     TEXT    NOT NULL,
    event       INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (key, trigger, event)
) STRICT, WITHOUT ROWID;
INSERT INTO event_keys_by_seq SELECT key, trigger, event, received_at FROM event_keys ORDER BY key, trigger, event;
DROP TABLE event_keys;
ALTER TABLE event_keys_by_seq RENAME TO event_keys;
CREATE INDEX event_keys_event ON event_keys (event);

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
