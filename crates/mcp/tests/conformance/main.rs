//! The servers over streamable HTTP, with the tools that the conformance suite of the protocol calls: it speaks HTTP only.
//!
//! `cargo xtask conformance` starts it with `--serve`; started in any other way, as by the test runner, it does nothing.
//! Nothing of this is in the program: Hyperion itself listens on no port.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
#![allow(
    clippy::print_stdout,
    reason = "whoever starts it has to learn where it listens"
)]

#[path = "../it/engine.rs"]
#[allow(dead_code, reason = "other tests ask more of the played engine")]
mod engine;
mod fixture;

use std::sync::Arc;

use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use fixture::Fixture;

fn main() {
    if !std::env::args().any(|argument| argument == "--serve") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = Arc::new(engine::Played::default());
        let service = StreamableHttpService::new(
            move || Ok(Fixture::new(engine.client())),
            Arc::new(LocalSessionManager::default()),
            Default::default(),
        );
        let router = axum::Router::new().nest_service("/mcp", service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}/mcp", listener.local_addr().unwrap());
        // It ends with whoever started it: nobody else would end it.
        let orphaned = tokio::task::spawn_blocking(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        });
        tokio::select! {
            served = axum::serve(listener, router) => served.unwrap(),
            _ = orphaned => {}
        }
    });
    // Its sessions are open still, and nobody waits for them.
    runtime.shutdown_background();
}
