//! `enter WISH COMMAND`: runs a shell command in a sandbox, and prints what it had and what came of it, as JSON. For tests.
//!
//! It also answers `shim --probe`, as `hyperion` does.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use hyperion_host::{Exit, Launch, Limits, run};
use hyperion_sandbox::{Outer, Sandbox, answer_probe, enter_inner, enter_outer, environment};

const LIMITS: Limits = Limits {
    wall: Duration::from_secs(60),
    output_max: 1024 * 1024,
};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a small program")]
fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.first().is_some_and(|first| first == "shim") {
        return answer_probe(args.get(2..).unwrap_or_default());
    }
    let args: Vec<String> = args
        .into_iter()
        .filter_map(|arg| arg.into_string().ok())
        .collect();
    let answer = match args.as_slice() {
        [wish, command] => outside(wish, command),
        [inside, wish, outer, command] if inside == "--inside" => inside_of(wish, outer, command),
        _ => Err("usage: enter WISH COMMAND".into()),
    };
    match answer {
        Ok(answer) => {
            print!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Answer = Result<String, Box<dyn std::error::Error>>;

fn outside(wish: &str, command: &str) -> Answer {
    let program = std::env::current_exe()?;
    let outer = enter_outer(&serde_json::from_str::<Sandbox>(wish)?);
    let outer = serde_json::to_string(&outer)?;
    let launch = Launch::new(program, "/").args(["--inside", wish, &outer, command]);
    let outcome = run(&launch, &LIMITS)?;
    match outcome.exit.success() {
        true => Ok(outcome.stdout.text()),
        false => Err(outcome.stderr.text().into()),
    }
}

fn inside_of(wish: &str, outer: &str, command: &str) -> Answer {
    let wish: Sandbox = serde_json::from_str(wish)?;
    let had = enter_inner(&wish, &serde_json::from_str::<Outer>(outer)?)?;
    let mut launch = Launch::new("/bin/sh", "/")
        .args(["-c", command])
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    for (name, value) in environment(&wish, &had) {
        launch = launch.env(name, value);
    }
    let outcome = run(&launch, &LIMITS)?;
    let status = match outcome.exit {
        Exit::Code(code) => code,
        _ => -1,
    };
    let (stdout, stderr) = (outcome.stdout.text(), outcome.stderr.text());
    let answer =
        serde_json::json!({"had": had, "status": status, "stdout": stdout, "stderr": stderr});
    Ok(answer.to_string())
}
