-- Addresses that must not be written to. Nothing prunes them: that somebody said no outlives what they said it to.

-- +goose Up
CREATE TABLE suppressions (
    channel TEXT    NOT NULL CHECK (channel <> ''),
    -- relay.Address: a number in E.164, an email in lower case.
    address TEXT    NOT NULL CHECK (address <> ''),
    reason  TEXT    NOT NULL CHECK (reason <> ''),
    source  TEXT    NOT NULL CHECK (source <> ''),
    at      INTEGER NOT NULL CHECK (at > 0),
    PRIMARY KEY (channel, address)
) STRICT, WITHOUT ROWID;

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
