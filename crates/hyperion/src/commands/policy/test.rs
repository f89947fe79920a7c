//! `hyperion policy test`: what the rules say, without doing anything.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hyperion_api::policy::{Reason, Verdict};
use hyperion_engine::repo::RepoFile;
use hyperion_host::ReadError;
use hyperion_model::Decision;
use hyperion_model::facts::{ChangeFacts, Class};
use hyperion_policy::{
    Access, Judgement, Place, Redactor, Rules, assess, judge_command, judge_path,
};

use super::diff;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::FormatArgs;
use crate::view;

/// The most bytes of a diff or a settings file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Say what the rules would say of a command, a path or a change, and why
///
/// Nothing is run or changed. The rules are this machine's; --rules adds what a repository says.
/// Exits 0 when allowed, 75 when somebody would be asked, 4 when refused.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true), after_help = "Examples:
  hyperion policy test --command 'git push --force origin main'
  hyperion policy test --path ../other/notes.txt --write
  git diff main | hyperion policy test --diff - --class bugfix --format json
  hyperion policy test --rules hyperion.toml --command 'npm publish'")]
pub(super) struct TestArgs {
    /// A shell command
    #[arg(long, group = "what", value_name = "TEXT", allow_hyphen_values = true)]
    command: Option<String>,
    /// A path, to be read
    #[arg(long, group = "what", value_name = "PATH", allow_hyphen_values = true)]
    path: Option<String>,
    /// A file with a unified diff; - reads standard input
    #[arg(long, group = "what", value_name = "FILE")]
    diff: Option<PathBuf>,
    /// The path is to be written
    #[arg(long, requires = "path")]
    write: bool,
    /// What kind of request the change answers
    #[arg(
        long,
        value_enum,
        default_value_t,
        requires = "diff",
        value_name = "CLASS"
    )]
    class: ClassArg,
    /// The folder that may be touched; the current one if not given
    #[arg(long, value_name = "FOLDER", conflicts_with = "diff")]
    root: Option<PathBuf>,
    /// Narrowed by the [policy] of this hyperion.toml
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ClassArg {
    Feature,
    #[default]
    Bugfix,
    Refactor,
    Docs,
}

pub(super) fn run(args: &TestArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let rules = rules(args, cx)?;
    let verdict = if let Some(file) = &args.diff {
        of_change(file, args.class, &rules, cx)?
    } else {
        let place = place(args, cx)?;
        match (&args.command, &args.path) {
            (Some(command), _) => of(judge_command(command, &rules, &place)),
            (None, Some(path)) => {
                let access = if args.write {
                    Access::Write
                } else {
                    Access::Read
                };
                of(judge_path(path, access, &rules, &place).judgement)
            }
            (None, None) => return Err(Failure::usage("name a command, a path or a diff").into()),
        }
    };
    let exit = match verdict.verdict.as_str() {
        "allow" => Exit::Done,
        "ask" => Exit::Waiting,
        _ => Exit::Refused,
    };
    cx.output
        .show(args.format.format, &verdict, view::policy::verdict)?;
    Ok(exit)
}

fn rules(args: &TestArgs, cx: &Cx) -> anyhow::Result<Rules> {
    let machine = Rules::compile(cx.settings()?.settings.policy)?;
    let Some(file) = &args.rules else {
        return Ok(machine);
    };
    let shown = file.display();
    let text = String::from_utf8(read(file, cx)?)
        .map_err(|_| Failure::usage(format!("{shown} is not UTF-8")))?;
    let wrong = |error| {
        Failure::usage(format!("failed to read {shown}: {error}"))
            .hint("correct the file, and run this again; docs/hyperion-toml.md describes it")
    };
    let repository = RepoFile::parse(&text).map_err(wrong)?;
    Ok(repository.rules(&machine).map_err(wrong)?)
}

fn place(args: &TestArgs, cx: &Cx) -> anyhow::Result<Place> {
    let root = match &args.root {
        Some(root) => cx.current_dir().join(root),
        None => cx.current_dir().to_path_buf(),
    };
    let root = text(&root)?;
    let home = cx
        .variables()
        .get("HOME")
        .and_then(|home| home.to_str())
        .filter(|home| home.starts_with('/'));
    Ok(Place::at(&root, home).map_err(|error| Failure::usage(error.to_string()))?)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = path
        .to_str()
        .ok_or_else(|| Failure::usage(format!("{} is not UTF-8", path.display())))?;
    Ok(text.to_owned())
}

fn read(file: &Path, cx: &Cx) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::usage("the diff is larger than 16 MB").into());
        }
        return Ok(bytes);
    }
    let path = cx.current_dir().join(file);
    hyperion_host::read_bounded(&path, MAX_BYTES).map_err(|error| {
        let why = match &error {
            ReadError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                format!("there is no file {}", file.display())
            }
            _ => format!("failed to {error}"),
        };
        Failure::usage(why).into()
    })
}

fn of_change(file: &Path, class: ClassArg, rules: &Rules, cx: &Cx) -> anyhow::Result<Verdict> {
    let bytes = read(file, cx)?;
    let items =
        diff::items(&bytes).map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?;
    let mut facts = ChangeFacts {
        class: match class {
            ClassArg::Feature => Class::Feature,
            ClassArg::Bugfix => Class::Bugfix,
            ClassArg::Refactor => Class::Refactor,
            ClassArg::Docs => Class::Docs,
        },
        items,
        owns: Vec::new(),
        from_outside: false,
        is_rollback: false,
    };
    // What the diff does not say of its repository is looked up in the folder one stands in.
    hyperion_policy::mark_internal(&mut facts, &mut |path| {
        let path = cx.current_dir().join(path);
        String::from_utf8(hyperion_host::read_bounded(&path, MAX_BYTES).ok()?).ok()
    });
    let assessment = assess(&facts, rules, &Redactor::new(std::iter::empty::<&str>()));
    let (verdict, level) = match assessment.decision {
        Decision::Allow => ("allow", Some("auto".to_owned())),
        Decision::Ask(level) => ("ask", Some(level.name().to_owned())),
        Decision::Deny => ("deny", None),
    };
    let refused = assessment.blockers.iter().map(|blocker| Reason {
        code: blocker.code.name().to_owned(),
        detail: format!("{}; {}", blocker.detail, blocker.remedy),
    });
    let others = assessment
        .reasons
        .iter()
        .filter(|reason| !reason.starts_with("refused: "));
    let others = others.map(|reason| Reason {
        code: "change.risk".to_owned(),
        detail: reason.clone(),
    });
    let passes = assessment.decision == Decision::Allow;
    Ok(Verdict {
        verdict: verdict.to_owned(),
        level,
        // Why something passes is worth a word for changes: somebody switched that on.
        reasons: refused
            .chain(others)
            .map(|reason| match passes {
                true => Reason {
                    code: "change.passes".to_owned(),
                    ..reason
                },
                false => reason,
            })
            .collect(),
        shape: None,
    })
}

fn of(judgement: Judgement) -> Verdict {
    let verdict = judgement.verdict().to_owned();
    let level = judgement.level().map(|level| level.name().to_owned());
    let reasons = judgement.reasons.into_iter().map(|reason| Reason {
        code: reason.code.to_owned(),
        detail: reason.detail,
    });
    Verdict {
        verdict,
        level,
        reasons: reasons.collect(),
        shape: judgement.shape.map(|shape| shape.to_string()),
    }
}
