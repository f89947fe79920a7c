//! What it costs to have somebody look after a process: its start, its output, its memory, two hundred of them at once.
//!
//! With `HYPERION_BENCH_SUPERVISORD` set to the words that start supervisord, one a line, the same is measured of that instead.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../../../bench/harness.rs"]
mod harness;
#[path = "../../../bench/history.rs"]
mod history;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::{Asked, Figure};

/// How many tools run at once.
const TOOLS: usize = 200;
/// How often a command is run.
const RUNS: usize = 30;
/// The folder in which commands are run.
const WORK: &str = "work";
/// How much a command writes.
const OUTPUT_MIB: u32 = 256;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--beat") {
        beat();
    }
    let asked = Asked::read();
    let folder = asked.fresh("supervise");
    if let Ok(words) = std::env::var("HYPERION_BENCH_SUPERVISORD") {
        return supervisord(&asked, &folder, &words);
    }
    // A sandbox keeps the home from a command, so one that is to be confined starts beside it.
    fs::create_dir(folder.join(WORK)).unwrap();
    let home = At(folder);
    let runs = if asked.is_short() { 3 } else { RUNS };
    let tools = if asked.is_short() { 10 } else { TOOLS };
    let engine = home.up();
    starts(&asked, &home, runs);
    outputs(&asked, &home);
    if asked.wants("200 tools") || asked.wants("a shim") {
        many(&asked, &home, engine, tools);
    } else {
        end(engine);
    }
}

/// A tool that says once a second that it is alive.
fn beat() -> ! {
    let variable = |name: &str| std::env::var(name).unwrap();
    let mut socket = UnixStream::connect(variable("HYPERION_SOCKET")).unwrap();
    let token = variable("HYPERION_RUN_TOKEN");
    let mut answers = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut progress = 0_u32;
    loop {
        progress = (progress + 1) % 100;
        let params = format!("{{\"token\":\"{token}\",\"progress\":{progress}}}");
        writeln!(
            socket,
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"heartbeat\",\"params\":{params}}}"
        )
        .unwrap();
        let _ = answers.next();
        sleep(Duration::from_secs(1));
    }
}

/// A home in a folder.
struct At(PathBuf);

