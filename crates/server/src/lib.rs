//! HTTP routes over the engine: converts wire types, decides nothing.
//!
//! Architecture invariants: every call is declared in one table with who may make it; the home's Unix socket checks its peers, and
//! the port takes no call without a token or a session; text that people read goes through the redactor.

mod answer;
mod caller;
mod feed;
mod hashing;
mod life;
mod openapi;
mod port;
mod routes;
mod seat;
mod serve;
mod sse;
mod state;
mod streams;
mod subject;
mod table;
mod who_may_call;

pub use life::Life;
pub use openapi::openapi;
pub use port::{Gate, PublicUrl};
pub use routes::router;
pub use serve::{serve, serve_port};
pub use state::Server;
pub use who_may_call::who_may_call;
