//! Text: what prints, sorts, cuts; and the small languages whose programs can be read.

use hyperion_model::Level;

use super::{Operands, Program, endless, endless_code};
use crate::command::call::Call;
use crate::command::judge::{Judge, Touch};
use crate::command::word::Word;

pub(super) const PROGRAMS: &[Program] = &[
    Program::reads(&["true", "false", ":"], "", Operands::Text),
    Program::reads(&["echo"], "-*", Operands::Text),
    Program::reads(&["printf"], "!-v=t", Operands::Text).checked(endless::printf),
    Program::reads(&["seq"], "-# -f=d -s=t -w --equal-width --format=d --separator=t", Operands::Text)
        .checked(endless::seq),
    Program::reads(&["sleep"], "", Operands::Text).checked(endless::sleep),
    Program::reads(&["yes"], "-*", Operands::Text).checked(endless::yes),
    // `-v` looks up what may hold a command.
    Program::reads(&["test", "["], "-* !-v=t !-R=t", Operands::Text),
    Program::reads(
        &["sort"],
        "-b -c -C -d -f -g -h -i -k=t -m -M -n -r -R -s -S=t -t=t -u -V -z --buffer-size=t --check?
         --dictionary-order --field-separator=t --general-numeric-sort --human-numeric-sort --ignore-case
         --ignore-leading-blanks --key=t --merge --month-sort --numeric-sort --parallel=d --random-sort --reverse
         --stable --unique --version-sort --zero-terminated !-o=w !-T=n !--compress-program=k !--files0-from=r
         !--output=w !--temporary-directory=n",
        Operands::Read,
    ),
    Program::reads(
        &["uniq"],
        "-c -d -D -f=t -i -s=t -u -w=t -z --all-repeated? --count --ignore-case --repeated --skip-chars=t
         --skip-fields=t --unique --check-chars=t",
        Operands::InOut,
    ),
    Program::reads(
        &["cut"],
        "-b=t -c=t -d=t -f=t -n -s -z --bytes=t --characters=t --complement --delimiter=t --fields=t --only-delimited
         --output-delimiter=t",
        Operands::Read,
    ),
    Program::reads(&["tr"], "-c -C -d -s -t --complement --delete --squeeze-repeats --truncate-set1", Operands::Text),
    Program::reads(&["column"], "-c=d -e -J -L -n=t -N=t -o=t -R=t -s=t -t -x --separator=t --table", Operands::Read),
    Program::reads(&["paste"], "-d=t -s -z --delimiters=t --serial", Operands::Read),
    Program::reads(&["join"], "-1=t -2=t -a=t -e=t -i -j=t -o=t -t=t -v=t --header", Operands::Read),
    Program::reads(
        &["nl", "fold", "fmt", "expand", "unexpand"],
        "-b=t -c -d=t -f=t -g=t -h=t -i=t -l=t -n=t -p -s=t -t=d -u -v=t -w=d --tabs=d --width=d --spaces",
        Operands::Read,
    ),
    Program::reads(
        &["sed"],
        "-e=t -E -n -r -s -u -z --debug --expression=t --null-data --posix --quiet --regexp-extended --separate
         --silent --unbuffered !-f=r !-i? !--file=r !--in-place?",
        Operands::Pattern(&["-e", "--expression", "-f", "--file"]),
    )
    .checked(sed),
    Program::reads(
        &["awk", "gawk", "mawk", "nawk"],
        "-F=t -v=t --field-separator=t --assign=t !-f=r !--file=r",
        Operands::Pattern(&["-f", "--file"]),
    )
    .checked(awk),
    Program::reads(
        &["jq"],
        "-a -c -C -e -j -M -n -r -R -s -S --arg=tt --argjson=tt --ascii-output --color-output --compact-output
         --exit-status --indent=t --join-output --monochrome-output --null-input --raw-input --raw-output --rawfile=tr
         --seq --slurp --slurpfile=tr --sort-keys --stream --tab !-f=r !-L=r !--from-file=r",
        Operands::Pattern(&["-f", "--from-file"]),
    )
    .checked(jq),
];

/// `sed`: its program has to be one that only prints, and `-i` writes.
fn sed(judge: &mut Judge<'_>, call: &Call) {
    let given = ["-e", "--expression"];
    let mut scripts: Vec<Word> = call.values(&given).cloned().collect();
    let by_option = call.has(&["-e", "--expression", "-f", "--file"]);
    scripts.extend(
        (!by_option)
            .then(|| call.operands.first().cloned())
            .flatten(),
    );
    let mut commands = String::new();
    for script in &scripts {
        match script.literal.as_deref().and_then(sed_that_prints) {
            Some(letters) => commands.push_str(&letters),
            None => judge.ask(
                Level::TeamLead,
                "command.program",
                "the `sed` program may write, read or run something",
            ),
        }
    }
    if endless_code::sed_may_loop(&commands) {
        judge.unclear(
            "command.endless",
            "the `sed` program may go on for ever, or keep more with each line",
        );
    }
    if call.has(&["-i", "--in-place"]) {
        for word in call.operands.iter().skip(usize::from(!by_option)) {
            judge.path(word, Touch::Write);
        }
    }
}

