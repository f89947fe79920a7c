//! What a run writes, for whoever follows it: in order, without secrets, from wherever they left off.
//!
//! Text is given out by the line, as the redactor does it: a secret that comes in two frames is masked like any other. So an item
//! has the number of the frame that ended its line, and whoever goes on behind that number misses nothing and sees nothing twice.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use hyperion_api::run::{GapCause, LogBody, LogItem};
use hyperion_model::run::{Run, Status};
use hyperion_model::{RunId, Time};
use hyperion_policy::{RedactStream, Redactor};
use hyperion_shim::{Body, End, Ended, Found, Frame, Stream, look, spool};

use super::folder_of;
use super::log::read_piece;
use crate::{Cx, Error};

/// How many frames before the one it begins at are looked at: a secret is known by how it begins.
const FRAMES_BEFORE: u64 = 128;
/// How much of the spool is read at once.
const READ_BYTES: usize = 256 * 1024;
/// How far from the end the last lines are looked for.
const TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// A place in what a run writes.
pub struct Follow {
    id: RunId,
    folder: PathBuf,
    reader: spool::Reader,
    redactor: Redactor,
    out: RedactStream,
    err: RedactStream,
    /// The number of the last frame that was read; where there is no spool, how many bytes were.
    seq: u64,
    over: bool,
}

/// A part of what a run wrote.
pub struct Read {
    /// What it wrote.
    pub items: Vec<LogItem>,
    /// Whether there is no more of it now.
    pub is_all: bool,
    /// Whether its process is there to write more, also where no engine is.
    pub is_live: bool,
}

impl Follow {
    /// Begins behind the item with this number; behind 0 is the beginning.
    pub fn after(cx: &Cx, id: RunId, after: u64) -> Result<Self, Error> {
        let mut follow = Self::at(cx, id, after.saturating_sub(FRAMES_BEFORE));
        // What comes before was seen already.
        while follow.seq < after && follow.has_spool() {
            let frames = follow.frames(1)?;
            if frames.is_empty() {
                break;
            }
            for frame in frames {
                follow.take(frame);
            }
        }
        follow.seq = after;
        Ok(follow)
    }

    /// Begins with the last lines; gives them, too.
    pub fn last_lines(cx: &Cx, id: RunId, lines: usize) -> Result<(Self, Vec<LogItem>), Error> {
        let folder = folder_of(cx, id);
        let start = spool::near_end(&folder, TAIL_BYTES).map_err(|error| failed(&folder, error))?;
        let mut follow = Self::at(cx, id, start);
        let mut last = VecDeque::new();
        loop {
            let Read { items, is_all, .. } = follow.read(cx)?;
            last.extend(items);
            keep_last_lines(&mut last, lines);
            if is_all {
                return Ok((follow, last.into()));
            }
        }
    }

    fn at(cx: &Cx, id: RunId, seq: u64) -> Self {
        let folder = folder_of(cx, id);
        Self {
            id,
            reader: spool::Reader::new(&folder, seq),
            folder,
            redactor: cx.redactor.clone(),
            out: cx.redactor.stream(),
            err: cx.redactor.stream(),
            seq,
            over: false,
        }
    }

    /// Whether the run has ended and all of it was given.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Gives a part of what came since.
    pub fn read(&mut self, cx: &Cx) -> Result<Read, Error> {
        let nothing = Read {
            items: Vec::new(),
            is_all: true,
            is_live: false,
        };
        if self.over {
            return Ok(nothing);
        }
        // Looked at first: of a run that has ended, all is there.
        let run = cx.store.get::<Run>(self.id)?;
        let run = run.ok_or_else(|| Error::Missing(format!("run {}", self.id)))?;
        let found = look(&self.folder).map_err(|error| failed(&self.folder, error))?;
        if !self.has_spool() {
            return match run.status.is_open() {
                true => Ok(nothing),
                false => self.read_kept(cx, &run),
            };
        }
        let mut items = Vec::new();
        let frames = self.frames(READ_BYTES)?;
        let is_all = frames.is_empty();
        for frame in frames {
            items.extend(self.take(frame));
        }
        let is_gone = !run.status.is_open() || matches!(found, Found::Dead);
        if is_all && is_gone && !self.over {
            items.extend(self.rest());
            items.push(self.end(end_of_run(&run)));
        }
        Ok(Read {
            items,
            is_all,
            is_live: matches!(found, Found::Live { .. }),
        })
    }

    /// Gives what is held back of lines that have no end yet, to whoever does not go on.
    pub fn rest(&mut self) -> Vec<LogItem> {
        let rest = [(Stream::Out, &mut self.out), (Stream::Err, &mut self.err)];
        let texts = rest.map(|(stream, held)| {
            let held = std::mem::replace(held, self.redactor.stream());
            text_of(stream, held.finish())
        });
        let item = |body| LogItem {
            seq: self.seq,
            time: None,
            body,
        };
        texts.into_iter().flatten().map(item).collect()
    }

