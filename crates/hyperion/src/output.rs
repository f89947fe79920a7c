//! Where a command writes: data to standard output, talk to standard error.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anstream::adapter::strip_str;
use hyperion_api::List;
use hyperion_host::Launch;
use serde::Serialize;

pub(crate) mod format;
pub(crate) mod pager;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod visible;
pub(crate) mod wrap;

pub(crate) use format::{Format, FormatArgs, wants_json};
use wrap::{wrapped, wrapped_at};

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

/// Moves to the beginning of the line and empties it.
const EMPTY_LINE: &str = "\r\u{1b}[K";

/// One stream and how to write to it.
struct Stream {
    sink: Mutex<Box<dyn Write + Send>>,
    coloured: bool,
    /// Asks the terminal for its columns and rows; none where it is no terminal.
    size: fn() -> Option<(usize, usize)>,
    gone: AtomicBool,
    lost: Mutex<Option<io::Error>>,
}

impl Stream {
    fn write(&self, text: &str) {
        if self.coloured {
            self.write_as_it_is(text);
        } else {
            self.write_as_it_is(&strip_str(text).to_string());
        }
    }

    fn write_as_it_is(&self, text: &str) {
        if self.gone.load(Ordering::Relaxed) {
            return;
        }
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let written = sink.write_all(text.as_bytes());
        // The work goes on without a reader; whether that is an error is decided at the end.
        if let Err(error) = written.and_then(|()| sink.flush()) {
            self.gone.store(true, Ordering::Relaxed);
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    fn width(&self) -> Option<usize> {
        (self.size)().map(|(columns, _)| columns)
    }
}

/// The streams of a command.
pub(crate) struct Output {
    stdout: Stream,
    stderr: Stream,
    quiet: bool,
    interactive: bool,
    /// Whether one line of the terminal can be written again and again.
    can_rewrite: bool,
    pager: Option<Launch>,
    paging: AtomicBool,
    /// Whether the end was told, after which no progress is.
    told_the_end: AtomicBool,
    /// Whether the terminal shows a line that the next one takes the place of.
    live: Mutex<bool>,
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
            can_rewrite: err.is_terminal() && !wishes.dumb,
            interactive,
            ..Self::of(
                stream(coloured(out.is_terminal()), out, || {
                    terminal_size(io::stdout())
                }),
                stream(coloured(err.is_terminal()), err, || {
                    terminal_size(io::stderr())
                }),
                quiet,
            )
        }
    }

    /// Shows what is longer than the screen through this pager.
    #[must_use]
    pub(crate) fn with_pager(self, pager: Option<Launch>) -> Self {
        Self { pager, ..self }
    }

    /// Uses other streams, without colours and with nobody to ask.
    #[cfg(test)]
    pub(crate) fn of_streams(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
    ) -> Self {
        let nowhere = || None;
        Self::of(
            stream(false, stdout, nowhere),
            stream(false, stderr, nowhere),
            false,
        )
    }

    fn of(stdout: Stream, stderr: Stream, quiet: bool) -> Self {
        Self {
            stdout,
            stderr,
            quiet,
            interactive: false,
            can_rewrite: false,
            pager: None,
            paging: AtomicBool::new(false),
            told_the_end: AtomicBool::new(false),
            live: Mutex::new(false),
        }
    }

    /// Writes data.
    pub(crate) fn data(&self, text: &str) {
        self.write_lines(&self.stdout, text);
    }

    /// Says something that matters.
    pub(crate) fn say(&self, text: &str) {
        self.write_lines(&self.stderr, &wrapped(text, self.stderr.width()));
    }

    /// Says something whose lines have to stay as they are: a diff, a table.
    pub(crate) fn say_as_it_is(&self, text: &str) {
        self.write_lines(&self.stderr, text);
    }

    /// Says something that `--quiet` leaves out.
    pub(crate) fn progress(&self, text: &str) {
        if self.tells_progress() {
            self.say(text);
        }
    }

    /// Says a line of progress whose text begins at this column.
    pub(crate) fn progress_at(&self, column: usize, line: &str) {
        if self.tells_progress() {
            let wrapped = wrapped_at(line, self.stderr.width(), column);
            self.write_lines(&self.stderr, &wrapped);
        }
    }

    /// Whether one line can be written again and again.
    pub(crate) const fn can_rewrite(&self) -> bool {
        self.can_rewrite
    }

    /// Shows a line of progress until something else is written; false where that cannot be done.
    pub(crate) fn progress_for_now(&self, line: &str) -> bool {
        let Some(width) = self.stderr.width().filter(|_| self.can_rewrite) else {
            return false;
        };
        if self.tells_progress() {
            let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            // The last column stays empty: some terminals go to the next line when it is written.
            let line = table::cut(line, width.saturating_sub(1));
            self.stderr.write_as_it_is(&format!("{EMPTY_LINE}{line}"));
            *live = true;
        }
        true
    }

    /// Tells no progress from here on: the end has been told.
    pub(crate) fn end_progress(&self) {
        self.told_the_end.store(true, Ordering::Relaxed);
    }

    /// Whether progress is told at all.
    pub(crate) fn tells_progress(&self) -> bool {
        !self.quiet && !self.told_the_end.load(Ordering::Relaxed)
    }

