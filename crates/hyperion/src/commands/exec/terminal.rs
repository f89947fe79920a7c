//! The person's terminal while a command has it.

use std::fs;
use std::io::{self, IsTerminal as _};

use hyperion_shim::Size;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// A terminal that passes every key on; it is as before when this goes.
pub(super) struct Terminal {
    before: Option<Termios>,
}

impl Terminal {
    /// Gives the terminal, where all three streams are one: else what goes into a file would hold what was meant for a screen.
    pub(super) fn of_process() -> Option<Self> {
        let is_one =
            io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
        is_one.then_some(Self { before: None })
    }

    /// Has every key passed on, where the terminal is this process's to change.
    pub(super) fn make_raw(&mut self) {
        if self.before.is_some() || !is_in_foreground() {
            return;
        }
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else {
            return;
        };
        let mut raw = before.clone();
        raw.make_raw();
        if tcsetattr(&stdin, OptionalActions::Now, &raw).is_ok() {
            self.before = Some(before);
        }
    }

    /// Makes the terminal as it was.
    pub(super) fn restore(&mut self) {
        if let Some(before) = self.before.take() {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &before);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Gives the terminal's size; one that does not know it has 24 rows of 80 columns.
pub(super) fn size() -> Size {
    let known = tcgetwinsize(io::stdin()).ok();
    let known = known.filter(|size| size.ws_row > 0 && size.ws_col > 0);
    known.map_or(Size { rows: 24, cols: 80 }, |size| Size {
        rows: size.ws_row,
        cols: size.ws_col,
    })
}

/// Whether standard input may be read: a terminal stops a process in the background that tries.
pub(super) fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).map_or(true, |group| group == getpgrp())
}

/// Whether Ctrl-Z would have stopped a process if its session had a shell: the kernel stops nobody whom nobody could continue.
///
/// It would where the terminal makes a signal of the key, the process is in front there, and it neither ignores nor handles the signal.
pub(super) fn lets_ctrl_z_stop(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // After the name, which may hold anything: state, parent, group, session, terminal, the group in front.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<_> = fields.split_whitespace().collect();
    let is_in_front = fields.get(2).is_some() && fields.get(2) == fields.get(5);
    let mode = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let tty = rustix::fs::open(format!("/proc/{pid}/fd/0"), mode, Mode::empty());
    let attributes = tty.and_then(tcgetattr);
    let makes_signals =
        attributes.is_ok_and(|attributes| attributes.local_modes.contains(LocalModes::ISIG));
    is_in_front && makes_signals && takes_default(pid, Signal::TSTP)
}

/// Whether a process does with a signal what is done by default.
fn takes_default(pid: u32, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let bit = 1_u64 << (signal.as_raw() - 1);
    let is_in = |mask: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(mask));
        let mask = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
        mask.is_none_or(|mask| mask & bit != 0)
    };
    !is_in("SigIgn:") && !is_in("SigCgt:")
}

/// Stops this process, as Ctrl-Z does; it goes on here when somebody continues it.
pub(super) fn stop_here() {
    let _ = kill_process(getpid(), Signal::STOP);
}
