//! HTTP routes over the engine: converts wire types, decides nothing.
//!
//! Architecture invariants: no TCP listener exists here yet (bearer tokens come first), only the
//! home's Unix socket, whose peers are checked; text that people read goes through the redactor.

mod answer;
mod caller;
mod life;
mod routes;
mod seat;
mod serve;
mod state;
mod subject;

pub use life::Life;
pub use routes::router;
pub use serve::serve;
pub use state::Server;
