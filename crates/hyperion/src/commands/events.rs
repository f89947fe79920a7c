//! `hyperion events`

use hyperion_api::client::FeedItem;
use hyperion_api::event::Event;
use hyperion_api::list::List;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::IdArg;
use crate::list_args::ListArgs;
use crate::output::Format;
use crate::route::Route;
use crate::view;

/// Show what happened, as immutable facts
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion events --since 1h
  hyperion events --follow --kinds merge.landed,merge.quarantined
  hyperion events --request 1a2b3c4d --format jsonl")]
pub(crate) struct Args {
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only these kinds, for instance merge.landed
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Only what belongs to this request
    #[arg(long, value_name = "ID")]
    request: Option<IdArg>,
    /// Only what came after this event number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    if args.follow && args.list.format == Format::Json {
        return Err(Failure::usage("a feed without an end is no JSON document")
            .hint("use --format jsonl")
            .into());
    }
    cx.with(Access::Read, async |session| {
        let kinds = (!args.kinds.is_empty()).then(|| args.kinds.join(","));
        let route = Route::new("/api/events")
            .query("follow", args.follow.to_string())
            .maybe("after", args.after.map(|after| after.to_string()))
            .maybe("kinds", kinds)
            .maybe("request", args.request.as_ref().map(IdArg::as_str));
        let mut feed = session
            .client()
            .events(args.list.ask(route, cx).as_str())
            .await?;
        let mut events = Vec::new();
        while let Some(item) = feed.next().await? {
            let FeedItem::Event(event) = item else {
                continue;
            };
            match args.list.format {
                Format::Json => events.push(*event),
                Format::Jsonl => cx.output.data(&serde_json::to_string(&event)?),
                Format::Table => cx.output.data(&line(&event, cx)),
            }
            if cx.output.is_closed() {
                break;
            }
        }
        if args.list.format == Format::Json {
            cx.output
                .data(&serde_json::to_string_pretty(&List::whole(events))?);
        }
        Ok(Exit::Done)
    })
    .await
}

fn line(event: &Event, cx: &Cx) -> String {
    view::event::line(event, cx.zone(), cx.output.width())
}