    /// Reads what is kept of a run that has no spool: of one of an older version, or of an agent inside the engine.
    fn read_kept(&mut self, cx: &Cx, run: &Run) -> Result<Read, Error> {
        let mut items = Vec::new();
        let piece = read_piece(cx, run, self.seq)?;
        let more = piece.as_ref().is_some_and(|piece| piece.more);
        if let Some(piece) = piece {
            self.seq = piece.next;
            let text = piece.text;
            items.extend((!text.is_empty()).then_some(LogItem {
                seq: self.seq,
                time: None,
                body: LogBody::Out { text },
            }));
        }
        if !more {
            items.push(self.end(end_of_run(run)));
        }
        Ok(Read {
            items,
            is_all: !more,
            is_live: false,
        })
    }

    fn has_spool(&self) -> bool {
        spool::exists(&self.folder)
    }

    fn frames(&mut self, max_bytes: usize) -> Result<Vec<Frame>, Error> {
        let frames = self.reader.read(max_bytes);
        frames.map_err(|error| failed(&self.folder, error))
    }

    fn take(&mut self, frame: Frame) -> Vec<LogItem> {
        let Frame { seq, time_ms, body } = frame;
        self.seq = seq;
        let time = i64::try_from(time_ms).ok().filter(|time| *time > 0);
        let time = time.and_then(|time| Time::from_millisecond(time).ok());
        let item = |body| LogItem {
            seq,
            time: time.map(|time| time.to_string()),
            body,
        };
        match body {
            Body::Output(stream, bytes) => {
                let text = match stream {
                    Stream::Out => self.out.push_bytes(&bytes),
                    Stream::Err => self.err.push_bytes(&bytes),
                };
                text_of(stream, text).map(item).into_iter().collect()
            }
            Body::Gap(bytes) | Body::NoRoom(bytes) => {
                let cause = match body {
                    Body::NoRoom(_) => GapCause::DiskFull,
                    _ => GapCause::Limit,
                };
                let mut items = self.rest();
                items.push(item(LogBody::Gap { bytes, cause }));
                items
            }
            Body::Ended(ended) => {
                let mut items = self.rest();
                items.push(self.end(end_of_process(&ended)));
                items
            }
            Body::Started(_) | Body::Said(_) => Vec::new(),
        }
    }

    fn end(&mut self, body: LogBody) -> LogItem {
        self.over = true;
        LogItem {
            // No frame has this number: the last one may have ended lines.
            seq: self.seq + 1,
            time: None,
            body,
        }
    }
}

fn failed(folder: &std::path::Path, source: io::Error) -> Error {
    Error::Io {
        what: folder.display().to_string(),
        source,
    }
}

fn text_of(stream: Stream, text: String) -> Option<LogBody> {
    let body = match stream {
        Stream::Out => LogBody::Out { text },
        Stream::Err => LogBody::Err { text },
    };
    let is_empty =
        matches!(&body, LogBody::Out { text } | LogBody::Err { text } if text.is_empty());
    (!is_empty).then_some(body)
}

fn end_of_run(run: &Run) -> LogBody {
    let status = match run.status.is_open() {
        true => Status::Lost,
        false => run.status,
    };
    LogBody::Ended {
        status: status.name().to_owned(),
        exit_code: run.exit_code,
    }
}

/// Says how it ended before the engine has put it on record.
fn end_of_process(ended: &Ended) -> LogBody {
    let (status, exit_code) = match &ended.end {
        End::Exited { code: 0 } => (Status::Finished, Some(0)),
        End::Exited { code } | End::NotStarted { code, .. } => (Status::Failed, Some(*code)),
        End::Signalled { .. } => (Status::Failed, None),
        End::Limit { .. } | End::Stopped => (Status::Killed, None),
    };
    LogBody::Ended {
        status: status.name().to_owned(),
        exit_code,
    }
}

/// Drops what comes before the last lines.
fn keep_last_lines(items: &mut VecDeque<LogItem>, lines: usize) {
    let mut left = lines;
    let mut ends_line = true;
    for at in (0..items.len()).rev() {
        let (LogBody::Out { text } | LogBody::Err { text }) = &mut items[at].body else {
            continue;
        };
        // The line end that the output ends with begins no line.
        let body = match ends_line {
            true => text.strip_suffix('\n').unwrap_or(text),
            false => text.as_str(),
        };
        ends_line = false;
        let mut ends = body.rmatch_indices('\n').map(|(at, _)| at);
        match left.checked_sub(1).and_then(|nth| ends.nth(nth)) {
            Some(end) => {
                text.drain(..=end);
                items.drain(..at);
                return;
            }
            None if left == 0 => {
                text.clear();
                items.drain(..at);
                return;
            }
            None => left -= body.matches('\n').count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(seq: u64, text: &str) -> LogItem {
        LogItem {
            seq,
            time: None,
            body: LogBody::Out { text: text.into() },
        }
    }

    #[test]
    fn the_last_lines_may_begin_within_an_item() {
        for (lines, expected) in [
            (0, ""),
            (1, "four\n"),
            (2, "three\nfour\n"),
            (3, "two\nthree\nfour\n"),
            (9, "one\ntwo\nthree\nfour\n"),
        ] {
            let mut items = VecDeque::from([out(1, "one\ntwo\n"), out(2, "three\nfour\n")]);
            keep_last_lines(&mut items, lines);
            let text = items.iter().map(|item| match &item.body {
                LogBody::Out { text } => text.as_str(),
                _ => "",
            });
            assert_eq!(text.collect::<String>(), expected, "{lines}");
        }
    }
}
