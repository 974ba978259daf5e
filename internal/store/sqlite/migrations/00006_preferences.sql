-- What Beckon itself keeps of people's wishes, and suppressions that can be listed page by page.

-- +goose Up
CREATE TABLE preferences (
    -- In lower case.
    uid        TEXT    NOT NULL PRIMARY KEY CHECK (uid <> ''),
    wishes     TEXT    NOT NULL CHECK (json_valid(wishes)),
    -- Grows with each change.
    updated_at INTEGER NOT NULL CHECK (updated_at > 0)
) STRICT, WITHOUT ROWID;

-- Pages are told apart by seq and not by address, so that a page's address tells none.
ALTER TABLE suppressions RENAME TO suppressions_before;
CREATE TABLE suppressions (
    seq     INTEGER PRIMARY KEY,
    channel TEXT    NOT NULL CHECK (channel <> ''),
    -- relay.Address: a number in E.164, an email in lower case.
    address TEXT    NOT NULL CHECK (address <> ''),
    reason  TEXT    NOT NULL CHECK (reason <> ''),
    source  TEXT    NOT NULL CHECK (source <> ''),
    at      INTEGER NOT NULL CHECK (at > 0),
    UNIQUE (channel, address)
) STRICT;
INSERT INTO suppressions (channel, address, reason, source, at)
    SELECT channel, address, reason, source, at FROM suppressions_before ORDER BY at, channel, address;
DROP TABLE suppressions_before;

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
