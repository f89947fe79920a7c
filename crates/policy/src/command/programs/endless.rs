//! What never ends by itself, or takes all room there is.

use crate::command::call::Call;
use crate::command::judge::Judge;
use crate::command::word::{UNKNOWN, Word};

/// The longest sleep that nobody is asked about, in seconds.
const MAX_SLEEP_S: f64 = 600.0;
/// The most numbers that `seq` counts unasked.
const MAX_COUNT: f64 = 1_000_000.0;
/// The most digits of a width, or of a count of a loop, that other programs get unasked.
const MAX_DIGITS: usize = 4;
/// The most digits of a width that `printf` fills unasked.
const MAX_WIDTH_DIGITS: usize = 3;

/// `sleep`: a known time, and not a long one.
pub(super) fn sleep(judge: &mut Judge<'_>, call: &Call) {
    let seconds = |word: &Word| {
        let text = word.literal.as_deref()?;
        let (number, unit) = match text.strip_suffix(['m', 'h', 'd']) {
            Some(number) if text.ends_with('m') => (number, 60.0),
            Some(number) if text.ends_with('h') => (number, 3_600.0),
            Some(number) => (number, 86_400.0),
            None => (text.strip_suffix('s').unwrap_or(text), 1.0),
        };
        number.parse::<f64>().ok().map(|number| number * unit)
    };
    let total: Option<f64> = call.operands.iter().map(seconds).sum();
    if total.is_none_or(|total| total.is_nan() || total > MAX_SLEEP_S) {
        judge.unclear(
            "command.endless",
            "`sleep` waits for more than ten minutes, or nobody knows how long",
        );
    }
}

/// `seq`: known numbers, and not many.
pub(super) fn seq(judge: &mut Judge<'_>, call: &Call) {
    let number = |word: &Word| word.literal.as_deref()?.parse::<f64>().ok();
    let numbers: Option<Vec<f64>> = call.operands.iter().map(number).collect();
    let count = match numbers.as_deref() {
        Some([last]) => last.abs(),
        Some([first, last]) => (last - first).abs(),
        Some([first, step, last]) => ((last - first) / step).abs(),
        _ => f64::INFINITY,
    };
    if count.is_nan() || count > MAX_COUNT {
        judge.unclear(
            "command.endless",
            "`seq` counts to no end, or further than a million",
        );
    }
}

/// `printf`: no width that fills the memory.
pub(super) fn printf(judge: &mut Judge<'_>, call: &Call) {
    let format = call
        .operands
        .first()
        .map_or("", |word| word.pattern.as_str());
    if format.split('%').skip(1).any(is_wide) {
        judge.unclear(
            "command.endless",
            "`printf` fills up to a width that is not known, or very large",
        );
    }
}

impl Judge<'_> {
    /// Notes a width that fills the memory or the output, in a value that may hold one.
    pub(crate) fn width(&mut self, option: &str, text: &str) {
        if has_big_number(text) {
            let detail = format!("`{option}` may fill up to a very large width");
            self.unclear("command.endless", detail);
        }
    }
}

/// Tells whether a number stands in a text that is too large for a width or a number of fields.
pub(super) fn has_big_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit())
        .any(|digits| digits.len() > MAX_DIGITS)
}

/// Tells whether what stands behind a `%` fills up to a width that is large, or not known.
pub(super) fn is_wide(directive: &str) -> bool {
    let width: String = directive
        .chars()
        .take_while(|c| c.is_ascii_digit() || "+-# .*'".contains(*c))
        .collect();
    // What is put in there is not known.
    let open = directive[width.len()..].starts_with(UNKNOWN);
    open || width.contains('*')
        || width
            .split('.')
            .any(|part| part.chars().filter(char::is_ascii_digit).count() > MAX_WIDTH_DIGITS)
}

/// `yes`: prints for ever.
pub(super) fn yes(judge: &mut Judge<'_>, _: &Call) {
    judge.unclear("command.endless", "`yes` never ends by itself");
}
