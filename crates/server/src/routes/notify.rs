//! How people are told of what waits for them.

use axum::extract::State;
use hyperion_api::notify::Tries;
use hyperion_engine::notify;
use hyperion_identity::Need;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("notices").post(
        "/api/notify/test",
        Need::ADMIN,
        "Sends a message to try whether it arrives",
        test,
    )
}

async fn test(State(server): State<Server>) -> Answer<Tries> {
    blocking(server, |server| notify::test(server.cx())).await
}
