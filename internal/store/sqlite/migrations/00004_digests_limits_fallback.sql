-- What digests, limits and fallbacks need, and which rules and templates were in force.

-- +goose Up
-- One message can carry several alerts, so a delivery holds several claims. A claim belongs to one delivery: the primary key
-- is what keeps a second one from being sent.
CREATE TABLE claims (
    claim    TEXT NOT NULL PRIMARY KEY CHECK (claim <> ''),
    delivery TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_delivery ON claims (delivery);
INSERT INTO claims (claim, delivery) SELECT claim, id FROM deliveries WHERE claim <> '';
DROP INDEX deliveries_claim;
ALTER TABLE deliveries DROP COLUMN claim;

-- What deliveries count against. The primary key reads the newest of one counter first.
CREATE TABLE counted (
    counter  TEXT    NOT NULL CHECK (counter <> ''),
    at       INTEGER NOT NULL,
    delivery TEXT    NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    PRIMARY KEY (counter, at, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX counted_delivery ON counted (delivery);

ALTER TABLE alerts ADD COLUMN digest TEXT NOT NULL DEFAULT '';
-- The alert whose deliveries carry this one too. No reference: it may be pruned earlier.
ALTER TABLE alerts ADD COLUMN lead TEXT NOT NULL DEFAULT '';
-- Set while an alert that was decided "send" is to be decided again.
ALTER TABLE alerts ADD COLUMN again_at INTEGER NOT NULL DEFAULT 0;
-- Whether its rule has channels left to try.
ALTER TABLE alerts ADD COLUMN fallback INTEGER NOT NULL DEFAULT 0 CHECK (fallback IN (0, 1));
CREATE INDEX alerts_digest ON alerts (digest, received_at) WHERE digest <> '' AND state = 'held';
CREATE INDEX alerts_lead ON alerts (lead, received_at) WHERE lead <> '';

-- The files of rules and templates by their hash. The indexes are for pruning those that nothing names any more.
CREATE TABLE generations (
    seq     INTEGER PRIMARY KEY,
    hash    TEXT    NOT NULL UNIQUE CHECK (hash <> ''),
    files   BLOB    NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;
ALTER TABLE events ADD COLUMN generation TEXT NOT NULL DEFAULT '';
CREATE INDEX events_generation ON events (generation);
CREATE INDEX alerts_generation ON alerts (generation);

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
