//! `k8scop scan`: audit events in files, against rules, without any server.
//!
//! Two runs over the same bytes print the same bytes: `event.created`, the time at which an alert
//! was made, is omitted.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    num::NonZero,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Instant,
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    command::rules::{self, RuleArgs},
    detect::{
        alert::Alert,
        analyse::Quarantined,
        context::Context,
        definition::Severity,
        layout::{Layout, LayoutPath},
        ruleset::RuleSet,
    },
    exit::Exit,
    terminal,
};
use bar::Bar;
use feed::{Feed, Source};
use finder::{Found, NAMED, Search};
use report::{Format, Report};
use search::Outcome;
use summary::Summary;

mod bar;
mod feed;
mod finder;
mod report;
mod search;
mod summary;
#[cfg(test)]
mod tests;

/// So many rules with undecided events are named; the others are only counted.
const UNDECIDED: usize = 20;

const EXAMPLES: &str = "\
Examples:
  # What do the built-in rules find in an audit log?
  k8scop scan audit.log

  # Packed logs, with namespace, resource and address
  k8scop scan -o wide audit-2026-11-*.log.gz

  # Own rules only, from a pipe, one alert document a line
  zstdcat audit.log.zst | k8scop scan --no-builtin --rules rules/ -o json -

  # In CI: fail on what is High or worse
  k8scop scan --fail-on high audit.log";

/// Find alerts in files of audit events
///
/// Reads audit events from files, evaluates rules, and prints alerts. Needs no cluster and no
/// server.
///
/// A file holds JSON lines, pretty-printed JSON, arrays or EventLists, or is a log of a container
/// runtime, syslog or journald; gzip, Zstandard and UTF-16 are decoded. A document that is no
/// audit event is rejected, named and counted; a line of other text is skipped and counted.
///
/// Exit status: 0 when the scan passes; 1 when --fail-on found something; 2 when an input could
/// not be read or holds no audit event, and, with --fail-on, when a document was rejected or an
/// event is cut off.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ScanArgs {
    /// Files of audit events; `-` is standard input, and the default where that is a pipe
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    /// How to print alerts
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// How events lie in their documents
    #[arg(long, value_parser = super::values::layout(), default_value = "auto", ignore_case = true)]
    layout: Layout,
    /// The only place of the event in its document, such as azure.platformlogs.properties.log
    #[arg(long, value_name = "PATH", conflicts_with = "layout")]
    layout_path: Option<LayoutPath>,
    /// Exit with status 1 when there is an alert of this severity or a worse one, and else with
    /// status 2 when something could not be read
    #[arg(long, value_name = "SEVERITY", value_parser = super::values::severity(), ignore_case = true)]
    fail_on: Option<Severity>,
    /// Threads that look for alerts; the default is one for each core
    ///
    /// Packed input is unpacked by one more. Alerts are printed in the order of the input, however
    /// many threads there are.
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZero<usize>>,
}

/// Scans, prints alerts, and reports a summary.
pub fn run(args: &ScanArgs) -> anyhow::Result<Exit> {
    let rules = RuleSet::new(rules::load(&args.rules)?);
    let inputs = inputs(&args.events)?;
    let count = inputs.len();
    let mut scan = Scan::new(args.output);
    // Threads may look at it until the process ends, and to take rules apart costs time.
    let search = Box::leak(Box::new(Search {
        rules,
        context: context(args.layout, args.layout_path.clone()),
    }));
    search::run(search, Feed::new(inputs), threads(args), |outcome| {
        scan.take(outcome).context("cannot write the alerts")
    })?;
    let unreadable = scan.unreadable;
    let summary = scan.finish()?;
    if unreadable > 0 {
        bail!("{unreadable} of {count} inputs could not be read whole");
    }
    if summary.is_empty() {
        bail!(
            "the input holds no audit events; give audit logs of Kubernetes (audit.k8s.io/v1), or \
             say with --layout how the events are stored"
        );
    }
    gate(args.fail_on, &summary)
}

/// Decides whether a scan passes. What was found counts more than what could not be read.
fn gate(fail_on: Option<Severity>, summary: &Summary) -> anyhow::Result<Exit> {
    let Some(limit) = fail_on else {
        return Ok(Exit::Good);
    };
    if summary.worst() >= Some(limit) {
        return Ok(Exit::Findings);
    }
    if let Some(unread) = summary.unread() {
        bail!("{unread}: --fail-on cannot pass over what was not read");
    }
    Ok(Exit::Good)
}

