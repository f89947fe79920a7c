//! Moments as people write and read them.

use std::borrow::Cow;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// The least characters of a time of the API.
const TIME_CHARS_MIN: usize = "2026-11-01T12:00:00Z".len();

/// What `--since` takes.
#[derive(Debug, Clone)]
pub(crate) enum Since {
    /// So long ago.
    Ago(Box<Span>),
    /// Since the beginning of a day, or a time of it, where the person is.
    Local(DateTime),
    /// Since a moment.
    At(Timestamp),
}

/// Says that a text names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SinceError {
    /// It cannot be read.
    #[error(
        "is neither a time ago (30m, 1h, 2d, 1w), nor a date (2026-11-01), nor a time (2026-11-01T08:00:00Z)"
    )]
    Unreadable,
    /// It lies in the future.
    #[error("is not in the past")]
    Negative,
}

impl FromStr for Since {
    type Err = SinceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::At(moment));
        }
        // A date alone reads as its first moment.
        if let Ok(time) = text.parse::<DateTime>() {
            return Ok(Self::Local(time));
        }
        let span: Span = text.parse().map_err(|_| SinceError::Unreadable)?;
        if span.is_negative() {
            return Err(SinceError::Negative);
        }
        Ok(Self::Ago(Box::new(span)))
    }
}

impl Since {
    /// Gives the moment; one too long ago for the calendar is the beginning of it.
    pub(crate) fn moment(&self, now: &Zoned) -> Timestamp {
        match self {
            Self::At(moment) => *moment,
            Self::Local(time) => time
                .to_zoned(now.time_zone().clone())
                .map_or(Timestamp::MIN, |zoned| zoned.timestamp()),
            Self::Ago(span) => now
                .checked_sub(**span)
                .map_or(Timestamp::MIN, |zoned| zoned.timestamp()),
        }
    }
}

/// Shows a time of the API where the person is; what cannot be read is shown as it is.
pub(crate) fn local(time: &str, zone: &TimeZone) -> String {
    match time.parse::<Timestamp>() {
        Ok(moment) => moment
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => time.to_owned(),
    }
}

/// Puts the times of the API that a sentence holds as `local` does.
pub(crate) fn readable<'a>(text: &'a str, zone: &TimeZone) -> Cow<'a, str> {
    let is_time = |word: &str| word.len() >= TIME_CHARS_MIN && word.parse::<Timestamp>().is_ok();
    let bare = |word: &'a str| word.trim_end_matches([' ', ',', ';', ':', '.', ')']);
    if !text.split_inclusive(' ').any(|word| is_time(bare(word))) {
        return Cow::Borrowed(text);
    }
    let words = text.split_inclusive(' ').map(|word| match bare(word) {
        time if is_time(time) => local(time, zone) + &word[time.len()..],
        _ => word.to_owned(),
    });
    Cow::Owned(words.collect())
}

/// Shows the time of day of a time of the API where the person is.
pub(crate) fn clock(time: &str, zone: &TimeZone) -> String {
    let shown = local(time, zone);
    shown
        .split_once(' ')
        .map_or(shown.clone(), |(_, clock)| clock.to_owned())
}

/// Shows how long ago a time of the API was, in one unit: `42s`, `3m`, `5h`, `12d`.
pub(crate) fn ago(time: &str, now: Timestamp) -> String {
    let Ok(moment) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    let seconds = now.as_second() - moment.as_second();
    if seconds < 0 {
        return format!("in {}", unit(-seconds));
    }
    unit(seconds)
}

fn unit(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Shows a duration: `840 ms`, `3.2 s`, `2 min 05 s`, `1 h 10 min`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        ..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-01T12:00:00+01:00[+01:00]".parse().unwrap()
    }

    #[test]
    fn since_takes_spans_dates_and_moments() {
        for (text, moment) in [
            ("90s", "2026-11-01T10:58:30Z"),
            ("30m", "2026-11-01T10:30:00Z"),
            ("1h", "2026-11-01T10:00:00Z"),
            ("1h30m", "2026-11-01T09:30:00Z"),
            ("2d", "2026-10-30T11:00:00Z"),
            ("1w", "2026-10-25T11:00:00Z"),
            ("2026-10-31", "2026-10-30T23:00:00Z"),
            ("2026-10-31T08:00", "2026-10-31T07:00:00Z"),
            ("2026-10-31T08:00:00Z", "2026-10-31T08:00:00Z"),
            ("2026-10-31T08:00:00+02:00", "2026-10-31T06:00:00Z"),
        ] {
            let since: Since = text
                .parse()
                .unwrap_or_else(|error| panic!("{text} {error}"));
            assert_eq!(since.moment(&now()).to_string(), moment, "{text}");
        }
        for text in ["", "soon", "5", "1x", "2026-13-01", "20261101x"] {
            assert_eq!(
                text.parse::<Since>().unwrap_err(),
                SinceError::Unreadable,
                "{text}"
            );
        }
        assert_eq!("-1h".parse::<Since>().unwrap_err(), SinceError::Negative);
        let ancient: Since = "19000 years".parse().unwrap();
        assert_eq!(ancient.moment(&now()), Timestamp::MIN);
    }

    #[test]
    fn times_are_shown_for_people() {
        let now: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        assert_eq!(ago("2026-11-01T11:59:18.5Z", now), "42s");
        assert_eq!(ago("2026-11-01T11:00:01Z", now), "59m");
        assert_eq!(ago("2026-10-30T13:00:00Z", now), "47h");
        assert_eq!(ago("2026-10-01T13:00:00Z", now), "30d");
        assert_eq!(ago("2026-11-01T13:30:00Z", now), "in 1h");
        assert_eq!(ago("never", now), "never");
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(
            local("2026-11-01T12:00:00.123Z", &zone),
            "2026-11-01 14:00:00"
        );
        assert_eq!(
            readable("decided by ada at 2026-11-01T12:00:00.123Z; wait", &zone),
            "decided by ada at 2026-11-01 14:00:00; wait"
        );
        assert_eq!(
            readable("at 12:00, 2026-11-01", &zone),
            "at 12:00, 2026-11-01"
        );
        assert_eq!(duration(840), "840 ms");
        assert_eq!(duration(3_260), "3.2 s");
        assert_eq!(duration(125_000), "2 min 05 s");
        assert_eq!(duration(4_200_000), "1 h 10 min");
    }
}