impl At {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = history::command(Path::new(env!("CARGO_BIN_EXE_hyperion")));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.0)
            .env("XDG_CACHE_HOME", self.0.join("cache"))
            .env("HYPERION_HOME", self.0.join("home"))
            .current_dir(self.0.join(WORK));
        command
    }

    /// Starts an engine, and waits until it answers.
    fn up(&self) -> Child {
        let engine = self
            .command(&["up"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not just an answer: what only reads needs no engine.
        self.until(|| {
            let status = self.said(&["status", "--format", "jsonl"]);
            status.is_some_and(|status| status.contains("\"engine\":true"))
        });
        engine
    }

    fn said(&self, args: &[&str]) -> Option<String> {
        let output = self.command(args).stderr(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(text)
    }

    fn until(&self, mut ready: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !ready() {
            assert!(Instant::now() < deadline, "it does not come to that");
            sleep(Duration::from_millis(5));
        }
    }

    /// Counts the runs at work.
    fn running(&self) -> usize {
        let list = self.said(&["run", "list", "--limit", "1000", "--format", "jsonl"]);
        list.map_or(0, |list| list.matches("\"status\":\"running\"").count())
    }
}

/// How much longer a command takes than alone.
fn starts(asked: &Asked, home: &At, runs: usize) {
    let plain = "exec /bin/true over /bin/true, engine up";
    let full = "exec --sandbox full over exec";
    if !asked.wants(plain) && !asked.wants(full) {
        return;
    }
    let (mut bare, mut exec, mut held) = (vec![], vec![], vec![]);
    for _ in 0..runs {
        bare.push(timed(&mut Command::new("/bin/true")));
        exec.push(timed(&mut home.command(&["exec", "--", "/bin/true"])));
        let full = ["exec", "--sandbox", "full", "--", "/bin/true"];
        held.push(timed(&mut home.command(&full)));
    }
    let [bare, exec, held] = [bare, exec, held].map(median);
    figure(ms(exec.saturating_sub(bare)), "ms").print("supervise", plain);
    figure(ms(held.saturating_sub(exec)), "ms").print("supervise", full);
}

/// How long a command's output takes, as a multiple of a plain pipe.
fn outputs(asked: &Asked, home: &At) {
    let case = format!("output of {OUTPUT_MIB} MiB over a plain pipe");
    if !asked.wants(&case) {
        return;
    }
    let mib = if asked.is_short() { 8 } else { OUTPUT_MIB };
    let write = format!("head -c {mib}M /dev/zero | tr '\\0' x");
    let piped = |command: &mut Command| {
        let began = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let read = std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
        child.wait().unwrap();
        assert!(read >= u64::from(mib) << 20, "{read} bytes came through");
        began.elapsed()
    };
    let (mut bare, mut exec, mut script) = (vec![], vec![], vec![]);
    for _ in 0..3 {
        bare.push(piped(Command::new("/bin/sh").args(["-c", &write])));
        exec.push(piped(
            &mut home.command(&["exec", "--", "/bin/sh", "-c", &write]),
        ));
        script.push(piped(Command::new("script").args([
            "-qec",
            &write,
            "/dev/null",
        ])));
    }
    let [bare, exec, script] = [bare, exec, script].map(|times| median(times).as_secs_f64());
    figure(exec / bare, "times").print("supervise", &case);
    figure(script / bare, "times").print("supervise", &format!("{case}: script(1)"));
}

/// Two hundred tools that say each second that they are alive.
fn many(asked: &Asked, home: &At, engine: Child, tools: usize) {
    let tool = std::env::current_exe().unwrap();
    let tool = tool.to_str().unwrap();
    let began = Instant::now();
    for _ in 0..tools {
        let args = [
            "exec",
            "--background",
            "--heartbeat-from",
            "socket",
            "--",
            tool,
            "--beat",
        ];
        history::run(&mut home.command(&args));
    }
    home.until(|| home.running() == tools);
    figure(ms(began.elapsed()) / tools as f64, "ms").print("supervise", "200 tools: start of each");
    sleep(Duration::from_secs(2));
    let (cpu, from) = (cpu_of(engine.id()), Instant::now());
    sleep(if asked.is_short() {
        Duration::from_secs(2)
    } else {
        Duration::from_secs(20)
    });
    let used = cpu_of(engine.id()).saturating_sub(cpu);
    let percent = 100.0 * used.as_secs_f64() / from.elapsed().as_secs_f64();
    figure(percent, "percent of a core").print("supervise", "200 tools: CPU of the engine");
    let kib = smaps(engine.id(), &["Pss:"]);
    figure(kib / 1024.0, "MiB").print("supervise", "200 tools: memory of the engine");
    let shims = shims(&home.0);
    assert_eq!(shims.len(), tools);
    let each = |fields: &[&str]| {
        let sum: f64 = shims.iter().map(|pid| smaps(*pid, fields)).sum();
        sum / 1024.0 / tools as f64
    };
    let private = each(&["Private_Clean:", "Private_Dirty:"]);
    figure(private, "MiB").print("supervise", "a shim: private memory");
    figure(each(&["Pss:"]), "MiB").print("supervise", "a shim: PSS");
    end(engine);
    let began = Instant::now();
    let engine = home.up();
    figure(ms(began.elapsed()), "ms").print("supervise", "200 tools: a new engine answers");
    // Their rows say that they run whoever watches them: it holds a connection to each of their shims.
    home.until(|| sockets(engine.id()) >= tools);
    figure(ms(began.elapsed()), "ms").print("supervise", "200 tools: a new engine has them all");
    let list = home
        .said(&["run", "list", "--limit", "1000", "--format", "jsonl"])
        .unwrap();
    for line in list.lines().filter(|line| line.contains("\"running\"")) {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        home.said(&["run", "stop", run["id"].as_str().unwrap()]);
    }
    end(engine);
}

/// What supervisord takes for as many processes, which say nothing: it has no heartbeats.
fn supervisord(asked: &Asked, folder: &Path, words: &str) {
    let tools = if asked.is_short() { 10 } else { TOOLS };
    let settings = format!(
        "[supervisord]\nnodaemon=true\nlogfile={0}/log\npidfile={0}/pid\nchildlogdir={0}\n\
         [program:tool]\ncommand=/bin/sleep 1000\nprocess_name=tool%(process_num)s\nnumprocs={tools}\nstartsecs=0\n",
        folder.display()
    );
    let file = folder.join("supervisord.conf");
    fs::write(&file, settings).unwrap();
    let mut words = words.lines();
    let began = Instant::now();
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let children = || {
        let path = format!("/proc/{0}/task/{0}/children", child.id());
        fs::read_to_string(path)
            .unwrap_or_default()
            .split_whitespace()
            .count()
    };
    while children() < tools {
        sleep(Duration::from_millis(1));
    }
    figure(ms(began.elapsed()) / tools as f64, "ms").print("supervise", "200 tools: start of each");
    sleep(Duration::from_secs(1));
    figure(smaps(child.id(), &["Pss:"]) / 1024.0, "MiB")
        .print("supervise", "200 tools: memory of the engine");
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    child.wait().unwrap();
}

/// Finds the shims of a home.
fn shims(home: &Path) -> Vec<u32> {
    let home = home.as_os_str().as_encoded_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0).skip(1);
        words.next() == Some(b"shim")
            && words.clone().all(|word| word != b"--inside")
            && words.any(|word| word.windows(home.len()).any(|part| part == home))
    })
    .collect()
}

/// Adds up fields of what a process has in memory, in KiB.
fn smaps(pid: u32, fields: &[&str]) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            fields
                .contains(&words.next()?)
                .then(|| words.next()?.parse::<f64>().ok())?
        })
        .sum()
}

/// The processor time that a process has used.
fn cpu_of(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    // Of its first thread alone where the kernel keeps no sum: threads are added up.
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let text =
            fs::read_to_string(task.path().join("schedstat")).unwrap_or_else(|_| text.clone());
        let ns = text.split(' ').next().and_then(|ns| ns.parse().ok());
        sum += Duration::from_nanos(ns.unwrap_or(0));
    }
    sum
}

/// Counts the sockets that a process has open.
fn sockets(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    open.filter(|one| {
        fs::read_link(one.path())
            .is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    })
    .count()
}

fn end(mut engine: Child) {
    let _ = Command::new("kill").arg(engine.id().to_string()).status();
    engine.wait().unwrap();
}

fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    history::run(command);
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn figure(value: f64, unit: &'static str) -> Figure {
    Figure {
        value,
        unit,
        calls: vec![],
        cpu: None,
        kib: None,
    }
}
