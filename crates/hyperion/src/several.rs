//! The same for several ids: each is tried, each outcome is told, and the exit status is that of all together.

use hyperion_api::list::List;
use serde::Serialize;

use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::IdArg;
use crate::output::Format;

/// What came of one id: the thing for programs, and the words for people.
pub(crate) struct Shown<T> {
    pub(crate) value: T,
    pub(crate) text: String,
}

/// Does something for each id, and tells of those with which it failed; a single failure ends the command.
pub(crate) async fn try_each<T>(
    ids: &[IdArg],
    format: Format,
    cx: &Cx,
    mut work: impl AsyncFnMut(&IdArg) -> anyhow::Result<T>,
) -> anyhow::Result<(Vec<T>, Exit)> {
    if let [id] = ids {
        return Ok((vec![work(id).await?], Exit::Done));
    }
    let (mut values, mut exits) = (Vec::new(), Vec::new());
    for id in ids {
        match work(id).await {
            Ok(value) => values.push(value),
            Err(error) => {
                let failure = Failure::of(&error).about(id.as_str());
                cx.output.say(&failure.told(format != Format::Table));
                exits.push(failure.exit());
            }
        }
    }
    Ok((values, Exit::of_several(exits)))
}

/// Does something for each id and shows what came of it: several values are one JSON list, as a list's are.
pub(crate) async fn each<T: Serialize>(
    ids: &[IdArg],
    format: Format,
    cx: &Cx,
    work: impl AsyncFnMut(&IdArg) -> anyhow::Result<Shown<T>>,
) -> anyhow::Result<(Vec<T>, Exit)> {
    show_each(ids, format, cx, false, work).await
}

/// The same for texts that are wrapped already and may be longer than the screen.
pub(crate) async fn page_each<T: Serialize>(
    ids: &[IdArg],
    format: Format,
    cx: &Cx,
    work: impl AsyncFnMut(&IdArg) -> anyhow::Result<Shown<T>>,
) -> anyhow::Result<(Vec<T>, Exit)> {
    show_each(ids, format, cx, true, work).await
}

async fn show_each<T: Serialize>(
    ids: &[IdArg],
    format: Format,
    cx: &Cx,
    pages: bool,
    mut work: impl AsyncFnMut(&IdArg) -> anyhow::Result<Shown<T>>,
) -> anyhow::Result<(Vec<T>, Exit)> {
    let as_list = format == Format::Json && ids.len() > 1;
    let mut gap = "";
    let (values, exit) = try_each(ids, format, cx, async |id| {
        let Shown { value, text } = work(id).await?;
        if pages && format == Format::Table {
            cx.output.page(format!("{gap}{text}")).await;
        } else if !as_list {
            cx.output.show(format, &value, |_| format!("{gap}{text}"))?;
        }
        // Blocks of several lines are told apart.
        if text.trim_end().contains('\n') {
            gap = "\n";
        }
        Ok(value)
    })
    .await?;
    let list = List::whole(values);
    if as_list {
        cx.output.data(&crate::output::format::pretty(&list)?);
    }
    Ok((list.items, exit))
}
