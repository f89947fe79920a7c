//! Interpreters, shells among them: what runs code that is a file or text.

use hyperion_model::Level;

use super::{Does, Operands, Program, Wrapper};
use crate::command::dialect;
use crate::command::judge::{Fed, Judge};
use crate::command::standard_input::is_standard_input;
use crate::command::word::Word;

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &[
            "vim",
            "vi",
            "nvim",
            "view",
            "ex",
            "ed",
            "emacs",
            "emacsclient",
            "nano",
            "micro",
            "pico",
            "code",
        ],
        Does::Runs("is an editor: it waits for a person, and can run anything"),
        "",
        Operands::Kept,
    ),
    Program::new(
        &["less", "more", "most", "pg"],
        Does::Runs("waits for a person, and can run anything; use `cat` or `head`"),
        "",
        Operands::Kept,
    ),
    Program::new(
        &[
            "gdb", "lldb", "strace", "ltrace", "perf", "valgrind", "ldd", "rlwrap", "expect",
        ],
        Does::Runs("runs another program"),
        "",
        Operands::Kept,
    ),
];

pub(super) const WRAPPERS: &[(&str, Wrapper)] = &[
    ("bash", shell),
    ("sh", shell),
    ("dash", shell),
    ("zsh", shell),
    ("ksh", shell),
    ("ash", shell),
    ("fish", shell),
    ("mksh", shell),
    ("rbash", shell),
    ("python", interpreter),
    ("python2", interpreter),
    ("python3", interpreter),
    ("pypy", interpreter),
    ("pypy3", interpreter),
    ("node", interpreter),
    ("nodejs", interpreter),
    ("deno", interpreter),
    ("perl", interpreter),
    ("ruby", interpreter),
    ("irb", interpreter),
    ("php", interpreter),
    ("lua", interpreter),
    ("luajit", interpreter),
    ("tclsh", interpreter),
    ("wish", interpreter),
    ("Rscript", interpreter),
    ("R", interpreter),
    ("julia", interpreter),
    ("osascript", interpreter),
    ("pwsh", interpreter),
    ("guile", interpreter),
    ("sqlite3", interpreter),
    ("java", interpreter),
    ("groovy", interpreter),
    ("scala", interpreter),
    ("elixir", interpreter),
    ("erl", interpreter),
    ("ghci", interpreter),
    ("runghc", interpreter),
];

const UNSEEN: &str =
    "code would run that nobody can have seen; fetch it into a file, look at it, then run that";

/// A shell: text behind `-c` is judged as a command, a script asks.
fn shell(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let mut text: Option<&Word> = None;
    let mut options = Vec::new();
    let mut plain = true;
    let mut rest = arguments.iter();
    let mut script = None;
    while let Some(word) = rest.next() {
        match word.literal.as_deref() {
            Some(option)
                if option.starts_with('-') && option.len() > 1 && !option.starts_with("--") =>
            {
                // `-l` reads the profile of the home, which is the person's own.
                plain &= option.chars().skip(1).all(|c| "clxeuv".contains(c));
                options.push(option.to_owned());
                if option.contains('c') {
                    text = rest.next();
                    break;
                }
                if option.contains('O') || option.ends_with('o') {
                    rest.next();
                }
            }
            Some(option) if option.starts_with("--") || option.starts_with('+') => {
                plain = false;
                if matches!(option, "--rcfile" | "--init-file") {
                    judge.secrets(&rest.next().cloned().into_iter().collect::<Vec<_>>());
                }
            }
            _ => {
                script = Some(word);
                break;
            }
        }
    }
    // `-` and `/dev/stdin` are what it is given, and no script.
    let script = script.filter(|word| !word.literal.as_deref().is_some_and(is_standard_input));
    if let Some(text) = text {
        let after: Vec<Word> = rest.cloned().collect();
        judge.secrets(&after);
        if fed.word {
            judge.deny("command.unseen", UNSEEN);
            return None;
        }
        let Some(text) = &text.literal else {
            judge.unclear(
                "shell.command",
                "what the shell is to run is not known before it runs",
            );
            return None;
        };
        if !plain {
            judge.unclear(
                "command.option",
                format!("an option of `{name}` changes what runs"),
            );
        }
        if let Some(odd) = dialect::odd(name, text) {
            let detail = format!(
                "`{name}` may read {odd} in another way than bash; write it plainly, or use `bash -c`"
            );
            judge.unclear("shell.dialect", detail);
        }
        // It stands in the same folder, and what it enters it leaves again.
        let (dirs, lost) = (judge.dirs.clone(), judge.lost);
        let shape = judge.script(&text.clone(), fed);
        judge.dirs = dirs;
        judge.lost = lost;
        return shape
            .filter(|_| after.is_empty())
            .map(|shape| format!("{name} {} ({shape})", options.join(" ")));
    }
    if fed.word
        || (fed.input && (script.is_none() || options.iter().any(|option| option.contains('s'))))
    {
        judge.deny("command.unseen", UNSEEN);
        return None;
    }
    runs(judge, name, arguments, script.is_none())
}

/// Another interpreter.
fn interpreter(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let reads_input = arguments.iter().all(|word| {
        word.literal
            .as_deref()
            .is_none_or(|text| text.starts_with('-') || is_standard_input(text))
    });
    let is_given_text = arguments.iter().any(|word| {
        matches!(
            word.literal.as_deref(),
            Some("-c" | "-e" | "-r" | "-p" | "-m" | "--eval" | "--print")
        )
    });
    if fed.word || (fed.input && reads_input && !is_given_text) {
        judge.deny("command.unseen", UNSEEN);
        return None;
    }
    // What it is given may be code, unless its words are.
    runs(judge, name, arguments, fed.has_input && !is_given_text)
}

fn runs(judge: &mut Judge<'_>, name: &str, arguments: &[Word], from_input: bool) -> Option<String> {
    judge.secrets(arguments);
    judge.ask(
        Level::TeamLead,
        "command.runs",
        format!("`{name}` runs code"),
    );
    let unknown = arguments.iter().any(|word| word.literal.is_none());
    if unknown || from_input || arguments.is_empty() {
        judge.unclear(
            "shell.expansion",
            format!("what `{name}` runs is not known before it runs"),
        );
        return None;
    }
    judge.exactly(name, arguments)
}

/// Notes code that came in unseen, for programs that take any word for code.
pub(super) fn unseen(judge: &mut Judge<'_>, fed: Fed) -> bool {
    if fed.word {
        judge.deny("command.unseen", UNSEEN);
    }
    fed.word
}
