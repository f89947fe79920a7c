//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use hyperion_policy::{RuleSource, Rules};

use super::from_git::mail;
use crate::repo::RepoFile;

/// Any text is mails or a refusal that says why: their patches stand in the text as they are, one after the other.
pub fn mails(text: &str) {
    match mail::split(text) {
        Ok(mails) => {
            assert!((1..=mail::PATCHES_MAX).contains(&mails.len()));
            let mut rest = text;
            for mail in mails {
                let at = rest.find(&mail.patch).expect("its patch is in the text");
                rest = &rest[at + mail.patch.len()..];
            }
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

/// Any text is a repository's file or a refusal that names a line of it.
pub fn repo_file(text: &str) {
    match RepoFile::parse(text) {
        Ok(file) => {
            let machine = Rules::compile(RuleSource::default()).expect("the shipped rules");
            match file.rules(&machine) {
                Ok(rules) => drop(rules.digest()),
                Err(refused) => assert!(!refused.to_string().is_empty()),
            }
        }
        Err(crate::repo::RepoFileError::Toml { line, detail }) => {
            assert!(
                line >= 1 && line <= 1 + text.matches('\n').count(),
                "line {line}"
            );
            assert!(!detail.contains('\n'), "{detail:?} is one line");
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_text_is_mails_or_a_refusal() {
        on_each_input("patch", 100, |data| {
            if let Ok(text) = std::str::from_utf8(data) {
                super::mails(text);
            }
        });
    }

    #[test]
    fn any_text_is_a_repository_file_or_a_refusal() {
        on_each_input("config", 100, |data| {
            if let Ok(text) = std::str::from_utf8(data) {
                super::repo_file(text);
            }
        });
    }
}
