//! Shells that are not bash: which text they read as bash does, and so as it was judged.
//!
//! `/bin/sh` is bash on one machine, dash or busybox on the next; fish and zsh have words of their own. Text is believed
//! only where all of a kind read it alike.

/// What only bash knows, or reads in its own way, next to shells of its family.
const ONLY_BASH: &[&str] = &[
    "[[", "((", "&>", ">&", "<&", "|&", "<(", ">(", "=(", "<<", "$'", "$\"", "$[", ";&", "+=",
    "~+", "~-", "[^", "?(", "*(", "+(", "@(", "!(", "**", "\\\n",
];
/// Words that begin something in one shell or another.
const KEYWORDS: &[&str] = &[
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "foreach",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "begin",
    "end",
    "switch",
    "and",
    "or",
    "not",
    "repeat",
    "nocorrect",
    "noglob",
    "always",
    "set",
    "read",
    "eval",
    "exec",
    "command",
    "export",
    "test",
    "r",
    "where",
    "which",
    "type",
    "history",
    "printf",
    "math",
    "string",
    "time",
    "builtin",
    "function",
    "select",
    "coproc",
];

/// Says what of a text a shell may read in another way than bash; nothing where it is bash, or reads all of it alike.
pub(super) fn odd(shell: &str, text: &str) -> Option<String> {
    match shell {
        "bash" | "rbash" => None,
        "sh" | "dash" | "ash" | "ksh" | "mksh" => odd_for_sh(text),
        _ => odd_elsewhere(text),
    }
}

fn odd_for_sh(text: &str) -> Option<String> {
    // `2>&1` and `$((1 + 2))` are read alike everywhere.
    let text = text.replace("$((", " ");
    let mut bare = text.clone();
    if !text.contains("&>") {
        for known in ["2>&1", "1>&2", ">&2", ">&1"] {
            bare = bare.replace(&format!("{known}-"), "&>").replace(known, " ");
        }
    }
    let found = ONLY_BASH
        .iter()
        .find(|mark| bare.contains(*mark))
        .map(|mark| format!("`{}`", mark.escape_debug()));
    let braces = || {
        bare.split('{')
            .skip(1)
            .any(|rest| {
                let inside = rest.split('}').next().unwrap_or_default();
                inside.contains(',') || inside.contains("..")
            })
            .then(|| "braces".to_owned())
    };
    // Of a value in braces only the plain name is the same everywhere.
    let value = || {
        bare.split("${")
            .skip(1)
            .any(|rest| {
                let name = rest.split('}').next().unwrap_or_default();
                !name.chars().all(|c| c.is_alphanumeric() || c == '_')
            })
            .then(|| "a value in braces".to_owned())
    };
    let escape = || {
        (bare.contains('\\') && bare.contains("echo"))
            .then(|| "a backslash behind `echo`".to_owned())
    };
    found.or_else(braces).or_else(value).or_else(escape)
}

/// For shells of another family: plain words, quotes without anything to put in, and lists and pipelines of them.
fn odd_elsewhere(text: &str) -> Option<String> {
    let text = text
        .replace("2>&1", " ")
        .replace("2>/dev/null", " ")
        .replace(">/dev/null", " ");
    let mut bare = String::new();
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), '\\' | '!' | '$' | '`') => return Some(format!("`{c}`")),
            (Some(_), _) => bare.push('x'),
            (None, '"' | '\'') => {
                quote = Some(c);
                bare.push('x');
            }
            (None, c) if c.is_ascii_alphanumeric() || " _-./:=@+,|;&%".contains(c) => bare.push(c),
            (None, c) => return Some(format!("`{c}`")),
        }
    }
    let marks = bare.replace("&&", ";").replace("||", ";");
    if let Some(c) = marks.chars().find(|c| *c == '&').or(quote) {
        return Some(format!("`{c}`"));
    }
    for part in marks.split([';', '|']) {
        let mut words = part.split_whitespace();
        let first = words.clone().next().unwrap_or_default();
        let begins_odd = |word: &str| word.starts_with(['=', '%', '@', ',', '+']);
        let sets = first.contains(['=', '%', '@']);
        if KEYWORDS.contains(&first) || first.starts_with('-') || sets || words.any(begins_odd) {
            return Some(format!("`{}`", part.trim()));
        }
    }
    None
}
