//! Characters that draw nothing of their own, and words made of letters that only look alike.
//!
//! A person approves what they see. Text that cannot be seen can hide code, turn what is read around, or speak to a
//! program that reads the file; a Cyrillic `а` in `is_аdmin` makes another name that looks the same.

use hyperion_model::facts::ItemFacts;

use crate::language::Language;
use crate::risk::{RiskKind, Risks, Severity};

/// Tells whether a character draws nothing of its own: Unicode's default-ignorable ones, those that turn the reading
/// direction or end a line, blanks other than the space, and the letters that are blank.
///
/// Control characters are left to [`char::is_control`].
pub const fn is_invisible(c: char) -> bool {
    steers(c)
        || fills(c)
        || matches!(c,
            // Soft hyphen, joiners, vowel signs without a shape.
            '\u{ad}' | '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero width; marks of direction; line and paragraph ends; invisible operators; the byte order mark.
            | '\u{200b}'..='\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            // Variation selectors, tags, and the rest of their plane.
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'
            // Annotations, shorthand and musical format controls.
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Blanks that are not the space.
            | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Embeds, overrides or isolates a reading direction: what is read is in another order than what is there.
const fn steers(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Letters that are blank, which may stand in a name of a variable.
const fn fills(c: char) -> bool {
    matches!(
        c,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' | '\u{1d159}'
    )
}

/// Characters of which a single one is suspicious, because no language needs it in its text.
pub(crate) const fn hides_alone(c: char) -> bool {
    steers(c)
        || fills(c)
        || matches!(c, '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{e0000}'..='\u{e00ff}' | '\u{fff9}'..='\u{fffb}')
}

/// Notes added lines, and names, that hide something.
pub(crate) fn read(item: &ItemFacts, risks: &mut Risks) {
    let path = item.path.as_str();
    let texts = || item.added.iter().map(String::as_str).chain([path]);
    if texts().any(hides) || hides_in_name(path) {
        let says = "adds characters that cannot be seen, which can hide text or turn what is read";
        risks.add(RiskKind::Security, Severity::High, says, &item.path);
    }
    if hides_as_binary(item) {
        let says = "is text that no view shows, for it has characters of binary content";
        risks.add(RiskKind::Security, Severity::High, says, &item.path);
    }
    let is_code = Language::of(path) != Language::Prose;
    if (is_code && texts().any(has_lookalike)) || has_lookalike(path) {
        let says = "adds a name of Latin letters and of others that look like them";
        risks.add(RiskKind::Security, Severity::High, says, &item.path);
    }
}

/// Tells whether what would be read as text passes for binary: a NUL is enough, and many programs read on.
fn hides_as_binary(item: &ItemFacts) -> bool {
    let Some(first) = item.binary_text.first().filter(|_| item.binary) else {
        return false;
    };
    let readable: usize = item.binary_text.iter().map(String::len).sum();
    let is_code = !matches!(
        Language::of(item.path.as_str()),
        Language::Prose | Language::Other
    );
    is_code || first.starts_with("#!") || readable as u64 * 4 >= item.new_size * 3
}

/// Tells whether a line holds what a person cannot see: two such characters in a row, or one that no text needs.
fn hides(line: &str) -> bool {
    if line.is_ascii() {
        return false;
    }
    let mut before = ' ';
    for c in line.chars() {
        // An emoji can consist of several characters: a colour after the first one, and joiners between them.
        let is_emoji = before == '\u{fe0f}' && c == '\u{200d}';
        let is_blank = |c: char| c.is_whitespace();
        let in_a_row = is_invisible(c) && is_invisible(before) && !is_blank(c) && !is_blank(before);
        if hides_alone(c) || (in_a_row && !is_emoji) {
            return true;
        }
        before = c;
    }
    false
}

/// Tells whether a name holds what cannot be told from nothing or from a space: in a name one is enough.
///
/// What joins letters, and chooses how a sign is drawn, is part of some languages' words and of emoji.
fn hides_in_name(name: &str) -> bool {
    let mut before = ' ';
    name.chars().any(|c| {
        let belongs = matches!(
            c,
            '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{3000}' | '\u{e0100}'
                ..='\u{e01ef}'
        ) && !before.is_ascii();
        before = c;
        is_invisible(c) && !belongs
    })
}

/// The script of a letter, as far as letters of it can be taken for Latin ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    /// A letter of another script that is drawn like a Latin one.
    Lookalike,
    /// Any other letter of a script that has such letters.
    Foreign,
    /// Digits, and scripts that nobody takes for Latin.
    Other,
}

const fn script(c: char) -> Script {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Script::Latin,
        // Cyrillic, Greek, Armenian and Cherokee letters with a Latin double.
        'а' | 'с' | 'е' | 'һ' | 'і' | 'ј' | 'ӏ' | 'о' | 'р' | 'ѕ' | 'у' | 'х' | 'ԁ' | 'ԛ' | 'ԝ'
        | 'ү' | 'А' | 'В' | 'С' | 'Е' | 'Н' | 'І' | 'Ј' | 'К' | 'М' | 'О' | 'Р' | 'Ѕ' | 'Т'
        | 'У' | 'Х' | 'Ү' | 'Α' | 'Β' | 'Ε' | 'Ζ' | 'Η' | 'Ι' | 'Κ' | 'Μ' | 'Ν' | 'Ο' | 'Ρ'
        | 'Τ' | 'Υ' | 'Χ' | 'ο' | 'օ' | 'ս' | 'ո' | 'ց' | 'Ꭺ' | 'Ꭼ' | 'Ꭻ' | 'Ꮪ' | 'Ꮃ' | 'Ꭲ'
        | 'Ꮯ' | 'Ꮲ' | 'Ꮋ' | 'Ꮇ' => Script::Lookalike,
        // Latin letters drawn wide, or as mathematics writes them: some languages read them as the plain ones.
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7cb}' => {
            Script::Lookalike
        }
        '\u{400}'..='\u{52f}' => Script::Foreign,
        _ => Script::Other,
    }
}

