-- What lists of a million rows are found by, and the counters of what happened.
--
-- An index is for one field, newest first. What stands behind the time is often given along with it, and told apart without the row.
-- Where a column before the time is not given, each of its few values is asked for by itself (tables/paths.go), so that one index
-- serves several filters. States change several times with each message, so as few indexes as can be have them.

-- +goose Up
CREATE INDEX events_noise ON events (noise, received_at) WHERE noise <> '';

DROP INDEX alerts_recipient;
CREATE INDEX alerts_recipient ON alerts (recipient, received_at, state);
DROP INDEX alerts_state;
CREATE INDEX alerts_state ON alerts (state, received_at, rule, trigger);
CREATE INDEX alerts_rule ON alerts (rule, received_at, trigger);
CREATE INDEX alerts_trigger ON alerts (trigger, received_at);
-- Nearly every alert waits at first: those are found by their state.
CREATE INDEX alerts_reason ON alerts (reason, received_at, rule, state) WHERE reason NOT IN ('', 'waiting');

DROP INDEX deliveries_state;
CREATE INDEX deliveries_state ON deliveries (state, channel, created_at, rule);
CREATE INDEX deliveries_rule ON deliveries (rule, created_at, channel);
CREATE INDEX deliveries_recipient ON deliveries (recipient, created_at);
CREATE INDEX deliveries_address ON deliveries (lower(address), created_at) WHERE address <> '';
CREATE INDEX deliveries_reason ON deliveries (reason, created_at, rule, state) WHERE reason <> '';
CREATE INDEX deliveries_retrying ON deliveries (created_at) WHERE state = 'queued' AND attempts > 0;

-- How many of what happened within five minutes; what each column holds says store.Tallied. Each process adds to rows of its own.
CREATE TABLE tallies (
    what     TEXT    NOT NULL CHECK (what <> ''),
    at       INTEGER NOT NULL,
    named    TEXT    NOT NULL,
    carrier  TEXT    NOT NULL,
    outcome  TEXT    NOT NULL,
    teller   TEXT    NOT NULL,
    n        INTEGER NOT NULL CHECK (n >= 0),
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (what, at, named, carrier, outcome, teller)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_at ON tallies (at);

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
