//! Times as audit events and documents write them.

use jiff::Timestamp;

/// Whole numbers that are seconds since 1970, of 2001 and later. As milliseconds, they would be of
/// 1970 to 1973, when there was no Kubernetes.
const SECONDS: std::ops::Range<i64> = 1_000_000_000..100_000_000_000;

/// Reads RFC 3339, or the milliseconds since 1970 that Elasticsearch takes too, or the
/// [`SECONDS`] that some shippers write. Returns `None` for times before 1970: no index takes all
/// of them.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = match text.parse::<i64>() {
        Ok(seconds) if SECONDS.contains(&seconds) => Timestamp::from_second(seconds).ok(),
        Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
        Err(_) => text.parse().ok(),
    };
    time.filter(|time| *time >= Timestamp::UNIX_EPOCH)
}
