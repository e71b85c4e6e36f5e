//! What a scan has seen, in one line.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::finder::Found;
use crate::detect::{alert::Alert, definition::Severity, event::gap::Gap};

/// Counts over the whole input.
#[derive(Debug, Default)]
pub struct Summary {
    events: u64,
    alerts: BTreeMap<Severity, u64>,
    rules: BTreeSet<String>,
    rejected: u64,
    other_lines: u64,
    cut_off: u64,
    undecided: BTreeMap<(String, Gap), u64>,
}

impl Summary {
    /// Counts what was found in a block, alerts apart: the same may be found twice.
    pub fn count(&mut self, found: &Found) {
        self.events += found.events;
        self.rejected += found.rejected;
        self.other_lines += found.other_lines;
        self.cut_off += found.cut_off;
        for (key, events) in &found.undecided {
            *self.undecided.entry(key.clone()).or_default() += events;
        }
    }

    /// Counts an alert that was printed.
    pub fn count_alert(&mut self, alert: &Alert) {
        *self.alerts.entry(alert.severity).or_default() += 1;
        if !self.rules.contains(&alert.rule) {
            self.rules.insert(alert.rule.clone());
        }
    }

    /// Documents that were rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Whether there was not one audit event.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// What could not be read, wholly or in part; `None` if there is nothing of that.
    pub fn unread(&self) -> Option<String> {
        let rejected = counted(self.rejected, "document");
        let cut_off = counted(self.cut_off, "event");
        match (self.rejected, self.cut_off) {
            (0, 0) => None,
            (_, 0) => Some(format!("{rejected} could not be read")),
            (0, _) => Some(format!("{cut_off} cut off")),
            (_, _) => Some(format!(
                "{rejected} could not be read, and {cut_off} cut off"
            )),
        }
    }

    /// For each rule that could not decide some events, a line with the reason and the remedy.
    pub fn undecided(&self) -> impl Iterator<Item = String> {
        self.undecided.iter().map(|((rule, gap), events)| {
            let name = rule.rsplit('/').next().unwrap_or_default();
            let events = counted(*events, "event");
            format!("{name}: {events} could not be decided: {}", remedy(*gap))
        })
    }

    /// Severity of the worst alert.
    pub fn worst(&self) -> Option<Severity> {
        self.alerts.keys().next_back().copied()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alerts: u64 = self.alerts.values().sum();
        write!(
            f,
            "{}, {}",
            counted(self.events, "event"),
            counted(alerts, "alert")
        )?;
        if alerts > 0 {
            write!(f, " of {} (", counted(self.rules.len() as u64, "rule"))?;
            for (at, (severity, count)) in self.alerts.iter().rev().enumerate() {
                let comma = if at > 0 { ", " } else { "" };
                write!(
                    f,
                    "{comma}{count} {}",
                    format!("{severity:?}").to_lowercase()
                )?;
            }
            f.write_str(")")?;
        }
        if self.rejected > 0 {
            write!(f, ", {} rejected", counted(self.rejected, "document"))?;
        }
        if self.cut_off > 0 {
            write!(f, ", {} cut off", counted(self.cut_off, "event"))?;
        }
        if self.other_lines > 0 {
            let lines = counted(self.other_lines, "line");
            write!(f, ", {lines} of other text skipped")?;
        }
        Ok(())
    }
}

/// What is missing in events, and what to do about it.
fn remedy(gap: Gap) -> &'static str {
    match gap {
        Gap::Level => {
            "their audit level leaves out the bodies; raise it to Request in the audit policy"
        }
        Gap::Truncated => {
            "the apiserver truncated them; raise its --audit-log-truncate-max-event-size"
        }
        Gap::CutOff => "they are cut off; read a log that holds them whole",
        Gap::Rebuilt => {
            "their lists were sorted and merged in storage; read a log as it was written"
        }
    }
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::alert::fixture::an_alert;

    fn alert(rule: &str, severity: Severity) -> Alert {
        Alert {
            rule: rule.to_owned(),
            severity,
            ..an_alert()
        }
    }

    #[test]
    fn the_worst_alerts_are_named_first() {
        let mut summary = Summary::default();
        summary.count(&Found {
            events: 412,
            rejected: 1,
            cut_off: 2,
            other_lines: 3,
            ..Found::default()
        });
        summary.count_alert(&alert("a/x", Severity::Low));
        summary.count_alert(&alert("a/y", Severity::Critical));
        summary.count_alert(&alert("a/x", Severity::Low));
        assert_eq!(
            summary.to_string(),
            "412 events, 3 alerts of 2 rules (1 critical, 2 low), 1 document rejected, \
             2 events cut off, 3 lines of other text skipped"
        );
        assert_eq!(summary.worst(), Some(Severity::Critical));
    }

    #[test]
    fn nothing_found_is_said_without_brackets() {
        let mut summary = Summary::default();
        summary.count(&Found {
            events: 1,
            ..Found::default()
        });
        assert_eq!(summary.to_string(), "1 event, 0 alerts");
        assert_eq!(summary.unread(), None);
    }

    #[test]
    fn undecided_events_are_counted_over_all_blocks_with_the_remedy() {
        let mut summary = Summary::default();
        for events in [100, 20] {
            let key = ("k8scop/privileged-pod".to_owned(), Gap::Level);
            summary.count(&Found {
                undecided: [(key, events)].into(),
                ..Found::default()
            });
        }
        let lines: Vec<_> = summary.undecided().collect();
        assert_eq!(
            lines,
            [
                "privileged-pod: 120 events could not be decided: their audit level leaves out \
                 the bodies; raise it to Request in the audit policy"
            ]
        );
    }
}
