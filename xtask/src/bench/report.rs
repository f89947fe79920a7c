//! Figures side by side: medians, ratios, floors.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Floor, Line, Wanted};

/// Who figures are compared for.
const OURS: &str = "hyperion";

/// The figures of all turns.
#[derive(Default)]
pub(super) struct Figures {
    /// In order of first appearance.
    cases: Vec<String>,
    /// By case and by who.
    taken: BTreeMap<(String, String), Vec<Figure>>,
}

/// One figure of one turn.
#[derive(Clone)]
struct Figure {
    unit: String,
    value: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    cpu_us: Option<f64>,
    kib: Option<f64>,
}

impl Figures {
    /// Takes the lines that a program printed.
    pub(super) fn take(&mut self, who: &str, lines: &[u8]) -> Result<(), String> {
        for line in String::from_utf8_lossy(lines).lines() {
            let fields: Line = serde_json::from_str(line)
                .map_err(|error| format!("{who} printed {line:?}: {error}"))?;
            let text = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
            let number = |name: &str| fields.get(name)?.as_f64();
            let (Some(case), Some(unit), Some(value)) =
                (text("case"), text("unit"), number("value"))
            else {
                return Err(format!("{who} printed {line:?}: no case, unit or value"));
            };
            if !self.cases.contains(&case) {
                self.cases.push(case.clone());
            }
            let figure = Figure {
                unit,
                value,
                p50_ms: number("p50_ms"),
                p99_ms: number("p99_ms"),
                p999_ms: number("p999_ms"),
                cpu_us: number("cpu_us"),
                kib: number("kib"),
            };
            let key = (case, who.to_owned());
            self.taken.entry(key).or_default().push(figure);
        }
        Ok(())
    }

    /// Gives the median of the turns, number by number.
    fn median(&self, case: &str, who: &str) -> Option<Figure> {
        let turns = self.taken.get(&(case.to_owned(), who.to_owned()))?;
        let optional = |of: fn(&Figure) -> Option<f64>| middle(turns.iter().filter_map(of));
        Some(Figure {
            unit: turns.first()?.unit.clone(),
            value: middle(turns.iter().map(|figure| figure.value))?,
            p50_ms: optional(|figure| figure.p50_ms),
            p99_ms: optional(|figure| figure.p99_ms),
            p999_ms: optional(|figure| figure.p999_ms),
            cpu_us: optional(|figure| figure.cpu_us),
            kib: optional(|figure| figure.kib),
        })
    }

    fn has_any(&self, who: &str) -> bool {
        self.taken.keys().any(|(_, taken)| taken == who)
    }

    /// Tells how many times as good ours is as a peer's.
    fn times(&self, case: &str, peer: &str) -> Option<f64> {
        let (ours, theirs) = (self.median(case, OURS)?, self.median(case, peer)?);
        Some(if is_rate(&ours.unit) {
            ours.value / theirs.value
        } else {
            theirs.value / ours.value
        })
    }

