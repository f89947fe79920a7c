//! `hyperion changes`

use clap::Subcommand;
use hyperion_api::change_set::{ChangeSet, DecideItem, Diff, Item, ItemDecision};
use hyperion_api::list::List;
use hyperion_model::change_set::Status;
use serde_json::json;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, short};
use crate::list_args::{ArchivedArg, ListArgs, RepoArg, RequestArg, Words};
use crate::output::style::wire_name;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::several::{Shown, each, page_each};
use crate::{complete, standing, view};

/// Look at proposed changes, and choose which parts of them may land
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ChangeListArgs),
    Show(ShowArgs),
    Accept(AcceptArgs),
    Reject(RejectArgs),
}

/// List changes, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion changes list --request 1a2b3c4d
  hyperion changes list --status pending --format json")]
struct ChangeListArgs {
    /// Only those in this state
    #[arg(long, value_name = "STATUS", add = complete::states(Status::ALL.iter().map(|status| status.name())))]
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

/// Show a change: items, hunks, what policy says, the diff
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion changes show 1a2b3c4d
  hyperion changes show 1a2b3c4d --diff-only > change.patch")]
struct ShowArgs {
    /// Changes, or what belongs to one: an approval, an entry, a commit
    #[arg(value_name = "ID", required = true, add = complete::changes(""))]
    ids: Vec<IdArg>,
    /// Leave the diff out
    #[arg(long, conflicts_with_all = ["diff_only", "against_former"])]
    no_diff: bool,
    /// Only what it does otherwise than the version that was sent back
    #[arg(long, conflicts_with = "diff_only")]
    against_former: bool,
    /// Nothing but the diff
    #[arg(long)]
    diff_only: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
struct Part {
    /// The changes
    #[arg(value_name = "ID", required = true, add = complete::changes("pending,previewing"))]
    ids: Vec<IdArg>,
    /// Only this item: its number as `changes show` lists it, its path or its id (all items when absent)
    #[arg(long, value_name = "ITEM", conflicts_with = "hunk")]
    item: Option<String>,
    /// Only this hunk, as `changes show` numbers it, for instance 1:2 or src/retry.rs:2; may be given several times
    #[arg(long, value_name = "ITEM:N", value_delimiter = ',')]
    hunk: Vec<HunkArg>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Accept a change, an item of it, or hunks of an item
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion changes accept 1a2b3c4d
  hyperion changes accept 1a2b3c4d --hunk src/retry.rs:1,src/retry.rs:3")]
struct AcceptArgs {
    #[command(flatten)]
    part: Part,
}

/// Reject a change, an item of it, or hunks of an item
///
/// Only accepted parts land. An approval that was asked for the whole change is asked again for what is left of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion changes reject 1a2b3c4d
  hyperion changes reject 1a2b3c4d --item 1
  hyperion changes reject 1a2b3c4d --hunk 1:2")]
struct RejectArgs {
    #[command(flatten)]
    part: Part,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Accept(args) => decide(args.part, ItemDecision::Accepted, cx).await,
        Command::Reject(args) => decide(args.part, ItemDecision::Rejected, cx).await,
    }
}

async fn list(args: ChangeListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route =
            Route::new("/api/changesets").maybe("status", args.status.as_deref().map(wire_name));
        let route = args.request.ask(args.repo.ask(args.archived.ask(route)));
        let route = args.list.ask(route, cx);
        let mut sets: List<ChangeSet> = session.client().get(route.as_str()).await?;
        let interrupted = standing::stand(session, args.list.format, &mut sets.items[..]).await;
        let words = Words {
            nothing: "No changes.",
            next: "hyperion changes show ID",
            ..Words::default()
        };
        let now = cx.now();
        args.list.show(cx, &sets, words, |sets, width| {
            view::change_set::table(sets, now, width)
        })?;
        standing::tell(cx, interrupted);
        Ok(Exit::Done)
    })
    .await
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let diff = async |id: &str| -> anyhow::Result<Diff> {
            let against = args.against_former.then_some("former");
            let route = Route::new("/api/changesets")
                .segment(id)
                .segment("diff")
                .maybe("against", against);
            Ok(session.client().get(route.as_str()).await?)
        };
        let format = args.format.format;
        if args.diff_only || args.against_former {
            let (diffs, exit) = page_each(&args.ids, format, cx, async |id| {
                let value = diff(id.as_str()).await?;
                if args.against_former {
                    let otherwise = besides_diff(session, id).await?;
                    if value.unified_diff.is_empty() {
                        cx.output.progress("Both versions change the same.");
                    }
                    // Beside the diff, which a program may read.
                    cx.output.say(&otherwise);
                }
                let text = painted(cx, &value.unified_diff);
                Ok(Shown { value, text })
            })
            .await?;
            tell_masked(cx, &diffs);
            return Ok(exit);
        }
        let (mut interrupted, mut diffs) = (false, Vec::new());
        let (_, exit) = page_each(&args.ids, format, cx, async |id| {
            let route = Route::new("/api/changesets").segment(id.as_str());
            let mut set: ChangeSet = session.client().get(route.as_str()).await?;
            interrupted |= standing::stand(session, format, &mut set).await;
            let block = view::change_set::block(&set, cx.zone());
            let mut unified = None;
            if format == Format::Table && !args.no_diff {
                let diff = diff(&set.id).await?;
                unified = Some(diff.unified_diff.clone()).filter(|diff| !diff.is_empty());
                diffs.push(diff);
            }
            let text = view::diff::below(&block, unified.as_deref(), cx.output.width());
            Ok(Shown { value: set, text })
        })
        .await?;
        tell_masked(cx, &diffs);
        standing::tell(cx, interrupted);
        Ok(exit)
    })
    .await
}

