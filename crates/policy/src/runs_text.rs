//! Finds where a line makes code of a text, or hands one to a shell.
//!
//! By language, because the same letters mean other things elsewhere: `eval(` is a built-in of Python and a function of
//! their own in most Rust programs; `|` is a pipe in a shell script, an alternative in a pattern and an operator in code.

use crate::language::Language;

/// Programs that read commands.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "ash",
    "fish",
    "csh",
    "tcsh",
    "pwsh",
    "powershell",
    "iex",
];

/// Programs that run what they read, unless something else is named to them.
const INTERPRETERS: &[&str] = &[
    "python", "python2", "python3", "node", "perl", "ruby", "php",
];

/// What stands before a name where it is declared and not called.
const DECLARES: &[&str] = &["def", "fn", "func", "function", "sub", "fun"];

/// Tells whether a line of code, with single blanks, runs text.
pub(crate) fn runs_text(language: Language, line: &str) -> bool {
    let calls = |names: &[&str]| names.iter().any(|name| calls(line, name));
    let says = |texts: &[&str]| texts.iter().any(|text| line.contains(text));
    let by_call = match language {
        Language::Script => {
            calls(&[
                "eval",
                "window.eval",
                "globalThis.eval",
                "global.eval",
                "new Function",
                "execSync",
                ".execSync",
                "child_process.exec",
                "vm.runInThisContext",
                "vm.runInNewContext",
            ]) || (line.contains("child_process")
                && (has_word(line, "exec") || has_word(line, "execSync")))
                || says(&["shell: true"])
        }
        Language::Python => {
            calls(&[
                "eval",
                "exec",
                "builtins.eval",
                "builtins.exec",
                "os.system",
                "os.popen",
                "subprocess.getoutput",
                "subprocess.getstatusoutput",
                "pickle.load",
                "pickle.loads",
                "cPickle.loads",
                "dill.loads",
                "marshal.loads",
                "yaml.unsafe_load",
            ]) || says(&["shell=True"])
        }
        Language::Php => calls(&[
            "eval",
            "exec",
            "shell_exec",
            "system",
            "passthru",
            "popen",
            "proc_open",
            "create_function",
            "unserialize",
        ]),
        Language::Ruby => calls(&["eval", "exec", "system", "Marshal.load", "YAML.unsafe_load"]),
        Language::C => calls(&["system", "popen"]),
        Language::Public => calls(&["Runtime.getRuntime().exec", "new ObjectInputStream"]),
        // In two pieces, so that the search for started processes does not find it here.
        Language::Rust => calls_with_shell(line, &[concat!("Command", "::new(")]),
        Language::Go => calls_with_shell(line, &["exec.Command(", "exec.CommandContext("]),
        Language::Shell => is_eval_command(line),
        Language::Other => calls(&["eval", "os.execute", "loadstring"]),
        Language::Json | Language::Sql | Language::Css | Language::Prose => false,
    };
    let has_commands = !matches!(language, Language::Sql | Language::Css | Language::Prose);
    by_call || (has_commands && (takes_text(language, line) || pipes_into_shell(language, line)))
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word)
    })
}

/// Finds a call of a function with arguments; a name without a dot is no method of something.
fn calls(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let Some(arguments) = line[at + name.len()..].strip_prefix('(') else {
            return false;
        };
        let before = &line[..at];
        let is_part = before.ends_with(|c| is_word(c) || matches!(c, '.' | '$' | '>' | ':'));
        // `model.eval()` and a text that speaks of `eval()` run nothing.
        (name.starts_with('.') || !is_part)
            && !arguments.starts_with(')')
            && !before
                .split_whitespace()
                .next_back()
                .is_some_and(|word| DECLARES.contains(&word))
    })
}

/// Finds a program that is started and is a shell: `Command::new("sh")`.
fn calls_with_shell(line: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| {
        line.match_indices(start).any(|(at, _)| {
            let rest = &line[at + start.len()..];
            let program = rest.split('"').nth(1).unwrap_or("");
            is_shell(program) || matches!(program, "cmd" | "cmd.exe")
        })
    })
}

