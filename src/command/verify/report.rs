//! The verdict as people and programs read it.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    expected::AlertId,
    verdict::{Tally, Verdict},
};
use crate::{
    command::table::{Cell, Table},
    elastic::StoredAlert,
    terminal,
};

/// So many alerts of each bad kind are named beside a table.
const NAMED: usize = 20;

/// How to print a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// The counts; on standard error, the first alerts of each bad kind
    Table,
    /// One object with the counts and all alerts of each bad kind
    Json,
}

/// An alert that is not as it should be.
#[derive(Debug, Serialize)]
struct Case<'a> {
    id: String,
    index: &'a str,
    rule: &'a str,
    time: String,
    source: Source<'a>,
}

/// The document that an alert was found in.
#[derive(Debug, Serialize)]
struct Source<'a> {
    index: &'a str,
    id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Account<'a> {
    expected: usize,
    found: usize,
    missing: usize,
    duplicate: usize,
    foreign: usize,
    reduced: usize,
    quarantined: usize,
    moved: usize,
    excused: usize,
    missing_alerts: Vec<Case<'a>>,
    duplicate_alerts: Vec<Case<'a>>,
    foreign_alerts: Vec<Case<'a>>,
}

/// Prints a verdict.
pub(super) fn print(verdict: &Verdict, format: Format) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match format {
        Format::Table => {
            table(verdict, &mut out)?;
            name("missing", missing(verdict, &verdict.missing));
            name("duplicate", verdict.duplicate.iter().map(case));
            name("foreign", verdict.foreign.iter().map(case));
        }
        Format::Json => {
            serde_json::to_writer(&mut out, &account(verdict))?;
            writeln!(out)?;
        }
    }
    out.flush()
}

fn table(verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    let headings = ["EXPECTED", "FOUND", "MISSING", "DUPLICATE", "FOREIGN"];
    let counts = [
        verdict.count(),
        verdict.tally().found,
        verdict.missing.len(),
        verdict.duplicate.len(),
        verdict.foreign.len(),
    ];
    let mut table = Table::new(&headings, false);
    let row = counts.map(|count| Cell::new(&count.to_string()));
    table.push(row.into(), out)?;
    table.finish(out)
}

/// What the counts do not tell, in words; `None` if they tell all.
pub(super) fn remarks(tally: Tally) -> Option<String> {
    let Tally {
        found: _,
        reduced,
        quarantined,
        moved,
        excused,
    } = tally;
    let remarks: Vec<_> = [
        (reduced, "found without what the index refused"),
        (quarantined, "found in quarantine"),
        (
            moved,
            "found under an id of their own, for theirs was taken",
        ),
        (excused, "left out, for their rule came later"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    (!remarks.is_empty()).then(|| remarks.join(", "))
}

fn name<'a>(kind: &str, mut cases: impl ExactSizeIterator<Item = Case<'a>>) {
    for case in cases.by_ref().take(NAMED) {
        let Case {
            id,
            index,
            rule,
            time,
            source,
        } = case;
        let words = format!(
            "{kind}: {index}/{id} of rule {rule} at {time} in document {}/{}",
            source.index, source.id
        );
        terminal::say(format_args!("{}", terminal::escape(&words)));
    }
    if cases.len() > 0 {
        terminal::say(format_args!(
            "{kind}: {} more; -o json prints them all",
            cases.len()
        ));
    }
}

fn account(verdict: &Verdict) -> Account<'_> {
    let Tally {
        found,
        reduced,
        quarantined,
        moved,
        excused,
    } = verdict.tally();
    Account {
        expected: verdict.count(),
        found,
        missing: verdict.missing.len(),
        duplicate: verdict.duplicate.len(),
        foreign: verdict.foreign.len(),
        reduced,
        quarantined,
        moved,
        excused,
        missing_alerts: missing(verdict, &verdict.missing).collect(),
        duplicate_alerts: verdict.duplicate.iter().map(case).collect(),
        foreign_alerts: verdict.foreign.iter().map(case).collect(),
    }
}

fn missing<'a>(
    verdict: &'a Verdict,
    ids: &'a [AlertId],
) -> impl ExactSizeIterator<Item = Case<'a>> {
    ids.iter().map(|id| {
        let alert = verdict.expected().get(*id);
        let alert = alert.expect("only expected alerts can be missing");
        Case {
            id: id.to_string(),
            index: &alert.index,
            rule: &alert.rule.key,
            time: alert.time.map(|time| time.to_string()).unwrap_or_default(),
            source: Source {
                index: &alert.source_index,
                id: &alert.source_id,
            },
        }
    })
}

fn case(alert: &StoredAlert) -> Case<'_> {
    Case {
        id: alert.id.clone(),
        index: &alert.index,
        rule: &alert.rule,
        time: alert.time.clone(),
        source: Source {
            index: &alert.source.0,
            id: &alert.source.1,
        },
    }
}