/// Says what a new version does otherwise that no diff shows: its title, and the commands that it runs.
async fn besides_diff(session: &Session<'_>, id: &IdArg) -> anyhow::Result<String> {
    let read = async |id: &str| -> anyhow::Result<ChangeSet> {
        let route = Route::new("/api/changesets").segment(id);
        Ok(session.client().get(route.as_str()).await?)
    };
    let now = read(id.as_str()).await?;
    let Some(former) = &now.supersedes else {
        return Ok(String::new());
    };
    Ok(view::change_set::besides_diff(&read(former).await?, &now))
}

/// Says how much of a diff is not what would land.
fn tell_masked(cx: &Cx, diffs: &[Diff]) {
    let masked: u32 = diffs.iter().map(|diff| diff.lines_masked).sum();
    if masked > 0 {
        let lines = usize::try_from(masked).unwrap_or(usize::MAX);
        let lines = view::count(lines, "line");
        cx.output.progress(&view::warning(&format!(
            "{lines} masked; `hyperion approval show --unmasked` shows them to whoever decides"
        )));
    }
}

/// A diff that goes into a file or a program has to stay exactly what it is.
fn painted(cx: &Cx, diff: &str) -> String {
    if cx.output.width().is_some() {
        view::diff::whole(diff)
    } else {
        diff.to_owned()
    }
}

async fn decide(part: Part, decision: ItemDecision, cx: &Cx) -> anyhow::Result<Exit> {
    let Part {
        ids,
        item,
        hunk: hunks,
        format,
    } = part;
    if (item.is_some() || !hunks.is_empty()) && ids.len() > 1 {
        return Err(
            Failure::usage("--item and --hunk are those of one change; give one id").into(),
        );
    }
    cx.with(Access::Change, async |session| {
        let (_, exit) = each(&ids, format.format, cx, async |id| {
            let route = Route::new("/api/changesets").segment(id.as_str());
            let set: ChangeSet = match &item {
                None if !hunks.is_empty() => {
                    let mut set: ChangeSet = session.client().get(route.as_str()).await?;
                    for (id, hunks) in by_item(&set, &hunks)? {
                        let body = DecideItem {
                            status: decision,
                            hunks: Some(hunks),
                        };
                        let route = route.clone().segment("items").segment(&id);
                        set = session.client().patch(route.as_str(), &body).await?;
                    }
                    set
                }
                None => {
                    let verb = match decision {
                        ItemDecision::Accepted => "accept-all",
                        ItemDecision::Rejected => "reject-all",
                    };
                    let route = route.segment(verb);
                    session.client().post(route.as_str(), &json!({})).await?
                }
                Some(wanted) => {
                    let set: ChangeSet = session.client().get(route.as_str()).await?;
                    let item = find(&set, wanted)?;
                    let body = DecideItem {
                        status: decision,
                        hunks: None,
                    };
                    let route = route.segment("items").segment(&item.id);
                    session.client().patch(route.as_str(), &body).await?
                }
            };
            let text = view::change_set::block(&set, cx.zone());
            Ok(Shown { value: set, text })
        })
        .await?;
        Ok(exit)
    })
    .await
}

/// A hunk on the command line: its item, and its number in it from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HunkArg {
    item: String,
    number: u32,
}

impl std::str::FromStr for HunkArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hunk = text.rsplit_once(':').and_then(|(item, number)| {
            let number = number.parse().ok().filter(|number| *number > 0)?;
            let item = item.to_owned();
            Some(Self { item, number })
        });
        hunk.ok_or("is no hunk: give the item and the hunk's number, as `hyperion changes show` lists them, for instance 1:2")
    }
}

/// Puts hunks together by the id of their item; each has to be there.
fn by_item(set: &ChangeSet, hunks: &[HunkArg]) -> Result<Vec<(String, Vec<u32>)>, Failure> {
    let mut items: Vec<(String, Vec<u32>)> = Vec::new();
    for HunkArg { item, number } in hunks {
        let item = find(set, item)?;
        let there = item.hunks.len();
        if *number as usize > there {
            let what = format!(
                "{} has {}, and no hunk {number}",
                item.path,
                view::count(there, "hunk")
            );
            let hint = format!("`hyperion changes show {}` lists them", short(&set.id));
            return Err(Failure::new(Exit::NotFound, what).hint(hint));
        }
        // The API counts them from 0.
        let index = number - 1;
        match items.iter_mut().find(|(id, _)| *id == item.id) {
            Some((_, hunks)) => hunks.push(index),
            None => items.push((item.id.clone(), vec![index])),
        }
    }
    Ok(items)
}

/// Finds an item by its number from 1, its path, or the end of its id.
fn find<'a>(set: &'a ChangeSet, wanted: &str) -> Result<&'a Item, Failure> {
    let by_path = set.items.iter().find(|item| item.path == wanted);
    let by_number = || {
        let number: u32 = wanted.parse().ok()?;
        let number = number.checked_sub(1)?;
        set.items.iter().find(|item| item.order_index == number)
    };
    let by_id = || {
        let id: IdArg = wanted.parse().ok()?;
        let mut fitting = set
            .items
            .iter()
            .filter(|item| item.id.ends_with(id.as_str()));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    by_path.or_else(by_number).or_else(by_id).ok_or_else(|| {
        let items = set
            .items
            .iter()
            .map(|item| format!("{}. {}", item.order_index + 1, item.path));
        Failure::new(
            Exit::NotFound,
            format!("change {} has no item `{wanted}`; it has:", short(&set.id)),
        )
        .details(items)
    })
}
