//! Between a person's streams and the shim that owns their command: output here, keys and signals there.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyperion_engine::run::FENCE;
use hyperion_host::{ProcessMark, is_stopped};
use hyperion_shim::{
    AttachError, Attachment, Body, Control, Ended, Found, Frame, Stream, look, read_spec, spool,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::terminal::{self, Terminal};

/// How many bytes of output may wait to be written before no more is taken from the shim.
const BACKLOG_MAX: usize = 256 * 1024;
/// How many bytes are read from standard input at once.
const INPUT_BYTES: usize = 16 * 1024;
/// How many bytes are written at once: a pipe that is ready takes that many without waiting.
const WRITE_BYTES: usize = 4096;
/// How long to wait for something to happen.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long to wait for a shim that is just coming or leaving.
const ATTACH_AGAIN: Duration = Duration::from_millis(5);
/// How long after Ctrl-Z it is looked whether the command was stopped by it, and how often.
const STOPPED_WITHIN: Duration = Duration::from_millis(150);
/// See [`STOPPED_WITHIN`].
const STOPPED_LOOK: Duration = Duration::from_millis(20);
/// The key that stops a program.
const CTRL_Z: u8 = 0x1a;
/// The most bytes of the spool that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// The most bytes of output in a frame.
const FRAME_BYTES: u64 = 64 * 1024;
/// How often it is looked how far behind a reader is that is slow.
const LOOK_BEHIND: Duration = Duration::from_millis(100);
/// How many frames a reader may be behind, whatever is kept: bounds on [`Relay::behind_max`].
const BEHIND_FEWEST: u64 = 8;
/// See [`BEHIND_FEWEST`].
const BEHIND_MOST: u64 = 4096;

/// How a relay ended.
pub(super) enum Outcome {
    /// The command did.
    Ended {
        /// How.
        ended: Box<Ended>,
        /// Output that never came through.
        lost: Lost,
    },
    /// Its shim died, and with it everything it had started.
    Lost,
}

/// Output that was not kept, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lost {
    /// There was more than is kept.
    pub(super) too_much: u64,
    /// The disk was full.
    pub(super) no_room: u64,
}

/// Carries bytes and signals between this process and a shim.
pub(super) struct Relay {
    folder: PathBuf,
    attachment: Option<Attachment>,
    /// Whether the last look at the frames left some.
    are_more: bool,
    /// One byte for each signal that came.
    signals: UnixStream,
    terminal: Option<Terminal>,
    /// Whether there is more to read for the command.
    reads: bool,
    /// What has come and is not written yet.
    backlog: VecDeque<(Stream, Vec<u8>)>,
    backlog_bytes: usize,
    /// How much of the first of it is written already.
    written: usize,
    /// Which of standard output and standard error nobody reads any more.
    closed: [bool; 2],
    /// The last frame that was taken.
    seq: u64,
    lost: Lost,
    has_told_of_disk: bool,
    ended: Option<Box<Ended>>,
    /// The command's process, where it can be seen.
    pid: Option<u32>,
    /// Until when it is looked whether Ctrl-Z stopped the command.
    stops_until: Option<Instant>,
    /// How many frames the reader may be behind.
    behind_max: u64,
    /// Whether the command stands still until the reader has caught up.
    holds_back: bool,
    /// When it was last looked how far behind that is.
    looked_at: Instant,
}

impl Relay {
    /// Begins at the command's beginning.
    pub(super) fn new(
        folder: PathBuf,
        signals: UnixStream,
        terminal: Option<Terminal>,
        reads: bool,
    ) -> Self {
        let kept = read_spec(&folder).ok();
        let kept = kept.and_then(|spec| spec.limits.output_max_bytes);
        let behind_max = kept.map_or(u64::MAX, |bytes| bytes / 4 / FRAME_BYTES);
        Self {
            behind_max: behind_max.clamp(BEHIND_FEWEST, BEHIND_MOST),
            holds_back: false,
            looked_at: Instant::now(),
            folder,
            attachment: None,
            are_more: false,
            signals,
            terminal,
            reads,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            written: 0,
            closed: [false; 2],
            seq: 0,
            lost: Lost::default(),
            has_told_of_disk: false,
            ended: None,
            pid: None,
            stops_until: None,
        }
    }

    /// Carries until the command has ended and all that it wrote is written.
    pub(super) fn run(mut self) -> io::Result<Outcome> {
        if let Some(terminal) = &mut self.terminal {
            terminal.make_raw();
        }
        loop {
            if self.backlog.is_empty()
                && let Some(ended) = self.ended.take()
            {
                let lost = self.lost;
                return Ok(Outcome::Ended { ended, lost });
            }
            let ready = self.wait()?;
            if ready.signals {
                self.take_signals()?;
            }
            if ready.output {
                self.write();
            }
            if ready.shim || (self.are_more && self.has_room()) {
                self.take_frames();
            }
            if ready.input {
                self.take_input();
            }
            let is_alone = self.attachment.is_none() && self.ended.is_none();
            if is_alone && self.has_room() && !self.find_out()? {
                return Ok(Outcome::Lost);
            }
            self.look_if_stopped();
            self.hold_back();
        }
    }

