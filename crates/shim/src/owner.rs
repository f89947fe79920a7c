//! The shim itself: one thread, one loop over everything that it owns.

mod finish;

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use hyperion_fault::{Point, reached};
use hyperion_host::{ProcessMark, leave_session};
use hyperion_sandbox::{Had, Outer, enter_outer};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::process::{Signal, WaitStatus, getpid, set_child_subreaper, umask};

use crate::SOCKET_FOLDER;
use crate::asks::Asks;
use crate::channel::Channels;
use crate::clients::Clients;
use crate::control::{Control, News, Received, receive};
use crate::ending::{Ending, Step};
use crate::folder::{READY, TAKEN, claim, read_spec};
use crate::frame::Body;
use crate::inside::{MESSAGE_MAX, Order, Report, failed};
use crate::private::Private;
use crate::program::{Ends, Leader};
use crate::record::{EndedFile, Recorder, now_ms, shortened};
use crate::rpc::Party;
use crate::socket::RunSocket;
use crate::spec::{ChannelEnd, End, Ended, Spec, Usage};
use crate::tree::{self, Sample};

/// How much is read of the output at once; less where little is kept, so that what is dropped at once is little.
const READ_BYTES: u64 = 64 * 1024;
const READ_MIN_BYTES: u64 = 1024;
const READS_KEPT: u64 = 64;
/// The times between the first looks at the tree, and between all others.
const FIRST_SAMPLES: [Duration; 3] = [
    Duration::from_millis(10),
    Duration::from_millis(40),
    Duration::from_millis(150),
];
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// What the loop waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Somebody attaches.
    Listener,
    /// An attached client, by its number.
    Client(u64),
    /// Output, by its place in [`Ends::outputs`].
    Output(usize),
    /// Room for standard input.
    Stdin,
    /// A report of the first process.
    Connection,
    /// The first process, or the program, has ended.
    Leader,
    /// Something on the run's socket.
    RunSocket(PollFlags),
    /// Something on the channels.
    Channels(PollFlags),
}

/// What a shim owns.
struct Shim {
    recorder: Recorder,
    clients: Clients,
    ends: Ends,
    leader: Leader,
    /// None where nobody speaks on it.
    run_socket: Option<RunSocket>,
    channels: Option<Channels>,
    outer: Outer,
    had: Option<Had>,
    is_started: bool,
    /// Signals for a program that has not begun.
    early: Vec<Signal>,
    /// What the program did by itself.
    end: Option<End>,
    status: Option<WaitStatus>,
    ending: Ending,
    began: Instant,
    samples: u32,
    sample_at: Instant,
    sample: Sample,
    memory_peak_kb: u64,
    /// What the leader gets with its order.
    theirs: Vec<OwnedFd>,
    has_private: bool,
    umask: u32,
    buffer: Box<[u8]>,
}

/// Owns the run in a folder, from its start to its end. What went wrong before it was owned is told to whoever started this.
pub(crate) fn own(folder: &Path) -> io::Result<()> {
    let were_confined = rustix::thread::no_new_privs()?;
    hyperion_host::confine_this_thread()?;
    leave_session();
    let umask = umask(Mode::RWXG | Mode::RWXO).as_raw_mode();
    set_child_subreaper(Some(getpid()))?;
    let owned = prepare(folder, were_confined);
    let (spec, private, clients, recorder, ended_file) = match owned {
        Ok(Some(owned)) => owned,
        Ok(None) => return say(TAKEN),
        Err(error) => return say(&error.to_string().replace('\n', " ")),
    };
    reached(Point::ShimRecorded);
    say(READY)?;
    // Whoever started this waits for the end of the pipe, or not at all.
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stdin(&null)?;
    let began = Instant::now();
    let outer = enter_outer(&spec.sandbox);
    let umask = spec.umask.unwrap_or(umask);
    let made = Ends::make(&spec, folder)
        .map_err(|error| format!("make its input and output: {error}"))
        .and_then(|(ends, theirs)| {
            // Before the first process goes inside, where it finds them.
            let beside = beside(folder, &spec, began)?;
            Ok((ends, theirs, beside, Leader::start(folder)?))
        });
    let (recorder, mut clients, ended) = match made {
        Ok((ends, theirs, (run_socket, channels), leader)) => {
            let grace = Duration::from_millis(spec.grace_ms);
            let kept = spec.limits.output_max_bytes.unwrap_or(u64::MAX);
            let read = (kept / READS_KEPT).clamp(READ_MIN_BYTES, READ_BYTES);
            let shim = Shim {
                ending: Ending::new(spec.limits, grace, began),
                recorder,
                clients,
                ends,
                leader,
                run_socket,
                channels,
                outer,
                had: None,
                is_started: false,
                early: Vec::new(),
                end: None,
                status: None,
                began,
                samples: 0,
                sample_at: began + FIRST_SAMPLES[0],
                sample: Sample::default(),
                memory_peak_kb: 0,
                has_private: private.is_some(),
                theirs: theirs.into_iter().chain(private).collect(),
                umask,
                buffer: vec![0; usize::try_from(read).unwrap_or(usize::MAX)].into_boxed_slice(),
            };
            shim.run()
        }
        Err(why) => {
            let ended = Ended {
                end: failed(shortened(why)),
                usage: Usage::default(),
                had: outer.had,
                output_bytes: 0,
                dropped_bytes: 0,
                at_ms: Some(now_ms()),
                waits_for: Vec::new(),
            };
            let mut recorder = recorder;
            recorder.close(ended.clone());
            (recorder, clients, ended)
        }
    };
    reached(Point::ShimEnding);
    ended_file.write(&ended)?;
    clients.tell(News {
        last_seq: recorder.last_seq(),
        cpu_ms: ended.usage.cpu_ms,
        ..News::default()
    });
    Ok(())
}

