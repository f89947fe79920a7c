//! `hyperion request`

use std::os::unix::ffi::OsStrExt as _;

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::request::{Answer, Because, Filed, Given, Request, RequestDetail};
use hyperion_api::task_request::{Class, Priority};
use hyperion_api::{ClientError, Problem};
use hyperion_model::request::Status;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, short};
use crate::json_lines;
use crate::list_args::{ArchivedArg, ListArgs, RepoArg, Words};
use crate::output::style::wire_name;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::several::{Shown, each};
use crate::wait::wait;
use crate::{complete, standing, view};

mod filed;
pub(super) mod from_git;
pub(super) mod source;

use hyperion_api::from_git::{FromGit, HandedIn};

use from_git::{GitArgs, VersionArgs};
use source::Source;
use view::filed::Before;

/// File a request for work, and look after it
///
/// The argument is a file with a TaskRequest (one JSON object, an array, or JSON lines), `-` for standard input, or a sentence in quotes. A name that
/// exists or ends in .json or .jsonl is taken for a file.
///
/// Work that exists in git needs no file: --branch, --commits and --patch hand it in as it is, from any folder of the repository. The same work handed
/// in twice is one request.
///
/// Without --wait the command ends as soon as nothing can go on without a person. With --wait it tells how the request ended, and its exit
/// status says the same; on a terminal it asks you to decide approvals, elsewhere it exits 75 and names them.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  hyperion request change.json --wait
  hyperion request change.json --dry-run --wait
  generate-requests | hyperion request - --format jsonl
  hyperion request --branch fix/clamp --wait
  git format-patch --stdout main | hyperion request --patch - --split
  hyperion request \"Clamp the retry delay in src/retry.rs to 30 s\" --repo web --accept \"tests pass\"
  hyperion request answer 1a2b3c4d \"only in the client\""
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    /// A file, `-`, or a sentence in quotes
    #[arg(
        value_name = "FILE|-|TEXT",
        required_unless_present = "work",
        conflicts_with = "work"
    )]
    arg: Option<std::ffi::OsString>,

    /// Wait until it ends: tell what happens, ask for decisions, and say how it ended
    #[arg(long)]
    wait: bool,

    /// Validate, merge and check, but land nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    given: GivenArgs,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    git: GitArgs,
}

/// What a sentence cannot say; a file may leave it out, and must not say otherwise.
#[derive(Debug, clap::Args)]
struct GivenArgs {
    /// The repository: a registered name, or a path
    #[arg(long, value_name = "NAME", add = complete::repos())]
    repo: Option<String>,

    /// What kind of work: feature, bugfix, refactor, docs, debug or diagnose; guessed from the text otherwise
    #[arg(long, value_name = "CLASS", value_parser = read::<Class>)]
    class: Option<Class>,

    /// How urgent: low, medium, high or critical
    #[arg(long, value_name = "PRIORITY", value_parser = read::<Priority>)]
    priority: Option<Priority>,

    /// How to tell that it is done; may be given several times
    #[arg(long, value_name = "TEXT")]
    accept: Vec<String>,
}

/// Reads a word that stands for a value in request files, too.
fn read<T: serde::de::DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(word.into()).map_err(|error| {
        let words = error.to_string();
        words.replacen("unknown variant ", "unknown value ", 1)
    })
}

impl GivenArgs {
    /// Says it of work that exists in git.
    fn of_work(self, work: FromGit) -> FromGit {
        let Self {
            repo,
            class,
            priority,
            accept,
        } = self;
        FromGit {
            repo: repo.or(work.repo),
            class: class.or(work.class),
            priority: priority.unwrap_or(work.priority),
            acceptance: [work.acceptance, accept].concat(),
            ..work
        }
    }

