//! What the doctor found.

use axum::extract::State;
use hyperion_api::doctor::{Repair, Report};
use hyperion_engine::doctor;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::table::Routes;
use hyperion_identity::Need;

pub(super) fn routes() -> Routes {
    Routes::about("doctor")
        .get(
            "/api/doctor",
            Need::VIEWER,
            "Says what the doctor finds",
            report,
        )
        .post(
            "/api/doctor/fix",
            Need::ADMIN,
            "Mends what can be mended",
            fix,
        )
        .get(
            "/api/doctor/secrets",
            Need::ADMIN,
            "Looks for secrets in what is kept",
            secrets,
        )
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