    /// Waits until something can be done.
    fn wait(&self) -> io::Result<Ready> {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let shim = self.attachment.as_ref().filter(|_| self.ended.is_none());
        let reads = self.reads && shim.is_some_and(|shim| shim.stdin_room() > 0);
        let reads = reads && terminal::is_in_foreground();
        let mut shim_flags = PollFlags::empty();
        shim_flags.set(PollFlags::IN, self.has_room());
        shim_flags.set(PollFlags::OUT, shim.is_some_and(Attachment::has_unsent));
        let shim = shim.filter(|_| !shim_flags.is_empty());
        let writes: Option<BorrowedFd<'_>> = self.backlog.front().map(|(stream, _)| match stream {
            Stream::Out => stdout.as_fd(),
            Stream::Err => stderr.as_fd(),
        });
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let wanted = [
            (writes, PollFlags::OUT),
            (shim.map(Attachment::fd), shim_flags),
            (reads.then(|| stdin.as_fd()), PollFlags::IN),
        ];
        let [output, shim, input] = wanted.map(|(fd, flags)| {
            fds.push(PollFd::from_borrowed_fd(fd?, flags));
            Some(fds.len() - 1)
        });
        let timeout = match self.stops_until {
            _ if self.are_more && self.has_room() => Duration::ZERO,
            Some(_) => STOPPED_LOOK,
            None if self.holds_back || !self.has_room() => LOOK_BEHIND,
            None if self.attachment.is_none() && self.ended.is_none() => ATTACH_AGAIN,
            None => LOOK_EVERY,
        };
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |at: Option<usize>| {
            let fd = at.and_then(|at| fds.get(at));
            fd.is_some_and(|fd| !fd.revents().is_empty())
        };
        Ok(Ready {
            signals: is_ready(Some(0)),
            output: is_ready(output),
            shim: is_ready(shim),
            input: is_ready(input),
        })
    }

    const fn has_room(&self) -> bool {
        self.backlog_bytes < BACKLOG_MAX
    }

    fn take_frames(&mut self) {
        if !self.has_room() || self.ended.is_some() {
            return;
        }
        let Some(shim) = &mut self.attachment else {
            return;
        };
        let frames = shim.flush().and_then(|()| shim.frames(READ_BYTES));
        let (is_over, is_disk_full) = (shim.is_over(), shim.news().disk_full);
        if is_disk_full && !std::mem::replace(&mut self.has_told_of_disk, true) {
            // With a return: the terminal may be raw.
            let what = "hyperion: the disk is full: the command waits until there is room for its output\r\n";
            let _ = io::stderr().write_all(what.as_bytes());
        }
        let frames = frames.unwrap_or_default();
        self.are_more = !frames.is_empty();
        frames.into_iter().for_each(|frame| self.take(frame));
        if is_over && !self.are_more {
            // What became of the shim is found out next.
            self.attachment = None;
        }
    }

    /// Has the command stand still while whoever reads its output is far behind, before the middle of it is dropped.
    fn hold_back(&mut self) {
        let may_be_behind = self.holds_back || !self.has_room();
        if !may_be_behind || self.looked_at.elapsed() < LOOK_BEHIND {
            return;
        }
        self.looked_at = Instant::now();
        let newest = spool::near_end(&self.folder, 1).unwrap_or(0);
        let behind = newest.saturating_sub(self.seq);
        if !self.holds_back && behind > self.behind_max {
            self.holds_back = true;
            self.send(Control::Pause);
        } else if self.holds_back && behind < self.behind_max / 4 {
            self.holds_back = false;
            self.send(Control::Resume);
        }
    }

    fn take(&mut self, frame: Frame) {
        if frame.seq <= self.seq {
            return;
        }
        self.seq = frame.seq;
        match frame.body {
            Body::Started(mark) => {
                let mark = mark.parse::<ProcessMark>().ok();
                self.pid = mark.map(|mark| mark.pid);
            }
            Body::Output(stream, bytes) => {
                if !self.closed[stream as usize] {
                    self.backlog_bytes += bytes.len();
                    self.backlog.push_back((stream, bytes));
                }
            }
            Body::Gap(bytes) => self.lost.too_much += bytes,
            Body::NoRoom(bytes) => self.lost.no_room += bytes,
            Body::Said(_) => {}
            Body::Ended(ended) => self.ended = Some(Box::new(ended)),
        }
    }

    /// Looks into the folder, as nobody answers on the shim's socket; false when the shim is gone without an end.
    fn find_out(&mut self) -> io::Result<bool> {
        loop {
            let found = look(&self.folder)?;
            let frames = spool::read(&self.folder, self.seq, READ_BYTES)?;
            let are_more = !frames.is_empty();
            frames.into_iter().for_each(|frame| self.take(frame));
            if self.ended.is_some() || !self.has_room() {
                return Ok(true);
            }
            match found {
                Found::Ended(_) if are_more => {}
                Found::Ended(ended) => self.ended = Some(Box::new(ended)),
                Found::Live { .. } => {
                    self.attach();
                    return Ok(true);
                }
                Found::NotStarted | Found::Dead => return Ok(are_more),
            }
        }
    }

    /// Attaches to the shim, unless it is just leaving.
    fn attach(&mut self) {
        let attached = match Attachment::open(&self.folder, FENCE, self.seq) {
            Err(AttachError::Fenced { highest }) => {
                Attachment::open(&self.folder, highest, self.seq)
            }
            attached => attached,
        };
        self.attachment = attached.ok();
        self.are_more = self.attachment.is_some();
    }

    fn write(&mut self) {
        let Some((stream, bytes)) = self.backlog.front() else {
            return;
        };
        let (stream, size) = (*stream, bytes.len());
        let piece = &bytes[self.written..size.min(self.written + WRITE_BYTES)];
        let written = match stream {
            Stream::Out => rustix::io::write(io::stdout(), piece),
            Stream::Err => rustix::io::write(io::stderr(), piece),
        };
        match written {
            Ok(count) => {
                self.written += count;
                if self.written == size {
                    self.written = 0;
                    self.backlog_bytes -= size;
                    self.backlog.pop_front();
                }
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.close(stream),
        }
    }

    /// Nobody reads that stream any more: the command hears of it as it would from a pipe.
    fn close(&mut self, stream: Stream) {
        self.closed[stream as usize] = true;
        self.written = 0;
        self.backlog.retain(|(of, _)| *of != stream);
        self.backlog_bytes = self.backlog.iter().map(|(_, bytes)| bytes.len()).sum();
        self.send(Control::Signal(Signal::PIPE.as_raw()));
    }

    fn take_input(&mut self) {
        let room = self.attachment.as_ref().map_or(0, Attachment::stdin_room);
        let mut bytes = vec![0; room.min(INPUT_BYTES)];
        match rustix::io::read(io::stdin(), &mut bytes) {
            // Nothing can be sent now.
            Ok(0) if bytes.is_empty() => {}
            Ok(0) => {
                self.reads = false;
                self.send(Control::StdinEnd);
            }
            Ok(count) => {
                let bytes = &bytes[..count];
                if self.terminal.is_some() && bytes.contains(&CTRL_Z) {
                    self.stops_until = Some(Instant::now() + STOPPED_WITHIN);
                }
                self.send(Control::Stdin(bytes.to_vec()));
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            // The terminal is gone.
            Err(_) => {
                self.reads = false;
                self.send(Control::StdinEnd);
            }
        }
    }

    fn take_signals(&mut self) -> io::Result<()> {
        let mut came = [0; 64];
        let count = self.signals.read(&mut came)?;
        came[..count].iter().for_each(|number| self.heed(*number));
        Ok(())
    }

    fn heed(&mut self, number: u8) {
        match Signal::from_named_raw(number.into()) {
            Some(Signal::WINCH) => self.resize(),
            Some(Signal::CONT) => self.go_on(),
            Some(Signal::TSTP) => {
                self.send(Control::Pause);
                self.rest();
                self.send(Control::Resume);
            }
            Some(signal) => self.send(Control::Signal(signal.as_raw())),
            None => {}
        }
    }

    fn resize(&mut self) {
        if self.terminal.is_some() {
            self.send(Control::Resize(terminal::size()));
        }
    }

    /// Somebody continued this process: the terminal may be another's by now, or this one's again.
    fn go_on(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.make_raw();
        }
        self.resize();
    }

    /// Where Ctrl-Z stopped the command, this process stops as well, so that the person gets the shell back.
    fn look_if_stopped(&mut self) {
        let Some(until) = self.stops_until else {
            return;
        };
        if self.pid.is_some_and(is_stopped) {
            self.stops_until = None;
            self.rest();
            self.send(Control::Signal(Signal::CONT.as_raw()));
        } else if Instant::now() >= until {
            self.stops_until = None;
            if self.pid.is_some_and(terminal::lets_ctrl_z_stop) {
                self.send(Control::Pause);
                self.rest();
                self.send(Control::Resume);
            }
        }
    }

    /// Stops this process until somebody continues it.
    fn rest(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.restore();
        }
        terminal::stop_here();
        // The system may stop the other threads first: what tells that it is over is that somebody continued this process.
        let (mut number, mut others) = ([0], Vec::new());
        let go_on = Signal::CONT.as_raw();
        while let Ok(1) = self.signals.read(&mut number) {
            if i32::from(number[0]) == go_on {
                break;
            }
            others.push(number[0]);
        }
        self.go_on();
        let stop = Signal::TSTP.as_raw();
        others.retain(|number| i32::from(*number) != stop);
        others.into_iter().for_each(|number| self.heed(number));
    }

    fn send(&mut self, control: Control) {
        let sent = self.attachment.as_mut().map(|shim| shim.send(control));
        if let Some(Err(_)) = sent {
            self.attachment = None;
        }
    }
}

/// What can be done now.
struct Ready {
    signals: bool,
    output: bool,
    shim: bool,
    input: bool,
}
