//! Copies of a home that are damaged, and what people see of each.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hyperion_testkit::{Finished, Hyperion, task, task_request};
use serde_json::Value;

use crate::world::{World, text};

/// The cases in which what is asked has to land as well, before and after the damage.
const THOROUGH: &[&str] = &[
    "a row says something else",
    "the key is lost",
    "content is changed",
    "our own objects are gone",
];

/// Damages copies of one home, and writes down what people see of each.
pub(super) struct Ward {
    pub(super) world: World,
    /// Where the branch was when the home was copied.
    tip: String,
    pub(super) seen: String,
    cases: usize,
}

impl Ward {
    pub(super) fn of(world: World) -> Self {
        Self {
            tip: world.repo.tip("main"),
            world,
            seen: String::new(),
            cases: 0,
        }
    }

    /// Makes a copy, damages it, and looks at it with whatever looks, and changes.
    pub(super) fn case(&mut self, name: &str, damage: impl Fn(&Path)) -> Hyperion {
        self.cases += 1;
        // What landed for the last copy of the home did not happen to the next.
        self.world
            .repo
            .git(&["reset", "--quiet", "--hard", &self.tip]);
        let home = self
            .world
            .hyperion
            .user_home()
            .join(format!("h{}", self.cases));
        copy(&self.world.hyperion.home(), &home);
        damage(&home);
        let hyperion = self.world.hyperion.clone().env("HYPERION_HOME", &home);
        writeln!(self.seen, "## {name}").unwrap();
        let doctor = hyperion.run(&["doctor", "--format", "json"]);
        self.say(&format!("doctor: exit {}", exit(&doctor)), &home);
        if exit(&doctor) < 2 {
            for finding in doctor.json()["findings"].as_array().unwrap() {
                self.finding(finding, &home);
            }
        }
        self.ended("audit verify", &hyperion.run(&["audit", "verify"]), &home);
        self.ended("request list", &hyperion.run(&["request", "list"]), &home);
        let request =
            task_request("Say two").task(task("T1", "say two").create("two.txt", "two\n"));
        let filed = hyperion.run_with_input(&["request", "-", "--wait"], request.text());
        self.ended("request --wait", &filed, &home);
        if exit(&filed) == 75 && THOROUGH.contains(&name) {
            // The one that waited before, and the one that was made after the damage.
            let pending = hyperion
                .run(&["approval", "list", "--format", "json"])
                .code(0)
                .json();
            for approval in pending["items"].as_array().unwrap() {
                let id = text(&approval["id"]);
                let approved = hyperion.run(&["approval", "approve", &id, "--wait"]);
                self.ended("approval approve --wait", &approved, &home);
            }
        }
        self.seen.push('\n');
        hyperion
    }

    fn finding(&mut self, finding: &Value, home: &Path) {
        let of = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        // Landings that damage took out of the log differ from run to run; a test of their own looks at them.
        let usual = [
            "sandbox",
            "container",
            "files",
            "user",
            "disk",
            "backup",
            "landings",
        ]
        .contains(&of("name").as_str())
            || of("detail").starts_with("in the home, at ");
        if of("health") != "ok" && !usual {
            self.say(
                &format!("  {} {}: {}", of("health"), of("name"), of("detail")),
                home,
            );
            self.say(&format!("    fix: {}", of("fix")), home);
        }
    }

    pub(super) fn ended(&mut self, name: &str, ended: &Finished, home: &Path) {
        self.say(&format!("{name}: exit {}", exit(ended)), home);
        let lines = ended.stderr.lines().chain(ended.stdout.lines());
        let telling = [
            "error:",
            "hint:",
            "warning:",
            "✗",
            "- ",
            "sha256:",
            "broken at",
            "head ",
        ];
        for line in lines {
            let line = line.trim_start();
            let tells = telling.iter().any(|word| line.contains(word));
            let usual = line.contains("hyperion approval")
                || line.contains("sealed with this home's key")
                || line.contains("not an older copy of itself")
                || line.contains("which is older than the branch")
                || line.contains("hyperion request show")
                // Whether something is under way by what is left depends on what was lost.
                || line.contains("No engine is up");
            if tells && !usual {
                self.say(&format!("  {line}"), home);
            }
        }
    }

    /// Writes a line without what differs from run to run.
    pub(super) fn say(&mut self, line: &str, home: &Path) {
        let line = line
            .replace(home.to_str().unwrap(), "HOME")
            .replace(self.world.repo.path().to_str().unwrap(), "REPO");
        let is_detail = line.starts_with("  ");
        let mut word = String::new();
        for letter in line.chars().chain(['\n']) {
            if letter.is_ascii_hexdigit() || letter == '-' {
                word.push(letter);
                continue;
            }
            let is_number = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit());
            let is_shelf = letter == '/' && self.seen.ends_with("its file ");
            self.seen.push_str(match word.as_str() {
                long if long.len() >= 16 => "#",
                "256" | "600" => &word,
                _ if is_shelf || (is_detail && is_number) => "N",
                _ => &word,
            });
            word.clear();
            self.seen.push(letter);
        }
    }
}

fn exit(ended: &Finished) -> i32 {
    ended.exit().expect("it was not killed")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() && !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Changes some text in a file, wherever it stands, to another of the same length.
#[track_caller]
pub(super) fn change(file: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(file).unwrap();
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "{} has no {from}", file.display());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    fs::write(file, bytes).unwrap();
}

pub(super) fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// The files of a folder and of those in it, in order.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}
