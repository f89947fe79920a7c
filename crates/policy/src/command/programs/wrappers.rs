//! What runs another command, or changes where the next one stands.

use hyperion_model::Level;

use super::Wrapper;
use super::interpreters::unseen;
use crate::command::call::Call;
use crate::command::judge::{Fed, Judge, Touch};
use crate::command::word::Word;
use crate::place::joined;

pub(super) const WRAPPERS: &[(&str, Wrapper)] = &[
    ("cd", cd),
    ("pushd", lost),
    ("popd", lost),
    ("env", env),
    ("command", command),
    ("builtin", builtin),
    ("exec", exec),
    ("nice", nice),
    ("ionice", nice),
    ("timeout", timeout),
    ("stdbuf", stdbuf),
    ("time", time),
    ("nohup", outlives),
    ("setsid", outlives),
    ("disown", outlives),
    ("sudo", sudo),
    ("doas", sudo),
    ("pkexec", sudo),
    ("su", su),
    ("runuser", su),
    ("xargs", xargs),
    ("watch", text),
    ("script", text),
    ("parallel", text),
    ("ssh", ssh),
    ("eval", eval),
    ("trap", eval),
    ("alias", alias),
    ("source", source),
    (".", source),
    ("busybox", applet),
    ("toybox", applet),
    ("base64", decoder),
    ("base32", decoder),
    ("uudecode", decoder),
    ("type", which),
    ("which", which),
    ("whereis", which),
];

fn known(judge: &mut Judge<'_>, name: &str, arguments: &[Word], table: &str) -> Call {
    let call = Call::read(arguments, table, true);
    for option in &call.unknown {
        judge.unclear(
            "command.option",
            format!("the option `{option}` of `{name}` is not known"),
        );
    }
    for given in &call.given {
        for (_, word) in &given.values {
            judge.text(word);
            judge.secret(word);
        }
        if given.asks {
            judge.unclear(
                "command.option",
                format!("`{name} {}` changes what runs", given.name),
            );
        }
    }
    call
}

/// Judges what stands behind a wrapper; the wrapper's own words are kept in the shape.
fn inner(
    judge: &mut Judge<'_>,
    name: &str,
    arguments: &[Word],
    inner: &[Word],
    fed: Fed,
) -> Option<String> {
    let shape = judge.argv(inner, fed)?;
    let own = arguments.get(..arguments.len().checked_sub(inner.len())?)?;
    let own = judge.exactly(name, own)?;
    Some(format!("{own} {shape}"))
}

/// `cd`: what follows may stand there, or where it stood before.
fn cd(judge: &mut Judge<'_>, name: &str, arguments: &[Word], _: Fed) -> Option<String> {
    let call = known(judge, name, arguments, "-L -P -e -@");
    let [word] = call.operands.as_slice() else {
        judge.lost = true;
        judge.unclear("shell.folder", "`cd` without a folder goes home; name it");
        return None;
    };
    let target = word
        .literal
        .as_deref()
        .filter(|target| *target != "-" && !target.is_empty());
    let Some(target) = target else {
        judge.lost = true;
        judge.unclear(
            "shell.folder",
            "which folder `cd` enters is not known before it runs",
        );
        return None;
    };
    let before = judge.findings.len();
    judge.path(word, Touch::Name);
    let mut entered: Vec<String> = judge.dirs.iter().map(|dir| joined(dir, target)).collect();
    entered.extend(judge.dirs.iter().cloned());
    entered.sort();
    entered.dedup();
    if entered.len() > 16 {
        judge.lost = true;
        judge.unclear(
            "shell.folder",
            "the command enters too many folders to be understood",
        );
    } else {
        // Where it stood before stays possible: `cd` may fail.
        judge.dirs = entered;
    }
    (judge.findings.len() == before)
        .then(|| format!("cd {target}"))
        .and_then(|_| judge.exactly(name, arguments))
}

fn lost(judge: &mut Judge<'_>, name: &str, _: &[Word], _: Fed) -> Option<String> {
    judge.lost = true;
    judge.unclear(
        "shell.folder",
        format!("which folder `{name}` enters is not known before it runs"),
    );
    None
}

/// `env`: variables, then a command.
fn env(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    if let [option, text, ..] = arguments
        && matches!(option.literal.as_deref(), Some("-S" | "--split-string"))
    {
        judge.unclear("command.option", "`env -S` takes a text apart");
        if let Some(text) = text.literal.clone() {
            judge.script(&text, fed);
        }
        return None;
    }
    let call = known(
        judge,
        name,
        arguments,
        "-i -u=t --ignore-environment --unset=t -0 !-C=t !--chdir=t !-S=t !--split-string=t",
    );
    let is_variable = |word: &&Word| {
        word.pattern
            .split_once('=')
            .is_some_and(|(name, _)| !name.contains('/'))
    };
    let variables = call.operands.iter().take_while(is_variable).count();
    for word in &call.operands[..variables] {
        let name = word
            .pattern
            .split_once('=')
            .map_or("", |(name, _)| name)
            .to_owned();
        judge.secret(word);
        if word.literal.is_none() || !Judge::is_harmless_variable(&name) {
            judge.variable(&name);
        }
    }
    let rest = &call.operands[variables..];
    if rest.is_empty() {
        judge.ask(
            Level::TeamLead,
            "command.secrets",
            "prints every variable, secrets among them",
        );
        return None;
    }
    inner(judge, name, arguments, rest, fed)
}

