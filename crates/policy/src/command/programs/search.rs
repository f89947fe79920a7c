//! Search: in names, in content.

use hyperion_model::Level;

use super::{Operands, Program, Wrapper};
use crate::command::call::Call;
use crate::command::judge::{Fed, Judge, Touch};
use crate::command::names::Names;
use crate::command::search_glob_is_plain;
use crate::command::word::Word;

pub(super) const PROGRAMS: &[Program] = &[
    Program::reads(
        &["rg"],
        "-0 -a -A=t -b -B=t -c -C=t -d=t -e=t -E=t -f=r -F -g=g -h -H -i -I -j=d -l -m=t -M=t -n -N -o -p -P -q -r=t -s -S
         -t=t -T=t -U -v -w -x --after-context=t --before-context=t --byte-offset --case-sensitive --color=t --colors=t
         --column --context=t --context-separator=t --count --count-matches --crlf --encoding=t --engine=t --file=r
         --files --files-with-matches --files-without-match --fixed-strings --glob=g --heading --iglob=g --ignore-case
         --invert-match --json --line-number --line-regexp --max-columns=t --max-count=t --max-depth=t --max-filesize=t
         --multiline --multiline-dotall --no-config --no-filename --no-heading --no-line-number --no-messages --null
         --only-matching --passthru --pcre2 --pretty --quiet --regexp=t --replace=t --smart-case --sort=t --sortr=t
         --stats --text --threads=d --trim --type=t --type-list --type-not=t --vimgrep --with-filename --word-regexp
         !-. !-L !-u !-z !--follow !--hidden !--hostname-bin=k !--ignore-file=r !--no-ignore !--no-ignore-dot
         !--no-ignore-files !--no-ignore-global !--no-ignore-parent !--no-ignore-vcs !--pre=k !--pre-glob=t
         !--search-zip !--unrestricted",
        Operands::Pattern(&["-e", "--regexp", "-f", "--file", "--files", "--type-list"]),
    ),
    Program::reads(
        &["grep", "egrep", "fgrep"],
        "-# -a -A=t -b -B=t -c -C=t -e=t -E -f=r -F -G -h -H -i -I -l -L -m=t -n -o -P -q -r -s -T -U -v -w -x -y -z -Z
         --after-context=t --basic-regexp --before-context=t --binary-files=t --byte-offset --color? --colour?
         --context=t --count --exclude=t --exclude-dir=t --extended-regexp --file=r --files-with-matches
         --files-without-match --fixed-strings --ignore-case --include=t --initial-tab --invert-match --line-buffered
         --line-number --line-regexp --max-count=t --no-filename --no-ignore-case --no-messages --null
         --only-matching --perl-regexp --quiet --recursive --regexp=t --silent --text --with-filename --word-regexp
         !-D=t !-d=t !-R !--dereference-recursive !--devices=t !--directories=t !--exclude-from=r",
        Operands::Pattern(&["-e", "--regexp", "-f", "--file"]),
    )
    .checked(recursion),
    Program::reads(
        &["fd", "fdfind"],
        "-0 -a -c=t -d=t -e=t -E=t -F -g -i -l -p -s -t=t --absolute-path --case-sensitive --changed-before=t
         --changed-within=t --color=t --exclude=t --extension=t --fixed-strings --full-path --glob --ignore-case
         --max-depth=t --min-depth=t --size=t -S=t --type=t !-H !-I !-L !-u !-x=k !-X=k !--exec=k !--exec-batch=k
         !--follow !--hidden !--no-ignore !--unrestricted",
        Operands::PatternNames,
    ),
];

pub(super) const WRAPPERS: &[(&str, Wrapper)] = &[("find", find)];

/// `grep -r` opens hidden files too, unless it is told which.
fn recursion(judge: &mut Judge<'_>, call: &Call) {
    if !call.has(&["-r", "--recursive"]) {
        return;
    }
    let mut included = call.values(&["--include"]).peekable();
    let narrow = included.peek().is_some()
        && included.all(|word| {
            // A name without a folder is meant: `--include` does not know `!`.
            let glob = word.literal.as_deref().unwrap_or(&word.pattern);
            !glob.starts_with('!') && search_glob_is_plain(glob)
        });
    if !narrow {
        judge.ask(
            Level::TeamLead,
            "search.hidden",
            "`grep -r` opens hidden and ignored files too; `rg` and `git grep` leave them out, and so does `--include='*.rs'`",
        );
    }
}

