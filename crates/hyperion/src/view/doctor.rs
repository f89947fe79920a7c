//! What the doctor found.

use hyperion_api::doctor::{Finding, Health, Report};

use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::output::wrap::wrapped_at;
use crate::view::count;

/// The room for how a finding is.
const MARK_CHARS: usize = 9;
/// The room between two columns.
const GAP: usize = 2;

/// Writes the report.
pub(crate) fn report(report: &Report, width: Option<usize>) -> String {
    let mut text = format!("Hyperion {}\n", visible(&report.version));
    let widest = report
        .findings
        .iter()
        .map(|finding| finding.name.chars().count())
        .max();
    for finding in &report.findings {
        let Finding {
            name,
            health,
            detail,
            fix,
        } = finding;
        let mark = match health {
            Health::Ok => paint(style::GOOD, "✓ ok     "),
            Health::Warning => paint(style::WAITS, "! warning"),
            Health::Error => paint(style::BAD, "✗ problem"),
        };
        let name = format!("{:<width$}", visible(name), width = widest.unwrap_or(0));
        let column = 2 * GAP + MARK_CHARS + widest.unwrap_or(0);
        let line = format!("{mark}  {name}  {}\n", visible(detail));
        text.push_str(&wrapped_at(&line, width, column));
        if let Some(fix) = fix {
            let margin = " ".repeat(MARK_CHARS + GAP);
            let line = format!("{margin}{} {}\n", paint(style::HINT, "fix:"), visible(fix));
            text.push_str(&wrapped_at(&line, width, MARK_CHARS + GAP + "fix: ".len()));
        }
    }
    let number = |wanted: Health| {
        let found = report.findings.iter();
        found.filter(|finding| finding.health == wanted).count()
    };
    let (errors, warnings) = (number(Health::Error), number(Health::Warning));
    text.push_str(&format!(
        "{}, {}\n",
        count(errors, "problem"),
        count(warnings, "warning")
    ));
    text
}
