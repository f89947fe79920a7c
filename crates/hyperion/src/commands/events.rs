//! `hyperion events`

use std::collections::VecDeque;
use std::time::Duration;

use hyperion_api::ClientError;
use hyperion_api::client::{FeedItem, Notice};
use hyperion_api::event::Event;
use hyperion_api::list::List;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::list_args::{ListArgs, RepoArg, RequestArg};
use crate::output::Format;
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// Between two attempts to follow a feed that ended.
const PAUSE: Duration = Duration::from_millis(200);

/// Show events, the latest at the end
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion events --since 1h
  hyperion events --follow --kinds merge.landed,merge.quarantined
  hyperion events --subject approval:1a2b3c4d
  hyperion events --request 1a2b3c4d --format jsonl")]
pub(crate) struct Args {
    /// Then show new events as they come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only these kinds, for instance merge.landed
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Only what is about this, for instance request:1a2b3c4d
    #[arg(long, value_name = "TYPE:ID")]
    subject: Option<String>,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    request: RequestArg,
    /// Only what came after this event number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let format = args.list.format;
    if args.follow && format == Format::Json {
        return Err(Failure::usage("a feed without an end is no JSON document")
            .hint("use --format jsonl")
            .into());
    }
    cx.with(Access::Read, async |session| {
        let (mut seen, latest) = latest(&args, session).await?;
        match format {
            Format::Json => cx
                .output
                .data(&crate::output::format::pretty(&List::whole(latest))?),
            Format::Table if latest.is_empty() && !args.follow => {
                cx.output.say("Nothing happened.");
            }
            Format::Jsonl | Format::Table => {
                for event in &latest {
                    show(event, format, cx)?;
                }
            }
        }
        while args.follow && !cx.output.is_closed() {
            match follow(&args, session, &mut seen).await {
                // The engine left; the next one, or the database itself, has what comes.
                Ok(()) | Err(ClientError::Transport(_)) => session.reopen().await?,
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Exit::Done)
    })
    .await
}

/// Gives the last events that fit, oldest first, and the number up to which was looked.
async fn latest(args: &Args, session: &Session<'_>) -> anyhow::Result<(u64, Vec<Event>)> {
    let keep = args.list.limit as usize;
    let end = session.idle(0).await?.last_seq;
    let after = args.after.or_else(|| {
        // Without a filter the last events are the last numbers; nothing else needs to be read.
        let filtered = args.list.since.is_some()
            || args.request.request.is_some()
            || args.repo.repo.is_some()
            || args.subject.is_some()
            || !args.kinds.is_empty();
        (!filtered).then(|| end.saturating_sub(args.list.limit.into()))
    });
    let since = args
        .list
        .since(session.cx())
        .map(|moment| moment.to_string());
    let route = args
        .route(after)
        .query("follow", "false")
        .maybe("since", since);
    let mut feed = session.client().events(route.as_str()).await?;
    let mut events = VecDeque::new();
    let mut seen = after.unwrap_or(0).max(end);
    while let Some(item) = feed.next().await? {
        let FeedItem::Event(event) = item else {
            continue;
        };
        seen = seen.max(event.seq);
        if events.len() == keep {
            events.pop_front();
        }
        events.push_back(*event);
    }
    Ok((seen, events.into()))
}

/// Shows what happens until the feed ends or nobody reads it any more.
async fn follow(args: &Args, session: &Session<'_>, seen: &mut u64) -> Result<(), ClientError> {
    let cx = session.cx();
    let route = args.route(Some(*seen)).query("follow", "true");
    // Whoever asks for nothing in particular sees how far runs are, too.
    let of_runs = args.kinds.is_empty() && args.repo.repo.is_none();
    let route = route.maybe("notices", of_runs.then(|| "run.".to_owned()));
    let mut feed = session.client().events(route.as_str()).await?;
    while let Some(item) = feed.next().await? {
        match item {
            FeedItem::Event(event) => {
                *seen = event.seq;
                // It was read as JSON just now.
                let _ = show(&event, args.list.format, cx);
            }
            FeedItem::Notice(notice) => show_notice(&notice, args.list.format, cx),
            FeedItem::KeepAlive => continue,
        }
        if cx.output.is_closed() {
            break;
        }
    }
    Ok(())
}

impl Args {
    fn route(&self, after: Option<u64>) -> Route {
        let kinds = (!self.kinds.is_empty()).then(|| self.kinds.join(","));
        let route = Route::new("/api/events")
            .maybe("after", after.map(|after| after.to_string()))
            .maybe("kinds", kinds)
            .maybe("subject", self.subject.clone());
        self.request.ask(self.repo.ask(route))
    }
}

fn show(event: &Event, format: Format, cx: &Cx) -> serde_json::Result<()> {
    match format {
        Format::Json | Format::Jsonl => cx.output.data(&crate::output::format::compact(event)?),
        Format::Table => cx
            .output
            .data(&view::event::line(event, cx.zone(), cx.output.width())),
    }
    Ok(())
}

/// A notice is no event: as JSON it has its kind, and no number.
fn show_notice(notice: &Notice, format: Format, cx: &Cx) {
    match format {
        Format::Json | Format::Jsonl => {
            let mut line = notice.data.clone();
            line["kind"] = notice.kind.as_str().into();
            cx.output.data(&format!("{line}\n"));
        }
        Format::Table => cx
            .output
            .data(&view::event::notice(notice, cx.zone(), cx.output.width())),
    }
}
