//! Times as audit events and documents write them.

use jiff::Timestamp;

/// Reads RFC 3339, or the milliseconds since 1970 that Elasticsearch takes too. Times before 1970
/// are none: no index takes all of them.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = match text.parse::<i64>() {
        Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
        Err(_) => text.parse().ok(),
    };
    time.filter(|time| *time >= Timestamp::UNIX_EPOCH)
}