type Owned = (Spec, Option<OwnedFd>, Clients, Recorder, EndedFile);

/// Everything that may fail before the run is ours; none when it is another's.
fn prepare(folder: &Path, were_confined: bool) -> io::Result<Option<Owned>> {
    let spec = read_spec(folder)?;
    let mut private = None;
    if Private::is_missing_in(&spec) {
        let file = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 3)?;
        Private::read(&file)?;
        private = Some(file);
    }
    let clients = Clients::bind(folder, were_confined)?;
    match claim(folder) {
        Ok(true) => {}
        Ok(false) => {
            clients.withdraw(folder);
            return Ok(None);
        }
        Err(error) => {
            clients.withdraw(folder);
            return Err(error);
        }
    }
    clients.publish(folder)?;
    let recorder = Recorder::create(folder, spec.limits.output_max_bytes)?;
    let ended_file = EndedFile::reserve(folder)?;
    Ok(Some((spec, private, clients, recorder, ended_file)))
}

type Beside = (Option<RunSocket>, Option<Channels>);

/// What the program finds beside it: the run's socket, and loopback ports that lead to the engine.
fn beside(folder: &Path, spec: &Spec, now: Instant) -> Result<Beside, String> {
    let listen = |token: &String| {
        let party = Party {
            run: spec.run.clone(),
            lineage: spec.lineage.clone(),
            token: token.clone(),
        };
        RunSocket::listen(&folder.join(SOCKET_FOLDER), Asks::new(folder), party, now)
    };
    let socket = spec.token.as_ref().map(listen).transpose();
    let socket = socket.map_err(|error| format!("listen on the run's socket: {error}"))?;
    let listen = |end: &ChannelEnd| Channels::listen(&spec.run, &spec.channels, end);
    let channels = spec.channel_socket.as_ref().map(listen).transpose();
    let channels = channels.map_err(|error| format!("listen on the port of a channel: {error}"))?;
    Ok((socket, channels))
}

fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

impl Shim {
    fn run(mut self) -> (Recorder, Clients, Ended) {
        while self.end.is_none() && self.status.is_none() {
            let ready = self.wait();
            for source in &ready {
                self.handle(*source);
            }
            let now = Instant::now();
            self.serve_inside(&ready, now);
            self.on_time(now);
            self.tell();
        }
        self.finish()
    }

