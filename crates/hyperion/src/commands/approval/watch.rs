//! `hyperion approval watch`

use std::time::Duration;

use hyperion_api::ClientError;
use hyperion_api::approval::{Approval, ApprovalDetail};
use hyperion_api::client::FeedItem;
use hyperion_api::list::{List, MAX_LIMIT};

use super::asking::{exit_of, wait};
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::IdArg;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::{complete, view};

/// How long to wait before the feed is sought again that broke off.
const PAUSE: Duration = Duration::from_millis(500);
/// Has a terminal ring.
const BELL: &str = "\u{7}";

/// Watch questions come and be decided; a new one rings
///
/// With an id: wait until that one is decided, and exit 0 when it was approved, 1 when it was rejected, 76 when it expired or was cancelled.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval watch
  hyperion approval watch 1a2b3c4d && ./deploy.sh")]
pub(super) struct WatchArgs {
    /// The approval to wait for
    #[arg(value_name = "ID", add = complete::approvals("pending"))]
    id: Option<IdArg>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) async fn watch(args: WatchArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let format = args.format.format;
    cx.with(Access::Change, async |session| {
        if let Some(id) = &args.id {
            loop {
                let approval = wait(session, id.as_str()).await?;
                if approval.status != "pending" {
                    let exit = exit_of(&approval.status);
                    cx.output.show(format, &approval, |approval| {
                        format!("{}\n", super::decided(approval))
                    })?;
                    return Ok(exit);
                }
                if cx.output.is_closed() {
                    return Ok(Exit::Done);
                }
            }
        }
        let mut seen = session.idle(0).await?.last_seq;
        let route = Route::new("/api/approvals")
            .query("status", "pending")
            .query("limit", MAX_LIMIT.to_string());
        let pending: List<Approval> = session.client().get(route.as_str()).await?;
        match format {
            Format::Table if pending.items.is_empty() => {
                cx.output
                    .say("Nothing waits for a decision; what comes is shown here.");
            }
            Format::Table => cx.output.data(&view::approval::table(
                &pending.items,
                cx.now(),
                cx.output.width(),
            )),
            Format::Json | Format::Jsonl => {
                for approval in &pending.items {
                    cx.output.data(&crate::output::format::compact(approval)?);
                }
            }
        }
        while !cx.output.is_closed() {
            match follow(session, format, &mut seen).await {
                // The engine left; the next one has what comes.
                Ok(()) | Err(ClientError::Transport(_)) => {
                    tokio::time::sleep(PAUSE).await;
                    session.reopen().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Exit::Done)
    })
    .await
}

/// Shows what happens until the feed ends.
async fn follow(session: &Session<'_>, format: Format, seen: &mut u64) -> Result<(), ClientError> {
    let cx = session.cx();
    let route = Route::new("/api/events")
        .query("after", seen.to_string())
        .query("kinds", "approval.")
        .query("follow", "true");
    let mut feed = session.client().events(route.as_str()).await?;
    while let Some(item) = feed.next().await? {
        let FeedItem::Event(event) = item else {
            continue;
        };
        *seen = event.seq;
        if event.kind == "approval.looked_at" {
            continue;
        }
        let route = Route::new("/api/approvals").segment(&event.subject.id);
        let detail: ApprovalDetail = session.client().get(route.as_str()).await?;
        match format {
            Format::Table => {
                let is_new = event.kind == "approval.requested" && cx.output.width().is_some();
                let bell = if is_new { BELL } else { "" };
                let line = view::approval::line(&event.kind, &detail.approval, cx.now(), cx.zone());
                cx.output.data(&format!("{bell}{line}"));
            }
            // It was read as JSON just now.
            Format::Json | Format::Jsonl => {
                let line = crate::output::format::compact(&detail.approval);
                cx.output.data(&line.unwrap_or_default());
            }
        }
        if cx.output.is_closed() {
            break;
        }
    }
    Ok(())
}
