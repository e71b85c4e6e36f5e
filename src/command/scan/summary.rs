//! What a scan has seen, in one line.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::detect::{alert::Alert, definition::Severity};

/// Counts over the whole input.
#[derive(Debug, Default)]
pub struct Summary {
    events: u64,
    alerts: BTreeMap<Severity, u64>,
    rules: BTreeSet<String>,
    set_aside: u64,
}

impl Summary {
    /// Counts audit events that were read.
    pub fn count_events(&mut self, events: u64) {
        self.events += events;
    }

    /// Counts an alert that was printed.
    pub fn count_alert(&mut self, alert: &Alert) {
        *self.alerts.entry(alert.severity).or_default() += 1;
        if !self.rules.contains(&alert.rule) {
            self.rules.insert(alert.rule.clone());
        }
    }

    /// Counts documents that were set aside.
    pub fn count_set_aside(&mut self, documents: u64) {
        self.set_aside += documents;
    }

    /// Documents that were set aside.
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// Whether there were documents, but not one audit event among them.
    pub fn is_foreign(&self) -> bool {
        self.events == 0 && self.set_aside > 0
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
        if self.set_aside > 0 {
            write!(f, ", {} set aside", counted(self.set_aside, "document"))?;
        }
        Ok(())
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
        summary.count_events(412);
        summary.count_alert(&alert("a/x", Severity::Low));
        summary.count_alert(&alert("a/y", Severity::Critical));
        summary.count_alert(&alert("a/x", Severity::Low));
        summary.count_set_aside(1);
        assert_eq!(
            summary.to_string(),
            "412 events, 3 alerts of 2 rules (1 critical, 2 low), 1 document set aside"
        );
        assert_eq!(summary.worst(), Some(Severity::Critical));
    }

    #[test]
    fn nothing_found_is_said_without_brackets() {
        let mut summary = Summary::default();
        summary.count_events(1);
        assert_eq!(summary.to_string(), "1 event, 0 alerts");
    }
}
