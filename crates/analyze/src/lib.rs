//! Pure analysis of request texts: paths, symbols, keywords and search patterns.
//!
//! [`request()`] says what a text names and whether a person has to say more; [`brief()`] is what
//! the engineer role makes of a request where no model does.
//!
//! Architecture invariant: nothing here does IO, and nothing here fails. The same text always
//! gives the same findings, in time linear in the text, within the limits of [`limits`].

pub mod brief;
pub mod limits;
pub mod request;

mod class;
mod error_name;
mod keyword;
mod pattern;
mod place;
mod symbol;
mod vague;
mod word;

pub use brief::{Brief, brief};
pub use pattern::SearchPattern;
pub use place::FoundPath;
pub use request::{Findings, request};
