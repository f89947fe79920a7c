//! `hyperion approval`

mod asking;
mod watch;

use clap::Subcommand;
use hyperion_api::ClientError;
use hyperion_api::approval::{Approval, ApprovalDetail, Decide};
use hyperion_api::grant::NewGrant;
use hyperion_api::list::{List, MAX_LIMIT};
use hyperion_model::approval::Status;

use crate::commands::grant::{LimitArgs, given};
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, short};
use crate::list_args::{ArchivedArg, ListArgs, RepoArg, RequestArg, Words};
use crate::output::style::wire_name;
use crate::output::{Format, FormatArgs};
use crate::question::look_at_whole;
use crate::route::Route;
use crate::session::Session;
use crate::several::{Shown, each, page_each, try_each};
use crate::wait::wait;
use crate::{complete, view};

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
    Cancel(asking::CancelArgs),
    Extend(asking::ExtendArgs),
    Request(asking::RequestArgs),
    Watch(watch::WatchArgs),
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
    #[arg(long, value_name = "STATUS", conflicts_with = "all",
          add = complete::states(Status::ALL.iter().map(|status| status.name())))]
    status: Option<String>,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    request: RequestArg,
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
    /// Approvals, or what belongs to one: a request, a change, an entry
    #[arg(value_name = "ID", required = true, add = complete::approvals(""))]
    ids: Vec<IdArg>,
    /// Show also what is masked, on a terminal; that you were shown it is recorded
    #[arg(long)]
    unmasked: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// What is decided: approvals by their ids, or all that wait of a request.
#[derive(Debug, clap::Args)]
struct Which {
    /// Approvals, or what one approval waits of: a request, a change
    #[arg(value_name = "ID", required_unless_present = "request", add = complete::approvals("pending"))]
    ids: Vec<IdArg>,
    /// All that wait of this request; they are listed first, and only what was listed is decided
    #[arg(long, value_name = "ID", conflicts_with = "ids", add = complete::requests("awaiting_approval"))]
    request: Option<IdArg>,
}

#[derive(Debug, clap::Args)]
struct DecideArgs {
    /// The digest of what you looked at: refuses if that is not what is asked now
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Then wait until the request ends
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Approve it: what was asked about happens
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval approve 1a2b3c4d
  hyperion approval approve 1a2b3c4d --reason \"looks right\" --wait
  hyperion approval approve --request 5e6f7a8b
  hyperion approval approve 1a2b3c4d --grant --uses 10 --for 2h")]
struct ApproveArgs {
    #[command(flatten)]
    which: Which,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Also agree beforehand to commands like this one, for its request or its run
    #[arg(long, requires = "ids")]
    grant: bool,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    decide: DecideArgs,
}

/// Reject it, finally
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval reject 1a2b3c4d --reason \"not this release\"")]
struct RejectArgs {
    #[command(flatten)]
    which: Which,
    /// Why, in one line; whoever asked is told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    decide: DecideArgs,
}

/// Reject it as it is, and say what should be different
///
/// The request stays open: `hyperion request revise` hands a new version in, and that is asked anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion approval request-changes 1a2b3c4d --reason \"name the constant\"")]
struct RequestChangesArgs {
    /// The approval, or what it waits of: a request, a change
    #[arg(add = complete::approvals("pending"))]
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
        Command::Cancel(args) => asking::cancel(args, cx).await,
        Command::Extend(args) => asking::extend(args, cx).await,
        Command::Request(args) => asking::request(args, cx).await,
        Command::Watch(args) => watch::watch(args, cx).await,
        Command::Approve(ApproveArgs {
            which,
            reason,
            grant,
            limits,
            decide: how,
        }) => {
            if limits.is_said() && !grant {
                return Err(Failure::usage("--uses and --for say how far --grant goes").into());
            }
            let body = Decide {
                reason,
                ..Decide::default()
            };
            let exit = decide(&which, "approve", body, how, cx).await?;
            if grant {
                give_grants(&which.ids, &limits, cx).await?;
            }
            Ok(exit)
        }
        Command::Reject(RejectArgs {
            which,
            reason,
            decide: how,
        }) => {
            let body = Decide {
                reason,
                ..Decide::default()
            };
            decide(&which, "reject", body, how, cx).await
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
            if let Ok(other) = comment.parse::<IdArg>() {
                let what = format!(
                    "{} looks like another id, and one is sent back at a time: say what should be different in words",
                    other.as_str()
                );
                return Err(Failure::usage(what).into());
            }
            let body = Decide {
                comment: Some(comment),
                ..Decide::default()
            };
            let which = Which {
                ids: vec![id],
                request: None,
            };
            decide(&which, "request-changes", body, how, cx).await
        }
    }
}