fn command(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let call = known(judge, name, arguments, "-v -V !-p");
    if call.has(&["-v", "-V"]) {
        for word in &call.operands {
            judge.text(word);
        }
        return Some(format!("{name} -v <text>"));
    }
    inner(judge, name, arguments, &call.operands, fed)
}

fn builtin(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    inner(judge, name, arguments, arguments, fed)
}

fn exec(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.unclear(
        "shell.replaced",
        "`exec` changes the shell that the rest runs in",
    );
    let call = known(judge, name, arguments, "-c -l -a=t");
    judge.argv(&call.operands, fed);
    None
}

fn nice(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let call = known(judge, name, arguments, "-# -n=t -c=t -t --adjustment=t");
    if call.operands.is_empty() {
        return Some(name.to_owned());
    }
    inner(judge, name, arguments, &call.operands, fed)
}

fn timeout(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let call = known(
        judge,
        name,
        arguments,
        "-k=t -s=t -v --foreground --kill-after=t --preserve-status --signal=t --verbose",
    );
    let (limit, rest) = call.operands.split_first()?;
    judge.text(limit);
    if rest.is_empty() {
        judge.unclear("command.option", "`timeout` has no command");
        return None;
    }
    inner(judge, name, arguments, rest, fed)
}

fn stdbuf(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let call = known(
        judge,
        name,
        arguments,
        "-i=t -o=t -e=t --input=t --output=t --error=t",
    );
    inner(judge, name, arguments, &call.operands, fed)
}

fn time(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let call = known(judge, name, arguments, "-p -v !-o=t !-a !-f=t");
    inner(judge, name, arguments, &call.operands, fed)
}

/// What goes on after the command has ended.
fn outlives(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.unclear(
        "shell.outlives",
        format!("`{name}` lets it go on when the command has ended"),
    );
    let call = Call::read(arguments, "-c -f -w -a -h -r", true);
    judge.argv(&call.operands, fed);
    None
}

fn sudo(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let detail = format!("`{name}` takes more rights");
    judge.ask(Level::Admin, "command.rights", detail);
    let call = Call::read(
        arguments,
        "-A -b -E -e -H -i -k -K -l -n -P -S -s -v -u=t -g=t -C=t -h=t -p=t -r=t -t=t -T=t -U=t -D=t -R=t",
        true,
    );
    let is_variable = |word: &&Word| {
        word.pattern
            .split_once('=')
            .is_some_and(|(name, _)| !name.contains('/'))
    };
    let variables = call.operands.iter().take_while(is_variable).count();
    judge.argv(&call.operands[variables..], fed);
    judge.exactly(name, arguments)
}

fn su(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.ask(
        Level::Admin,
        "command.rights",
        format!("`{name}` takes more rights"),
    );
    let call = Call::read(arguments, "-c=t --command=t -s=t -l - -m -p -u=t", false);
    let texts: Vec<Word> = call.values(&["-c", "--command"]).cloned().collect();
    for text in texts {
        match text.literal {
            Some(text) => {
                judge.script(&text, fed);
            }
            None => judge.unclear("shell.command", "what runs is not known before it runs"),
        }
    }
    judge.exactly(name, arguments)
}

/// `xargs`: what it is given is not known, save where names are listed that may be looked at.
fn xargs(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    let call = Call::read(
        arguments,
        "-0 -d=t -I=t -L=t -n=t -P=t -r -s=t -t -x --delimiter=t --max-args=t --max-procs=t --no-run-if-empty --null
         --verbose !-a=r !-E=t !-i? !-l? !-p !--arg-file=r !--max-lines? !--replace? !--open-tty !--interactive",
        true,
    );
    for word in call.values(&["-a", "--arg-file"]) {
        judge.secret(word);
    }
    let plain = call.unknown.is_empty() && call.given.iter().all(|given| !given.asks);
    let mark = call.values(&["-I"]).next().map(|word| word.pattern.clone());
    let hides_mark = |word: &Word| {
        let hidden = |mark: &String| word.pattern.contains(mark.as_str()) && word.pattern != *mark;
        mark.as_ref().is_some_and(hidden)
    };
    match fed.names {
        Some(names) if plain && !call.operands.iter().any(hides_mark) => {
            let apart = call.has(&["-0", "--null"]) && !call.has(&["-d", "--delimiter"]);
            let given = names.word(names.zero && apart);
            let mut words = call.operands.clone();
            match &mark {
                None => words.push(given),
                Some(mark) => {
                    for word in words.iter_mut().filter(|word| word.pattern == *mark) {
                        *word = given.clone();
                    }
                }
            }
            let fed = Fed {
                has_input: true,
                names: None,
                ..fed
            };
            judge.argv(&words, fed);
        }
        _ => {
            let detail = format!("what `{name}` is given is not known before it runs");
            judge.unclear("shell.expansion", detail);
            judge.argv(
                &call.operands,
                Fed {
                    has_input: true,
                    names: None,
                    ..fed
                },
            );
        }
    }
    // Its arguments come last: a program that removes what it is told may be told anything.
    None
}

