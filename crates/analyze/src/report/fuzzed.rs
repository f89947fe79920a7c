//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use super::{Format, MAX_PROBLEMS, report};

/// Any bytes are a report or a refusal that says why, in each format; failures are counted at least as often as they are
/// listed where the format lists them one by one.
pub fn any_report(data: &[u8]) {
    for format in Format::ALL {
        match report(format, data, Some("/project")) {
            Ok(found) => {
                assert!(found.problems.len() <= MAX_PROBLEMS);
                assert!(found.warned.len() <= MAX_PROBLEMS);
                assert!(found.warnings >= found.warned.len() as u64);
                assert_eq!(report(format, data, Some("/project")), Ok(found.clone()));
                let one_by_one = matches!(
                    format,
                    Format::Junit
                        | Format::JestJson
                        | Format::EslintJson
                        | Format::RuffJson
                        | Format::CargoJson
                );
                assert!(!one_by_one || found.failed >= found.problems.len() as u64);
            }
            Err(refused) => assert!(!refused.to_string().is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_bytes_are_a_report_or_a_refusal() {
        on_each_input("report", 100, super::any_report);
    }
}