/// Gives the commands of a program for `sed` that surely only prints; none of any other.
fn sed_that_prints(script: &str) -> Option<String> {
    let mut commands = String::new();
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', ';']);
        if rest.is_empty() {
            return Some(commands);
        }
        // An address, or two.
        for _ in 0..2 {
            rest = address(rest)?.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
        rest = rest.trim_start_matches(['!', ' ']);
        let command = rest.chars().next()?;
        commands.push(command);
        rest = &rest[command.len_utf8()..];
        rest = match command {
            'p' | 'd' | 'q' | '=' | 'n' | 'N' | 'D' | 'P' | 'g' | 'G' | 'h' | 'H' | 'x' | 'l'
            | 'Q' => rest,
            's' => substitution(rest)?,
            _ => return None,
        };
        if !(rest.is_empty() || rest.starts_with([' ', ';', '\n'])) {
            return None;
        }
    }
}

/// Reads over an address, if there is one.
fn address(text: &str) -> Option<&str> {
    if let Some(after) = text.strip_prefix('$') {
        return Some(after);
    }
    if let Some(after) = text.strip_prefix('/') {
        return until(after, '/').map(|after| after.trim_start_matches('I'));
    }
    Some(text.trim_start_matches(|c: char| c.is_ascii_digit() || "~+".contains(c)))
}

/// Reads over `/a/b/g` of a substitution; none where a flag does more than replace.
fn substitution(text: &str) -> Option<&str> {
    let mark = text
        .chars()
        .next()
        .filter(|c| !c.is_alphanumeric() && !c.is_whitespace() && *c != '\\')?;
    let after = until(&text[mark.len_utf8()..], mark)?;
    let after = until(after, mark)?;
    Some(after.trim_start_matches(|c: char| c.is_ascii_digit() || "gpiI".contains(c)))
}

/// Reads to behind a mark that no backslash stands before; brackets make it too hard.
fn until(text: &str, mark: char) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return None,
            '[' if text[at..]
                .find(']')
                .is_some_and(|end| text[at..at + end].contains(mark)) =>
            {
                return None;
            }
            c if c == mark => return Some(&text[at + c.len_utf8()..]),
            _ => {}
        }
    }
    None
}

/// `awk`: its program has to be one that only prints.
fn awk(judge: &mut Judge<'_>, call: &Call) {
    const DOES_MORE: &[&str] = &[
        "system", "getline", "|", "@", "ARGV", "ARGC", "ENVIRON", "PROCINFO", "close", "fflush",
        "SYMTAB", "FUNCTAB",
    ];
    if call.has(&["-f", "--file"]) {
        return;
    }
    let program = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref());
    let only_prints = program.is_some_and(|program| {
        let program = program.replace("||", " ");
        !DOES_MORE.iter().any(|word| program.contains(word)) && !awk_redirects(&program)
    });
    if program.is_some_and(endless_code::awk_may_loop) {
        judge.unclear("command.endless", "the `awk` program may go on for ever");
    }
    if !only_prints {
        judge.ask(
            Level::TeamLead,
            "command.program",
            "the `awk` program may write, read or run something",
        );
    }
    // An operand with `=` sets a variable, and so may bring in a file by another name.
    let sets = call
        .operands
        .iter()
        .skip(1)
        .any(|word| word.pattern.contains('='));
    if sets {
        judge.ask(
            Level::TeamLead,
            "command.program",
            "sets a variable of the `awk` program",
        );
    }
}

/// Tells whether a `>` of a program for `awk` may write a file: one that stands behind a `print` of its own statement.
fn awk_redirects(program: &str) -> bool {
    // A pattern or a comment may hold quotes and marks of its own, so nothing is told from them.
    let is_plain = !program.contains(['/', '#']);
    let bare = if is_plain {
        without_strings(program)
    } else {
        program.to_owned()
    };
    let parts_statements = is_plain && !bare.contains('\\');
    let mut statement = 0;
    for (at, c) in bare.char_indices() {
        match c {
            ';' | '{' | '}' if parts_statements => statement = at,
            '>' if bare[statement..at].contains("print") => return true,
            _ => {}
        }
    }
    false
}

/// Leaves out what stands in double quotes.
fn without_strings(program: &str) -> String {
    let mut bare = String::new();
    let mut letters = program.chars();
    while let Some(c) = letters.next() {
        bare.push(c);
        if c == '"' {
            while let Some(inner) = letters.next().filter(|c| *c != '"') {
                if inner == '\\' {
                    letters.next();
                }
            }
            bare.push('"');
        }
    }
    bare
}

/// `jq`: its program must not look into the environment or into other files.
fn jq(judge: &mut Judge<'_>, call: &Call) {
    const DOES_MORE: &[&str] = &[
        "env",
        "ENV",
        "import",
        "include",
        "input_filename",
        "$__",
        "debug",
        "getpath_file",
    ];
    if call.has(&["-f", "--from-file"]) {
        return;
    }
    let program = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref());
    let only_looks =
        program.is_some_and(|program| !DOES_MORE.iter().any(|word| program.contains(word)));
    if program.is_some_and(endless_code::jq_may_loop) {
        judge.unclear("command.endless", "the `jq` program may go on for ever");
    }
    if !only_looks && !call.operands.is_empty() {
        judge.ask(
            Level::TeamLead,
            "command.program",
            "the `jq` program may look into the environment or other files",
        );
    }
}
