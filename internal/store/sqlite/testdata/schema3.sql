-- A database as version 3 of the schema kept it: an alert that waits, one whose mail was sent and holds a claim, and an address
-- that said no.
INSERT INTO events (id, trigger, app_id, noise, received_at, raw)
VALUES ('e1', 'user_mentioned', 'app', '', 1772452800000000, CAST('{"id":"e1","trigger":"user_mentioned"}' AS BLOB));

INSERT INTO alerts (id, event_id, trigger, rule, role, recipient, state, reason, received_at, due_at, expires_at,
    generation, updated_at, trace)
VALUES
    ('al_held', 'e1', 'user_mentioned', 'a', 'mentioned', 'uid:lee', 'held', 'waiting', 1772452800000000,
        1772452860000000, 1772539200000000, 'g1', 1772452800000000, '[]'),
    ('al_sent', 'e1', 'user_mentioned', 'b', 'mentioned', 'uid:lee', 'sent', '', 1772452800000000,
        1772452860000000, 1772539200000000, 'g1', 1772452800000000, '[]');

INSERT INTO deliveries (id, alert_id, event_id, rule, channel, template, recipient, address, state, reason, text, subject,
    html, locale, encoding, segments, unsubscribe, claim, provider, provider_id, attempts, next_at, expires_at, created_at,
    updated_at)
VALUES
    ('dl_sent', 'al_sent', 'e1', 'b', 'email', 'mention', 'uid:lee', 'lee@example.net', 'sent', '', 'Ann wrote', 'Hello',
        '<p>Ann wrote</p>', 'en', '', 0, '', 'one thing', 'sendgrid', 'SM1', 1, 0, 1772539200000000, 1772452860000000,
        1772452860000000),
    ('dl_dead', 'al_sent', 'e1', 'b', 'email', 'other', 'uid:lee', 'lee@example.net', 'dead', 'gave_up', 'Ann wrote', 'Hello',
        '<p>Ann wrote</p>', 'en', '', 0, '', '', 'sendgrid', '', 1, 0, 1772539200000000, 1772452860000000, 1772452860000000);

INSERT INTO suppressions (channel, address, reason, source, at)
VALUES ('email', 'no@example.net', 'opted_out', 'unsubscribe_link', 1772452800000000);

INSERT INTO event_keys (key, trigger, received_at, event)
VALUES
    ('conversation/app/group_1', 'user_mentioned', 1772452800000000, 1),
    ('recipient/app/lee', 'user_mentioned', 1772452800000000, 1);
