//! The first process inside: it enters the sandbox and starts what the run is about.
//!
//! Where the run has processes of its own (a pid namespace), it is their first: it stays, takes note of the dead, and everything ends with
//! it. Elsewhere it becomes the program.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use hyperion_host::{Launch, SpawnError};
use hyperion_sandbox::{Had, Layer, Outer, Sandbox, enter_inner};
use rustix::fs::Mode;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getrlimit,
    ioctl_tiocsctty, nice, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
    setsid, umask, wait,
};
use serde::{Deserialize, Serialize};

use crate::folder::read_spec;
use crate::private::Private;
use crate::socket::RunSocket;
use crate::spec::{End, Spec};

/// The most bytes of a message between the shim and its first process.
pub(crate) const MESSAGE_MAX: usize = 64 * 1024;
/// How much nicer than the rest background work is; the kernel derives its priority for disks from it.
const BACKGROUND_NICE: i32 = 10;

/// What the shim tells its first process, with the descriptors of the program: one terminal, or standard input, output and error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) outer: Outer,
    pub(crate) umask: u32,
    /// More variables for the program.
    pub(crate) env: Vec<(String, String)>,
    /// Whether the last descriptor is that of what is private.
    pub(crate) has_private: bool,
}

/// What the first process tells the shim.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// It dies with the shim from now on, and waits for its [`Order`].
    Ready,
    /// It is inside. The end of the connection follows when it became the program.
    Inside(Had),
    /// The program was started; this process stays.
    Started,
    /// The program could not be started.
    NotStarted(End),
    /// The program ended.
    Ended(End),
}

/// Enters the sandbox and starts the program; returns when the program could not be started, or has ended.
pub(crate) fn run(folder: &Path) -> io::Result<()> {
    // The kernel then kills this process when the shim dies, whatever becomes of it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let shim = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 3)?;
    tell(&shim, &Report::Ready)?;
    // A shim that died before is not told of by a signal, but by the end of this connection.
    let Some((order, mut fds)) = receive_order(&shim)? else {
        return Ok(());
    };
    let private = if order.has_private { fds.pop() } else { None };
    let result = whole_spec(folder, private)
        .map_err(|error| failed(error.to_string()))
        .and_then(|spec| start(&spec, folder, &order, fds, &shim));
    match result {
        Err(end) => tell(&shim, &Report::NotStarted(end)),
        Ok(program) => tell(&shim, &Report::Ended(wait_for(program))),
    }
}

fn whole_spec(folder: &Path, private: Option<OwnedFd>) -> io::Result<Spec> {
    let spec = read_spec(folder)?;
    Ok(match private {
        Some(file) => {
            let Private { argv, env } = Private::read(&file)?;
            Spec { argv, env, ..spec }
        }
        None => spec,
    })
}

/// Sends a message to the other end of the connection between the shim and its first process.
pub(crate) fn tell(to: &OwnedFd, message: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    rustix::net::send(to, &json, SendFlags::NOSIGNAL)?;
    Ok(())
}

