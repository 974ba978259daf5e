-- What lists of a million rows are found by, and the counters of what happened.
--
-- An index is for one field, newest first. What stands behind the time is often given along with it, and told apart without the row.
-- Where a column before the time is not given, each of its few values is asked for by itself (tables/paths.go), so that one index
-- serves several filters. States change several times with each message, so as few indexes as can be have them.

-- +goose Up
CREATE INDEX events_noise ON events (noise, received_at, seq) WHERE noise <> '';

DROP INDEX alerts_state;
CREATE INDEX alerts_state ON alerts (state, received_at, seq, rule, trigger);
CREATE INDEX alerts_rule ON alerts (rule, received_at, seq, trigger);
CREATE INDEX alerts_trigger ON alerts (trigger, received_at, seq);
-- Nearly every alert waits at first: those are found by their state.
CREATE INDEX alerts_reason ON alerts (reason, received_at, seq, rule, state) WHERE reason NOT IN ('', 'waiting');

-- The answers for several states are merged by their order, which the index must have to the last column.
DROP INDEX deliveries_state;
CREATE INDEX deliveries_state ON deliveries (state, channel, created_at, seq, rule);
CREATE INDEX deliveries_rule ON deliveries (rule, created_at, seq, channel);
-- A uid may be longer than what other indexes take.
CREATE INDEX deliveries_recipient ON deliveries USING hash (recipient);
CREATE INDEX deliveries_address ON deliveries (lower(address), created_at, seq) WHERE address <> '';
CREATE INDEX deliveries_reason ON deliveries (reason, created_at, seq, rule, state) WHERE reason <> '';
CREATE INDEX deliveries_retrying ON deliveries (created_at, seq) WHERE state = 'queued' AND attempts > 0;

-- How many of what happened within five minutes; what each column holds says store.Tallied. Each process adds to rows of its own.
CREATE TABLE tallies (
    what     TEXT COLLATE "C"    NOT NULL CHECK (what <> ''),
    at       BIGINT NOT NULL,
    named    TEXT COLLATE "C"    NOT NULL,
    carrier  TEXT COLLATE "C"    NOT NULL,
    outcome  TEXT COLLATE "C"    NOT NULL,
    teller   TEXT COLLATE "C"    NOT NULL,
    n        BIGINT NOT NULL CHECK (n >= 0),
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (what, at, named, carrier, outcome, teller)
);
CREATE INDEX tallies_at ON tallies (at);

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