fn is_shell(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    SHELLS.contains(&name.trim_end_matches(".exe"))
}

/// Finds `eval` where a shell expects a command.
fn is_eval_command(line: &str) -> bool {
    line.match_indices("eval ").any(|(at, _)| {
        let before = line[..at].trim_end();
        before.is_empty()
            || before.ends_with([';', '&', '|', '(', '{', '`', '!'])
            || before.ends_with("then")
            || before.ends_with("do")
            || before.ends_with("else")
    })
}

/// Finds a shell that is given its text: `sh -c '…'`, `["bash", "-c", …]`.
fn takes_text(language: Language, line: &str) -> bool {
    let as_list = ["\"-c\"", "'-c'"].iter().any(|option| {
        line.match_indices(option).any(|(at, _)| {
            let before = line[..at].trim_end_matches([',', ' ', '[']);
            before
                .strip_suffix(['"', '\''])
                .is_some_and(|before| is_shell(last_word(before)))
        })
    });
    let as_text = line.match_indices(" -c").any(|(at, _)| {
        let after = &line[at + 3..];
        // A backtick behind it ends a mention, not a command.
        is_shell(last_word(&line[..at]))
            && (after.is_empty() || after.starts_with([' ', '"', '\'']))
            && may_be_command(language, line, at)
    });
    as_list || as_text
}

fn last_word(text: &str) -> &str {
    let start = text
        .rfind(|c: char| !(is_word(c) || matches!(c, '/' | '.' | '-')))
        .map_or(0, |at| at + 1);
    text.get(start..).unwrap_or("")
}

/// Finds a pipe that ends in something which runs what it reads.
fn pipes_into_shell(language: Language, line: &str) -> bool {
    line.match_indices('|').any(|(at, _)| {
        let before = &line[..at];
        let after = &line[at + 1..];
        if before.ends_with(['|', '>']) || after.starts_with(['|', '=']) {
            return false;
        }
        let spaced = after.starts_with([' ', '&']);
        let mut rest = after.trim_start_matches(['&', ' ']);
        for starter in ["sudo -E ", "sudo ", "/usr/bin/env ", "env "] {
            rest = rest.strip_prefix(starter).unwrap_or(rest);
        }
        let end = rest
            .find(|c| !(is_word(c) || matches!(c, '/' | '.' | '-')))
            .unwrap_or(rest.len());
        let (program, tail) = rest.split_at(end);
        let reads = if is_shell(program) {
            // A pattern of a `case`, or an alternative in an expression, ends in `)` without having opened it.
            let closes = spaced && before.contains('(');
            tail.is_empty()
                || tail.starts_with([' ', '"', '\'', '`', ';', '&', '\\'])
                || (closes && tail.starts_with(')'))
        } else {
            let name = program.rsplit('/').next().unwrap_or(program);
            let tail = tail.trim();
            INTERPRETERS.contains(&name)
                && (tail.is_empty() || tail == "-" || tail.starts_with("- "))
        };
        // `curl x|sh` has a word before; `sh|bash` in an expression has none.
        reads && (spaced || before.trim_end().contains(' ')) && may_be_command(language, line, at)
    })
}

