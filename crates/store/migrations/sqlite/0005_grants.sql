-- What people agreed to beforehand: commands of one shape, for a run, a request or a repository.
CREATE TABLE "grant" (
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
CREATE INDEX grant_open ON "grant" (status) WHERE open = 1;
CREATE INDEX grant_due ON "grant" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX grant_repo ON "grant" (repo_id) WHERE open = 1 AND repo_id IS NOT NULL;
CREATE INDEX grant_parent ON "grant" (parent) WHERE parent IS NOT NULL;
CREATE INDEX grant_request ON "grant" (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX grant_run ON "grant" (run_id) WHERE run_id IS NOT NULL;