    /// Gives it as the API takes it; none where nothing is given.
    fn into_json(self) -> anyhow::Result<Option<String>> {
        let Self {
            repo,
            class,
            priority,
            accept,
        } = self;
        let given = Given {
            repo,
            class,
            priority,
            acceptance: accept,
        };
        if given == Given::default() {
            return Ok(None);
        }
        Ok(Some(serde_json::to_string(&given)?))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Answer(AnswerArgs),
    Revise(ReviseArgs),
    Cancel(CancelArgs),
    Show(ShowArgs),
    List(RequestListArgs),
}

/// Answer a request's questions
///
/// The answer is a text in quotes, a file, or `-` for standard input. A name that exists or ends in .json is taken for a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion request answer 1a2b3c4d \"only in the client\" --wait
  hyperion request answer 1a2b3c4d edits.json")]
struct AnswerArgs {
    /// The request
    #[arg(add = complete::requests("needs_clarification"))]
    id: IdArg,
    /// The answer, a file with it, or `-`
    #[arg(value_name = "FILE|-|TEXT")]
    answer: std::ffi::OsString,
    /// Wait until the request ends
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Hand in a new version of changes that were sent back
///
/// The file has the tasks that were sent back, as in a request's file, with all their changes: {"tasks": [{"id": …, "changes": […]}]}. What
/// a task does not say stays as it was. A change request of an agent is taken, too. Where all of the request is one change, --branch and --patch
/// take the new version from git as it is. It is judged and asked anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion request revise 1a2b3c4d --branch fix/clamp --wait
  git diff main | hyperion request revise 1a2b3c4d --patch -
  hyperion request revise 1a2b3c4d change.json --wait
  make-change | hyperion request revise 1a2b3c4d -")]
struct ReviseArgs {
    /// The request
    #[arg(add = complete::requests("awaiting_approval,running"))]
    id: IdArg,
    /// A file, or `-` for standard input
    #[arg(
        value_name = "FILE|-",
        required_unless_present = "version",
        conflicts_with = "version"
    )]
    file: Option<std::ffi::OsString>,
    #[command(flatten)]
    git: VersionArgs,
    /// Wait until the request ends
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Cancel requests
///
/// What landed already stays; `hyperion rollback` rolls it back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion request cancel 1a2b3c4d --reason \"done by hand\"")]
struct CancelArgs {
    /// The requests
    #[arg(value_name = "ID", required = true, add = complete::requests("pending,needs_clarification,planned,running,awaiting_approval"))]
    ids: Vec<IdArg>,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Show a request: its plan, what it waits for, how it ended
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion request show 1a2b3c4d
  hyperion request show 1a2b3c4d --format json")]
struct ShowArgs {
    /// Requests, or what belongs to one: a change, an approval, an entry, a commit
    #[arg(value_name = "ID", required = true, add = complete::requests(""))]
    ids: Vec<IdArg>,
    #[command(flatten)]
    format: FormatArgs,
}

/// List requests, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion request list --status awaiting_approval
  hyperion request list --since 1d --format jsonl")]
struct RequestListArgs {
    /// Only requests in this state, for instance running or failed
    #[arg(long, value_name = "STATUS", add = complete::states(Status::ALL.iter().map(|status| status.name())))]
    status: Option<String>,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        None => file(args.file, cx).await,
        Some(Command::Answer(args)) => answer(args, cx).await,
        Some(Command::Revise(args)) => revise(args, cx).await,
        Some(Command::Cancel(args)) => cancel(args, cx).await,
        Some(Command::Show(args)) => show(args, cx).await,
        Some(Command::List(args)) => list(args, cx).await,
    }
}

async fn file(args: FileArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let FileArgs {
        arg,
        wait: waits,
        dry_run,
        given,
        git,
        format,
    } = args;
    if let Some(work) = git.read(cx).await? {
        return hand_in(&given.of_work(work), waits, dry_run, format.format, cx).await;
    }
    let given = given.into_json()?;
    let source = Source::of(&arg.unwrap_or_default(), cx)?;
    // Read before anything else, so that a missing file leaves no home behind.
    let text = source.read(cx).await?;
    cx.with(Access::Change, async |session| {
        let route = |path: &str| {
            Route::new(path)
                .query("dir", cx.current_dir().as_os_str().as_bytes())
                .query("dry_run", dry_run.to_string())
                .query("source", "cli")
                .query("agent", session.agent())
                .maybe("given", given.as_deref())
        };
        let filed: Result<List<Filed>, ClientError> = match &source {
            Source::Sentence(sentence) => {
                let body = Answer {
                    text: sentence.clone(),
                };
                session
                    .client()
                    .post(route("/api/requests/text").as_str(), &body)
                    .await
            }
            Source::File(_) | Source::Input => {
                let route = route("/api/requests");
                session
                    .client()
                    .post_bytes(route.as_str(), text.clone())
                    .await
            }
        };
        let filed = filed.map_err(|error| with_lines(error, &source, &text))?;
        follow_or_show(session, "Filed", filed, None, waits, format.format).await
    })
    .await
}

/// Hands in work that exists in git.
async fn hand_in(
    work: &FromGit,
    waits: bool,
    dry_run: bool,
    format: Format,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/requests/git")
            .query("dir", cx.current_dir().as_os_str().as_bytes())
            .query("dry_run", dry_run.to_string())
            .query("source", "cli")
            .query("agent", session.agent());
        let filed: HandedIn = session.client().post(route.as_str(), work).await?;
        let before = from_git::tell(session, &filed);
        follow_or_show(
            session,
            if filed.revised { "Revised" } else { "Filed" },
            filed.requests,
            before.as_ref(),
            waits,
            format,
        )
        .await
    })
    .await
}