/// What takes its words for a command.
fn text(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.unclear(
        "command.runs",
        format!("`{name}` runs its words as a command, perhaps again and again"),
    );
    let call = Call::read(
        arguments,
        "-n=t -d -t -c=t -q -e -f -x -g -p -b -j=t -k -a -B --interval=t --command=t",
        true,
    );
    let mut whole: Vec<String> = call
        .values(&["-c", "--command"])
        .filter_map(|word| word.literal.clone())
        .collect();
    whole.extend(joined_words(&call.operands));
    for text in whole {
        judge.script(&text, fed);
    }
    None
}

fn ssh(judge: &mut Judge<'_>, name: &str, arguments: &[Word], _: Fed) -> Option<String> {
    judge.ask(
        Level::Admin,
        "command.network",
        "`ssh` runs commands on another machine",
    );
    let call = Call::read(
        arguments,
        "-4 -6 -A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V -v -X -x -Y -y -B=t -b=t -c=t -D=t -E=t -e=t -F=r -I=t -i=r
         -J=t -L=t -l=t -m=t -O=t -o=t -p=t -Q=t -R=t -S=t -W=t -w=t",
        true,
    );
    judge.secrets(&call.operands);
    if let Some(text) = call
        .operands
        .get(1..)
        .and_then(joined_words)
        .filter(|text| !text.is_empty())
    {
        // Only what is refused counts there: what asks, asks already.
        let before = judge.findings.len();
        let (dirs, lost) = (judge.dirs.clone(), judge.lost);
        judge.script(&text, Fed::default());
        judge.dirs = dirs;
        judge.lost = lost;
        let found = judge.findings.split_off(before);
        let refused = found
            .into_iter()
            .filter(|finding| finding.weight == crate::judgement::Weight::Deny);
        judge.findings.extend(refused);
    }
    judge.exactly(name, arguments)
}

/// `eval` and `trap`: their words are a command, later or now.
fn eval(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.unclear("shell.command", format!("`{name}` runs text as a command"));
    if unseen(judge, fed) {
        return None;
    }
    let words = if name == "trap" {
        arguments.get(..1).unwrap_or_default()
    } else {
        arguments
    };
    match joined_words(words) {
        Some(text) => {
            judge.script(&text, fed);
        }
        None => judge.secrets(words),
    }
    None
}

fn alias(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.unclear(
        "shell.definition",
        format!("`{name}` gives a name a new meaning"),
    );
    for word in arguments {
        if let Some((_, text)) = word
            .literal
            .as_deref()
            .and_then(|text| text.split_once('='))
        {
            judge.script(text, fed);
        }
    }
    None
}

fn source(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    judge.unclear(
        "command.runs",
        format!("`{name}` runs a script in this very shell"),
    );
    if unseen(judge, fed) {
        return None;
    }
    for word in arguments {
        judge.path(word, Touch::Read);
    }
    None
}

fn applet(judge: &mut Judge<'_>, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
    if arguments.is_empty() {
        return Some(name.to_owned());
    }
    inner(judge, name, arguments, arguments, fed)
}

/// What decodes: the result is not what was seen.
fn decoder(judge: &mut Judge<'_>, name: &str, arguments: &[Word], _: Fed) -> Option<String> {
    let call = known(
        judge,
        name,
        arguments,
        "-d -D -i -w=t --decode --ignore-garbage --wrap=t",
    );
    if call.has(&["-d", "-D", "--decode"]) || name == "uudecode" {
        judge.fetched += 1;
    }
    for word in &call.operands {
        judge.path(word, Touch::Read);
    }
    judge.exactly(name, arguments)
}

fn which(judge: &mut Judge<'_>, name: &str, arguments: &[Word], _: Fed) -> Option<String> {
    let call = known(judge, name, arguments, "-a -p -t -P -f -b -m -s");
    for word in &call.operands {
        judge.text(word);
    }
    Some(format!("{name} <text>"))
}

/// Puts known words together, as a shell reads them again; none where one of them is not known.
fn joined_words(words: &[Word]) -> Option<String> {
    let words: Option<Vec<&str>> = words.iter().map(|word| word.literal.as_deref()).collect();
    words.map(|words| words.join(" "))
}
