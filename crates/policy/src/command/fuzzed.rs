//! What must hold for any text at all; driven by the fuzzer, and by the tests over its findings.

use std::sync::LazyLock;

use super::judge_command;
use crate::place::Place;
use crate::rules::{RuleSource, Rules};

/// Any text is judged; what is allowed writes nothing by redirection, names what runs, shows all its letters, and is
/// not allowed any more once something that is refused stands before or behind it.
pub fn policy_shell(text: &str) {
    static RULES: LazyLock<Rules> =
        LazyLock::new(|| Rules::compile(RuleSource::default()).expect("the shipped rules compile"));
    let rules = &*RULES;
    let place = Place::at("/repo", Some("/home/me")).expect("a plain place");
    let judged = judge_command(text, rules, &place);
    assert_eq!(
        judged.is_allowed(),
        judged.reasons.is_empty(),
        "whatever is not allowed says why"
    );
    assert!(
        !judged.is_denied() || judged.shape.is_none(),
        "what is refused cannot be granted"
    );

    let before = judge_command(&format!("rm -rf /\n{text}"), rules, &place);
    assert!(!before.is_allowed(), "something stands before it");
    if !judged.is_allowed() {
        return;
    }
    assert!(
        !text.chars().any(|c| c.is_control() && !"\n\t".contains(c)),
        "hidden letters"
    );
    // A comment, an unfinished text below, or a backslash takes in what is put behind.
    let takes_in = text.contains(['#', '\\']) || text.contains("<<");
    if !takes_in {
        for more in [
            "; rm -rf /",
            "\nrm -rf /",
            " && rm -rf /",
            " || rm -rf /",
            " | rm -rf /",
            " & rm -rf /",
            " > x",
            " $(x)",
        ] {
            // In a variable's place, or after one, the words would be another's.
            let both = judge_command(&format!("{text}{more}"), rules, &place);
            assert!(!both.is_allowed(), "{more:?} stands behind it");
        }
    }
    for wrapped in [
        format!("({text}\n) > x"),
        format!("{{ {text}\n}} >> x"),
        format!("f() {{ {text}\n}}"),
    ] {
        let judged = judge_command(&wrapped, rules, &place);
        assert!(!judged.is_allowed() || text.contains("<<"), "{wrapped:?}");
    }
    let Some(bare) = bare(text) else { return };
    for (at, _) in bare.match_indices('>') {
        let rest = bare[at + 1..].trim_start_matches(['>', '|']);
        let target = rest.trim_start();
        let harmless = ["/dev/null", "/dev/stdout", "/dev/stderr", "&"]
            .iter()
            .any(|start| target.starts_with(start));
        assert!(harmless, "writes by redirection");
    }
    let first = bare.trim_start_matches(|c: char| c.is_whitespace() || "(){;!".contains(c));
    assert!(
        !first.starts_with(['$', '`', '*', '?']),
        "what runs is not named"
    );
}

/// Gives the letters of a command that stand outside of quotes, by a reader of its own; none where that is too hard.
fn bare(text: &str) -> Option<String> {
    if text.contains("<<")
        || text.contains("[[")
        || text.contains("((")
        || text.contains('#')
        || text.contains("$'")
    {
        return None;
    }
    let mut bare = String::new();
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => {
                letters.next();
                bare.push('x');
            }
            '\'' => {
                letters.by_ref().find(|c| *c == '\'')?;
                bare.push('x');
            }
            '"' => {
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => {
                            letters.next();
                        }
                        // What is put in has quotes of its own.
                        '$' | '`' => return None,
                        _ => {}
                    }
                }
                bare.push('x');
            }
            c => bare.push(c),
        }
    }
    Some(bare)
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    // X2: whatever the text is, it is judged, and what is allowed only looks.
    #[test]
    fn any_text_is_judged_and_what_is_allowed_only_looks() {
        on_each_input("policy_shell", 25, |data| {
            if let Ok(text) = std::str::from_utf8(data) {
                super::policy_shell(text);
            }
        });
    }
}
