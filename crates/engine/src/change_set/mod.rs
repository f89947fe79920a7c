//! Change sets: making trees of them, judging them, deciding their items, showing them.

mod asked;
mod assess;
mod between;
mod content;
mod decide;
mod facts;
mod links;
mod materialise;
mod once;
mod owners;
mod propose;
mod result;
mod revision;
mod signed;
mod stack;
mod stale;
mod stored;

pub use asked::own_checks;
pub(crate) use asked::{assignment, judge, revised_text};
pub use assess::AssessmentDocument;
pub(crate) use assess::{Assess, cancel_question};
pub(crate) use between::{changes_between, items_between};
pub(crate) use content::item_diff;
pub use content::{
    Preview, PreviewItem, accepted_lines, landed, moved_hunks, preview, title, unified_diff,
};
pub use decide::{decide_all, decide_item};
pub(crate) use facts::{change_facts, mark_internal, operation};
pub(crate) use links::led_astray_by_merge;
pub(crate) use materialise::mode_bits;
pub use materialise::{ItemFailure, Made, MadeItem, Side, materialise};
pub use once::CarriedOut;
pub(crate) use propose::{For, HandedIn, propose};
pub use revision::{lines_of, since_former};
pub use signed::signed_by;
pub use stack::stack;
pub use stale::since_asked;
