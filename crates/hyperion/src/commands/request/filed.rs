//! Says what was filed, and what happens next.

use std::time::Duration;

use hyperion_api::request::{Filed, RequestDetail};
use hyperion_api::{ClientError, List};

use crate::exit::Exit;
use crate::outcome::{Stage, stage};
use crate::output::Format;
use crate::output::wrap::wrapped;
use crate::route::Route;
use crate::session::Session;
use crate::view;
use crate::view::filed::Before;

/// The most requests that are told of in full; of more only the titles.
const TOLD_MAX: usize = 5;
/// How long a request may take before it is told of without what it asks for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a request is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Tells what came of filing requests; the status is done, unless one that was filed before ended without doing what was asked.
pub(super) async fn tell(
    session: &Session<'_>,
    what: &str,
    filed: &List<Filed>,
    before: Option<&Before>,
    format: Format,
) -> anyhow::Result<Exit> {
    let cx = session.cx();
    let output = &cx.output;
    let mut exits = Vec::new();
    for found in filed.items.iter().filter(|filed| filed.existed) {
        let (exit, said) = view::filed::found(&found.request, before);
        output.say(&said);
        exits.push(exit);
    }
    if format.is_json() {
        output.list(format, filed, "", |_, _| String::new())?;
        return Ok(Exit::of_several(exits));
    }
    let new: Vec<_> = filed.items.iter().filter(|filed| !filed.existed).collect();
    if new.len() > TOLD_MAX {
        let requests: Vec<_> = new.iter().map(|filed| &filed.request).collect();
        output.data(&view::filed::titles(what, &requests));
        output.progress(&view::hint("`hyperion request list` says how far they are"));
    } else {
        for filed in new {
            let detail = until_told(session, &filed.request.id).await?;
            if let Stage::Ended(exit) = stage(&detail) {
                exits.push(exit);
            }
            output.data(&wrapped(&view::filed::block(what, &detail), output.width()));
        }
    }
    Ok(Exit::of_several(exits))
}

/// Looks at a request until it asks for something, is in the queue or ended, but not for long.
async fn until_told(session: &Session<'_>, id: &str) -> Result<RequestDetail, ClientError> {
    let route = Route::new("/api/requests").segment(id);
    let began = tokio::time::Instant::now();
    loop {
        let detail: RequestDetail = session.client().get(route.as_str()).await?;
        let tells_something = match stage(&detail) {
            Stage::GoesOn => !detail.entries.is_empty(),
            Stage::Asks(_) | Stage::Unclear | Stage::SentBack | Stage::Ended(_) => true,
        };
        if tells_something || began.elapsed() >= PATIENCE {
            return Ok(detail);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
