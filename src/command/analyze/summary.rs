//! What an analysis could not read or decide, in words.

use std::collections::BTreeMap;

use crate::{
    controller::undecided::gap_words,
    detect::event::gap::Gap,
    pipeline::{
        plan::Plan,
        progress::{Counts, Progress},
    },
    terminal,
};

/// Rules that are named for each gap.
const NAMED: usize = 5;

/// Prints it on standard error; `counts` are those of this run.
pub(super) fn print(plan: &Plan, progress: &Progress, counts: &Counts) {
    for line in lines(&plan.source.timestamp_field, progress, counts) {
        terminal::say(format_args!("{}", terminal::escape(&line)));
    }
}

fn lines(time_field: &str, progress: &Progress, counts: &Counts) -> Vec<String> {
    let mut lines = rejected(progress, counts);
    let without_time = progress.without_time.unwrap_or_default();
    if without_time > 0 {
        lines.push(format!(
            "warning: {without_time} documents lack the field {time_field} and were not read; name \
             their time field with --timestamp-field"
        ));
    }
    if counts.events_cut_off > 0 {
        let (fault, remedy) = gap_words(Gap::CutOff);
        let events = counts.events_cut_off;
        lines.push(format!("warning: {events} events {fault}; {remedy}"));
    }
    lines.extend(undecided(progress));
    lines.extend(progress.degraded.iter().map(|one| {
        let (index, message) = (&one.index, &one.message);
        format!("warning: index {index} was not read: {message}")
    }));
    lines.extend(progress.rebuilt.iter().map(|index| {
        format!(
            "warning: the server rebuilds the documents of index {index} (synthetic or derived \
             source): their lists are sorted and merged"
        )
    }));
    lines
}

/// The first documents without an audit event, each with its reason.
fn rejected(progress: &Progress, counts: &Counts) -> Vec<String> {
    if counts.quarantined == 0 {
        return Vec::new();
    }
    let named = progress.rejected.iter().map(|document| {
        let (index, id, reason) = (&document.index, &document.id, &document.reason);
        format!("rejected: {index}/{id}: {reason}")
    });
    let mut lines: Vec<_> = named.collect();
    let unnamed = counts.quarantined.saturating_sub(lines.len() as u64);
    if unnamed > 0 {
        lines.push(format!("rejected: {unnamed} more"));
    }
    lines
}

/// The rules that could not decide events, a line for each gap.
fn undecided(progress: &Progress) -> impl Iterator<Item = String> {
    let mut gaps: BTreeMap<Gap, Vec<(u64, &str)>> = BTreeMap::new();
    for ((rule, gap), events) in &progress.undecided {
        gaps.entry(*gap).or_default().push((*events, rule));
    }
    gaps.into_iter().map(|(gap, mut rules)| {
        rules.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
        let mut named: Vec<_> = rules
            .iter()
            .take(NAMED)
            .map(|(events, rule)| format!("{rule} ({events} events)"))
            .collect();
        if rules.len() > NAMED {
            named.push(format!("and {} more", rules.len() - NAMED));
        }
        let (fault, remedy) = gap_words(gap);
        format!(
            "warning: undecided by {}: events that these rules may match {}; {remedy} ({})",
            named.join(", "),
            fault.replace("it asks", "they ask"),
            gap.word()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::progress::{Degraded, Rejected, State};

    #[test]
    fn whatever_was_not_read_or_decided_is_named_with_its_remedy() {
        let counts = Counts {
            quarantined: 2,
            events_cut_off: 3,
            ..Counts::default()
        };
        let undecided = |rule: &str, gap, events| ((rule.to_owned(), gap), events);
        let progress = Progress {
            counts,
            without_time: Some(4),
            degraded: vec![Degraded {
                index: "logs-2".to_owned(),
                message: "it is closed; open it".to_owned(),
            }],
            degraded_count: 1,
            rebuilt: vec!["logs-3".to_owned()],
            rebuilt_count: 1,
            undecided: [
                undecided("k8scop/host-path", Gap::Level, 120),
                undecided("k8scop/privileged-pod", Gap::Level, 300),
                undecided("k8scop/host-path", Gap::CutOff, 3),
            ]
            .into(),
            rejected: vec![Rejected {
                index: "logs-1".to_owned(),
                id: "7".to_owned(),
                reason: "document is not valid JSON".to_owned(),
            }],
            ..Progress::new(State::Complete)
        };
        insta::assert_snapshot!(lines("@timestamp", &progress, &counts).join("\n"));
    }
}
