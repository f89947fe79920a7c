//! What a person types that is not to be seen: passwords and tokens.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::context::Cx;
use crate::failure::Failure;

/// The most bytes of a secret that are read.
const MAX_BYTES: u64 = 4096;

/// A terminal that does not show what is typed; it does again when this goes.
struct Hidden {
    before: Option<Termios>,
}

impl Hidden {
    fn new() -> Self {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok().filter(|before| {
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            hidden.local_modes.insert(LocalModes::ECHONL);
            tcsetattr(&stdin, OptionalActions::Flush, &hidden).is_ok()
        });
        Self { before }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}

/// Gets a secret: the first line of standard input where that is wanted, else what the person types, unseen.
pub(crate) async fn read(
    cx: &Cx,
    from_stdin: bool,
    prompt: &str,
    option: &str,
) -> anyhow::Result<String> {
    if from_stdin {
        let line = tokio::task::spawn_blocking(first_line).await??;
        return Ok(line);
    }
    if !io::stdin().is_terminal() {
        let what = "there is no terminal to type it at";
        return Err(Failure::usage(what)
            .hint(format!("give it on standard input, with {option}"))
            .into());
    }
    let hidden = Hidden::new();
    let typed = cx.output.ask(prompt).await;
    drop(hidden);
    typed
        .filter(|typed| !typed.is_empty())
        .ok_or_else(|| Failure::usage("nothing was typed, so nothing was done").into())
}

/// Gets a new password: typed twice, so that a slip is noticed.
pub(crate) async fn read_new(cx: &Cx, from_stdin: bool, whose: &str) -> anyhow::Result<String> {
    let option = "--password-stdin";
    let first = read(
        cx,
        from_stdin,
        &format!("New password for {whose}: "),
        option,
    )
    .await?;
    if !from_stdin && read(cx, false, "The same again: ", option).await? != first {
        return Err(Failure::usage("the two are not the same, so nothing was done").into());
    }
    Ok(first)
}

fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(MAX_BYTES).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
