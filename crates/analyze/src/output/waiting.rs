//! Whether a command waits for a person to type (I2).

use serde::{Deserialize, Serialize};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A password, a passphrase, a code.
    Password,
    /// Who somebody is: a user's name, an address.
    Name,
    /// Yes or no.
    Confirmation,
    /// One of some answers.
    Choice,
    /// Whether another machine is the one it says.
    HostKey,
    /// Anything else.
    Text,
    /// A key that turns the page.
    Page,
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What is waited for.
    pub for_what: WaitsFor,
    /// The question, as it stands there.
    pub prompt: String,
}

/// The most characters of a question.
const MAX_PROMPT_CHARS: usize = 200;

/// Reads the last line of an output; a question stands there without a line's end, or is where it was broken off.
pub(super) fn waiting(text: &str) -> Option<Waiting> {
    let unfinished = !text.ends_with('\n');
    let last = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())?
        .trim();
    if last.chars().count() > MAX_PROMPT_CHARS {
        return None;
    }
    let lower = last.to_ascii_lowercase();
    let asks = lower.ends_with('?') || lower.ends_with(':') || lower.ends_with("? [y/n]");
    let ends = |words: &[&str]| words.iter().any(|word| lower.ends_with(word));
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let secret = has(&[
        "password",
        "passphrase",
        "passcode",
        "verification code",
        "one-time code",
        "pin for",
    ]);
    let for_what = if has(&["continue connecting (yes/no"]) {
        WaitsFor::HostKey
    } else if secret && lower.ends_with(':') {
        WaitsFor::Password
    } else if ends(&[
        "[y/n]",
        "(y/n)",
        "[y/n]?",
        "(y/n)?",
        "(yes/no)",
        "[yes/no]",
        "(yes/no)?",
        "[y/n]:",
        "(y/n):",
        "(y/n/q)",
    ]) {
        WaitsFor::Confirmation
    } else if !unfinished {
        // What follows is told from an ordinary line only by its missing end.
        return None;
    } else if ends(&["]?", "]:"]) && has(&["[y,n", "[n/", "[1", "[a/", "y,n,"]) {
        WaitsFor::Choice
    } else if lower == ":"
        || lower == "(end)"
        || has(&["--more--", "press any key", "press enter", "hit enter"])
    {
        WaitsFor::Page
    } else if has(&["username", "user name", "login:", "email"]) && asks {
        WaitsFor::Name
    } else if lower.ends_with('?') {
        WaitsFor::Confirmation
    } else if asks || has(&[": ("]) && ends(&[")", ") "]) || ends(&["> "]) {
        WaitsFor::Text
    } else {
        return None;
    };
    Some(Waiting {
        for_what,
        prompt: last.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // I2: it is told whether a command waits for a person to type.
    #[test]
    fn a_question_is_told_from_a_line() {
        let asked = |text: &str| waiting(text).map(|waiting| waiting.for_what);
        for (text, what) in [
            ("[sudo] password for ada: ", WaitsFor::Password),
            (
                "Enter passphrase for key '/home/ada/.ssh/id': ",
                WaitsFor::Password,
            ),
            ("ada@host's password: \n", WaitsFor::Password),
            ("Username for 'https://git.test': ", WaitsFor::Name),
            (
                "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
                WaitsFor::HostKey,
            ),
            ("x\nDo you want to continue? [Y/n] ", WaitsFor::Confirmation),
            ("Overwrite (y/N)? ", WaitsFor::Confirmation),
            (
                "(1/1) Stage this hunk [y,n,q,a,d,e,p,?]? ",
                WaitsFor::Choice,
            ),
            ("package name: (project) ", WaitsFor::Text),
            ("Your name: ", WaitsFor::Text),
            ("--More--", WaitsFor::Page),
            ("Select an option [1-4]: ", WaitsFor::Choice),
        ] {
            assert_eq!(asked(text), Some(what), "{text:?}");
        }
        for text in [
            "",
            "done\n",
            "Compiling shop\n",
            "Is this fine?\n",
            "error: no\n",
            "failures:\n",
            "test result: ok",
            "100%",
        ] {
            assert_eq!(asked(text), None, "{text:?}");
        }
    }
}