    fn write_lines(&self, stream: &Stream, text: &str) {
        if text.is_empty() || text.ends_with('\n') {
            self.write(stream, text);
        } else {
            self.write(stream, &format!("{text}\n"));
        }
    }

    /// Writes in the place of the line that was shown for now.
    fn write(&self, stream: &Stream, text: &str) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *live) {
            self.stderr.write_as_it_is(EMPTY_LINE);
        }
        stream.write(text);
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
        self.stdout.width()
    }

    /// The width of the terminal that shows the talk, none where it is no terminal.
    pub(crate) fn talk_width(&self) -> Option<usize> {
        self.stderr.width()
    }

    /// The rows of the terminal at which the person is asked, none where there is none.
    pub(crate) fn rows(&self) -> Option<usize> {
        (self.stderr.size)().map(|(_, rows)| rows)
    }

    /// Whether a pager has the terminal, and with it Ctrl-C.
    pub(crate) fn is_paging(&self) -> bool {
        self.paging.load(Ordering::Relaxed)
    }

    /// Writes data through the pager where it is longer than the screen.
    pub(crate) async fn page(&self, text: String) {
        if !self.paged(&text).await {
            self.data(&text);
        }
    }

    /// Says something whose lines stay as they are, through the pager where it is longer than the screen.
    pub(crate) async fn say_paged(&self, text: String) {
        if !self.paged(&text).await {
            self.say_as_it_is(&text);
        }
    }

    /// Shows a text through the pager; false where there is none, or no need of one.
    async fn paged(&self, text: &str) -> bool {
        let (Some(pager), Some(size)) = (&self.pager, (self.stdout.size)()) else {
            return false;
        };
        if !pager::is_longer_than_screen(text, size) {
            return false;
        }
        let text = if self.stdout.coloured {
            text.to_owned()
        } else {
            strip_str(text).to_string()
        };
        let pager = pager.clone();
        self.write(&self.stderr, "");
        self.paging.store(true, Ordering::Relaxed);
        let paging =
            tokio::task::spawn_blocking(move || hyperion_host::page(&pager, text.as_bytes()));
        let paged = paging.await;
        self.paging.store(false, Ordering::Relaxed);
        match paged {
            // What the shell says of a program that is not there, or cannot be run.
            Ok(Ok(Some(126 | 127))) | Ok(Err(_)) | Err(_) => false,
            Ok(Ok(_)) => true,
        }
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
            None => self.data(&wrapped(&text(value), self.width())),
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

    /// Begins to ask about something: what was typed before it is shown is no answer to it.
    pub(crate) fn begin_to_ask(&self) {
        if self.interactive {
            let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        }
    }

    /// Asks the person and waits for a line; none when they have nothing more to say.
    pub(crate) async fn ask(&self, prompt: &str) -> Option<String> {
        self.write(&self.stderr, &wrapped(prompt, self.stderr.width()));
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

fn stream(
    coloured: bool,
    sink: impl Write + Send + 'static,
    size: fn() -> Option<(usize, usize)>,
) -> Stream {
    Stream {
        sink: Mutex::new(Box::new(sink)),
        coloured,
        size,
        gone: AtomicBool::new(false),
        lost: Mutex::new(None),
    }
}

/// Gives a terminal's columns and rows.
fn terminal_size(stream: impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    // A terminal that does not know its size says 0.
    let rows = match size.ws_row {
        0 => usize::MAX,
        rows => usize::from(rows),
    };
    Some((usize::from(size.ws_col), rows)).filter(|&(columns, _)| columns > 0)
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
            let output = Output::of(
                stream(coloured, kept.clone(), || None),
                stream(false, Kept::default(), || None),
                false,
            );
            output.data(&painted);
            assert_eq!(
                String::from_utf8(kept.0.lock().unwrap().clone()).unwrap(),
                expected
            );
        }
    }

    #[test]
    fn a_reader_that_left_is_noticed_and_does_not_end_the_work() {
        let stream = stream(false, Kept(Arc::default(), true), || None);
        stream.write("x");
        assert!(stream.gone.load(Ordering::Relaxed));
        stream.write("y");
    }

    fn on_terminal(kept: &Kept) -> Output {
        let eighty = || Some((80, 24));
        Output {
            can_rewrite: true,
            ..Output::of(
                stream(false, kept.clone(), eighty),
                stream(false, kept.clone(), eighty),
                false,
            )
        }
    }

    // W1: what is at work now is one line, and nothing comes after the end.
    #[test]
    fn a_line_for_now_makes_room_for_the_next() {
        let kept = Kept::default();
        let output = on_terminal(&kept);
        assert!(output.progress_for_now("1 s"));
        assert!(output.progress_for_now(&"2 s ".repeat(30)));
        output.progress("landed");
        output.data("done");
        output.end_progress();
        output.progress("more");
        output.progress_for_now("3 s");
        output.say("said");
        let shown = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(shown.replace(EMPTY_LINE, "<"), @r"
        <1 s<2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 s 2 …<landed
        done
        said
        ");
        let pipe = Output::of_streams(kept.clone(), kept);
        assert!(!pipe.progress_for_now("1 s"));
    }
}