/// Agrees beforehand to commands like those that were approved.
async fn give_grants(ids: &[IdArg], limits: &LimitArgs, cx: &Cx) -> anyhow::Result<()> {
    cx.with(Access::Change, async |session| {
        for id in ids {
            let mut new = NewGrant {
                approval: Some(id.as_str().to_owned()),
                ..NewGrant::default()
            };
            limits.set(&mut new, cx)?;
            let grant = given(session, &new).await?;
            let line = view::grant::line(&grant);
            cx.output
                .say(&format!("Granted {}: {line}", short(&grant.id)));
        }
        Ok(())
    })
    .await
}

async fn list(args: ApprovalListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let status = args.status.as_deref().or((!args.all).then_some("pending"));
        let route = Route::new("/api/approvals").maybe("status", status.map(wire_name));
        let route = args.request.ask(args.repo.ask(args.archived.ask(route)));
        let approvals: List<Approval> = session
            .client()
            .get(args.list.ask(route, cx).as_str())
            .await?;
        let words = Words {
            nothing: match status {
                Some("pending") => "Nothing waits for a decision.",
                Some(_) | None => "No approvals.",
            },
            left_out: (status.is_some() && args.status.is_none())
                .then_some("Not shown: what is decided (--all)."),
            next: "hyperion approval show ID",
        };
        let now = cx.now();
        args.list.show(cx, &approvals, words, |approvals, width| {
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
        let format = args.format.format;
        let (shown, exit) = page_each(&args.ids, format, cx, async |id| {
            let route = Route::new("/api/approvals").segment(id.as_str());
            let mut detail: ApprovalDetail = session.client().get(route.as_str()).await?;
            if args.unmasked {
                detail = look_at_whole(session, &detail.approval).await?;
            }
            let block = view::approval::block(&detail, cx.zone());
            let text = view::diff::below(&block, detail.diff.as_deref(), cx.output.width());
            Ok(Shown {
                value: detail,
                text,
            })
        })
        .await?;
        let waits = shown.iter().map(|detail| &detail.approval);
        let waits = waits.filter(|approval| approval.status == "pending");
        let ids: Vec<_> = waits.map(|approval| short(&approval.id)).collect();
        if format == Format::Table && !ids.is_empty() {
            let ids = ids.join(" ");
            cx.output.progress(&view::hint(&format!(
                "hyperion approval approve {ids}, or reject, or request-changes"
            )));
        }
        Ok(exit)
    })
    .await
}

