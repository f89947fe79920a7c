use crate::chaos::keep_if_failed;
use crate::running::Running;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a command may take unless a test says otherwise: generous, as two cores may be busy.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the last processes of a home may take to go once killed.
const LAST_KILL_LIMIT: Duration = Duration::from_secs(5);

/// How long a process may stay in the middle of `execve`: a busy machine puts it aside there.
const EXECVE_LIMIT: Duration = Duration::from_secs(5);

/// The variables of this machine a started program may see.
const PASSED_ON: &[&str] = &["PATH", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// The program under test with a home of its own, as one person on one machine has it.
///
/// Clones share the home. When the last one goes, whatever still runs in that home is killed.
///
/// ```no_run
/// # let binary = "hyperion";
/// use hyperion_testkit::{Hyperion, TempRepo};
///
/// let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
/// let hyperion = Hyperion::new(binary).inside(repo.path()); // env!("CARGO_BIN_EXE_hyperion")
/// hyperion.run(&["init"]).code(0);
/// let waiting = hyperion.run(&["request", "request.json", "--wait", "--format", "json"]).code(75);
/// println!("{}", waiting.json()["approval_id"]);
/// ```
#[derive(Clone, Debug)]
pub struct Hyperion {
    binary: PathBuf,
    world: Arc<World>,
    inside: PathBuf,
    variables: Vec<(OsString, OsString)>,
    limit: Duration,
}

impl Hyperion {
    /// Prepares `binary` with an empty home: `Hyperion::new(env!("CARGO_BIN_EXE_hyperion"))`.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let world = World::new();
        Self {
            binary: binary.into(),
            inside: world.user_home(),
            world: Arc::new(world),
            variables: vec![],
            limit: LIMIT,
        }
    }

    /// Where `HYPERION_HOME` points.
    pub fn home(&self) -> PathBuf {
        self.world.top().join("hyperion")
    }

    /// Where `HOME` points: the person's home folder, with a git identity.
    pub fn user_home(&self) -> PathBuf {
        self.world.user_home()
    }

    /// Runs from this folder, in the same home.
    #[must_use]
    pub fn inside(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inside = folder.into();
        self
    }

    /// Adds a variable to the environment, which is otherwise nearly empty.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Adds several variables to the environment.
    #[must_use]
    pub fn envs(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// The folder that holds the home, the person's home folder and the runtime folder.
    pub fn top(&self) -> &Path {
        self.world.top()
    }

    /// Lets a command take this long before it is killed.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs a command to its end, with no terminal and nothing on standard input.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).wait(self.limit)
    }

    /// Runs a command to its end with this on standard input.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Finished {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        Running::start(&mut command, Some(input.as_ref().to_vec())).wait(self.limit)
    }

    /// Starts a command and goes on; it is killed with its group when the value goes.
    #[track_caller]
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments), None)
    }

    /// The processes of the program that run in this home now, whoever started them.
    pub fn processes(&self) -> Vec<u32> {
        self.world.processes(Which::Program)
    }

    /// The processes of this home's runs, and their shims.
    pub fn run_processes(&self) -> Vec<u32> {
        self.world.processes(Which::Runs)
    }

    /// Kills the shims of runs, as a person or the kernel may do.
    pub fn kill_shims(&self) {
        for pid in self.run_processes() {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if words.split(|&byte| byte == 0).nth(1) == Some(b"shim") {
                kill_now(pid);
            }
        }
    }

    /// Prepares a command in this home, for a test that starts it in a way of its own.
    pub fn command<Word: AsRef<OsStr>>(&self, arguments: &[Word]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&self.inside)
            .stdin(Stdio::null())
            .env_clear()
            .envs(
                PASSED_ON
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(toolchain())
            .env("HOME", self.user_home())
            .env("HYPERION_HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.world.top().join("runtime"))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Tests that run side by side have but one machine.
            .env("HYPERION_SERVER__BIND", "off")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What a finished command left.
#[derive(Clone, Debug)]
pub struct Finished {
    pub(crate) line: String,
    pub(crate) exit: Option<i32>,
    pub(crate) took: Duration,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// Requires this exit status and gives the value on.
    ///
    /// # Panics
    /// When it is another one, with all the command wrote.
    #[track_caller]
    #[allow(
        clippy::must_use_candidate,
        reason = "used as a mere assertion as well"
    )]
    pub fn code(self, expected: i32) -> Self {
        assert!(
            self.exit == Some(expected),
            "`{}` ended with {}, not {expected}, after {:.1} s\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.exit
                .map_or("a signal".to_owned(), |code| code.to_string()),
            self.took.as_secs_f64(),
            self.stdout,
            self.stderr
        );
        self
    }

    /// The exit status; `None` when a signal ended it.
    pub fn exit(&self) -> Option<i32> {
        self.exit
    }

    /// How long it ran.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        self.parse(&self.stdout)
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| self.parse(line)).collect()
    }

    #[track_caller]
    fn parse(&self, text: &str) -> Value {
        match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => panic!(
                "`{}` wrote no JSON: {error}\n--- stdout\n{}\n--- stderr\n{}",
                self.line, self.stdout, self.stderr
            ),
        }
    }
}

/// The folders of one home.
#[derive(Debug)]
struct World(TempDir);

impl World {
    fn new() -> Self {
        // A short name: a Unix socket's path has to stay under 100 bytes.
        let folder = tempfile::Builder::new()
            .prefix("hyp")
            .tempdir()
            .expect("make a temporary folder");
        let world = Self(folder);
        fs::create_dir(world.user_home()).expect("make the person's home");
        fs::create_dir(world.top().join("runtime")).expect("make the runtime folder");
        let identity =
            "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n";
        fs::write(world.user_home().join(".gitconfig"), identity).expect("write a git identity");
        world
    }

