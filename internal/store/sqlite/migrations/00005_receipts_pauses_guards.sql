-- What providers report afterwards, the operator's stop switch, and what the guard against SMS pumping counts.

-- +goose Up
CREATE TABLE receipts (
    seq         INTEGER PRIMARY KEY,
    provider    TEXT    NOT NULL CHECK (provider <> ''),
    key         TEXT    NOT NULL CHECK (key <> ''),
    -- No reference: it may be reported after the delivery was pruned, or be of none.
    delivery    TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('', 'sent', 'delivered', 'undelivered')),
    reason      TEXT    NOT NULL,
    code        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    at          INTEGER NOT NULL CHECK (at > 0),
    UNIQUE (provider, key)
) STRICT;
CREATE INDEX receipts_delivery ON receipts (delivery, seq) WHERE delivery <> '';
CREATE INDEX receipts_at ON receipts (at);
CREATE INDEX deliveries_provider_id ON deliveries (provider_id, provider) WHERE provider_id <> '';

-- What is paused: both empty is everything.
CREATE TABLE pauses (
    channel TEXT    NOT NULL,
    rule    TEXT    NOT NULL,
    who     TEXT    NOT NULL CHECK (who <> ''),
    at      INTEGER NOT NULL CHECK (at > 0),
    PRIMARY KEY (channel, rule)
) STRICT, WITHOUT ROWID;
-- What is to be woken up when a pause ends.
CREATE INDEX alerts_paused ON alerts (seq) WHERE state = 'held' AND reason = 'paused';
CREATE INDEX deliveries_paused ON deliveries (seq) WHERE reason = 'paused';

CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL CHECK (at > 0),
    who     TEXT    NOT NULL CHECK (who <> ''),
    action  TEXT    NOT NULL CHECK (action <> ''),
    subject TEXT    NOT NULL
) STRICT;

-- SMS segments by day, counted in days since 1970 in UTC; spent is what an attempt counted, so that it can be given back.
CREATE TABLE spending (
    day      INTEGER NOT NULL PRIMARY KEY,
    segments INTEGER NOT NULL CHECK (segments >= 0)
) STRICT;
ALTER TABLE attempts ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
