-- What is retried by hand.

-- +goose Up
-- When an operator had it retried last, and how many of its attempts were made before; 0 where none did.
ALTER TABLE deliveries ADD COLUMN retried_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN tries_before BIGINT NOT NULL DEFAULT 0 CHECK (tries_before >= 0);
-- How long those that wait do so.
CREATE INDEX deliveries_retried ON deliveries (channel, retried_at) WHERE state = 'queued' AND retried_at > 0;

-- What a delivery claimed until it ended without a message: a retry takes it back, if nobody else has it by then.
CREATE TABLE released (
    delivery TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    claim    TEXT COLLATE "C" NOT NULL CHECK (claim <> ''),
    PRIMARY KEY (delivery, claim)
);

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
