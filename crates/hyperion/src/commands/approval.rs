//! `hyperion approval`

use clap::Subcommand;
use hyperion_api::approval::{Approval, ApprovalDetail, Decide};
use hyperion_api::list::List;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, short};
use crate::list_args::{ArchivedArg, ListArgs};
use crate::output::{Format, FormatArgs};
use crate::question::look_at_whole;
use crate::route::Route;
use crate::view;
use crate::wait::wait;

/// See what waits for a decision, and decide it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ApprovalListArgs),
    Show(ShowArgs),
    Approve(ApproveArgs),
    Reject(RejectArgs),
    RequestChanges(RequestChangesArgs),
}

/// List approvals, by default those that wait
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval list
  hyperion approval list --all --since 1w --format json")]
struct ApprovalListArgs {
    /// Also those that are decided, expired or cancelled
    #[arg(long)]
    all: bool,
    /// Only approvals in this state: pending, approved, rejected, expired, cancelled
    #[arg(long, value_name = "STATUS", conflicts_with = "all")]
    status: Option<String>,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

/// Show what exactly an approval would let happen, with the diff
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval show 1a2b3c4d
  hyperion approval show 1a2b3c4d --color always | less -R
  hyperion approval show 1a2b3c4d --unmasked")]
struct ShowArgs {
    /// The approval
    id: IdArg,
    /// Show also what is masked, on a terminal; that you were shown it is recorded
    #[arg(long)]
    unmasked: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
struct DecideArgs {
    /// The digest of what you looked at: refuses if that is not what is asked now
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// See the request through afterwards
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Let it happen
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval approve 1a2b3c4d
  hyperion approval approve 1a2b3c4d --reason \"looks right\" --wait")]
struct ApproveArgs {
    /// The approval
    id: IdArg,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    decide: DecideArgs,
}

/// Refuse it, for good
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval reject 1a2b3c4d --reason \"not this release\"")]
struct RejectArgs {
    /// The approval
    id: IdArg,
    /// Why, in one line; whoever asked is told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    decide: DecideArgs,
}

/// Send it back with what should be different
///
/// The request stays open: `hyperion request revise` hands a new version in, and that is asked anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval request-changes 1a2b3c4d --reason \"name the constant\"")]
struct RequestChangesArgs {
    /// The approval
    id: IdArg,
    /// What should be different; the same as --reason
    #[arg(required_unless_present = "reason")]
    comment: Option<String>,
    /// What should be different, in one line
    #[arg(long, value_name = "TEXT", conflicts_with = "comment")]
    reason: Option<String>,
    #[command(flatten)]
    decide: DecideArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Approve(ApproveArgs {
            id,
            reason,
            decide: how,
        }) => {
            let body = Decide {
                reason,
                ..Decide::default()
            };
            decide(&id, "approve", body, how, cx).await
        }
        Command::Reject(RejectArgs {
            id,
            reason,
            decide: how,
        }) => {
            let body = Decide {
                reason,
                ..Decide::default()
            };
            decide(&id, "reject", body, how, cx).await
        }
        Command::RequestChanges(RequestChangesArgs {
            id,
            comment,
            reason,
            decide: how,
        }) => {
            let comment = comment.or(reason).unwrap_or_default();
            if comment.trim().is_empty() {
                return Err(Failure::usage("say what should be different").into());
            }
            let body = Decide {
                comment: Some(comment),
                ..Decide::default()
            };
            decide(&id, "request-changes", body, how, cx).await
        }
    }
}

async fn list(args: ApprovalListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let status = args.status.as_deref().or((!args.all).then_some("pending"));
        let route = Route::new("/api/approvals").maybe("status", status);
        let approvals: List<Approval> = session
            .client()
            .get(args.archived.ask(args.list.ask(route, cx)).as_str())
            .await?;
        let nothing = if status == Some("pending") {
            "Nothing waits for a decision."
        } else {
            "No approvals."
        };
        let now = cx.now();
        cx.output
            .list(args.list.format, &approvals, nothing, |approvals, width| {
                view::approval::table(approvals, now, width)
            })?;
        Ok(Exit::Done)
    })
    .await
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let on_terminal = args.format.format == Format::Table && cx.output.width().is_some();
    if args.unmasked && !on_terminal {
        let why = "--unmasked shows what may be a secret: use it on a terminal, without --format";
        return Err(Failure::usage(why).into());
    }
    let access = if args.unmasked {
        Access::Change
    } else {
        Access::Read
    };
    cx.with(access, async |session| {
        let route = Route::new("/api/approvals").segment(args.id.as_str());
        let mut detail: ApprovalDetail = session.client().get(route.as_str()).await?;
        if args.unmasked {
            detail = look_at_whole(session, &detail.approval).await?;
        }
        cx.output.show(args.format.format, &detail, |detail| {
            let mut text = view::approval::block(detail, cx.zone());
            if let Some(diff) = &detail.diff {
                text.push('\n');
                text.push_str(&view::diff::whole(diff));
            }
            text
        })?;
        if args.format.format == Format::Table && detail.approval.status == "pending" {
            let id = short(&detail.approval.id);
            cx.output.progress(&view::hint(&format!(
                "hyperion approval approve {id}, or reject, or request-changes"
            )));
        }
        Ok(Exit::Done)
    })
    .await
}

async fn decide(
    id: &IdArg,
    verb: &str,
    body: Decide,
    how: DecideArgs,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/approvals").segment(id.as_str());
        // An answer is bound to what is asked at this moment, so that a change in between is noticed.
        let digest = match &how.digest {
            Some(digest) => digest.clone(),
            None => session.client().get::<ApprovalDetail>(route.as_str()).await?.approval.digest,
        };
        let body = Decide { digest: Some(digest), ..body.clone() };
        let approval: Approval = session.client().post(route.segment(verb).as_str(), &body).await?;
        let format = how.format.format;
        if let (true, Some(request)) = (how.wait, &approval.request_id) {
            cx.output.progress(&decided(&approval));
            return wait(session, std::slice::from_ref(request), format).await;
        }
        cx.output.show(format, &approval, decided)?;
        if let (Format::Table, true, Some(request)) = (format, approval.changes_requested, &approval.request_id) {
            cx.output.progress(&view::hint(&format!(
                "hyperion request revise {} FILE hands a new version in",
                short(request)
            )));
        }
        cx.keeps("The decision is kept; an engine that is up, the next command or `hyperion drain` carries it on.");
        Ok(Exit::Done)
    })
    .await
}

fn decided(approval: &Approval) -> String {
    let what = match (approval.status.as_str(), approval.changes_requested) {
        ("approved", _) => "Approved",
        (_, true) => "Sent back",
        _ => "Rejected",
    };
    format!(
        "{what}: {} (approval {})",
        crate::output::visible::visible(&approval.summary),
        short(&approval.id)
    )
}
