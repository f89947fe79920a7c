-- What ended long ago, kept out of the way: rows move here, events stay where they are.
-- A request moves together with everything that belongs to it, in one transaction, and comes
-- back the same way when a command needs one of them.

-- One table a noun that belongs to a request, each of the shape of its living counterpart.

CREATE TABLE "request_archive" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL CHECK (open = 0),
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX request_archive_parent ON "request_archive" (parent) WHERE parent IS NOT NULL;

CREATE TABLE "plan_archive" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL CHECK (open = 0),
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX plan_archive_request ON "plan_archive" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX plan_archive_parent ON "plan_archive" (parent) WHERE parent IS NOT NULL;
CREATE INDEX plan_archive_run ON "plan_archive" (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE "run_archive" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL CHECK (open = 0),
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX run_archive_request ON "run_archive" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX run_archive_parent ON "run_archive" (parent) WHERE parent IS NOT NULL;

CREATE TABLE "change_set_archive" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL CHECK (open = 0),
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX change_set_archive_request ON "change_set_archive" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX change_set_archive_parent ON "change_set_archive" (parent) WHERE parent IS NOT NULL;
CREATE INDEX change_set_archive_run ON "change_set_archive" (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE "approval_archive" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL CHECK (open = 0),
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX approval_archive_request ON "approval_archive" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX approval_archive_parent ON "approval_archive" (parent) WHERE parent IS NOT NULL;
CREATE INDEX approval_archive_run ON "approval_archive" (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE "entry_archive" (
    created_seq INTEGER PRIMARY KEY,
    updated_seq INTEGER NOT NULL,
    id          BLOB    NOT NULL UNIQUE,
    status      TEXT    NOT NULL,
    open        INTEGER NOT NULL CHECK (open = 0),
    request_id  BLOB,
    repo_id     BLOB,
    run_id      BLOB,
    parent      BLOB,
    due_ms      INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX entry_archive_request ON "entry_archive" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX entry_archive_parent ON "entry_archive" (parent) WHERE parent IS NOT NULL;
CREATE INDEX entry_archive_run ON "entry_archive" (run_id) WHERE run_id IS NOT NULL;

-- Which archived row refers to which blob, and which rows referred to content that was let go of.
-- `holds` is 1 for what stays as long as the row (titles), 0 for content that may be purged.
CREATE TABLE reference_archive (
    name  BLOB    NOT NULL,
    noun  TEXT    NOT NULL,
    id    BLOB    NOT NULL,
    holds INTEGER NOT NULL CHECK (holds IN (0, 1)),
    PRIMARY KEY (name, noun, id)
) STRICT, WITHOUT ROWID;

-- How far content was let go of: up to which of each noun's rows, in the order in which they ended.
CREATE TABLE let_go_mark (
    noun     TEXT    PRIMARY KEY,
    ended_ms INTEGER NOT NULL,
    seq      INTEGER NOT NULL
) STRICT;

-- What an idempotency key is bound to: who asked for what. Receipts from before have none.
ALTER TABLE receipt ADD COLUMN digest BLOB CHECK (length(digest) = 32);

-- How many archived rows there are of each state, so that nobody has to count them.
CREATE TABLE archive_count (
    noun   TEXT    NOT NULL,
    status TEXT    NOT NULL,
    rows   INTEGER NOT NULL,
    PRIMARY KEY (noun, status)
) STRICT, WITHOUT ROWID;

-- What ended when: what retention asks for.
CREATE INDEX request_ended ON "request" (updated_ms) WHERE open = 0;
CREATE INDEX plan_ended ON "plan" (updated_ms) WHERE open = 0;
CREATE INDEX run_ended ON "run" (updated_ms) WHERE open = 0;
CREATE INDEX change_set_ended ON "change_set" (updated_ms) WHERE open = 0;
CREATE INDEX approval_ended ON "approval" (updated_ms) WHERE open = 0;
CREATE INDEX entry_ended ON "entry" (updated_ms) WHERE open = 0;
CREATE INDEX blob_created ON blob (created_ms) WHERE place < 2;

-- Open rows in the order of their creation: a page of them must not cost all of them.
CREATE INDEX request_order ON "request" (created_seq) WHERE open = 1;
CREATE INDEX plan_order ON "plan" (created_seq) WHERE open = 1;
CREATE INDEX change_set_order ON "change_set" (created_seq) WHERE open = 1;
CREATE INDEX approval_order ON "approval" (created_seq) WHERE open = 1;
CREATE INDEX entry_order ON "entry" (created_seq) WHERE open = 1;

-- Whose turn it is in the queue of a branch: the oldest of each priority.
CREATE INDEX entry_turn ON "entry" (
    repo_id,
    json_extract(doc, '$.admission.branch'),
    json_extract(doc, '$.admission.priority'),
    created_seq
) WHERE status = 'queued';

-- What tools were called to do: a bounded log without events. A change is noted before it is made, and again when it was.
CREATE TABLE tool_log (
    id         INTEGER PRIMARY KEY,
    time_ms    INTEGER NOT NULL,
    session    BLOB    NOT NULL CHECK (length(session) = 16),
    actor      TEXT    NOT NULL,
    root       TEXT    NOT NULL,
    server     TEXT    NOT NULL,
    tool       TEXT    NOT NULL,
    calls      INTEGER NOT NULL,
    paths      TEXT    NOT NULL,
    old_sha256 TEXT,
    new_sha256 TEXT,
    outcome    TEXT    NOT NULL
) STRICT;
