//! `hyperion propose`

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use hyperion_api::ClientError;
use hyperion_api::from_git::HandedIn;

use super::request::source::Source;
use super::request::{follow_or_show, from_git, with_lines};
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::route::Route;

/// Hand in a change that was made elsewhere, as a ChangeRequest
///
/// The file holds one JSON object: the commit it was made on, its paths with patches or contents, what was checked, and a signature if there is one.
/// With a `request_id` it goes to that request, which has to wait for a change; without one it becomes a request of its own.
///
/// A signature is checked against the keys of the setting policy.keys.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion propose change.json --wait
  my-agent --json | hyperion propose -")]
pub(crate) struct Args {
    /// A file, or `-` for standard input
    #[arg(value_name = "FILE|-")]
    file: OsString,
    /// The repository, by name or path; the one around this folder when left out
    #[arg(long, value_name = "NAME|PATH")]
    repo: Option<String>,
    /// Validate, merge and check, but land nothing
    #[arg(long)]
    dry_run: bool,
    /// See it through: tell what happens, ask, and say how it ended
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let source = match args.file.to_str() {
        Some("-") => Source::Input,
        _ => Source::File(args.file.clone().into()),
    };
    // Read before anything else, so that a missing file leaves no home behind.
    let text = source.read(cx).await?;
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/change-requests")
            .query("dir", cx.current_dir().as_os_str().as_bytes())
            .query("dry_run", args.dry_run.to_string())
            .query("source", "cli")
            .query("agent", session.agent())
            .maybe("repo", args.repo.as_deref());
        let filed: Result<HandedIn, ClientError> = session
            .client()
            .post_bytes(route.as_str(), text.clone())
            .await;
        let filed = filed.map_err(|error| with_lines(error, &source, &text))?;
        let before = from_git::tell(session, &filed);
        follow_or_show(
            session,
            "Filed",
            filed.requests,
            before.as_ref(),
            args.wait,
            args.format.format,
        )
        .await
    })
    .await
}
