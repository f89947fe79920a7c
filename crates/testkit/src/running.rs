use crate::program::Finished;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the last output may take after the command itself ended: a process it left behind
/// may hold the pipe for ever.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// A started command whose output is being collected.
///
/// It leads a process group of its own, which is killed with it when the value goes before its end.
/// What an ended command left running is left: it goes with the home.
#[derive(Debug)]
pub struct Running {
    line: String,
    pid: Pid,
    started: Instant,
    seen: Arc<Seen>,
}

impl Running {
    #[track_caller]
    pub(crate) fn start(command: &mut Command, input: Option<Vec<u8>>) -> Self {
        let line = shown(command);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("start `{line}`: {error}"),
        };
        let pid = Pid::from_child(&child);
        let seen = Arc::<Seen>::default();
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A command that reads none of it ends the pipe, and is right to.
            thread::spawn(move || stdin.write_all(&input));
        }
        collect(child.stdout.take(), &seen, |state| &mut state.stdout);
        collect(child.stderr.take(), &seen, |state| &mut state.stderr);
        await_end(child, &seen);
        Self {
            line,
            pid,
            started: Instant::now(),
            seen,
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until standard output or standard error contains `text`.
    ///
    /// # Panics
    /// When the command ends, or `limit` passes, without it.
    #[track_caller]
    pub fn wait_for(&self, text: &str, limit: Duration) {
        let has = |state: &State| {
            [&state.stdout, &state.stderr]
                .iter()
                .any(|written| String::from_utf8_lossy(written).contains(text))
        };
        let state = self
            .seen
            .wait(limit, |state| has(state) || state.is_complete());
        assert!(
            has(&state),
            "`{}` did not say {text:?} within {limit:?}{}",
            self.line,
            state.shown()
        );
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().stderr).into_owned()
    }

    /// Sends a signal to the command alone, as `kill` does.
    pub fn signal(&self, signal: Signal) {
        if self.seen.lock().status.is_none() {
            // It may have ended in between.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Asks the command to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Kills the command alone, at once: what a crash leaves is left.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// True while the command runs.
    pub fn is_running(&self) -> bool {
        self.seen.lock().status.is_none()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When `limit` passes first; the group is killed and what it wrote is shown.
    #[track_caller]
    pub fn wait(self, limit: Duration) -> Finished {
        let state = self.seen.wait(limit, |state| state.status.is_some());
        let Some(status) = state.status else {
            let shown = state.shown();
            drop(state);
            panic!("`{}` still ran after {limit:?}{shown}", self.line);
        };
        let took = self.started.elapsed();
        drop(state);
        let state = self.seen.wait(DRAIN_LIMIT, State::is_complete);
        Finished {
            line: self.line.clone(),
            exit: status.code(),
            took,
            stdout: text(&state.stdout),
            stderr: text(&state.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            // It may have ended in between.
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    closed_count: u8,
    status: Option<ExitStatus>,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, limit: Duration, until: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), limit, |state| !until(state))
            .unwrap_or_else(PoisonError::into_inner);
        state
    }
}

impl State {
    fn is_complete(&self) -> bool {
        self.status.is_some() && self.closed_count == 2
    }

    fn shown(&self) -> String {
        format!(
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.status
                .map_or(String::new(), |status| match status.signal() {
                    Some(signal) => format!(" (ended by signal {signal})"),
                    None => format!(" (ended with {})", status.code().unwrap_or_default()),
                }),
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(&self.stderr)
        )
    }
}

fn collect(
    from: Option<impl Read + Send + 'static>,
    seen: &Arc<Seen>,
    into: fn(&mut State) -> &mut Vec<u8>,
) {
    let mut from = from.expect("it was piped");
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        let mut part = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut part) {
            seen.change(|state| into(state).extend_from_slice(&part[..read]));
        }
        seen.change(|state| state.closed_count += 1);
    });
}

fn await_end(mut child: Child, seen: &Arc<Seen>) {
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        let status = child.wait().expect("wait for our own child");
        seen.change(|state| state.status = Some(status));
    });
}

fn text(written: &[u8]) -> String {
    String::from_utf8_lossy(written).into_owned()
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::Hyperion;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(20);

    fn panic_of(work: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
        *panic.downcast::<String>().unwrap()
    }

    #[test]
    fn a_running_command_is_watched_and_interrupted() {
        let shell = Hyperion::new("/bin/sh");
        let script = "trap 'echo bye; exit 130' INT; echo ready; while :; do sleep 0.1; done";
        let running = shell.start(&["-c", script]);
        running.wait_for("ready", SOON);
        assert!(running.is_running());
        running.interrupt();
        assert_eq!(running.wait(SOON).code(130).stdout, "ready\nbye\n");
    }

    #[test]
    fn too_long_a_command_is_killed_with_its_group_and_shown() {
        let shell = Hyperion::new("/bin/sh").limit(Duration::from_millis(300));
        let said = panic_of(|| drop(shell.run(&["-c", "echo started; sleep 600 & sleep 600"])));
        assert!(
            said.contains("still ran after 300ms") && said.contains("started"),
            "{said}"
        );
    }

    #[test]
    fn output_that_never_comes_and_other_statuses_are_told() {
        let shell = Hyperion::new("/bin/sh");
        let said = panic_of(|| shell.start(&["-c", "echo a; exit 3"]).wait_for("b", SOON));
        assert!(
            said.contains("did not say \"b\"") && said.contains("ended with 3"),
            "{said}"
        );
        let said = panic_of(|| drop(shell.run(&["-c", "echo why >&2; exit 3"]).code(0)));
        assert!(
            said.contains("ended with 3, not 0") && said.contains("why"),
            "{said}"
        );
    }

    #[test]
    fn a_process_left_behind_does_not_hold_the_result() {
        let shell = Hyperion::new("/bin/sh");
        let seen = shell.run(&["-c", "setsid sleep 600 & echo done"]).code(0);
        assert_eq!(seen.stdout, "done\n");
    }
}
