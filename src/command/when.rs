//! Points in time, as people type them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A text that names no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write year-month-day-hour-minute-second in UTC (2026-11-1-0-0-0), or 2026-11-01T00:00:00Z"
)]
pub struct WhenError;

/// Reads `2019-2-1-0-0-0`, meant in UTC, or RFC 3339 with its zone.
pub fn parse(text: &str) -> Result<Timestamp, WhenError> {
    text.parse()
        .or_else(|_| parse_dashed(text).ok_or(WhenError))
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
        let expected: Timestamp = "2019-02-01T00:00:09Z".parse().expect("RFC 3339");
        assert_eq!(parse("2019-2-1-0-0-9"), Ok(expected));
        assert_eq!(parse("2019-02-01-00-00-09"), Ok(expected));
        assert_eq!(parse("2019-02-01T01:00:09+01:00"), Ok(expected));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "yesterday",
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
