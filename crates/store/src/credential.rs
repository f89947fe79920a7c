//! What users and tokens show to be known by: hashes, which no event is made of.
//!
//! A fact names the credential that counts, so a new one is put here first, and counts from the fact on. One that no fact
//! names, which a crash in between leaves, is of no use to anybody and goes with the next change.

use hyperion_model::{Time, Uuid};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::error::{ReadError, StoreError};
use crate::lease::time;
use crate::store::Store;
use crate::writer::{Operation, Reply, Writer};

/// The most sessions that one user has at once; the oldest give way.
const MAX_SESSIONS: u32 = 50;

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A password's hash, as text.
    Password,
    /// The SHA-256 of a token.
    Token,
    /// The SHA-256 of a session's secret.
    Session,
}

impl CredentialKind {
    const ALL: [Self; 3] = [Self::Password, Self::Token, Self::Session];

    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
            Self::Session => "session",
        }
    }
}

/// What somebody is known by.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id: of a token that of the token.
    pub id: Uuid,
    /// What it is.
    pub kind: CredentialKind,
    /// Whose it is.
    pub user: Uuid,
    /// The hash.
    pub secret: Vec<u8>,
    /// Since when it is there.
    pub created_at: Time,
    /// When it was used last.
    pub used_at: Option<Time>,
    /// When it ends, however much it is used.
    pub ends_at: Option<Time>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A hash never goes to a log.
        write!(f, "Credential({} {})", self.kind.name(), self.id)
    }
}

const COLUMNS: &str = "id, kind, user_id, secret, created_ms, used_ms, ends_ms";

impl Store {
    /// Puts a credential, durably.
    pub fn put_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        let credential = credential.clone();
        self.operate(move |writer| insert(writer, &credential))
    }

    /// Finds a credential by its id.
    pub fn credential(&self, id: Uuid) -> Result<Option<Credential>, ReadError> {
        self.read(|conn| {
            let found = conn
                .prepare_cached(&format!("SELECT {COLUMNS} FROM credential WHERE id = ?1"))?
                .query_row([id.as_bytes()], from_row)
                .optional()?;
            Ok(found)
        })
    }

    /// Finds a credential by its hash.
    pub fn credential_of(
        &self,
        kind: CredentialKind,
        secret: &[u8],
    ) -> Result<Option<Credential>, ReadError> {
        self.read(|conn| {
            let found = conn
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM credential WHERE kind = ?1 AND secret = ?2"
                ))?
                .query_row(params![kind.name(), secret], from_row)
                .optional()?;
            Ok(found)
        })
    }

    /// Notes that a credential was used, soon: nobody waits for it.
    pub fn use_credential(&self, id: Uuid, now: Time) -> Result<(), StoreError> {
        let work = move |writer: &mut Writer| {
            writer
                .conn
                .prepare_cached("UPDATE credential SET used_ms = ?2 WHERE id = ?1")?
                .execute(params![id.as_bytes(), now.as_millisecond()])?;
            Ok(())
        };
        self.send(Box::new(Operation {
            work,
            made: None::<()>,
            reply: Reply::Nobody,
        }))
    }

    /// Removes a credential, durably; one that is not there is removed already.
    pub fn remove_credential(&self, id: Uuid) -> Result<(), StoreError> {
        self.operate(move |writer| {
            writer
                .conn
                .prepare_cached("DELETE FROM credential WHERE id = ?1")?
                .execute([id.as_bytes()])?;
            Ok(())
        })
    }

    /// Removes all credentials of a kind that a user has, but one.
    pub fn remove_credentials(
        &self,
        user: Uuid,
        kind: CredentialKind,
        but: Option<Uuid>,
    ) -> Result<(), StoreError> {
        self.operate(move |writer| {
            let but = but.unwrap_or_default();
            writer
                .conn
                .prepare_cached(
                    "DELETE FROM credential WHERE user_id = ?1 AND kind = ?2 AND id <> ?3",
                )?
                .execute(params![user.as_bytes(), kind.name(), but.as_bytes()])?;
            Ok(())
        })
    }
}

fn insert(writer: &Writer, credential: &Credential) -> Result<(), StoreError> {
    let Credential {
        id,
        kind,
        user,
        secret,
        created_at,
        used_at,
        ends_at,
    } = credential;
    writer
        .conn
        .prepare_cached(&format!(
            "INSERT INTO credential ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .execute(params![
            id.as_bytes(),
            kind.name(),
            user.as_bytes(),
            secret,
            created_at.as_millisecond(),
            used_at.map(Time::as_millisecond),
            ends_at.map(Time::as_millisecond),
        ])?;
    if *kind == CredentialKind::Session {
        writer
            .conn
            .prepare_cached("DELETE FROM credential WHERE kind = 'session' AND ends_ms <= ?1")?
            .execute([created_at.as_millisecond()])?;
        writer
            .conn
            .prepare_cached(
                "DELETE FROM credential WHERE id IN (
                   SELECT id FROM credential WHERE user_id = ?1 AND kind = 'session'
                   ORDER BY created_ms DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute(params![user.as_bytes(), MAX_SESSIONS])?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> Result<Credential, rusqlite::Error> {
    let kind: String = row.get(1)?;
    let kind = CredentialKind::ALL
        .into_iter()
        .find(|known| known.name() == kind);
    Ok(Credential {
        id: Uuid::from_bytes(row.get(0)?),
        // The table takes no other.
        kind: kind.ok_or(rusqlite::Error::InvalidQuery)?,
        user: Uuid::from_bytes(row.get(2)?),
        secret: row.get(3)?,
        created_at: time(row, 4)?,
        used_at: optional_time(row, 5)?,
        ends_at: optional_time(row, 6)?,
    })
}

fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Time>, rusqlite::Error> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => time(row, column).map(Some),
    }
}