/// What `find` tests and prints.
const TESTS: &str = "-H -P -O? -name=t -iname=t -path=t -ipath=t -wholename=t -iwholename=t -regex=t -iregex=t
    -regextype=t -type=t -xtype=t -size=t -empty -mtime=t -mmin=t -atime=t -amin=t -ctime=t -cmin=t -newer=n -anewer=n
    -cnewer=n -newermt=t -newerct=t -samefile=n -inum=t -links=t -perm=t -user=t -group=t -uid=t -gid=t -nouser -nogroup
    -readable -writable -executable -maxdepth=t -mindepth=t -mount -xdev -depth -d -daystart -follow -noleaf -true -false
    -prune -quit -print -print0 -printf=d -ls -not -and -or -a -o -warn -nowarn -lname=t -ilname=t -fstype=t -used=t
    -delete -fprint=w -fprint0=w -fls=w -fprintf=wt -files0-from=r";

/// `find`: names below folders; what it runs on them is judged with each folder in its place.
fn find(judge: &mut Judge<'_>, name: &str, arguments: &[Word], _: Fed) -> Option<String> {
    let mut tests: Vec<Word> = Vec::new();
    let mut run: Vec<(&str, usize, Vec<Word>)> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match word.literal.as_deref() {
            Some(action @ ("-exec" | "-execdir" | "-ok" | "-okdir")) => {
                let command = rest
                    .by_ref()
                    .take_while(|word| !matches!(word.literal.as_deref(), Some(";" | "+")));
                run.push((action, tests.len(), command.cloned().collect()));
            }
            _ => tests.push(word.clone()),
        }
    }
    let is_mark = |word: &&Word| matches!(word.literal.as_deref(), Some("(" | ")" | "!" | ","));
    let plain: Vec<Word> = tests
        .iter()
        .filter(|word| !is_mark(word))
        .cloned()
        .collect();
    let call = Call::read(&plain, TESTS, false);
    for option in &call.unknown {
        judge.unclear(
            "command.option",
            format!("the option `{option}` of `{name}` is not known"),
        );
    }
    judge.beginnings(&call.operands, "!-delete");
    let deletes = call.has(&["-delete"]);
    if deletes {
        judge.ask(
            Level::TeamLead,
            "command.changes",
            "`find -delete` removes what it finds",
        );
    }
    if call.has(&["-files0-from"]) {
        judge.unclear(
            "command.option",
            "where `find` looks is not known before it runs",
        );
    }
    for given in &call.given {
        for (kind, word) in &given.values {
            use crate::command::call::Kind;
            match kind {
                Kind::Write => {
                    judge.ask(
                        Level::TeamLead,
                        "command.changes",
                        format!("`find {}` writes a file", given.name),
                    );
                    judge.path(word, Touch::Write);
                }
                Kind::Name | Kind::Read => {
                    judge.path(word, Touch::Name);
                }
                Kind::Text | Kind::Width | Kind::Names | Kind::Kept => {
                    if *kind == Kind::Width {
                        judge.width(&given.name, &word.pattern);
                    }
                    judge.text(word);
                    if word.globs || word.braces {
                        judge.unclear(
                            "shell.expansion",
                            "a pattern without quotes is expanded before `find` sees it",
                        );
                    }
                }
            }
        }
    }
    // What only looks, at what may be looked at, is nothing to ask about.
    // What is tested behind it comes too late for it.
    run.retain(|(action, tested, command)| {
        let looks = *action == "-exec" && looks(judge, command, &call.operands, &tests[..*tested]);
        if !looks {
            let detail = format!("`find {action}` runs a program on what it finds");
            judge.ask(Level::TeamLead, "command.runs", detail);
        }
        !looks
    });
    let changes = deletes || !run.is_empty();
    for word in &call.operands {
        judge.path(word, if changes { Touch::Write } else { Touch::Name });
    }
    for (_, _, command) in &run {
        let mut starts: Vec<Word> = call.operands.clone();
        if starts.is_empty() {
            starts.push(Word::known("."));
        }
        for start in &starts {
            // A folder deep below is not the folder itself: `x` stands for what is found in it, save at the top.
            let whole = start.pattern == "/" || start.pattern == "~";
            let found = match (whole, &start.literal) {
                (true, _) => start.clone(),
                (false, Some(start)) => Word::known(&format!("{start}/x")),
                (false, None) => start.clone(),
            };
            let words: Vec<Word> = command
                .iter()
                .map(|word| match word.literal.as_deref() {
                    Some("{}") => found.clone(),
                    _ => word.clone(),
                })
                .collect();
            judge.argv(&words, Fed::default());
        }
    }
    judge.exactly(name, arguments)
}

