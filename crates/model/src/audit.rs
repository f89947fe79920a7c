//! The audit's ledger: what was done that is no move of another noun, so that the chain has it, too.

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves};
use crate::{AuditId, Digest, Name, ShortText, Time, Uuid};

moves! {
    noun Noun::Audit;
    states {
        /// Takes records, for as long as the home stands.
        Open = "open" open;
    }
    verbs {
        Record = "take a record": [Open] => Open;
    }
}

/// The most paths that one record names; the rest is counted.
pub const PATHS_MAX: usize = 20;
/// The most settings that one record names; the rest is counted.
pub const KEYS_MAX: usize = 50;

/// What a tool was called to do: one change, one run, or what it looked at in a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The session that called.
    pub session: Uuid,
    /// Who opened it.
    pub by: ShortText,
    /// The server, for instance `filesystem`.
    pub server: ShortText,
    /// The tool, for instance `writeFile`.
    pub tool: ShortText,
    /// When it began.
    pub began_at: Time,
    /// How many calls it stands for.
    pub calls: u32,
    /// What they were about: of many the first.
    pub paths: Vec<ShortText>,
    /// How many more there were.
    pub more_paths: u32,
    /// What a changed file held; none of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Digest>,
    /// What it holds now; none of one that was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Digest>,
    /// `looked`, `done`, or how it failed.
    pub outcome: ShortText,
}

/// The ledger's state: how much it holds. What that is stands in the events alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Its id: a home has one.
    pub id: AuditId,
    /// Where it stands.
    pub status: Status,
    /// How many records it took.
    pub records: u64,
}

/// What the ledger can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Takes a record. The first one begins the ledger.
    Record(Event),
}

/// What can be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// A tool was called.
    #[serde(rename = "tool.called")]
    ToolCalled(ToolCall),
    /// An engine started with other settings than the one before.
    #[serde(rename = "settings.changed")]
    SettingsChanged {
        /// Which differ.
        keys: Vec<Name>,
        /// How many more.
        more_keys: u32,
        /// All of them, as they are now.
        settings: Digest,
    },
    /// The home was copied.
    #[serde(rename = "backup.taken")]
    BackupTaken {
        /// Where to.
        to: ShortText,
        /// The last event that is in the copy.
        up_to: u64,
    },
    /// The home was made from a backup.
    #[serde(rename = "home.restored")]
    HomeRestored {
        /// From which.
        from: ShortText,
        /// The last event that was in it.
        up_to: u64,
    },
    /// Somebody was refused what they called for.
    #[serde(rename = "call.refused")]
    CallRefused {
        /// The call: its method and route.
        call: ShortText,
        /// The answer's status.
        status: u16,
        /// Why.
        code: Name,
        /// How often, since the record of it before.
        count: u32,
    },
}

impl AuditId {
    /// Gives the id of a home's one ledger.
    pub const fn of_home() -> Self {
        Self::new(Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_a0d1))
    }
}

impl Machine for Ledger {
    type Id = AuditId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Audit;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        _stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        let Command::Record(event) = command;
        let limit = |what, given, max| match given > max {
            true => Err(Refusal::Limit { what, given, max }),
            false => Ok(()),
        };
        match event {
            Event::ToolCalled(call) => limit("paths of a record", call.paths.len(), PATHS_MAX)?,
            Event::SettingsChanged { keys, .. } => {
                limit("settings of a record", keys.len(), KEYS_MAX)?;
            }
            Event::BackupTaken { .. } | Event::HomeRestored { .. } | Event::CallRefused { .. } => {}
        }
        if let Some(ledger) = state {
            lead(ledger.status, Verb::Record)?;
        }
        Ok(vec![event.clone()])
    }

    fn apply(state: Option<Self>, _event: &Event, _stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut ledger = state.unwrap_or(Self {
            id: AuditId::of_home(),
            status: Status::Open,
            records: 0,
        });
        ledger.status = lead(ledger.status, Verb::Record).map_err(damaged(Noun::Audit))?;
        ledger.records += 1;
        Ok(ledger)
    }

    fn row(&self) -> Row {
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            ..Row::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;

    // X7: a ledger begins with its first record, counts, and takes none that is too long.
    #[test]
    fn records_are_counted_and_bounded() {
        let stamp = Stamp {
            time: Time::UNIX_EPOCH,
            actor: Actor::Engine {
                id: Name::new("audit").unwrap(),
            },
        };
        let changed = |keys: usize| {
            Command::Record(Event::SettingsChanged {
                keys: vec![Name::new("merge.workers").unwrap(); keys],
                more_keys: 0,
                settings: Digest::of(b""),
            })
        };
        let mut ledger = None;
        for _ in 0..2 {
            for event in Ledger::decide(ledger.as_ref(), &changed(KEYS_MAX), &stamp).unwrap() {
                ledger = Some(Ledger::apply(ledger, &event, &stamp).unwrap());
            }
        }
        assert_eq!(ledger.as_ref().unwrap().records, 2);
        let refused = Ledger::decide(ledger.as_ref(), &changed(KEYS_MAX + 1), &stamp);
        assert!(matches!(refused, Err(Refusal::Limit { .. })));
    }
}