fn context(layout: Layout, layout_path: Option<LayoutPath>) -> Context {
    Context {
        tenant: rules::TENANT.to_owned(),
        job: "scan".to_owned(),
        cluster: String::new(),
        layout,
        layout_path,
        now: Timestamp::UNIX_EPOCH,
    }
}

fn threads(args: &ScanArgs) -> NonZero<usize> {
    let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    args.threads.unwrap_or_else(cores)
}

fn inputs(events: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if !events.is_empty() {
        return Ok(events.to_vec());
    }
    if io::stdin().is_terminal() {
        bail!("no input; name files of audit events, or pipe them in");
    }
    Ok(vec![PathBuf::from("-")])
}

/// A scan under way: what was printed and counted so far.
struct Scan {
    report: Report<io::BufWriter<io::StdoutLock<'static>>>,
    summary: Summary,
    seen: HashSet<String>,
    bar: Option<Bar>,
    unreadable: usize,
}

impl Scan {
    fn new(format: Format) -> Self {
        Self {
            report: Report::on_stdout(format),
            summary: Summary::default(),
            seen: HashSet::new(),
            bar: None,
            unreadable: 0,
        }
    }

    fn take(&mut self, outcome: Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Found(source, found) => {
                let mut bar = match self.bar.take_if(|bar| bar.is_for(&source)) {
                    Some(bar) => bar,
                    None => self.new_bar(&source),
                };
                bar.advance(Instant::now());
                self.print(found, &bar)?;
                self.bar = Some(bar);
            }
            Outcome::Unreadable(name, error) => {
                self.bar = None;
                self.unreadable += 1;
                terminal::say(format_args!("error: {name}: {error}"));
            }
        }
        Ok(())
    }

    /// A bar in place of the one for the input before.
    fn new_bar(&mut self, source: &Arc<Source>) -> Bar {
        self.bar = None;
        Bar::new(source, Instant::now())
    }

    fn print(&mut self, mut found: Found, bar: &Bar) -> io::Result<()> {
        let seen = &mut self.seen;
        found.alerts.retain(|alert| seen.insert(alert.id.clone()));
        match found.alerts.is_empty() && found.named.is_empty() {
            true => self.summary.count(&found),
            false => bar.aside(|| self.print_found(found))?,
        }
        Ok(())
    }

    fn print_found(&mut self, found: Found) -> io::Result<()> {
        let unnamed = NAMED.saturating_sub(self.summary.rejected() as usize);
        for document in found.named.iter().take(unnamed) {
            name_rejected(document);
        }
        self.summary.count(&found);
        for mut alert in found.alerts {
            forget_when_made(&mut alert);
            self.summary.count_alert(&alert);
            self.report.alert(&alert)?;
        }
        self.report.flush()
    }

    fn finish(mut self) -> anyhow::Result<Summary> {
        self.bar = None;
        self.report.finish().context("cannot write the alerts")?;
        let unnamed = self.summary.rejected().saturating_sub(NAMED as u64);
        if unnamed > 0 {
            terminal::say(format_args!("… and {unnamed} more rejected"));
        }
        let mut undecided = self.summary.undecided();
        for line in undecided.by_ref().take(UNDECIDED) {
            terminal::say(format_args!("{line}"));
        }
        let more = undecided.count();
        if more > 0 {
            terminal::say(format_args!(
                "… and {more} more rules with undecided events"
            ));
        }
        terminal::say(format_args!("{}", self.summary));
        Ok(self.summary)
    }
}

fn name_rejected(document: &Quarantined) {
    let Quarantined {
        index,
        id,
        rejection,
    } = document;
    let rejection = rejection.to_string();
    terminal::say(format_args!(
        "{index}:{id}: rejected: {}",
        terminal::escape(&rejection)
    ));
}

/// Takes the time of its making out of an alert, which differs from run to run.
fn forget_when_made(alert: &mut Alert) {
    let Some(document) = alert.document.as_object_mut() else {
        return;
    };
    if let Some(event) = document.get_mut("event").and_then(Value::as_object_mut) {
        event.remove("created");
    }
    if alert.time.is_none() {
        document.remove("@timestamp");
    }
}
