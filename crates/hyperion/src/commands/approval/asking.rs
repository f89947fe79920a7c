//! Asking a question from a script, giving it more time, withdrawing it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use hyperion_api::ClientError;
use hyperion_api::approval::{Approval, Decide, Extend, NewApproval, Place};
use hyperion_client::{Asked, Decision, Error, Status};
use serde::Serialize;
use serde_json::Value;

use super::super::exec::Limit;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, short};
use crate::output::visible::visible;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::several::{Shown, each};
use crate::{complete, view};

/// How long one call waits for a decision; then it is made again.
const WAIT: Duration = Duration::from_secs(50);
/// How long to wait before the engine is sought again that left.
const PAUSE: Duration = Duration::from_millis(200);
/// The most bytes of a file with a diff.
const DIFF_BYTES_MAX: u64 = 1024 * 1024;

/// Ask people whether something may be done; for scripts and hooks
///
/// Inside a run (`hyperion exec`) it asks on the run's socket, elsewhere the engine in your name. Exits 0 when it is approved, 1 when it is
/// rejected, 75 while it waits, 76 when it expired or was cancelled. The same key gives the same approval again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval request --key deploy-42 --action deploy --summary \"Deploy 42 to production\" --risk high --wait
  hyperion approval request --key drop --action migrate --summary \"Drop table old\" --details '{\"table\":\"old\"}' || exit 75")]
pub(super) struct RequestArgs {
    /// Names the question: the same key gives the same approval again
    #[arg(long, value_name = "KEY")]
    key: String,
    /// What would be done, in a word: deploy
    #[arg(long, value_name = "WORD")]
    action: String,
    /// What would be done, in a sentence
    #[arg(long, value_name = "TEXT")]
    summary: String,
    /// All that is to be known about it, as JSON; what is approved is exactly this
    #[arg(long, value_name = "JSON", default_value = "{}")]
    details: String,
    /// How much can go wrong: low, medium, high, critical
    #[arg(long, value_name = "RISK", default_value = "medium", value_parser = ["low", "medium", "high", "critical"])]
    risk: String,
    /// What it changes, as a patch: a file, or - for standard input
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,
    /// How long the question stands: 30m, 2h; else as the settings say
    #[arg(long, value_name = "TIME")]
    ttl: Option<Limit>,
    /// The repository it is about; not inside a run
    #[arg(long, value_name = "NAME", add = complete::repos())]
    repo: Option<String>,
    /// Wait until it is decided
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Give more time to decide
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval extend 1a2b3c4d
  hyperion approval extend 1a2b3c4d --by 1d")]
pub(super) struct ExtendArgs {
    /// Approvals, or what one approval waits of
    #[arg(value_name = "ID", required = true, add = complete::approvals("pending"))]
    ids: Vec<IdArg>,
    /// How much more: 30m, 2h, 1d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    by: Limit,
    #[command(flatten)]
    format: FormatArgs,
}

/// Withdraw a question: what waits for it is called off
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval cancel 1a2b3c4d --reason \"not needed any more\"")]
pub(super) struct CancelArgs {
    /// Approvals, or what one approval waits of
    #[arg(value_name = "ID", required = true, add = complete::approvals("pending"))]
    ids: Vec<IdArg>,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// How a question stands, as `approval request` tells it.
#[derive(Debug, Serialize)]
struct Standing {
    approval_id: String,
    status: String,
    decided_by: Option<String>,
    reason: Option<String>,
    changes_requested: bool,
}

pub(super) async fn request(args: RequestArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let details: Value = serde_json::from_str(&args.details).map_err(|error| {
        Failure::usage(format!("--details is not JSON: {error}"))
            .hint("quote it for the shell: --details '{\"host\": \"a\"}'")
    })?;
    let diff = args.diff.as_deref().map(read_diff).transpose()?;
    let standing = match hyperion_client::Run::from_env() {
        Some(run) => {
            if args.repo.is_some() {
                let why =
                    "--repo is for questions outside of a run: a run's question is about the run";
                return Err(Failure::usage(why).into());
            }
            let ask = move || ask_inside(run, &args, &details, diff.as_deref());
            return tokio::task::spawn_blocking(ask)
                .await
                .context("ask on the run's socket")?
                .and_then(|(standing, format)| show(cx, &standing, format));
        }
        None => ask_outside(&args, details, diff, cx).await?,
    };
    show(cx, &standing, args.format.format)
}

fn read_diff(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin()
            .take(DIFF_BYTES_MAX + 1)
            .read_to_end(&mut bytes),
        _ => std::fs::File::open(path)
            .and_then(|file| file.take(DIFF_BYTES_MAX + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::usage(format!("--diff {}: {error}", path.display())))?;
    if bytes.len() as u64 > DIFF_BYTES_MAX {
        let what = format!(
            "--diff {}: it has more than {DIFF_BYTES_MAX} bytes",
            path.display()
        );
        return Err(Failure::usage(what).into());
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("--diff {}: it is not UTF-8", path.display())).into())
}

/// Asks on the run's socket.
fn ask_inside(
    mut run: hyperion_client::Run,
    args: &RequestArgs,
    details: &Value,
    diff: Option<&str>,
) -> anyhow::Result<(Standing, Format)> {
    let ttl = args.ttl.map(|Limit(ttl)| ttl.as_secs());
    let asked = hyperion_client::Approval {
        key: &args.key,
        action: &args.action,
        summary: &args.summary,
        details: details.clone(),
        risk: match args.risk.as_str() {
            "low" => hyperion_client::Risk::Low,
            "high" => hyperion_client::Risk::High,
            "critical" => hyperion_client::Risk::Critical,
            _ => hyperion_client::Risk::Medium,
        },
        diff,
        ttl_sec: ttl.map(|ttl| u32::try_from(ttl).unwrap_or(u32::MAX)),
    };
    let Asked {
        id,
        status,
        decided_by,
        reason,
        changes_requested,
    } = run.request_approval(&asked).map_err(refused)?;
    let mut decision = Decision {
        id,
        status,
        decided_by,
        reason,
        changes_requested,
    };
    while args.wait && decision.status == Status::Pending {
        decision = run.wait(&decision.id, WAIT).map_err(refused)?;
    }
    let standing = Standing {
        approval_id: decision.id,
        status: decision.status.name().to_owned(),
        decided_by: decision.decided_by,
        reason: decision.reason,
        changes_requested: decision.changes_requested,
    };
    Ok((standing, args.format.format))
}

fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Refused { code, message } => {
            let exit = Exit::from_code(hyperion_api::problem::Code::find(&code).exit);
            Failure::new(exit, message).into()
        }
        error @ Error::Io(_) => {
            let what = format!("{:#}", anyhow::Error::from(error));
            Failure::new(Exit::Unavailable, what).into()
        }
        error => error.into(),
    }
}

