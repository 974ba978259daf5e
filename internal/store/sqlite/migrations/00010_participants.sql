-- What somebody did in one conversation is found by one key: receipts of a person who reads a thousand conversations a day need not
-- be looked through for the one that matters. The key of what is kept already is made of its two others, as engine.KeysOf makes it.

-- +goose Up
INSERT INTO event_keys (key, trigger, received_at, event)
    SELECT 'participant/' || substr(c.key, length('conversation/') + 1) || char(31)
            || substr(r.key, length('recipient/' || e.app_id || '/') + 1),
        c.trigger, c.received_at, c.event
    FROM event_keys c JOIN event_keys r ON r.event = c.event AND r.key LIKE 'recipient/%' JOIN events e ON e.seq = c.event
    WHERE c.key LIKE 'conversation/%';

-- +goose Down
-- Migrations only go forward: a newer schema is never taken back under data that relies on it.
SELECT 1;
