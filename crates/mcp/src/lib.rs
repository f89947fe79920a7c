//! MCP servers: the tools for agents, as a client of the API.
//!
//! A server here knows nothing but `hyperion-api`: it tells its client which tools there are, and hands each call to the
//! engine, which judges, does and notes it. It answers the first questions without an engine, so that an agent starts at once.
//!
//! Architecture invariants: nothing is decided here; standard output belongs to the protocol, and everything else goes to
//! standard error; what a client has sent and not yet been answered is bounded, also when it never reads.

mod bounded;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod lines;
mod server;
mod twice;

use rmcp::ServiceExt as _;
use tokio::io::{AsyncRead, AsyncWrite};

use bounded::Bounded;
use lines::Lines;
pub use server::Server;

/// The longest message that is read.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// Why a server ended early.
#[derive(Debug)]
pub struct ServeError(String);

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeError {}

/// Serves a server's tools over standard input and output, until the client closes them.
pub async fn serve_stdio(server: Server) -> Result<(), ServeError> {
    let (input, output) = rmcp::transport::io::stdio_pipes();
    serve(server, input, output).await
}

/// Serves over any pair of streams, until the client closes its side.
pub async fn serve<R, W>(server: Server, input: R, output: W) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let lines = Lines::new(input, output, MAX_MESSAGE_BYTES);
    let running = match server.serve(Bounded::new(lines)).await {
        Ok(running) => running,
        // A client that leaves before its first message is not an error.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(ServeError(format!("agree with the client: {error}"))),
    };
    match running.waiting().await {
        Ok(_) => Ok(()),
        Err(error) => Err(ServeError(format!("serve the client: {error}"))),
    }
}
