-- What is kept for less long than the event it belongs to, and what is left of people who were forgotten.

-- +goose Up
-- When the message and the address were taken out because they were past their retention; 0 while they are there.
ALTER TABLE deliveries ADD COLUMN blanked_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deliveries_unblanked ON deliveries (created_at) WHERE blanked_at = 0;
CREATE INDEX audit_at ON audit (at);

-- The ID of the key that the address was hashed by when its owner was forgotten; empty where the address is in clear.
ALTER TABLE suppressions ADD COLUMN hashed_by TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX suppressions_hashed ON suppressions (hashed_by) WHERE hashed_by <> '';

-- Who is being forgotten, and the addresses that were theirs when it began: a second run takes up what was interrupted.
CREATE TABLE forgetting (
    uid       TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (uid <> ''),
    addresses TEXT   NOT NULL CHECK (addresses::json IS NOT NULL),
    at        BIGINT NOT NULL CHECK (at > 0)
);
CREATE INDEX receipts_provider_id ON receipts (provider_id, provider) WHERE provider_id <> '';
CREATE INDEX outbox_delivery ON outbox (delivery_id) WHERE delivery_id <> '';

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
