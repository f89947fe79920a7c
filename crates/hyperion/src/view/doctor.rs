//! What the doctor found.

use hyperion_api::doctor::{Finding, Health, Report};

use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::view::count;

/// Writes the report.
pub(crate) fn report(report: &Report) -> String {
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
        text.push_str(&format!("{mark}  {name}  {}\n", visible(detail)));
        if let Some(fix) = fix {
            text.push_str(&format!(
                "           {} {}\n",
                paint(style::HINT, "fix:"),
                visible(fix)
            ));
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
