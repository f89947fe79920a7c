//! What the doctor found.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use hyperion_api::doctor::{Repair, Report};
use hyperion_engine::doctor;

use crate::Server;
use crate::answer::{Answer, blocking};

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/api/doctor", get(report))
        .route("/api/doctor/fix", post(fix))
        .route("/api/doctor/secrets", get(secrets))
}

async fn report(State(server): State<Server>) -> Answer<Report> {
    blocking(server, |server| {
        Ok(doctor::examine(server.cx(), server.version()))
    })
    .await
}

async fn secrets(State(server): State<Server>) -> Answer<Report> {
    blocking(server, |server| {
        Ok(doctor::scan(server.cx(), server.version()))
    })
    .await
}

async fn fix(State(server): State<Server>) -> Answer<Repair> {
    blocking(server, |server| doctor::mend(server.cx())).await
}