    fn top(&self) -> &Path {
        self.0.path()
    }

    fn user_home(&self) -> PathBuf {
        self.top().join("user")
    }

    /// Finds them by their environment, which a process keeps whoever its parent is.
    ///
    /// None are found only when every process could be looked at: one in the middle of `execve` shows no environment.
    fn processes(&self, which: Which) -> Vec<u32> {
        let deadline = Instant::now() + EXECVE_LIMIT;
        loop {
            let looked = self.look_at_processes(which);
            if !looked.found.is_empty() || !looked.changing || Instant::now() > deadline {
                return looked.found;
            }
            std::thread::yield_now();
        }
    }

    fn look_at_processes(&self, which: Which) -> Looked {
        let runs = self.top().join("hyperion/runs");
        let marks = match which {
            Which::Program => vec![format!(
                "HYPERION_HOME={}",
                self.top().join("hyperion").display()
            )],
            Which::Runs => {
                let ids = fs::read_dir(&runs).into_iter().flatten().flatten();
                ids.map(|run| format!("HYPERION_RUN_ID={}", run.file_name().display()))
                    .collect()
            }
        };
        let runs = runs.as_os_str().as_encoded_bytes();
        let mut looked = Looked::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Ok(environment) = fs::read(entry.path().join("environ")) else {
                continue;
            };
            let mut variables = environment.split(|&byte| byte == 0);
            let is_marked =
                variables.any(|variable| marks.iter().any(|mark| mark.as_bytes() == variable));
            // A shim has no environment, but it is told its folder.
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut words = words.split(|&byte| byte == 0).skip(1);
            let is_shim = words.next() == Some(b"shim") && words.any(|word| word.starts_with(runs));
            if is_marked || (is_shim && which == Which::Runs) {
                looked.found.push(pid);
            } else {
                looked.changing |= !has_all_of(&entry.path(), &environment);
            }
        }
        looked
    }
}

/// Which processes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Program,
    Runs,
}

/// What one look at all processes came to.
#[derive(Default)]
struct Looked {
    found: Vec<u32>,
    changing: bool,
}

/// Whether a process of `/proc` has this many bytes of environment; one in the middle of `execve` has none yet.
///
/// Told by proc_pid_stat(5): fields 50 and 51 are where the environment begins and ends, and field 27 is the end of the code, which
/// `execve` sets last. The kernel's own threads and the dead have neither, and no program.
fn has_all_of(process: &Path, environment: &[u8]) -> bool {
    let laid_out = |stat: String| {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<u64> = fields
            .split_ascii_whitespace()
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        let [end_of_code, start, end] = [27, 50, 51].map(|field| fields.get(field - 3).copied());
        let bytes = end?.checked_sub(start?)?;
        (end_of_code? != 0).then_some(bytes)
    };
    let stat = fs::read_to_string(process.join("stat"));
    stat.ok().and_then(laid_out) == Some(environment.len() as u64)
        || fs::read_link(process.join("exe")).is_err()
}

impl Drop for World {
    fn drop(&mut self) {
        // Again until none is left: a killed process takes a moment, and may have forked in its last.
        let deadline = Instant::now() + LAST_KILL_LIMIT;
        loop {
            let mut left = self.processes(Which::Program);
            left.extend(self.processes(Which::Runs));
            if left.is_empty() || Instant::now() > deadline {
                break;
            }
            left.into_iter().for_each(kill_now);
            std::thread::yield_now();
        }
        keep_if_failed(&mut self.0);
    }
}

fn kill_now(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // It may have ended by itself since.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Where cargo and rustup are when `HOME` is another: checks of real projects call them.
fn toolchain() -> Vec<(&'static str, PathBuf)> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
        .into_iter()
        .map(|(name, folder)| {
            let path = std::env::var_os(name).map_or_else(|| home.join(folder), PathBuf::from);
            (name, path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Hyperion {
        Hyperion::new("/bin/sh")
    }

    #[test]
    fn it_has_a_home_of_its_own_and_little_else() {
        let shell = shell().env("EXTRA", "yes");
        let seen = shell
            .run(&["-c", "echo $HYPERION_HOME; echo $HOME; echo $EXTRA; pwd"])
            .code(0);
        let lines: Vec<_> = seen.stdout.lines().map(PathBuf::from).collect();
        assert_eq!(lines[0], shell.home());
        assert_eq!(lines[1], shell.user_home());
        assert_eq!(lines[2], Path::new("yes"));
        assert_eq!(lines[3], shell.user_home().canonicalize().unwrap());
        let name = shell.run(&["-c", "git config user.name"]).code(0);
        assert_eq!(name.stdout, "Ada\n");
    }

    #[test]
    fn status_output_and_input_are_captured() {
        let seen = shell()
            .run_with_input(&["-c", "cat; echo talk >&2; exit 75"], "{\"a\": 1}")
            .code(75);
        assert_eq!(seen.json()["a"], 1);
        assert_eq!(seen.stderr, "talk\n");
        let lines = shell().run(&["-c", "echo 1; echo '[2]'"]).json_lines();
        assert_eq!(lines, [serde_json::json!(1), serde_json::json!([2])]);
        assert_eq!(shell().run(&["-c", "kill -9 $$"]).exit(), None);
    }

    #[test]
    fn what_it_left_running_is_seen_and_ended() {
        let shell = shell();
        shell
            .run(&["-c", "setsid sleep 600 >/dev/null 2>&1 & exit 0"])
            .code(0);
        let left = shell.processes();
        assert_eq!(left.len(), 1);
        drop(shell);
        let environment = fs::read(format!("/proc/{}/environ", left[0])).unwrap_or_default();
        assert!(
            environment.is_empty(),
            "a killed process has no environment"
        );
    }
}
