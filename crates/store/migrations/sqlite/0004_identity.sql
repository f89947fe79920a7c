-- Users and tokens: nouns as all others. What they show to be known by is kept beside them, and no event is made of it.

CREATE TABLE "user" (
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
CREATE INDEX user_open ON "user" (status) WHERE open = 1;

CREATE TABLE "token" (
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
CREATE INDEX token_open ON "token" (status) WHERE open = 1;
CREATE INDEX token_due ON "token" (due_ms) WHERE open = 1 AND due_ms IS NOT NULL;
CREATE INDEX token_parent ON "token" (parent) WHERE parent IS NOT NULL;

-- `secret` is a password's argon2id hash as text, or the SHA-256 of a token or of a session's secret.
CREATE TABLE credential (
    id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (kind IN ('password', 'token', 'session')),
    user_id    BLOB    NOT NULL CHECK (length(user_id) = 16),
    secret     BLOB    NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER,
    ends_ms    INTEGER
) STRICT;
CREATE UNIQUE INDEX credential_secret ON credential (kind, secret);
CREATE INDEX credential_user ON credential (user_id, kind);
CREATE INDEX credential_ends ON credential (ends_ms) WHERE ends_ms IS NOT NULL;