async fn decide(
    which: &Which,
    verb: &str,
    body: Decide,
    how: DecideArgs,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    if how.digest.is_some() && which.ids.len() != 1 {
        return Err(Failure::usage("--digest is that of one approval; give one id").into());
    }
    cx.with(Access::Change, async |session| {
        let listed = match &which.request {
            Some(request) => all_of(session, request).await?,
            None => Vec::new(),
        };
        let ids = listed
            .iter()
            .map(|approval| IdArg::from(approval.id.as_str()));
        let ids: Vec<_> = which.ids.iter().cloned().chain(ids).collect();
        let decide = async |id: &IdArg| {
            let listed = listed.iter().find(|approval| approval.id == id.as_str());
            let digest = how
                .digest
                .as_ref()
                .or(listed.map(|approval| &approval.digest));
            one(session, id, verb, &body, digest).await
        };
        let format = how.format.format;
        if !how.wait {
            let mut hints = Vec::new();
            let (_, exit) = each(&ids, format, cx, async |id| {
                let value = decide(id).await?;
                if let (true, Some(request)) = (value.changes_requested, &value.request_id) {
                    hints.push(format!(
                        "hyperion request revise {} FILE (or --branch NAME) hands a new version in",
                        short(request)
                    ));
                }
                if let (true, Some(request)) = (verb == "approve", &value.request_id) {
                    cx.sets_going([request.clone()]);
                    hints.push(format!(
                        "`hyperion request show {}` says how far it is",
                        short(request)
                    ));
                }
                Ok(Shown {
                    text: decided(&value),
                    value,
                })
            })
            .await?;
            if format == Format::Table {
                for hint in hints {
                    cx.output.progress(&view::hint(&hint));
                }
            }
            cx.keeps(format!(
                "The decision is kept: {}.",
                session.who_carries_on()
            ));
            return Ok(exit);
        }
        let (approvals, exit) = try_each(&ids, format, cx, async |id| {
            let approval = decide(id).await?;
            cx.output.progress(&decided(&approval));
            Ok(approval)
        })
        .await?;
        let mut requests = Vec::new();
        for request in approvals
            .into_iter()
            .filter_map(|approval| approval.request_id)
        {
            if !requests.contains(&request) {
                requests.push(request);
            }
        }
        let waited = wait(session, &requests, format).await?;
        Ok(Exit::of_several([exit, waited]))
    })
    .await
}

/// Lists what waits of a request, and shows it: that is what is decided, and nothing that is asked later.
async fn all_of(session: &Session<'_>, request: &IdArg) -> anyhow::Result<Vec<Approval>> {
    let cx = session.cx();
    let route = Route::new("/api/approvals")
        .query("status", "pending")
        .query("request", request.as_str())
        .query("limit", MAX_LIMIT.to_string());
    let waiting: List<Approval> = session.client().get(route.as_str()).await?;
    if waiting.items.is_empty() {
        let what = format!(
            "nothing of request {} waits for a decision",
            request.as_str()
        );
        let hint = format!(
            "hyperion request show {} says how far it is",
            request.as_str()
        );
        return Err(Failure::new(Exit::NotFound, what).hint(hint).into());
    }
    cx.output.say(&view::approval::digests(&waiting.items));
    Ok(waiting.items)
}

/// Decides one approval.
async fn one(
    session: &Session<'_>,
    id: &IdArg,
    verb: &str,
    body: &Decide,
    digest: Option<&String>,
) -> anyhow::Result<Approval> {
    let approvals = Route::new("/api/approvals");
    // An answer is bound to what is asked at this moment, so that a change in between is noticed.
    let (id, digest) = match digest {
        Some(digest) => (id.as_str().to_owned(), digest.clone()),
        None => {
            let route = approvals.clone().segment(id.as_str());
            let found = session.client().get::<ApprovalDetail>(route.as_str()).await;
            let approval = found
                .map_err(|error| how_to_name(error, id, verb))?
                .approval;
            (approval.id, approval.digest)
        }
    };
    let body = Decide {
        digest: Some(digest),
        ..body.clone()
    };
    let route = approvals.segment(&id).segment(verb);
    Ok(session.client().post(route.as_str(), &body).await?)
}

/// Says how several approvals of one thing are decided.
fn how_to_name(error: ClientError, id: &IdArg, verb: &str) -> ClientError {
    match error {
        ClientError::Problem(problem)
            if problem.code == "subject.ambiguous" && verb != "request-changes" =>
        {
            let id = id.as_str();
            let hint = format!(
                "name those you mean, or all that wait: hyperion approval {verb} --request {id}"
            );
            ClientError::Problem(Box::new(problem.hint(hint)))
        }
        error => error,
    }
}

fn decided(approval: &Approval) -> String {
    let what = match (approval.status.as_str(), approval.changes_requested) {
        ("approved", _) => "Approved",
        ("expired", _) => "Expired",
        ("cancelled", _) => "Cancelled",
        (_, true) => "Sent back",
        _ => "Rejected",
    };
    format!(
        "{what}: {} (approval {})",
        crate::output::visible::visible(&approval.summary),
        short(&approval.id)
    )
}
