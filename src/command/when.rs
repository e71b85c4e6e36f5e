//! Points in time, as people type them.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

/// A text that names no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write year-month-day-hour-minute-second in UTC (2026-11-1-0-0-0), 2026-11-01T00:00:00Z, `now`, \
     or a time before now with the unit s, m, h, d or w (now-15m, now-7d)"
)]
pub struct WhenError;

impl When {
    /// The point in time, where it is now.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }

    /// Whether it moves with the clock.
    pub fn is_relative(self) -> bool {
        matches!(self, Self::Ago(_))
    }
}

/// Reads `2019-2-1-0-0-0`, meant in UTC, RFC 3339 with its zone, or `now-1h`.
pub fn parse(text: &str) -> Result<When, WhenError> {
    let absolute = || text.parse().ok().or_else(|| parse_dashed(text));
    parse_relative(text)
        .map(When::Ago)
        .or_else(|| absolute().map(When::At))
        .ok_or(WhenError)
}

fn parse_relative(text: &str) -> Option<SignedDuration> {
    let past = text.strip_prefix("now")?;
    if past.is_empty() {
        return Some(SignedDuration::ZERO);
    }
    let past = past.strip_prefix('-')?;
    let unit = past.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let count: u32 = past.strip_suffix(unit)?.parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(count) * seconds))
}

fn parse_dashed(text: &str) -> Option<Timestamp> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = text.split('-').collect();
    let [year, rest @ ..] = parts.as_slice() else {
        return None;
    };
    let year: i16 = year.parse().ok().filter(|_| digits(year))?;
    let rest: Vec<i8> = rest
        .iter()
        .map(|part| part.parse().ok().filter(|_| digits(part)))
        .collect::<Option<_>>()?;
    let [month, day, hour, minute, second] = *rest.as_slice() else {
        return None;
    };
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_name_the_same_moment() {
        let expected = When::At("2019-02-01T00:00:09Z".parse().expect("RFC 3339"));
        assert_eq!(parse("2019-2-1-0-0-9"), Ok(expected));
        assert_eq!(parse("2019-02-01-00-00-09"), Ok(expected));
        assert_eq!(parse("2019-02-01T01:00:09+01:00"), Ok(expected));
    }

    #[test]
    fn a_time_before_now_is_counted_in_the_units_of_elasticsearch() {
        let now: Timestamp = "2026-11-23T07:00:00Z".parse().expect("RFC 3339");
        for (text, expected) in [
            ("now", "2026-11-23T07:00:00Z"),
            ("now-30s", "2026-11-23T06:59:30Z"),
            ("now-15m", "2026-11-23T06:45:00Z"),
            ("now-1h", "2026-11-23T06:00:00Z"),
            ("now-7d", "2026-11-16T07:00:00Z"),
            ("now-2w", "2026-11-09T07:00:00Z"),
        ] {
            let time = parse(text).map(|when| when.at(now).to_string());
            assert_eq!(time.as_deref(), Ok(expected), "{text}");
        }
        let long_ago = parse("now-4294967295w").map(|when| when.at(now));
        assert_eq!(long_ago, Ok(Timestamp::MIN));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "yesterday",
            "now-",
            "now-h",
            "now-1",
            "now-1y",
            "now+1h",
            "now--1h",
            "now-1.5h",
            "now-99999999999s",
            "now-1ü",
            "2019-2-1",
            "2019-2-30-0-0-0",
            "2019-2-1-0-0-0-0",
            "2019-2--1-0-0-0",
            "+19-2-1-0-0-0",
            "2019-02-01T00:00:00",
        ] {
            assert_eq!(parse(text), Err(WhenError), "{text}");
        }
    }
}