/// Tells whether a program that `find` runs only looks at what may be looked at.
fn looks(judge: &mut Judge<'_>, command: &[Word], starts: &[Word], tests: &[Word]) -> bool {
    let names = Names {
        sources: finds_sources(judge, tests),
        below: true,
        zero: true,
    };
    let is_place = |word: &Word| word.literal.as_deref() == Some("{}");
    let hides_one = |word: &Word| !is_place(word) && word.pattern.contains("{}");
    if command.iter().any(hides_one) {
        return false;
    }
    let put_in = |word: &Word| {
        if is_place(word) {
            names.word(true)
        } else {
            word.clone()
        }
    };
    let command: Vec<Word> = command.iter().map(put_in).collect();
    judge.looks_at(&command, starts)
}

/// Tells whether all that these tests find are sources: whatever else they say, each branch is about such a name.
fn finds_sources(judge: &Judge<'_>, tests: &[Word]) -> bool {
    let words: Option<Vec<&str>> = tests.iter().map(|word| word.literal.as_deref()).collect();
    let Some(words) = words else { return false };
    let mut named = false;
    for (at, word) in words.iter().enumerate() {
        let after = |by: usize| words.get(at + by).copied().unwrap_or_default();
        match *word {
            "-follow" | "-L" | "-H" | "-files0-from" | "," => return false,
            "-not" | "!"
                if !matches!(
                    after(1),
                    "-path" | "-name" | "-ipath" | "-iname" | "-wholename"
                ) =>
            {
                return false;
            }
            "-o" | "-or" if !named || !matches!(after(1), "-name" | "-iname") => return false,
            "-o" | "-or" => named = false,
            "-name" | "-iname" if at > 0 && matches!(words[at - 1], "-not" | "!") => {}
            "-name" | "-iname" if !is_known_name(after(1)) || !judge.names_sources(after(1)) => {
                return false;
            }
            "-name" | "-iname" => named = true,
            _ => {}
        }
    }
    named
}

/// Tells whether a name is one of sources in hidden folders as well, which `find` enters: `config` is not.
fn is_known_name(name: &str) -> bool {
    const PLAIN: &[&str] = &[
        "package.json",
        "tsconfig.json",
        "go.mod",
        "Makefile",
        "Dockerfile",
        "README",
        "LICENSE",
    ];
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    PLAIN.contains(&name) || search_glob_is_plain(&format!("*.{extension}"))
}

/// Says what is known of the names that `find` prints; nothing where it does more than print names.
pub(crate) fn found_by_find(judge: &Judge<'_>, arguments: &[Word]) -> Option<Names> {
    let does_more = |word: &Word| {
        word.literal.as_deref().is_none_or(|text| {
            let text = text.trim_start_matches('-');
            ["exec", "ok", "delete", "fprint", "fls", "ls", "printf"]
                .iter()
                .any(|action| text.starts_with(action))
        })
    };
    if arguments.iter().any(does_more) {
        return None;
    }
    let is_start = |word: &&Word| !word.pattern.starts_with(['-', '(', '!']);
    let mut starts = arguments.iter().take_while(is_start);
    let denied = starts.any(|start| judge.is_secret(&start.pattern));
    // What is tested behind a `-print` comes too late for it.
    let is_print = |word: &Word| matches!(word.literal.as_deref(), Some("-print" | "-print0"));
    let prints = arguments
        .iter()
        .position(is_print)
        .unwrap_or(arguments.len());
    Some(Names {
        sources: !denied && finds_sources(judge, &arguments[..prints]),
        zero: arguments
            .iter()
            .any(|word| word.literal.as_deref() == Some("-print0")),
        below: true,
    })
}
