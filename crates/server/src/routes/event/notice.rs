//! Notices: what the feed tells whoever follows it, and nobody keeps. They have no numbers.

use hyperion_api::file_modification::NOTICE as FILE_MODIFIED;
use hyperion_api::run::{HEARTBEAT_MISSED, PROGRESSED, RunNotice as Wire};
use hyperion_engine::Cx;
use hyperion_engine::run::{Noticed, RunNotice};
use hyperion_model::{RepoId, RequestId};
use hyperion_store::FileModification;
use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::routes::file_modification;

/// Every kind of them.
const KINDS: [&str; 3] = [FILE_MODIFIED, PROGRESSED, HEARTBEAT_MISSED];

/// Tells whether a kind, or the beginning of some, means notices.
pub(super) fn is_notice(kind: &str) -> bool {
    KINDS.iter().any(|known| fits(kind, known))
}

/// Tells whether a kind is meant by what was asked for; what ends in a dot stands for all that begin with it.
fn fits(asked: &str, kind: &str) -> bool {
    kind == asked || (asked.ends_with('.') && kind.starts_with(asked))
}

/// Something that is told.
pub(in crate::routes) struct Told {
    /// What kind of notice it is.
    pub(in crate::routes) kind: &'static str,
    /// What it says.
    pub(in crate::routes) data: Value,
}

/// What one client hears of.
pub(in crate::routes) struct Notices {
    /// The kinds that it asked for.
    asked: Vec<String>,
    /// The request that runs have to belong to.
    request: Option<RequestId>,
    /// The repository that files have to belong to.
    repo: Option<RepoId>,
    files: Option<Receiver<FileModification>>,
    runs: Option<Receiver<RunNotice>>,
}

impl Notices {
    /// Hears of these kinds from now on.
    pub(in crate::routes) fn of(cx: &Cx, asked: Vec<String>, request: Option<RequestId>) -> Self {
        let wants = |kind| asked.iter().any(|asked| fits(asked, kind));
        let wants_runs = wants(PROGRESSED) || wants(HEARTBEAT_MISSED);
        Self {
            files: wants(FILE_MODIFIED).then(|| cx.files.subscribe()),
            runs: wants_runs.then(|| cx.supervisor.subscribe()),
            asked,
            request,
            repo: None,
        }
    }

    /// Hears of everything: of files only those of a repository, where one is given.
    pub(in crate::routes) fn of_all(cx: &Cx, repo: Option<RepoId>) -> Self {
        let kinds = KINDS.into_iter().map(str::to_owned).collect();
        Self {
            repo,
            ..Self::of(cx, kinds, None)
        }
    }

    /// Waits for the next one; for ever, where none is wanted.
    pub(in crate::routes) async fn next(&mut self) -> Told {
        loop {
            let told = tokio::select! {
                file = next(&mut self.files) => {
                    if self.repo.is_some_and(|repo| file.repo != repo) {
                        continue;
                    }
                    serde_json::to_value(file_modification::view(file)).map(|data| Told {
                        kind: FILE_MODIFIED,
                        data,
                    })
                }
                run = next(&mut self.runs) => {
                    let (kind, notice) = view(run);
                    let is_of_request = self
                        .request
                        .is_none_or(|id| notice.request_id == Some(id.to_string()));
                    if !is_of_request || !self.asked.iter().any(|asked| fits(asked, kind)) {
                        continue;
                    }
                    serde_json::to_value(notice).map(|data| Told { kind, data })
                }
            };
            if let Ok(told) = told {
                return told;
            }
        }
    }
}

fn view(notice: RunNotice) -> (&'static str, Wire) {
    let mut wire = Wire {
        time: notice.time.to_string(),
        run_id: notice.run.to_string(),
        request_id: notice.request.map(|id| id.to_string()),
        progress: None,
        action: None,
        last_seen: None,
    };
    let kind = match notice.what {
        Noticed::Progressed(beat) => {
            wire.progress = beat.progress;
            wire.action = beat.action;
            PROGRESSED
        }
        Noticed::HeartbeatMissed { last_seen } => {
            wire.last_seen = Some(last_seen.to_string());
            HEARTBEAT_MISSED
        }
    };
    (kind, wire)
}

/// Waits for the next of one kind; a reader that is too slow misses the oldest.
async fn next<T: Clone>(notices: &mut Option<Receiver<T>>) -> T {
    if let Some(notices) = notices {
        loop {
            match notices.recv().await {
                Ok(notice) => return notice,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    }
    std::future::pending().await
}
