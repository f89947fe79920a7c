//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use hyperion_model::Name;
use hyperion_policy::{RuleSource, Rules};

use super::from_git::mail;
use super::{Limits, parse, validate};
use crate::Sizes;
use crate::repo::RepoFile;

/// Any bytes are requests or a refusal that says where; a request that was taken is taken again as it was written down,
/// and gives the same tasks.
///
/// The input is a file of requests.
pub fn task_request(data: &[u8]) {
    let limits = Limits {
        max_tasks: 50,
        sizes: Sizes {
            max_content_bytes: 500 * 1024,
            max_lock_bytes: 8 * 1024 * 1024,
            max_file_bytes: 10 * 1024 * 1024,
        },
        default_agent: Name::new("scripted").expect("a name"),
    };
    let parsed = match parse(data) {
        Ok(parsed) => parsed,
        Err(problem) => {
            assert!(!problem.detail.is_empty());
            assert!(problem.errors.iter().all(|error| !error.detail.is_empty()));
            return;
        }
    };
    for one in parsed {
        match validate(one, &limits) {
            Ok(draft) => {
                let written = serde_json::to_vec(&draft.request).expect("a request can be written");
                let again = parse(&written).expect("what was written can be read");
                assert_eq!(again.len(), 1);
                let again = validate(again.into_iter().next().expect("there is one"), &limits)
                    .expect("what was valid is valid");
                assert_eq!(again.request, draft.request);
                assert_eq!(again.tasks, draft.tasks);
            }
            Err(invalid) => {
                assert!(!invalid.errors.is_empty());
                assert!(invalid.errors.listed().len() <= invalid.errors.total());
            }
        }
    }
}

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
    fn any_bytes_are_requests_or_a_refusal() {
        on_each_input("task_request", 100, super::task_request);
    }

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
