//! Programs for `sed`, `awk` and `jq` that never end by themselves, or take all room there is.

use super::endless::{has_big_number, is_wide};

/// Tells whether the commands of a program for `sed` may begin anew without end, or double what they keep with each line.
pub(super) fn sed_may_loop(commands: &str) -> bool {
    let has = |any: &[char]| commands.contains(any);
    let appended = commands.matches('G').count();
    // `D` begins anew without a new line as long as there are two.
    let begins_anew = has(&['D']) && has(&['G', 'x', 's']);
    let doubles = appended > 0 && has(&['H']) || appended > 1 && has(&['h', 'x']);
    let edits_kept = has(&['s']) && (has(&['x']) || has(&['h', 'H']) && has(&['g', 'G']));
    begins_anew || doubles || edits_kept
}

/// Tells whether a program for `awk` has a loop that is not plainly about what it read, or fills the machine.
pub(super) fn awk_may_loop(program: &str) -> bool {
    let text: String = program.chars().filter(|c| !c.is_whitespace()).collect();
    let loops = ["while", "function", "func", "do{"];
    loops.iter().any(|word| text.contains(word))
        || !text
            .split("for(")
            .skip(1)
            .all(|clause| awk_counts(&text, clause))
        || awk_prints_wide(program)
        || awk_makes_fields(&text)
        || program.split([';', '{', '}', '\n']).any(doubles)
}

/// Tells whether a `for` goes over an array, or counts to what was read or to a small number.
fn awk_counts(text: &str, clause: &str) -> bool {
    let inner = clause.split(')').next().unwrap_or_default();
    let parts: Vec<&str> = inner.split(';').collect();
    let [first, until, step] = parts.as_slice() else {
        // Over what an array holds.
        return parts.len() == 1;
    };
    let (name, from) = first.split_once('=').unwrap_or_default();
    let behind = |sign: char| {
        let rest = until.strip_prefix(name)?.strip_prefix(sign)?;
        Some(rest.strip_prefix('=').unwrap_or(rest))
    };
    let to = match *step {
        step if step == format!("{name}++") => behind('<'),
        step if step == format!("{name}--") => behind('>'),
        _ => None,
    };
    let is_known = |value: &str| {
        let small = value.chars().all(|c| c.is_ascii_digit()) && !has_big_number(value);
        let parts = text.contains(&format!("{value}=split("));
        let counts = text.contains(&format!("{value}++"));
        !value.is_empty()
            && (small
                || matches!(value, "NF" | "NR" | "FNR")
                || (parts || counts) && assignments(text, value) == 1)
    };
    !name.is_empty() && is_known(from) && to.is_some_and(is_known) && assignments(text, name) == 2
}

/// Counts how often a variable of an `awk` program is set; the text has no blanks.
fn assignments(text: &str, name: &str) -> usize {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let sets = |at: usize| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        if before.ends_with(is_letter) || after.starts_with(is_letter) {
            return false;
        }
        let operator = after.trim_start_matches(['+', '-', '*', '/', '%', '^']);
        let is_set = operator.starts_with('=') && !operator.starts_with("==");
        let steps = ["++", "--"];
        is_set
            || steps
                .iter()
                .any(|step| after.starts_with(step) || before.ends_with(step))
            || before.ends_with(',') && after.starts_with(')') && text.contains("sub(")
    };
    text.match_indices(name).filter(|(at, _)| sets(*at)).count()
}

/// Tells whether a format of an `awk` program fills up to a width that is large, or not known.
fn awk_prints_wide(program: &str) -> bool {
    let formats = program.replace("%%", "");
    // A format that ends within what stands behind its `%` is put together.
    let open = |directive: &str| {
        directive
            .trim_start_matches(|c: char| c.is_ascii_digit() || "+-# .".contains(c))
            .starts_with('"')
    };
    let is_literal = |after: &str| after.trim_start_matches([' ', '(']).starts_with('"');
    program.contains("printf")
        && (!program.split("printf").skip(1).all(is_literal)
            || program.contains("\\0")
            || formats
                .split('%')
                .skip(1)
                .any(|directive| is_wide(directive) || open(directive)))
}

/// Tells whether an `awk` program may set a field far behind the last; the text has no blanks.
fn awk_makes_fields(text: &str) -> bool {
    let is_set = |after: &str| {
        let rest = after.trim_start_matches(|c: char| is_word(c) || "()+-*^".contains(c));
        let index = &after[..after.len() - rest.len()];
        let operator = rest.trim_start_matches(['/', '%']);
        let small = index.chars().all(|c| c.is_ascii_digit()) && !has_big_number(index);
        !small && operator.starts_with('=') && !operator.starts_with("==")
    };
    let counts = |after: &str| after.starts_with('=') && !after.starts_with("==");
    let sets = text.split('$').skip(1).any(is_set) || text.split("NF").skip(1).any(counts);
    sets && (has_exponent(text) || has_big_number(text) || text.contains(['*', '^']))
}

/// Tells whether a statement of an `awk` program puts a variable into itself twice: `x = x x`.
fn doubles(statement: &str) -> bool {
    let Some((name, value)) = statement.split_once('=') else {
        return false;
    };
    let name = name
        .split(|c: char| !is_word(c))
        .rfind(|word| !word.is_empty());
    let again = |name: &str| {
        value
            .split(|c: char| !is_word(c))
            .filter(|word| *word == name)
            .count()
    };
    !value.contains(['?', '+', '-', '*', '/']) && name.is_some_and(|name| again(name) > 1)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Tells whether a number is written with an exponent: `1e9`.
fn has_exponent(text: &str) -> bool {
    text.split(|c: char| !is_word(c)).any(|word| {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < word.len() && digits.starts_with(['e', 'E'])
    })
}

/// Tells whether a program for `jq` may bring up values without end, or take all room there is.
pub(super) fn jq_may_loop(program: &str) -> bool {
    const LOOPS: &[&str] = &[
        "range",
        "repeat",
        "until",
        "while",
        "infinite",
        "def",
        "combinations",
    ];
    let text: String = program.chars().filter(|c| !c.is_whitespace()).collect();
    // Where a pattern may match nothing, some versions replace it again and again.
    let replaces_nothing = ["gsub(\"\"", "gsub(\"^", "gsub(\"$", "gsub(\"(?"];
    let sets = ["]=", "]|=", "]+=", "setpath"];
    let grows = text.contains('*') || sets.iter().any(|set| text.contains(set));
    program
        .split(|c: char| !is_word(c))
        .any(|word| LOOPS.contains(&word))
        || text.contains("recurse(")
        || replaces_nothing.iter().any(|call| text.contains(call))
        || grows && (has_big_number(&text) || has_exponent(&text))
        || text.matches('*').count() > 2
}
