//! Which index an alert belongs to: a function of nothing but the alert and the prefix, so that an
//! alert that is made again meets itself there. An id is unique within one index only.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::Alert;

/// Stands for the category of an alert in a prefix of indices.
pub const CATEGORY: &str = "{category}";

/// Ends the name of the index of alerts that belong to no day.
const UNDATED: &str = "-undated";

/// Ends the name of the index of alerts that theirs refuses.
const QUARANTINE: &str = "-quarantine";

/// Years whose days have an index of their own; other times are typing errors or forged.
const DATED_YEARS: std::ops::Range<i16> = 2015..2100;

/// How long before the time of its document a request may be dated. Together with the next one it
/// bounds the indices that forged times can make.
const LONGEST_BEFORE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How long after the time of its document a request may be dated: clocks and time zones differ.
const LONGEST_AFTER: SignedDuration = SignedDuration::from_hours(24);

impl Alert {
    /// The index this alert belongs to: `<prefix>-yyyy.MM.dd` of the request's day (UTC), or
    /// `<prefix>-undated` for a request without a time, with one outside the years 2015 to 2099,
    /// or with one that is more than 400 days before or a day after the time of its document;
    /// `{category}` in the prefix stands for the category in lower case.
    pub fn index(&self, prefix: &str) -> String {
        let prefix = self.prefix(prefix);
        match self.day() {
            Some(day) => format!("{prefix}-{}", day.strftime("%Y.%m.%d")),
            None => undated(&prefix),
        }
    }

    /// The index that keeps this alert as a text, if its own refuses it in every form.
    pub fn quarantine_index(&self, prefix: &str) -> String {
        quarantine(&self.prefix(prefix))
    }

    fn prefix(&self, prefix: &str) -> String {
        prefix.replace(CATEGORY, &self.category.to_lowercase())
    }

    fn day(&self) -> Option<Date> {
        let time = self.time?;
        let day = time.to_zoned(TimeZone::UTC).date();
        let known = DATED_YEARS.contains(&day.year());
        (known && self.is_near(time)).then_some(day)
    }

    /// Whether the time of the request can be true, as far as its document tells.
    fn is_near(&self, time: Timestamp) -> bool {
        self.source_time.is_none_or(|source| {
            let after = time.duration_since(source);
            -LONGEST_BEFORE <= after && after <= LONGEST_AFTER
        })
    }
}

/// The index of alerts that belong to no day.
pub fn undated(prefix: &str) -> String {
    format!("{prefix}{UNDATED}")
}

/// The index that keeps what the others of its prefix refuse.
pub fn quarantine(prefix: &str) -> String {
    format!("{prefix}{QUARANTINE}")
}

/// The index that keeps what this alert index refuses.
pub fn quarantine_beside(index: &str) -> String {
    quarantine(prefix(index).unwrap_or(index))
}

/// Whether an index keeps what others refuse.
pub fn is_quarantine(index: &str) -> bool {
    index.ends_with(QUARANTINE)
}

/// The prefix in the name of an alert index, which is followed by a day or a word; `None` if it is
/// none.
pub fn prefix(index: &str) -> Option<&str> {
    let mut words = [UNDATED, QUARANTINE].iter();
    if let Some(prefix) = words.find_map(|word| index.strip_suffix(word)) {
        return Some(prefix);
    }
    let (prefix, day) = index.rsplit_once('-')?;
    let shape: String = day
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    (shape == "0000.00.00").then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::alert::fixture::an_alert;

    fn alert(time: Option<&str>, source_time: Option<&str>) -> Alert {
        let parse = |text: &str| text.parse().expect("a time");
        Alert {
            time: time.map(parse),
            source_time: source_time.map(parse),
            ..an_alert()
        }
    }

    #[test]
    fn the_index_is_the_day_of_the_request() {
        for (time, expected) in [
            (Some("2026-11-01T23:59:59.999999Z"), "alerts-2026.11.01"),
            (Some("2026-11-02T00:30:00+01:00"), "alerts-2026.11.01"),
            (Some("2015-01-01T00:00:00Z"), "alerts-2015.01.01"),
            (Some("2014-12-31T23:59:59Z"), "alerts-undated"),
            (Some("2099-12-31T23:59:59Z"), "alerts-2099.12.31"),
            (Some("2100-01-01T00:00:00Z"), "alerts-undated"),
            (None, "alerts-undated"),
        ] {
            assert_eq!(alert(time, None).index("alerts"), expected, "{time:?}");
        }
    }

    #[test]
    fn a_time_far_from_that_of_the_document_is_none() {
        let source = Some("2026-11-23T12:00:00Z");
        for (time, expected) in [
            ("2026-11-24T12:00:00Z", "alerts-2026.11.24"),
            ("2026-11-24T12:00:01Z", "alerts-undated"),
            ("2025-10-19T12:00:00Z", "alerts-2025.10.19"),
            ("2025-10-19T11:59:59Z", "alerts-undated"),
        ] {
            assert_eq!(
                alert(Some(time), source).index("alerts"),
                expected,
                "{time}"
            );
        }
    }

    #[test]
    fn what_an_index_refuses_is_kept_beside_it() {
        let indices = ["alerts-2026.11.01", "alerts-undated", "alerts-quarantine"];
        assert_eq!(indices.map(quarantine_beside), ["alerts-quarantine"; 3]);
        assert_eq!(indices.map(is_quarantine), [false, false, true]);
    }

    #[test]
    fn the_category_may_stand_in_the_prefix() {
        let alert = alert(Some("2026-11-01T00:00:00Z"), None);
        let prefix = "k8scop-{category}-alerts";
        assert_eq!(alert.index(prefix), "k8scop-exec-alerts-2026.11.01");
        assert_eq!(
            alert.quarantine_index(prefix),
            "k8scop-exec-alerts-quarantine"
        );
    }
}