/// Asks the engine, in the person's name.
async fn ask_outside(
    args: &RequestArgs,
    details: Value,
    diff: Option<String>,
    cx: &Cx,
) -> anyhow::Result<Standing> {
    let wish = NewApproval {
        key: args.key.clone(),
        action: args.action.clone(),
        summary: args.summary.clone(),
        details,
        risk: Some(args.risk.clone()),
        diff,
        ttl_sec: args.ttl.map(|Limit(ttl)| ttl.as_secs()),
        repo: args.repo.clone(),
        place: Some(Place {
            folder: Some(cx.current_dir().display().to_string()),
            host: hyperion_host::hostname(),
            environment: Vec::new(),
        }),
    };
    cx.with(Access::Change, async |session| {
        let mut approval: Approval = session.client().post("/api/approvals", &wish).await?;
        while args.wait && approval.status == "pending" {
            approval = wait(session, &approval.id).await?;
        }
        Ok(Standing {
            approval_id: approval.id,
            status: approval.status,
            decided_by: approval.decided_by,
            reason: approval.reason,
            changes_requested: approval.changes_requested,
        })
    })
    .await
}

/// Waits a while for a decision, also from one engine to the next.
pub(super) async fn wait(session: &mut Session<'_>, id: &str) -> anyhow::Result<Approval> {
    let route = Route::new("/api/approvals")
        .segment(id)
        .query("wait_ms", WAIT.as_millis().to_string());
    loop {
        let answer = session.client().get(route.as_str()).await;
        match answer {
            Ok(hyperion_api::approval::ApprovalDetail { approval, .. }) => return Ok(approval),
            Err(ClientError::Transport(_)) => {
                tokio::time::sleep(PAUSE).await;
                session.reopen().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says how it stands, and gives the status for scripts.
fn show(cx: &Cx, standing: &Standing, format: Format) -> anyhow::Result<Exit> {
    let id = short(&standing.approval_id);
    let by = standing.decided_by.as_deref().unwrap_or("nobody");
    let mut text = match (standing.status.as_str(), standing.changes_requested) {
        ("pending", _) => format!("Approval {id} waits for a decision"),
        ("approved", _) => format!("Approval {id}: approved by {}", visible(by)),
        (_, true) => format!("Approval {id}: {} asks for changes", visible(by)),
        ("expired", _) => format!("Approval {id}: nobody decided in time"),
        (status, _) => format!("Approval {id}: {status} by {}", visible(by)),
    };
    if let Some(reason) = &standing.reason {
        text.push_str(&format!(": {}", visible(reason)));
    }
    cx.output.show(format, standing, |_| format!("{text}\n"))?;
    if standing.status == "pending" && format == Format::Table {
        let hint = format!("hyperion approval approve {id}, or reject, or request-changes");
        cx.output.progress(&view::hint(&hint));
    }
    Ok(exit_of(&standing.status))
}

/// The status of `approval request`.
pub(super) fn exit_of(status: &str) -> Exit {
    match status {
        "approved" => Exit::Done,
        "pending" => Exit::Waiting,
        "expired" | "cancelled" => Exit::Expired,
        _ => Exit::Failed,
    }
}

pub(super) async fn extend(args: ExtendArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let Limit(by) = args.by;
    let body = Extend {
        by_sec: Some(by.as_secs()),
    };
    post_each(
        &args.ids,
        "extend",
        &body,
        args.format.format,
        cx,
        |approval| {
            let at = crate::time::local(&approval.expires_at, cx.zone());
            format!(
                "More time: {} (approval {}) expires {at}",
                visible(&approval.summary),
                short(&approval.id)
            )
        },
    )
    .await
}

pub(super) async fn cancel(args: CancelArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let body = Decide {
        reason: args.reason,
        ..Decide::default()
    };
    let format = args.format.format;
    post_each(&args.ids, "cancel", &body, format, cx, super::decided).await
}

async fn post_each(
    ids: &[IdArg],
    verb: &str,
    body: &impl Serialize,
    format: Format,
    cx: &Cx,
    told: impl Fn(&Approval) -> String,
) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let (_, exit) = each(ids, format, cx, async |id| {
            let route = Route::new("/api/approvals").segment(id.as_str());
            let route = route.segment(verb);
            let value: Approval = session.client().post(route.as_str(), body).await?;
            Ok(Shown {
                text: told(&value),
                value,
            })
        })
        .await?;
        Ok(exit)
    })
    .await
}
