//! Who somebody is, and which calls they may make: pure, but for random bytes in a new token or salt.
//!
//! Architecture invariant: nothing here knows a store, a clock or a network. What is secret comes in and goes out in types
//! that do not print it, and is kept by nobody: a password as an argon2id hash, a token and a session as their SHA-256.

mod name;
mod password;
mod rights;
mod secret;
mod session;
mod token;

pub use hyperion_model::token::Scope;
pub use name::{NameError, user_name};
pub use password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Password, PasswordError};
pub use rights::{Lacks, Need, Rights};
pub use secret::{Kept, RandomError};
pub use session::{Csrf, SessionSecret};
pub use token::{ApiToken, TokenError};