/// Tells whether a line has a name in which letters of another script pass for Latin ones.
fn has_lookalike(line: &str) -> bool {
    !line.is_ascii()
        && line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(passes_for_latin)
}

/// Either one part mixes both scripts, or some parts are Latin and another one only looks Latin.
fn passes_for_latin(name: &str) -> bool {
    let has = |part: &str, wanted: Script| part.chars().any(|c| script(c) == wanted);
    let parts = || name.split('_');
    let mixed = |part: &str| has(part, Script::Latin) && has(part, Script::Lookalike);
    let posing = |part: &str| has(part, Script::Lookalike) && !has(part, Script::Foreign);
    parts().any(mixed) || (has(name, Script::Latin) && parts().any(posing))
}

#[cfg(test)]
mod tests {
    use super::*;

    // T1: what hides in a line is seen; what languages and emoji need is not taken for it.
    #[test]
    fn hidden_text_is_told_from_text_that_needs_such_characters() {
        for line in [
            "const x = f('\u{e0165}\u{e0155}\u{e0161}');",
            "foo();\u{200b}\u{2063}",
            "// note\u{e0069}\u{e0067}",
            "let \u{3164} = 1;",
            "if level != \"user\u{202e} \u{2066}// admin",
            "a\u{200b}\u{200b}b",
        ] {
            assert!(hides(line), "{line:?}");
        }
        for line in [
            "plain",
            "ünïcode – “quotes” 日本語",
            "❤\u{fe0f} done",
            "🏳\u{fe0f}\u{200d}🌈 and 👩\u{200d}💻",
            "می\u{200c}خواهم",
            "\u{feff}#include",
            "10\u{a0}000\u{a0}€",
            "a\u{3000}\u{3000}b",
            "葛\u{e0100}城",
        ] {
            assert!(!hides(line), "{line:?}");
        }
    }

    #[test]
    fn a_name_is_what_it_looks_like() {
        for name in [
            "src/ma\u{200b}in.rs",
            "a\u{a0}b.txt",
            "\u{feff}x",
            "a\u{200d}b",
            "n\u{1d159}",
        ] {
            assert!(hides_in_name(name), "{name:?}");
        }
        for name in [
            "a b.txt",
            "👩\u{200d}💻.md",
            "❤\u{fe0f}.png",
            "می\u{200c}خواهم",
            "葛\u{e0100}城/日\u{3000}本",
        ] {
            assert!(!hides_in_name(name), "{name:?}");
        }
    }

    #[test]
    fn names_of_two_scripts_are_told_from_words_of_one() {
        for line in [
            "if (is_\u{430}dmin) {}",
            "let \u{440}assword = 1;",
            "f\u{ff55}nc()",
            "is_\u{430}\u{441}\u{435}",
            "\u{39f}penFile",
        ] {
            assert!(has_lookalike(line), "{line:?}");
        }
        for line in [
            "is_admin",
            "let Δt = μs * λ_max;",
            "// вход: JSON-файл",
            "test_привет",
            "fn é_à()",
            "let имя = name;",
            "Straße",
            "变量_a",
            "\u{43e} a",
        ] {
            assert!(!has_lookalike(line), "{line:?}");
        }
    }
}
