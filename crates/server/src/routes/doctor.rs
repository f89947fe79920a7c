//! What the doctor found.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use hyperion_api::doctor::Report;
use hyperion_engine::doctor;

use crate::Server;
use crate::answer::{Answer, blocking};

pub(super) fn routes() -> Router<Server> {
    Router::new().route("/api/doctor", get(report))
}

async fn report(State(server): State<Server>) -> Answer<Report> {
    blocking(server, |server| {
        Ok(doctor::examine(server.cx(), server.version()))
    })
    .await
}
