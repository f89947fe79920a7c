-- What files changed beneath a repository or an agent's clone: a bounded log without events.
CREATE TABLE file_modification (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms  INTEGER NOT NULL,
    repo_id  BLOB    NOT NULL CHECK (length(repo_id) = 16),
    run_id   BLOB    CHECK (length(run_id) = 16),
    root     TEXT    NOT NULL,
    path     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    found_by TEXT    NOT NULL
) STRICT;
CREATE INDEX file_modification_repo ON file_modification (repo_id, id);
CREATE INDEX file_modification_run ON file_modification (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX file_modification_time ON file_modification (time_ms);