    /// Lists every case: ours in full, of each peer its value and how many times as good ours is.
    pub(super) fn table(&self, peers: &[&str]) -> String {
        let mut table = String::from("\n| case | hyperion | p50 ms | p99 | p99.9 | CPU µs | KiB |");
        for peer in peers {
            let _ = write!(table, " {peer} | ours is |");
        }
        table.push_str("\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        table.push_str(&" ---: | ---: |".repeat(peers.len()));
        table.push('\n');
        for case in &self.cases {
            let Some(ours) = self.median(case, OURS) else {
                continue;
            };
            let _ = write!(table, "| {case} | {} |", shown(&ours));
            for number in [ours.p50_ms, ours.p99_ms, ours.p999_ms] {
                let _ = write!(table, " {} |", optional(number, 2));
            }
            let _ = write!(table, " {} |", optional(ours.cpu_us, 0));
            let _ = write!(table, " {} |", optional(ours.kib, 1));
            for peer in peers {
                let theirs = self.median(case, peer).map(|figure| shown(&figure));
                let times = self.times(case, peer).map(|times| format!("{times:.1}×"));
                let _ = write!(
                    table,
                    " {} | {} |",
                    theirs.unwrap_or_default(),
                    times.unwrap_or_default()
                );
            }
            table.push('\n');
        }
        table
    }

    /// Lists the floors, and whether they were reached.
    pub(super) fn floors(&self, floors: &[Floor], peers: &[&str]) -> String {
        let mut table =
            String::from("\n| floor | wanted | measured | reached |\n| --- | --- | ---: | --- |\n");
        let mut row = |case: &str, wanted: String, measured: Option<(String, bool)>| {
            let (measured, reached) = match measured {
                Some((measured, true)) => (measured, "yes"),
                Some((measured, false)) => (measured, "**no**"),
                None => (String::new(), "not measured"),
            };
            let _ = writeln!(table, "| {case} | {wanted} | {measured} | {reached} |");
        };
        for Floor { case, wanted } in floors {
            let ours = self.median(case, OURS);
            match *wanted {
                Wanted::AtLeast(least) => row(
                    case,
                    format!("≥ {}", rounded(least)),
                    ours.map(|ours| (shown(&ours), ours.value >= least)),
                ),
                Wanted::AtMost(most) => row(
                    case,
                    format!("≤ {}", rounded(most)),
                    ours.map(|ours| (shown(&ours), ours.value <= most)),
                ),
                Wanted::P999Ms(most) => row(
                    case,
                    format!("p99.9 ≤ {} ms", rounded(most)),
                    ours.and_then(|ours| ours.p999_ms)
                        .map(|ms| (format!("{ms:.2} ms"), ms <= most)),
                ),
                Wanted::TimesEachPeer(least) => {
                    for peer in peers {
                        let times = self.times(case, peer);
                        // It was measured, and does not do such a thing.
                        if times.is_none() && self.has_any(peer) {
                            continue;
                        }
                        row(
                            case,
                            format!("≥ {least}× {peer}"),
                            times.map(|times| (format!("{times:.1}×"), times >= least)),
                        );
                    }
                }
            }
        }
        table
    }
}

/// Rates are better when they are larger, times when they are smaller.
fn is_rate(unit: &str) -> bool {
    unit.ends_with("/s")
}

fn shown(figure: &Figure) -> String {
    format!("{} {}", rounded(figure.value), figure.unit)
}

fn optional(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(String::new, |number| format!("{number:.digits$}"))
}

/// Three digits that mean something, and spaces between thousands.
fn rounded(number: f64) -> String {
    if number < 100.0 {
        let digits = if number < 10.0 { 2 } else { 1 };
        let text = format!("{number:.digits$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let step = 10_f64.powi(number.log10().floor() as i32 - 2);
    let digits = format!("{:.0}", (number / step).round() * step);
    let mut spaced = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

fn middle(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(case: &str, unit: &str, value: f64) -> String {
        format!(
            r#"{{"bench":"b","case":"{case}","unit":"{unit}","value":{value},"p50_ms":1,"p999_ms":{}}}"#,
            value / 1000.0
        )
    }

    #[test]
    fn a_case_stands_beside_its_peers_with_medians_and_ratios() {
        let mut figures = Figures::default();
        for value in [9_000.0, 12_340.0, 20_000.0] {
            figures
                .take("hyperion", line("commits", "/s", value).as_bytes())
                .unwrap();
        }
        figures
            .take("plain", line("commits", "/s", 6_170.0).as_bytes())
            .unwrap();
        figures
            .take("hyperion", line("list", "ms", 2.0).as_bytes())
            .unwrap();
        figures
            .take("plain", line("list", "ms", 3.0).as_bytes())
            .unwrap();
        assert_eq!(
            figures.table(&["plain", "none"]),
            "\n| case | hyperion | p50 ms | p99 | p99.9 | CPU µs | KiB | plain | ours is | none | ours is |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n\
             | commits | 12 300 /s | 1.00 |  | 12.34 |  |  | 6 170 /s | 2.0× |  |  |\n\
             | list | 2 ms | 1.00 |  | 0.00 |  |  | 3 ms | 1.5× |  |  |\n"
        );
        let floor = |case, wanted| Floor { case, wanted };
        assert_eq!(
            figures.floors(
                &[
                    floor("commits", Wanted::AtLeast(12_000.0)),
                    floor("commits", Wanted::P999Ms(10.0)),
                    floor("list", Wanted::AtMost(1.0)),
                    floor("list", Wanted::TimesEachPeer(1.5)),
                    floor("start", Wanted::AtMost(5.0)),
                ],
                &["plain"]
            ),
            "\n| floor | wanted | measured | reached |\n| --- | --- | ---: | --- |\n\
             | commits | ≥ 12 000 | 12 300 /s | yes |\n\
             | commits | p99.9 ≤ 10 ms | 12.34 ms | **no** |\n\
             | list | ≤ 1 | 2 ms | **no** |\n\
             | list | ≥ 1.5× plain | 1.5× | yes |\n\
             | start | ≤ 5 |  | not measured |\n"
        );
        assert!(figures.take("plain", b"not json").is_err());
        assert!(figures.take("plain", b"{}").is_err());
    }

    #[test]
    fn numbers_have_three_digits_that_mean_something() {
        let shown = [0.123, 4.0, 56.78, 123.4, 6_170.0, 1_234_567.0].map(rounded);
        assert_eq!(shown, ["0.12", "4", "56.8", "123", "6 170", "1 230 000"]);
    }
}
