//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use hyperion_model::Name;

use crate::Sizes;
use crate::parse::parse;
use crate::validate::{Limits, validate};

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
        agents: &["scripted"],
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

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_bytes_are_requests_or_a_refusal() {
        on_each_input("task_request", 100, super::task_request);
    }
}