pub(crate) fn send_order(to: &OwnedFd, order: &Order, fds: &[OwnedFd]) -> io::Result<()> {
    let json = serde_json::to_vec(order)?;
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(|fd| fd.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(
        to,
        &[IoSlice::new(&json)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

fn receive_order(from: &OwnedFd) -> io::Result<Option<(Order, Vec<OwnedFd>)>> {
    let mut json = vec![0; MESSAGE_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        from,
        &mut [IoSliceMut::new(&mut json)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    let order = serde_json::from_slice(&json[..received.bytes])?;
    Ok(Some((order, fds)))
}

/// Gives the program that was started, or does not return: this process is the program then.
fn start(
    spec: &Spec,
    folder: &Path,
    order: &Order,
    fds: Vec<OwnedFd>,
    shim: &OwnedFd,
) -> Result<Pid, End> {
    let said = |what: &'static str| move |error| failed(format!("{what}: {error}"));
    setsid().map_err(|error| failed(format!("begin a session: {error}")))?;
    let mut fds = fds.into_iter();
    let first = fds
        .next()
        .ok_or_else(|| failed("no descriptors came".to_owned()))?;
    let (stdin, stdout, stderr) = match (fds.next(), fds.next()) {
        (Some(stdout), Some(stderr)) => (first, stdout, stderr),
        _ => {
            ioctl_tiocsctty(&first)
                .map_err(io::Error::from)
                .map_err(said("take the terminal"))?;
            let copy = || first.try_clone().map_err(said("take the terminal"));
            (copy()?, copy()?, first)
        }
    };
    umask(Mode::from_raw_mode(order.umask));
    limit(spec);
    let had =
        enter_inner(&spec.sandbox, &order.outer).map_err(|error| failed(error.to_string()))?;
    // Whatever changes a process's credentials takes this away.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let launch = launch(spec, folder, &had, &order.env)?;
    let report = |report: &Report| tell(shim, report).map_err(said("tell the shim"));
    report(&Report::Inside(had))?;
    if !is_first_of_all() {
        return Err(not_started(&launch.become_it(stdin, stdout, stderr)));
    }
    // The program is the same user: it must not take our descriptors, or be us by a debugger. What we start is as any other again.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| failed(format!("keep the first process to itself: {error}")))?;
    let pid = launch
        .start_child(stdin, Some(stdout), Some(stderr))
        .map_err(|error| not_started(&error))?;
    report(&Report::Started)?;
    Pid::from_raw(pid.cast_signed()).ok_or_else(|| failed("the program has no number".to_owned()))
}

/// Whether this is the first process of a pid namespace.
fn is_first_of_all() -> bool {
    std::process::id() == 1
}

/// What is started, with the whole environment.
fn launch(spec: &Spec, folder: &Path, had: &Had, more: &[(String, String)]) -> Result<Launch, End> {
    let Some((program, args)) = spec.argv.split_first() else {
        return Err(failed("there is no program to start".to_owned()));
    };
    if !spec.cwd.is_dir() {
        return Err(failed(format!(
            "the folder {} is not there",
            spec.cwd.display()
        )));
    }
    let is_elsewhere =
        spec.sandbox.socket_folder.is_some() && had.layers.contains(&Layer::MountNamespace);
    let socket = match is_elsewhere {
        true => Path::new(Sandbox::SOCKET_FOLDER).join(RunSocket::NAME),
        false => folder.join(crate::SOCKET_FOLDER).join(RunSocket::NAME),
    };
    let mut launch = Launch::new(program, &spec.cwd).args(args);
    let kept = spec
        .env
        .iter()
        .filter(|(name, _)| !TAKEN_AWAY.contains(&name.as_str()));
    launch.env = kept
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    for (name, path) in hyperion_sandbox::environment(&spec.sandbox, had) {
        launch = launch.env(name, path);
    }
    launch = launch.env(hyperion_host::RUN_VARIABLE, &spec.run);
    if let Some(token) = &spec.token {
        launch = launch
            .env("HYPERION_SOCKET", socket)
            .env("HYPERION_RUN_TOKEN", token);
    }
    for (name, value) in more {
        launch = launch.env(name, value);
    }
    Ok(launch)
}

/// Variables of a client, or of another run, which nothing inside gets.
const TAKEN_AWAY: [&str; 5] = [
    "HYPERION_TOKEN",
    "HYPERION_URL",
    "HYPERION_RUN_ID",
    "HYPERION_RUN_TOKEN",
    "HYPERION_SOCKET",
];

fn limit(spec: &Spec) {
    if spec.background {
        let _ = nice(BACKGROUND_NICE);
    }
    // One that may not be set is set lower already.
    lower(Resource::Core, Some(0));
    lower(Resource::Nofile, spec.limits.files_max);
    lower(Resource::Cpu, spec.limits.cpu_sec);
}

fn lower(resource: Resource, wanted: Option<u64>) {
    let Some(wanted) = wanted else { return };
    let now = getrlimit(resource);
    let bounded = Some(now.maximum.map_or(wanted, |most| most.min(wanted)));
    let _ = setrlimit(
        resource,
        Rlimit {
            current: bounded,
            maximum: bounded,
        },
    );
}

/// Takes note of every process that ends, until the program has.
fn wait_for(program: Pid) -> End {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => return end_of(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return failed(format!("wait for the program: {error}")),
        }
    }
}

/// How a process ended that ended by itself.
pub(crate) fn end_of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exited { code },
        (None, signal) => End::Signalled {
            signal: signal.unwrap_or(0),
        },
    }
}

fn not_started(error: &SpawnError) -> End {
    let code = match error {
        SpawnError::NotFound { .. } => 127,
        _ => 126,
    };
    let mut why = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        why = format!("{why}: {source}");
    }
    End::NotStarted { code, why }
}

/// The shim itself failed.
pub(crate) fn failed(why: String) -> End {
    End::NotStarted { code: 125, why }
}
