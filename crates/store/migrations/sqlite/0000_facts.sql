-- Facts: events, the rows that follow from them, the blobs that both refer to.
-- Ids are the 16 bytes of a UUID; times are milliseconds since 1970; docs are JSON.

-- What happened, for ever. `text` is the exact text that was hashed: the other columns repeat
-- parts of it so that they can be searched.
CREATE TABLE event (
    seq          INTEGER PRIMARY KEY,
    subject_type TEXT    NOT NULL,
    subject_id   BLOB    NOT NULL,
    kind         TEXT    NOT NULL,
    request_id   BLOB,
    run_id       BLOB,
    time_ms      INTEGER NOT NULL,
    text         TEXT    NOT NULL
) STRICT;
CREATE INDEX event_subject ON event (subject_id);
CREATE INDEX event_request ON event (request_id) WHERE request_id IS NOT NULL;

CREATE TRIGGER event_stays_as_it_is BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

-- The end of the chain, sealed with a key that is kept elsewhere.
CREATE TABLE head (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    seq    INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    key_id TEXT    NOT NULL,
    mac    BLOB    NOT NULL
) STRICT;

-- Seals of keys that were replaced: the last word of each.
CREATE TABLE former_head (
    seq    INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    key_id TEXT    NOT NULL,
    mac    BLOB    NOT NULL,
    PRIMARY KEY (key_id, seq)
) STRICT;

-- The keys this store was ever used with; only their ids.
CREATE TABLE store_key (
    key_id      TEXT    PRIMARY KEY,
    adopted_seq INTEGER NOT NULL,
    adopted_ms  INTEGER NOT NULL
) STRICT;

-- One table a noun, all of one shape; written only together with the events.
-- `created_seq` is the number of the event that created the subject, and the order of every list.

CREATE TABLE "repo" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX repo_open ON "repo" (status) WHERE open = 1;

CREATE TABLE "request" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX request_open ON "request" (status) WHERE open = 1;
CREATE INDEX request_due ON "request" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX request_repo ON "request" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX request_parent ON "request" (parent) WHERE parent IS NOT NULL;

CREATE TABLE "plan" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX plan_open ON "plan" (status) WHERE open = 1;
CREATE INDEX plan_due ON "plan" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX plan_repo ON "plan" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX plan_parent ON "plan" (parent) WHERE parent IS NOT NULL;
CREATE INDEX plan_request ON "plan" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX plan_run ON "plan" (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE "run" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX run_open ON "run" (status) WHERE open = 1;
CREATE INDEX run_due ON "run" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX run_repo ON "run" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX run_parent ON "run" (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_request ON "run" (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE "change_set" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX change_set_open ON "change_set" (status) WHERE open = 1;
CREATE INDEX change_set_due ON "change_set" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX change_set_repo ON "change_set" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX change_set_parent ON "change_set" (parent) WHERE parent IS NOT NULL;
CREATE INDEX change_set_request ON "change_set" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX change_set_run ON "change_set" (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE "approval" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX approval_open ON "approval" (status) WHERE open = 1;
CREATE INDEX approval_due ON "approval" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX approval_repo ON "approval" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX approval_parent ON "approval" (parent) WHERE parent IS NOT NULL;
CREATE INDEX approval_request ON "approval" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX approval_run ON "approval" (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE "entry" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL,
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX entry_open ON "entry" (status) WHERE open = 1;
-- Dead letters: entries that ended as dead, quarantined or failed.
CREATE INDEX entry_closed ON "entry" (status) WHERE open = 0;
CREATE INDEX entry_due ON "entry" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX entry_repo ON "entry" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX entry_parent ON "entry" (parent) WHERE parent IS NOT NULL;
CREATE INDEX entry_request ON "entry" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX entry_run ON "entry" (run_id) WHERE run_id IS NOT NULL;

-- Encrypted content. `place` is 0 (in `body`), 1 (in the file named by `file`, below the blobs
-- folder) or 2 (purged). `name` is an HMAC of the content's digest: it gives nothing away.
CREATE TABLE blob (
    name           BLOB    PRIMARY KEY,
    key_id         TEXT    NOT NULL,
    bytes          INTEGER NOT NULL,
    place          INTEGER NOT NULL CHECK (place IN (0, 1, 2)),
    file           TEXT,
    created_ms     INTEGER NOT NULL,
    purge_after_ms INTEGER,
    body           BLOB
) STRICT;
CREATE INDEX blob_purge ON blob (purge_after_ms) WHERE purge_after_ms IS NOT NULL;

-- Which row refers to which blob; `open` follows the row's.
CREATE TABLE reference (
    name BLOB    NOT NULL,
    noun TEXT    NOT NULL,
    id   BLOB    NOT NULL,
    open INTEGER NOT NULL,
    PRIMARY KEY (name, noun, id)
) STRICT, WITHOUT ROWID;

-- The answers to batches that had an idempotency key.
CREATE TABLE receipt (
    key       TEXT    PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    time_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX receipt_time ON receipt (time_ms);

-- Rows that cannot be read: set aside, so that everything else goes on.
CREATE TABLE quarantine (
    noun      TEXT    NOT NULL,
    id        BLOB    NOT NULL,
    detail    TEXT    NOT NULL,
    found_seq INTEGER NOT NULL,
    PRIMARY KEY (noun, id)
) STRICT;