    /// Waits until something is ready, or it is time for something.
    fn wait(&self) -> Vec<Source> {
        let sources = self.sources();
        let mut polled: Vec<PollFd<'_>> = sources
            .iter()
            .map(|(source, fd)| {
                let flags = match source {
                    Source::Stdin => PollFlags::OUT,
                    Source::RunSocket(flags) | Source::Channels(flags) => *flags,
                    _ => PollFlags::IN,
                };
                PollFd::from_borrowed_fd(*fd, flags)
            })
            .collect();
        let at = [
            Some(self.sample_at),
            self.ending.next_at(),
            self.recorder.retry_at(),
            self.run_socket.as_ref().and_then(RunSocket::due),
            self.channels.as_ref().and_then(Channels::due),
        ];
        let now = Instant::now();
        let left = at
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now)
            .saturating_duration_since(now);
        if poll(&mut polled, Some(&timespec(left))).is_err() {
            return Vec::new();
        }
        let ready = sources
            .iter()
            .zip(&polled)
            .filter(|(_, fd)| !fd.revents().is_empty());
        ready.map(|((source, _), _)| *source).collect()
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>)> {
        let mut sources = vec![
            (Source::Leader, self.leader.end.as_fd()),
            (Source::Listener, self.clients.listener().as_fd()),
        ];
        for (id, socket) in self.clients.sockets() {
            sources.push((Source::Client(id), socket.as_fd()));
        }
        if let Some(connection) = &self.leader.connection {
            sources.push((Source::Connection, connection.as_fd()));
        }
        if let Some(socket) = &self.run_socket {
            sources.extend(
                socket
                    .interests()
                    .map(|(fd, flags)| (Source::RunSocket(flags), fd)),
            );
        }
        if let Some(channels) = &self.channels {
            sources.extend(
                channels
                    .interests()
                    .map(|(fd, flags)| (Source::Channels(flags), fd)),
            );
        }
        // The start comes first, and a full disk holds the program back.
        if self.is_started && !self.recorder.is_full() {
            let outputs = self.ends.outputs.iter().enumerate();
            sources.extend(outputs.map(|(at, (_, fd))| (Source::Output(at), fd.as_fd())));
        }
        if let Some(stdin) = self
            .ends
            .stdin
            .as_ref()
            .filter(|_| self.clients.stdin().is_some())
        {
            sources.push((Source::Stdin, stdin.as_fd()));
        }
        sources
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Listener => self.clients.accept(Instant::now()),
            Source::Client(id) => {
                for control in self.clients.receive(id) {
                    self.obey(&control);
                }
                self.pass_stdin();
            }
            Source::Output(at) => self.read_output(at),
            Source::Stdin => self.pass_stdin(),
            Source::Connection => self.hear_leader(),
            Source::Leader => drop(tree::reap(self.leader.pid, &mut self.status)),
            // All of their connections have one turn, after everything else.
            Source::RunSocket(_) | Source::Channels(_) => {}
        }
    }

    /// Reads a piece of output; says whether there was one.
    fn read_output(&mut self, at: usize) {
        let Some((stream, fd)) = self.ends.outputs.get(at) else {
            return;
        };
        match rustix::io::read(fd, &mut self.buffer[..]) {
            Ok(count) if count > 0 => {
                let body = Body::Output(*stream, self.buffer[..count].to_vec());
                self.recorder.record(Instant::now(), body);
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // A terminal that nobody has open any more says so with an error.
            Ok(_) | Err(_) => drop(self.ends.outputs.remove(at)),
        }
    }

    /// Serves the run's socket and the channels, where something came or is due.
    fn serve_inside(&mut self, ready: &[Source], now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if let Some(socket) = &mut self.run_socket
            && (is_due(socket.due())
                || socket.is_stirred(self.clients.are_answering())
                || ready
                    .iter()
                    .any(|source| matches!(source, Source::RunSocket(_))))
        {
            let recorder = &mut self.recorder;
            socket.turn(now, self.clients.are_answering(), &mut |said| {
                if !recorder.has_room() {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                recorder.record(now, Body::Said(said));
                Ok(())
            });
        }
        if let Some(channels) = &mut self.channels
            && (is_due(channels.due())
                || ready
                    .iter()
                    .any(|source| matches!(source, Source::Channels(_))))
        {
            channels.turn(now);
        }
    }

    fn pass_stdin(&mut self) {
        let Some(stdin) = &self.ends.stdin else {
            self.clients.discard_stdin();
            return;
        };
        while let Some(bytes) = self.clients.stdin() {
            match rustix::io::write(stdin, bytes) {
                Ok(count) => self.clients.stdin_passed(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => {
                    self.ends.stdin = None;
                    self.clients.discard_stdin();
                    return;
                }
            }
        }
        if self.clients.stdin_is_over() {
            self.ends.end_stdin();
        }
    }

    fn obey(&mut self, control: &Control) {
        let now = Instant::now();
        match control {
            // The clients hold these until there is room.
            Control::Stdin(_) | Control::StdinEnd | Control::Answers => {}
            Control::Answer { number, json } => {
                if let Some(socket) = &mut self.run_socket {
                    socket.pass_answer(*number, json);
                }
            }
            Control::Resize(size) => self.ends.resize(*size),
            Control::Signal(number) => {
                let signal = Signal::from_named_raw(*number);
                match signal {
                    Some(signal) if self.is_started => self.leader.signal(signal),
                    // The first one is the one that is meant.
                    _ if self.early.is_empty() => self.early.extend(signal),
                    _ => {}
                }
            }
            Control::Stop { grace_ms } => {
                let step = self.ending.stop(Duration::from_millis(*grace_ms), now);
                self.take(step);
            }
            Control::Pause => {
                self.ending.pause(now);
                tree::signal_all(std::process::id(), self.without(), Signal::STOP);
            }
            Control::Resume => {
                self.ending.resume(now);
                self.let_go_on();
            }
        }
    }

    fn take(&mut self, step: Step) {
        // Who has not begun cannot end in good order.
        if step == Step::Kill || !self.is_started {
            (self.status, _) = tree::kill_all(self.leader.pid);
            self.end.get_or_insert(End::Stopped);
        } else {
            self.leader.signal(Signal::TERM);
            // One that is held hears nothing.
            self.let_go_on();
        }
    }

    fn let_go_on(&self) {
        tree::signal_all(std::process::id(), None, Signal::CONT);
    }

    /// The process below this one that is ours, where it stays beside the program.
    fn without(&self) -> Option<u32> {
        self.leader
            .connection
            .as_ref()
            .map(|_| self.leader.number())
    }

    fn hear_leader(&mut self) {
        let Some(connection) = &self.leader.connection else {
            return;
        };
        let mut message = vec![0; MESSAGE_MAX];
        let report = match receive(connection, &mut message) {
            Received::Packet(length) => serde_json::from_slice(&message[..length]).ok(),
            Received::NotYet => return,
            Received::TooLong | Received::Over => None,
        };
        match report {
            Some(Report::Ready) => {
                let theirs = std::mem::take(&mut self.theirs);
                let order = Order {
                    outer: self.outer.clone(),
                    umask: self.umask,
                    env: self
                        .channels
                        .as_ref()
                        .map(Channels::environment)
                        .unwrap_or_default(),
                    has_private: self.has_private,
                };
                if let Err(error) = self.leader.order(&order, &theirs) {
                    self.end = Some(failed(format!("tell the first process: {error}")));
                }
            }
            // Once, and before anything of the program's runs.
            Some(Report::Inside(had)) if self.had.is_none() => self.had = Some(had),
            Some(Report::Started) if !self.is_started => self.note_start(),
            Some(Report::Inside(_) | Report::Started) => {}
            Some(Report::NotStarted(end) | Report::Ended(end)) => self.end = Some(end),
            // It became the program, or it died.
            None => {
                self.leader.connection = None;
                if self.had.is_some() && !self.is_started {
                    self.note_start();
                }
            }
        }
    }

    fn note_start(&mut self) {
        self.is_started = true;
        for signal in self.early.drain(..) {
            self.leader.signal(signal);
        }
        let leader = self.leader.number();
        let program = match self.without() {
            Some(_) => tree::below(leader).first().copied().unwrap_or(leader),
            None => leader,
        };
        let mark = ProcessMark::of(program).ok().flatten();
        let mark = mark.map_or_else(|| program.to_string(), |mark| mark.to_string());
        let now = Instant::now();
        self.recorder.record(now, Body::Started(mark));
        // Soon, so that what is short is measured as well.
        self.sample_at = now;
        reached(Point::ShimStarted);
    }

    fn on_time(&mut self, now: Instant) {
        self.recorder.retry(now);
        if self.end.is_some() || self.status.is_some() {
            return;
        }
        if let Some(step) = self.ending.on_time(now) {
            self.take(step);
        }
        if now < self.sample_at {
            return;
        }
        // Those whose parents ended are ours to take note of.
        tree::reap(self.leader.pid, &mut self.status);
        let own = std::process::id();
        let without = self.without();
        self.sample = tree::sample(own, without);
        self.memory_peak_kb = self.memory_peak_kb.max(self.sample.memory_kb);
        let exact = || tree::exact_memory_kb(own, without);
        if let Some(step) = self.ending.on_sample(self.sample, exact, now) {
            self.take(step);
        }
        self.clients.drop_silent(now);
        self.samples = self.samples.saturating_add(1);
        let next = FIRST_SAMPLES.get(self.samples as usize);
        self.sample_at = now + next.copied().unwrap_or(SAMPLE_EVERY);
    }

    fn tell(&mut self) {
        self.clients.tell(News {
            last_seq: self.recorder.last_seq(),
            stdin_taken: 0,
            cpu_ms: self.sample.cpu_ms,
            memory_kb: self.sample.memory_kb,
            paused: self.ending.is_paused(),
            disk_full: self.recorder.is_full(),
            asks: self.run_socket.as_ref().map_or(0, RunSocket::asks),
        });
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
