-- The audit's ledger, and which records of tools it has.

CREATE TABLE "audit" (
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

-- What was noted before there was a ledger stays out of it.
ALTER TABLE tool_log ADD COLUMN chained INTEGER NOT NULL DEFAULT 1;
CREATE INDEX tool_log_unchained ON tool_log (id) WHERE chained = 0;
