//! What every part of the engine uses: store, clock, git, rules.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyperion_git::Git;
use hyperion_host::Home;
use hyperion_model::{Actor, Batch, BatchId, Command, Digest, Name, NewBlob, Stamp, Time, Uuid};
use hyperion_policy::{Redactor, Rules};
use hyperion_store::{Committed, ReadError, Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::Records;
use crate::change_set::CarriedOut;
use crate::files::FileNews;
use crate::identity::SignIns;
use crate::remote::Contacts;
use crate::repo::Pool;
use crate::run::{Jobs, Supervisor, ToolChains};
use crate::{Error, Settings};

/// Tells the time: the machine's, or in tests one that stands still.
pub trait Clock: Send + Sync {
    /// Gives the time now, to the millisecond.
    fn now(&self) -> Time;

    /// Gives how long the machine has been up: a clock that nobody sets. None where it is not known.
    fn since_boot(&self) -> Option<Duration> {
        None
    }
}

/// Makes ids: version 7 UUIDs, or in tests ones that repeat.
pub trait Ids: Send + Sync {
    /// Makes the next one.
    fn next(&self) -> Uuid;
}

/// What every part uses; it holds nothing that any one part knows.
pub struct Cx {
    /// The facts.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// The settings.
    pub settings: Settings,
    /// The machine's rules, once somebody asked for them: compiling takes longer than most lists do.
    pub(crate) rules: OnceLock<Rules>,
    /// Takes secrets out of what is shown.
    pub redactor: Redactor,
    /// The git program.
    pub git: Git,
    /// The home's folders.
    pub home: Home,
    /// Which boot of the machine this is.
    pub boot_id: Name,
    /// Which start of the engine this is: the owner of its leases.
    pub instance: Name,
    /// The repositories that are open.
    pub repos: Pool,
    /// The changes that were carried out of late.
    pub carried_out: CarriedOut,
    /// The visits to remotes.
    pub(crate) contacts: Contacts,
    /// The sign-ins that were refused of late.
    pub(crate) sign_ins: SignIns,
    /// What is known of changes to files.
    pub files: FileNews,
    /// What is to be recorded in the ledger.
    pub records: Records,
    /// What is at work.
    pub jobs: Jobs,
    /// Watches the processes of runs.
    pub supervisor: Supervisor,
    /// What checks run with.
    pub(crate) tool_chains: ToolChains,
    /// What is known of this machine's sandboxes, and whose turn it is at the door for commands.
    pub(crate) machine: crate::command::Machine,
    /// Whether this engine may touch the world; one that only answers questions may not.
    pub works: bool,
}

impl Cx {
    /// Gives the time now.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Gives the machine's rules, compiled.
    pub fn rules(&self) -> Result<&Rules, Error> {
        if let Some(rules) = self.rules.get() {
            return Ok(rules);
        }
        let rules = Rules::compile(self.settings.rules.clone()).map_err(|error| {
            hyperion_api::Problem::new(
                "input.invalid",
                format!("the setting {}: {error}", error.key()),
            )
        })?;
        Ok(self.rules.get_or_init(|| rules))
    }

    /// Makes an id of any noun.
    pub fn id<T>(&self, wrap: fn(Uuid) -> T) -> T {
        wrap(self.ids.next())
    }

    /// Stamps what a part of the engine does.
    pub fn stamp(&self, part: &Name) -> Stamp {
        Stamp {
            time: self.now(),
            actor: Actor::Engine { id: part.clone() },
        }
    }

    /// Stamps what a person does.
    pub fn stamp_person(&self, actor: &Actor) -> Stamp {
        Stamp {
            time: self.now(),
            actor: actor.clone(),
        }
    }

    /// Decides commands as one, with the blobs their events refer to.
    pub fn execute(
        &self,
        stamp: Stamp,
        commands: Vec<Command>,
        blobs: Vec<NewBlob>,
    ) -> Result<Committed, Error> {
        let id = self.id(BatchId::new);
        Ok(self.store.execute(Batch {
            id,
            stamp,
            key: None,
            commands,
            blobs,
        })?)
    }

    /// Decides several lists of commands, each as one and for itself; they share commits.
    ///
    /// The answers are in the order of the lists. A crash leaves the first of them done and the rest not.
    pub fn execute_each(
        &self,
        stamp: &Stamp,
        lists: impl IntoIterator<Item = (Vec<Command>, Vec<NewBlob>)>,
    ) -> Vec<Result<Committed, StoreError>> {
        self.store
            .execute_each(lists.into_iter().map(|(commands, blobs)| Batch {
                id: self.id(BatchId::new),
                stamp: stamp.clone(),
                key: None,
                commands,
                blobs,
            }))
    }

    /// Reads the JSON in a blob; none when it was purged.
    ///
    /// Content that cannot be read (damaged, or its key is lost) is as good as purged to whoever can do without: one bad
    /// blob must not take a whole list away. `audit verify` and the doctor name it.
    pub fn read_json<T: DeserializeOwned>(&self, digest: Digest) -> Result<Option<T>, Error> {
        unless_unreadable(self.read_json_or_fail(digest))
    }

    fn read_json_or_fail<T: DeserializeOwned>(&self, digest: Digest) -> Result<Option<T>, Error> {
        let Some(bytes) = self.store.blob(digest)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Blob {
                digest,
                detail: source.to_string(),
            })
    }

    /// Reads the text in a blob, redacted; none when it was purged, or cannot be read.
    pub fn read_text(&self, digest: Digest) -> Result<Option<String>, Error> {
        let bytes = unless_unreadable(self.store.blob(digest).map_err(Error::from))?;
        Ok(bytes.map(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            self.redactor.redact(&text).into_owned()
        }))
    }

    /// Wraps a title as a blob of its own, with its secrets masked.
    pub(crate) fn title_blob(&self, title: &str) -> NewBlob {
        NewBlob::new(self.redactor.redact(title).as_bytes())
    }

    /// Reads the JSON in a blob that has to be there.
    pub fn require_json<T: DeserializeOwned>(&self, digest: Digest) -> Result<T, Error> {
        self.read_json_or_fail(digest)?.ok_or_else(|| Error::Blob {
            digest,
            detail: "it was purged".to_owned(),
        })
    }
}

/// Takes content that cannot be read for content that was purged.
fn unless_unreadable<T>(read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(
            error @ (Error::Read(ReadError::DamagedBlob { .. } | ReadError::KeyMissing { .. })
            | Error::Blob { .. }),
        ) => {
            tracing::warn!(%error, "went on without content that cannot be read");
            Ok(None)
        }
        read => read,
    }
}

/// Wraps a value as a blob of canonical JSON.
pub(crate) fn json_blob(value: &impl Serialize) -> Result<NewBlob, Error> {
    let value = serde_json::to_value(value).map_err(Error::Encode)?;
    Ok(NewBlob::new(hyperion_model::canonical::to_string(&value)))
}