/// Says where in the file each error is.
pub(super) fn with_lines(error: ClientError, source: &Source, text: &[u8]) -> anyhow::Error {
    let ClientError::Problem(problem) = error else {
        return error.into();
    };
    let text = String::from_utf8_lossy(text);
    let problem = Problem {
        detail: format!("{source}{}", problem.detail),
        ..*problem
    };
    Failure::of_problem(&problem, |pointer| match source {
        Source::Sentence(_) => None,
        Source::File(_) | Source::Input => json_lines::place_of(&text, pointer),
    })
    .into()
}

pub(super) async fn follow_or_show(
    session: &mut Session<'_>,
    what: &str,
    filed: List<Filed>,
    before: Option<&Before>,
    waits: bool,
    format: Format,
) -> anyhow::Result<Exit> {
    let cx = session.cx();
    if waits {
        for found in filed.items.iter().filter(|filed| filed.existed) {
            cx.output.say(&view::filed::found(&found.request, before).1);
        }
        let ids: Vec<String> = filed
            .items
            .into_iter()
            .map(|filed| filed.request.id)
            .collect();
        return wait(session, &ids, format).await;
    }
    cx.sets_going(filed.items.iter().map(|filed| filed.request.id.clone()));
    let exit = filed::tell(session, what, &filed, before, format).await?;
    cx.keeps(format!(
        "What was filed is kept: {}.",
        session.who_carries_on()
    ));
    Ok(exit)
}

async fn answer(args: AnswerArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let source = Source::of_answer(&args.answer, cx)?;
    let bytes = match &source {
        Source::Sentence(text) => text.clone().into_bytes(),
        Source::File(_) | Source::Input => source.read(cx).await?,
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("{source}the answer is not UTF-8: byte {at}"))
            .hint("save it as UTF-8")
    })?;
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/requests")
            .segment(args.id.as_str())
            .segment("answer");
        let body = Answer { text: text.clone() };
        let answered = session.client().post(route.as_str(), &body).await;
        let request: Request =
            answered.map_err(|error| with_lines(error, &source, text.as_bytes()))?;
        follow_or_show(
            session,
            "Answered",
            List::whole(vec![Filed {
                request,
                existed: false,
            }]),
            None,
            args.wait,
            args.format.format,
        )
        .await
    })
    .await
}

async fn revise(args: ReviseArgs, cx: &Cx) -> anyhow::Result<Exit> {
    if let Some(work) = args.git.read(&args.id, cx).await? {
        return hand_in(&work, args.wait, false, args.format.format, cx).await;
    }
    let source = Source::of_file(&args.file.unwrap_or_default());
    let text = source.read(cx).await?;
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/requests")
            .segment(args.id.as_str())
            .segment("revise");
        let revised = session
            .client()
            .post_bytes(route.as_str(), text.clone())
            .await;
        let request: Request = revised.map_err(|error| with_lines(error, &source, &text))?;
        follow_or_show(
            session,
            "Revised",
            List::whole(vec![Filed {
                request,
                existed: false,
            }]),
            None,
            args.wait,
            args.format.format,
        )
        .await
    })
    .await
}

async fn cancel(args: CancelArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let (_, exit) = each(&args.ids, args.format.format, cx, async |id| {
            let route = Route::new("/api/requests")
                .segment(id.as_str())
                .segment("cancel");
            let body = Because {
                reason: args.reason.clone(),
            };
            let request: Request = session.client().post(route.as_str(), &body).await?;
            let text = format!("Request {} is cancelled.", short(&request.id));
            Ok(Shown {
                value: request,
                text,
            })
        })
        .await?;
        Ok(exit)
    })
    .await
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let format = args.format.format;
        let mut interrupted = false;
        let (_, exit) = each(&args.ids, format, cx, async |id| {
            let route = Route::new("/api/requests").segment(id.as_str());
            let mut detail: RequestDetail = session.client().get(route.as_str()).await?;
            interrupted |= standing::stand(session, format, &mut detail).await;
            let text = view::request::block(&detail, cx.zone());
            Ok(Shown {
                value: detail,
                text,
            })
        })
        .await?;
        standing::tell(cx, interrupted);
        Ok(exit)
    })
    .await
}

async fn list(args: RequestListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route =
            Route::new("/api/requests").maybe("status", args.status.as_deref().map(wire_name));
        let route = args.list.ask(args.repo.ask(args.archived.ask(route)), cx);
        let mut requests: List<Request> = session
            .client()
            .get(route.as_str())
            .await
            .context("list requests")?;
        let interrupted = standing::stand(session, args.list.format, &mut requests.items[..]).await;
        let words = Words {
            nothing: "No requests.",
            next: "hyperion request show ID",
            ..Words::default()
        };
        let now = cx.now();
        args.list.show(cx, &requests, words, |requests, width| {
            view::request::table(requests, now, width)
        })?;
        standing::tell(cx, interrupted);
        Ok(Exit::Done)
    })
    .await
}
