-- Operational tables: no events, bounded, free to lose.

-- Who works at what until when. A free resource has no row.
CREATE TABLE lease (
    resource    TEXT    PRIMARY KEY,
    owner       TEXT    NOT NULL,
    fence       INTEGER NOT NULL,
    acquired_ms INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX lease_owner ON lease (owner);

-- One counter for all resources: a fence never comes twice, also where a lease's row is gone.
CREATE TABLE fence (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO fence (one, last) VALUES (1, 0);

-- How far each reader of the feed has come.
CREATE TABLE cursor (
    name TEXT    PRIMARY KEY,
    seq  INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What the queue's workers did; the oldest records give way.
CREATE TABLE queue_log (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms            INTEGER NOT NULL,
    entry_id           BLOB    NOT NULL,
    worker             TEXT    NOT NULL,
    lease_owner        TEXT    NOT NULL,
    stage              TEXT    NOT NULL,
    outcome            TEXT    NOT NULL,
    dequeue_latency_ms INTEGER NOT NULL,
    apply_duration_ms  INTEGER NOT NULL,
    poll_interval_ms   INTEGER NOT NULL,
    attempt            INTEGER NOT NULL,
    failure            TEXT
) STRICT;
CREATE INDEX queue_log_entry ON queue_log (entry_id, id);
