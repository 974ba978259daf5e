-- Times are microseconds since 1970 in UTC; 0 means none. Recipients are relay.Recipient.Key.
-- The CHECK lists are those of the typed constants in package relay; a test compares them.

-- +goose Up
CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    trigger     TEXT    NOT NULL,
    app_id      TEXT    NOT NULL,
    noise       TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    raw         BLOB    NOT NULL
) STRICT;
CREATE INDEX events_received ON events (received_at);
CREATE INDEX events_trigger ON events (trigger, received_at);

-- The names under which an event is found again. The primary key reads newest first for one key and trigger.
CREATE TABLE event_keys (
    key         TEXT    NOT NULL,
    trigger     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    event       INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    PRIMARY KEY (key, trigger, received_at, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_keys_event ON event_keys (event);

CREATE TABLE alerts (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    event_id    TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    trigger     TEXT    NOT NULL,
    rule        TEXT    NOT NULL,
    role        TEXT    NOT NULL,
    recipient   TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('held', 'due', 'sent', 'cancelled', 'suppressed', 'failed')),
    reason      TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    generation  TEXT    NOT NULL,
    updated_at  INTEGER NOT NULL,
    trace       TEXT    NOT NULL CHECK (json_valid(trace))
) STRICT;
CREATE INDEX alerts_event ON alerts (event_id);
CREATE INDEX alerts_received ON alerts (received_at);
CREATE INDEX alerts_state ON alerts (state, received_at);
CREATE INDEX alerts_recipient ON alerts (recipient, received_at);

CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    alert_id    TEXT    NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    event_id    TEXT    NOT NULL,
    rule        TEXT    NOT NULL,
    channel     TEXT    NOT NULL CHECK (channel <> ''),
    template    TEXT    NOT NULL,
    recipient   TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN
        ('queued', 'sending', 'sent', 'delivered', 'undelivered', 'unknown', 'suppressed', 'dead')),
    reason      TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    html        TEXT    NOT NULL,
    locale      TEXT    NOT NULL,
    encoding    TEXT    NOT NULL,
    segments    INTEGER NOT NULL,
    unsubscribe TEXT    NOT NULL,
    claim       TEXT    NOT NULL,
    provider    TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_alert ON deliveries (alert_id);
CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_created ON deliveries (created_at);
CREATE INDEX deliveries_state ON deliveries (state, channel, created_at);
-- A claim belongs to one delivery: this index is what keeps a second one from being sent.
CREATE UNIQUE INDEX deliveries_claim ON deliveries (claim) WHERE claim <> '';

CREATE TABLE attempts (
    delivery_id TEXT    NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL CHECK (n > 0),
    provider    TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    -- Empty while the call is under way, and for good when the process died in it.
    outcome     TEXT    NOT NULL CHECK (outcome IN ('', 'accepted', 'retry', 'permanent', 'unknown')),
    blame       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    code        TEXT    NOT NULL,
    retry_after INTEGER NOT NULL,
    detail      TEXT    NOT NULL,
    PRIMARY KEY (delivery_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    -- No reference: a test message to the sandbox belongs to no delivery.
    delivery_id TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    html        TEXT    NOT NULL,
    locale      TEXT    NOT NULL,
    encoding    TEXT    NOT NULL,
    segments    INTEGER NOT NULL,
    unsubscribe TEXT    NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_received ON outbox (received_at);

-- One row that Ping writes, since only a write proves that writing works.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