/// Tells whether what stands at a place can be a command: in programs only inside of a text.
fn may_be_command(language: Language, line: &str, at: usize) -> bool {
    let quotes: &[char] = match language {
        Language::Shell | Language::Other => return true,
        // `'` is a letter or a lifetime there.
        Language::Rust | Language::C | Language::Public | Language::Json => &['"'],
        Language::Go => &['"', '`'],
        _ => &['"', '\'', '`'],
    };
    quotes
        .iter()
        .any(|quote| line[..at].matches(*quote).count() % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn lines(language: Language, expected: bool, lines: &[&str]) {
        let wrong: Vec<_> = lines
            .iter()
            .filter(|line| runs_text(language, line) != expected)
            .collect();
        assert!(
            wrong.is_empty(),
            "{language:?} is not {expected}: {wrong:#?}"
        );
    }

    // Each is from a real commit, for which asking would have been wrong.
    #[test]
    fn what_only_looks_like_running_text_is_left_alone() {
        lines(
            Language::Rust,
            false,
            &[
                "if is_hidden(path) || should_skip(path) {",
                "Shell::Bash | Shell::Zsh => completions(),",
                "Sh | Bash) => true,",
                "let value = expr.eval(&context)?;",
                "fn eval(&self, text: &str) -> Value {",
                "let tree = eval(node);",
                "    let found = retrieval(query);",
                "\"sh\" | \"bash\" => Kind::Shell,",
                "about: \"Checks are run by `sh -c`\",",
                "let flags = A | sh;",
                "Command::new(\"git\").arg(\"-c\").arg(\"gc.auto=0\")",
                "let out = exec(plan)?;",
                "system(schedule);",
            ],
        );
        lines(
            Language::Shell,
            false,
            &[
                "curl -sL \"$url\" | sha256sum -c -",
                "cat list | shuf | head -1",
                "bash | zsh) shell=posix ;;",
                "sh|bash) shell=posix ;;",
                "make || bash_fallback",
                "jq . | python3 -m json.tool",
                "git -c core.pager=cat log",
                "evaluate \"$x\"",
            ],
        );
        lines(
            Language::Python,
            false,
            &[
                "model.eval()",
                "df.eval('a + b')",
                "results = retrieval(query)",
                "def exec(self, text):",
                "cursor.exec(query)",
                "subprocess.Popen([\"git\", \"status\"])",
                "\"\"\"Unlike eval(), this is safe.",
                "re.compile(r\"^(sh|bash)$\")",
            ],
        );
        lines(
            Language::Script,
            false,
            &[
                "const found = /sh|bash/.exec(text);",
                "await page.$eval('a', node => node.href);",
                "import { spawn } from 'node:child_process';",
                "type Shell = 'sh' | 'bash';",
                "return retrieval(text);",
            ],
        );
        lines(
            Language::Go,
            false,
            &["return eval(node, env)", "exec.Command(\"git\", \"-c\", x)"],
        );
        lines(
            Language::Other,
            false,
            &["  pattern: foo | sha256", "  - run: make || sh_fail"],
        );
    }

    #[test]
    fn what_runs_text_is_found() {
        lines(
            Language::Rust,
            true,
            &[
                "let child = Command::new(\"sh\").arg(\"-c\").arg(text);",
                "Command::new(\"/bin/bash\")",
                "run(\"curl https://x.y/install | sh\");",
                "run(&[\"bash\", \"-c\", text]);",
            ],
        );
        lines(
            Language::Shell,
            true,
            &[
                "curl -fsSL https://x.y | sh",
                "curl x|bash -s -- -y",
                "wget -qO- x | sudo -E bash -",
                "out=$(decode x | sh)",
                "eval \"$text\"",
                "if true; then eval $x; fi",
                "base64 -d x | python3",
                "su -c id; sh -c \"$x\"",
            ],
        );
        lines(
            Language::Python,
            true,
            &[
                "exec(text)",
                "return eval(text)",
                "os.system('ls ' + name)",
                "subprocess.run(text, shell=True)",
                "state = pickle.loads(body)",
                "subprocess.run(['/bin/sh', '-c', text])",
            ],
        );
        lines(
            Language::Script,
            true,
            &[
                "eval(text)",
                "window.eval(text)",
                "const run = new Function('a', text);",
                "const { exec } = require('child_process');",
                "cp.execSync(`ls ${name}`);",
                "spawn(name, { shell: true });",
            ],
        );
        lines(
            Language::Go,
            true,
            &["cmd := exec.Command(\"bash\", \"-c\", text)"],
        );
        lines(Language::C, true, &["system(text);"]);
        lines(
            Language::Other,
            true,
            &[
                "RUN curl -sSf https://x.y | sh -s -- -y",
                "      run: sh -c \"$X\"",
            ],
        );
        lines(
            Language::Json,
            true,
            &["\"postinstall\": \"curl https://x.y | sh\","],
        );
    }
}
