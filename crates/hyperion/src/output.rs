//! Where a command writes: data to standard output, talk to standard error.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anstream::adapter::strip_str;
use hyperion_api::List;
use serde::Serialize;

pub(crate) mod format;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod visible;

pub(crate) use format::{Format, FormatArgs};

/// When to write colours; `auto` is on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    // No doc comments: clap would spread them over eight lines of every command's help.
    #[default]
    Auto,
    Always,
    Never,
}

/// What the surroundings say about the terminal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TerminalWishes {
    /// `NO_COLOR` is set and not empty.
    pub(crate) no_color: bool,
    /// `TERM` is `dumb` or not set.
    pub(crate) dumb: bool,
    /// `CLICOLOR_FORCE` is set and not 0.
    pub(crate) force: bool,
}

/// One stream and how to write to it.
struct Stream {
    sink: Mutex<Box<dyn Write + Send>>,
    coloured: bool,
    gone: AtomicBool,
    lost: Mutex<Option<io::Error>>,
}

impl Stream {
    fn write(&self, text: &str) {
        if self.gone.load(Ordering::Relaxed) {
            return;
        }
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let written = if self.coloured {
            sink.write_all(text.as_bytes())
        } else {
            write!(sink, "{}", strip_str(text))
        };
        // The work goes on without a reader; whether that is an error is decided at the end.
        if let Err(error) = written.and_then(|()| sink.flush()) {
            self.gone.store(true, Ordering::Relaxed);
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

/// The streams of a command.
pub(crate) struct Output {
    stdout: Stream,
    stderr: Stream,
    quiet: bool,
    interactive: bool,
}

impl Output {
    /// Uses the process's own streams.
    pub(crate) fn of_process(color: Color, wishes: TerminalWishes, quiet: bool) -> Self {
        let coloured = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !wishes.no_color && (wishes.force || (terminal && !wishes.dumb)),
        };
        let (out, err) = (io::stdout(), io::stderr());
        let interactive = io::stdin().is_terminal() && err.is_terminal();
        Self {
            stdout: stream(coloured(out.is_terminal()), out),
            stderr: stream(coloured(err.is_terminal()), err),
            quiet,
            interactive,
        }
    }

    /// Uses other streams, without colours and with nobody to ask.
    #[cfg(test)]
    pub(crate) fn of_streams(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
    ) -> Self {
        Self {
            stdout: stream(false, stdout),
            stderr: stream(false, stderr),
            quiet: false,
            interactive: false,
        }
    }

    /// Writes data.
    pub(crate) fn data(&self, text: &str) {
        write_lines(&self.stdout, text);
    }

    /// Says something that matters.
    pub(crate) fn say(&self, text: &str) {
        write_lines(&self.stderr, text);
    }

    /// Says something that `--quiet` leaves out.
    pub(crate) fn progress(&self, text: &str) {
        if !self.quiet {
            write_lines(&self.stderr, text);
        }
    }

    /// Whether talk is in colour.
    pub(crate) const fn is_coloured(&self) -> bool {
        self.stderr.coloured
    }

    /// Whether nobody reads standard output any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.stdout.gone.load(Ordering::Relaxed)
    }

    /// Gives the error that cost data; a reader that left (`| head`) had all it wanted.
    pub(crate) fn take_lost(&self) -> Option<io::Error> {
        let mut lost = self
            .stdout
            .lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lost.take()
            .filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Whether there is a person to ask.
    pub(crate) const fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// The width of the terminal that shows the data, none where it is no terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        terminal_width(io::stdout())
    }

    /// Writes one thing in the form asked for.
    pub(crate) fn show<T: Serialize>(
        &self,
        format: Format,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match format.write(value)? {
            Some(json) => self.data(&json),
            None => self.data(&text(value)),
        }
        Ok(())
    }

    /// Writes a list in the form asked for; `nothing` is said instead of an empty table.
    pub(crate) fn list<T: Serialize>(
        &self,
        format: Format,
        list: &List<T>,
        nothing: &str,
        text: impl FnOnce(&[T], Option<usize>) -> String,
    ) -> anyhow::Result<()> {
        match format {
            Format::Json => self.data(&crate::output::format::pretty(list)?),
            Format::Jsonl => {
                for item in &list.items {
                    self.data(&crate::output::format::compact(item)?);
                }
            }
            Format::Table if list.items.is_empty() => self.say(nothing),
            Format::Table => self.data(&text(&list.items, self.width())),
        }
        if list.next_cursor.is_some() && format != Format::Json {
            self.progress("There are more; `--limit` and `--since` choose how many are shown.");
        }
        Ok(())
    }

    /// Asks the person and waits for a line; none when they have nothing more to say.
    pub(crate) async fn ask(&self, prompt: &str) -> Option<String> {
        self.stderr.write(prompt);
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            match io::stdin().lock().read_line(&mut line) {
                Ok(0) | Err(_) => None,
                Ok(_) => Some(line.trim().to_owned()),
            }
        });
        let answer = answer.await.ok().flatten();
        if answer.is_none() {
            self.stderr.write("\n");
        }
        answer
    }
}

fn stream(coloured: bool, sink: impl Write + Send + 'static) -> Stream {
    Stream {
        sink: Mutex::new(Box::new(sink)),
        coloured,
        gone: AtomicBool::new(false),
        lost: Mutex::new(None),
    }
}

fn write_lines(stream: &Stream, text: &str) {
    if text.is_empty() || text.ends_with('\n') {
        stream.write(text);
    } else {
        stream.write(&format!("{text}\n"));
    }
}

fn terminal_width(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    // A terminal that does not know its size says 0.
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>, bool);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn colours_are_left_out_where_nobody_sees_them() {
        let painted = style::paint(style::GOOD, "landed");
        for (coloured, expected) in [(false, "landed\n"), (true, "\u{1b}[32mlanded\u{1b}[0m\n")] {
            let kept = Kept::default();
            write_lines(&stream(coloured, kept.clone()), &painted);
            assert_eq!(
                String::from_utf8(kept.0.lock().unwrap().clone()).unwrap(),
                expected
            );
        }
    }

    #[test]
    fn a_reader_that_left_is_noticed_and_does_not_end_the_work() {
        let stream = stream(false, Kept(Arc::default(), true));
        stream.write("x");
        assert!(stream.gone.load(Ordering::Relaxed));
        stream.write("y");
    }
}
