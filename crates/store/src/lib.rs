//! The store: rows and chained events in one transaction, blobs, leases. The only SQL.
//!
//! [`Store::execute`] is the one door for facts. A batch of commands is data; the writer thread
//! loads the rows it is about, decides, applies, and writes rows, events, references and blobs
//! inside one savepoint. Many batches share one commit (group commit); nobody is answered, and
//! nothing is published, before it.
//!
//! Three kinds of data live side by side:
//! - **facts**: `event` (chained, for ever) and the `head` that seals the chain's end;
//! - **derived rows**: one table a noun, `reference`, written only from `apply`;
//!   [`Store::verify`] replays the events and compares exactly these;
//! - **operational tables**: leases, cursors, the queue's log: no events, bounded.
//!
//! Content that may go again (titles, patches, reports) is in blobs: encrypted, named by an HMAC
//! of its digest, purgeable. `docs/database.md` describes every table.
//!
//! Architecture invariants: one process writes a database at a time, through one thread; readers
//! never block it; nothing here reads a clock or the environment; no caller ever holds a
//! transaction.

mod archive;
mod blob;
mod chain;
mod connection;
mod credential;
mod cursor;
mod error;
mod execute;
mod feed;
mod file_log;
mod footing;
mod history;
mod import;
mod key;
mod lease;
mod let_go;
mod log;
mod migrate;
mod purge;
mod quarantine;
mod query;
mod queue_log;
mod reader;
mod redact;
mod rows;
mod shipment;
mod snapshot;
mod store;
mod structure;
mod sync;
mod tool_log;
mod turn;
mod verify;
mod writer;

pub use archive::Archived;
pub use blob::{BlobState, INLINE_BLOB_BYTES, MAX_BLOB_BYTES};
pub use chain::Head;
pub use credential::{Credential, CredentialKind};
pub use error::{OpenError, ReadError, StoreError};
pub use execute::{Committed, MAX_EVENT_BYTES, MAX_KEY_BYTES};
pub use feed::{EventFilter, EventPage, MAX_EVENTS_PAGE};
pub use file_log::{FileFilter, FileModification, MAX_FILE_RECORDS};
pub use import::{Import, key_ids};
pub use key::{KeyError, KeySource, MAX_KEYS};
pub use lease::Lease;
pub use let_go::LetGo;
pub use purge::{PurgeLimits, Purged};
pub use quarantine::Quarantined;
pub use query::{By, Cursor, Filter, MAX_OPEN_ROWS, MAX_PAGE, Order, Page};
pub use queue_log::{MAX_QUEUE_RECORDS, QueueLogFilter, QueueRecord};
pub use redact::{NoRedaction, Redact};
pub use rows::Stored;
pub use shipment::{
    KeptAnswer, MAX_SHIPPED_BYTES, MAX_SHIPPED_EVENTS, Seal, SealedContent, ShipPosition, Shipment,
};
pub use snapshot::{Positions, Snapshot, schema_version};
pub use store::{Mode, Notice, Store, StoreConfig};
pub use structure::Structure;
pub use tool_log::{Logging, MAX_TOOL_RECORDS, ToolRecord};
pub use turn::QueuedPage;
pub use verify::{BadEvent, HeadState, MAX_FINDINGS, RowDifference, Verification};
