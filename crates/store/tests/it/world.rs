//! A home folder to open stores in, and batches to write.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperion_model::approval::{self, Question};
use hyperion_model::machine::Stamp;
use hyperion_model::{
    Actor, ApprovalId, Batch, BatchId, Command, Digest, Level, LineageId, Name, NewBlob, RepoId,
    Role, ShortText, Subject, Time, Uuid, repo,
};
use hyperion_store::{KeySource, Mode, NoRedaction, OpenError, Redact, Store, StoreConfig};
use tempfile::TempDir;

/// A folder with everything a store needs.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("hyperion.db")
    }

    pub(crate) fn config(&self, mode: Mode) -> StoreConfig {
        StoreConfig {
            database: self.database(),
            blobs: self.path("blobs"),
            key: KeySource::File {
                path: self.path("key"),
            },
            mode,
            redact: Arc::new(NoRedaction),
            now: time(0),
        }
    }

    pub(crate) fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Store, OpenError> {
        Store::open(&self.config(Mode::ReadWrite))
    }

    pub(crate) fn open_redacting(&self, redact: impl Redact + 'static) -> Store {
        let config = StoreConfig {
            redact: Arc::new(redact),
            ..self.config(Mode::ReadWrite)
        };
        Store::open(&config).unwrap()
    }

    pub(crate) fn open_to_read(&self) -> Store {
        Store::open(&self.config(Mode::ReadOnly)).unwrap()
    }

    /// Changes the database behind the store's back.
    pub(crate) fn tamper(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.database()).unwrap();
        let triggers: Vec<(String, String)> = conn
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for (name, _) in &triggers {
            conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        conn.execute_batch(sql).unwrap();
        // Whoever damages a bit leaves the schema as it is.
        for (_, trigger) in &triggers {
            conn.execute_batch(trigger).unwrap();
        }
    }

    /// Copies database, log and blobs as they stand, as a crash would leave them.
    pub(crate) fn crashed_copy(&self) -> World {
        let copy = World::new();
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            // The shared memory dies with the machine.
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn time(seconds: i64) -> Time {
    Time::from_second(1_760_000_000 + seconds).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn stamp(seconds: i64) -> Stamp {
    Stamp {
        time: time(seconds),
        actor: Actor::Person {
            id: name("ada"),
            role: Role::Admin,
        },
    }
}

pub(crate) fn repo_id(n: u64) -> RepoId {
    RepoId::new(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(n),
    ))
}

/// A batch at a time, with an id that follows from `n`.
pub(crate) fn batch(n: u64, commands: Vec<Command>) -> Batch {
    let id = BatchId::new(Uuid::from_u128(0xba7c_0000_0000_0000_0000 + u128::from(n)));
    Batch::new(id, stamp(i64::try_from(n).unwrap()), commands)
}

pub(crate) fn register(n: u64) -> Command {
    let id = repo_id(n);
    let command = repo::Command::Register {
        id,
        name: name(&format!("repo-{n}")),
        path: format!("/srv/repo-{n}"),
        branch: name("main"),
    };
    Command::Repo(id, command)
}

pub(crate) fn retarget(n: u64, branch: &str) -> Command {
    Command::Repo(
        repo_id(n),
        repo::Command::Retarget {
            branch: name(branch),
        },
    )
}

pub(crate) fn forget(n: u64) -> Command {
    Command::Repo(repo_id(n), repo::Command::Forget)
}

/// A question whose document is a blob; the id and the question.
pub(crate) fn question(n: u64, document: Digest, expires: i64) -> (ApprovalId, Question) {
    let question = Question {
        lineage: LineageId::new(Uuid::from_u128(u128::from(n) + 1)),
        key: name("land"),
        generation: 1,
        about: Subject::Repo(repo_id(n)),
        action: name("land"),
        level: Level::Admin,
        risk: approval::Risk::Low,
        digest: Digest::of(b"payload"),
        content: None,
        document,
        request: None,
        repo: Some(repo_id(n)),
        expires_at: time(expires),
        owners: None,
    };
    (question.id(), question)
}

/// A batch that asks a question about content it carries.
pub(crate) fn ask(n: u64, content: &[u8], expires: i64) -> (ApprovalId, Batch) {
    let blob = NewBlob::new(content);
    let (id, question) = question(n, blob.digest, expires);
    let command = Command::Approval(id, approval::Command::Ask(question));
    (
        id,
        Batch {
            blobs: vec![blob],
            ..batch(n, vec![command])
        },
    )
}

pub(crate) fn cancel(id: ApprovalId, reason: &str) -> Command {
    Command::Approval(
        id,
        approval::Command::Cancel {
            reason: ShortText::cut(reason),
        },
    )
}
