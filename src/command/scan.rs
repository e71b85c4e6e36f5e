//! `k8scop scan`: audit events in files, against rules, without any server.
//!
//! Two runs over the same bytes print the same bytes: `event.created`, the time at which an alert
//! was made, is left out.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    command::rules::{self, RuleArgs},
    detect::{
        alert::Alert,
        analyse::{Analysis, Quarantined, analyse},
        context::Context,
        definition::Severity,
        document::Document,
        layout::Layout,
        ruleset::RuleSet,
    },
    exit::Exit,
    local::{documents::Documents, input},
    terminal,
};
use bar::Bar;
use report::{Format, Report};
use summary::Summary;

mod bar;
mod report;
mod summary;

/// So many documents set aside are named; the others are only counted.
const NAMED: u64 = 10;
/// A page is analysed when it has so many documents or bytes.
const PAGE_DOCUMENTS: usize = 512;
const PAGE_BYTES: usize = 4 * 1024 * 1024;

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
/// Reads audit events from files (JSON lines, pretty-printed JSON, arrays and EventLists; gzip
/// and Zstandard are unpacked), evaluates rules, and prints alerts. Needs no cluster and no
/// server. A document that is no audit event is set aside and counted.
///
/// Exit status: 0 when everything was read, 1 when --fail-on found something, 2 when something
/// could not be read.
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
    /// Exit with status 1 when there is an alert of this severity or a worse one
    #[arg(long, value_name = "SEVERITY", value_parser = super::values::severity(), ignore_case = true)]
    fail_on: Option<Severity>,
}

/// Scans, prints, and tells how it went.
pub fn run(args: &ScanArgs) -> anyhow::Result<Exit> {
    let rules = RuleSet::new(rules::load(&args.rules)?);
    let inputs = inputs(&args.events)?;
    let mut scan = Scan::new(rules, args);
    let mut unreadable = 0;
    for path in &inputs {
        if let Err(error) = scan.file(path)? {
            terminal::say(format_args!("error: {}: {error}", path.display()));
            unreadable += 1;
        }
    }
    let summary = scan.finish()?;
    if unreadable > 0 {
        bail!(
            "{unreadable} of {} inputs could not be read whole",
            inputs.len()
        );
    }
    if summary.is_foreign() {
        bail!(
            "the input holds no audit events; give audit logs of Kubernetes (audit.k8s.io/v1), or \
             say with --layout how the events are stored"
        );
    }
    let fails = args
        .fail_on
        .is_some_and(|limit| summary.worst() >= Some(limit));
    Ok(if fails { Exit::Findings } else { Exit::Good })
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

/// A scan under way.
struct Scan {
    rules: RuleSet,
    context: Context,
    report: Report<io::BufWriter<io::StdoutLock<'static>>>,
    summary: Summary,
    seen: HashSet<String>,
}

impl Scan {
    fn new(rules: RuleSet, args: &ScanArgs) -> Self {
        Self {
            rules,
            context: Context {
                tenant: rules::TENANT.to_owned(),
                job: "scan".to_owned(),
                cluster: String::new(),
                layout: args.layout,
                now: Timestamp::UNIX_EPOCH,
            },
            report: Report::on_stdout(args.output),
            summary: Summary::default(),
            seen: HashSet::new(),
        }
    }

    /// Reads one input to its end, or as far as it can be read. The outer error is one of the
    /// output and ends the scan; the inner one is about this input.
    fn file(&mut self, path: &Path) -> anyhow::Result<io::Result<()>> {
        let input = match input::open(path) {
            Ok(input) => input,
            Err(error) => return Ok(Err(error)),
        };
        let name = path.to_string_lossy();
        let mut bar = Bar::new(&input, &name, Instant::now());
        let mut documents = Documents::new(input.reader, &name);
        loop {
            let (page, ended) = next_page(&mut documents);
            let analysis = analyse(&page, &self.rules, &self.context);
            bar.advance(Instant::now());
            self.print(analysis, &bar)
                .context("cannot write the alerts")?;
            if let Some(result) = ended {
                return Ok(result);
            }
        }
    }

    fn print(&mut self, mut analysis: Analysis, bar: &Bar) -> io::Result<()> {
        self.summary.count_events(analysis.events);
        let seen = &mut self.seen;
        analysis
            .alerts
            .retain(|alert| seen.insert(alert.id.clone()));
        if analysis.alerts.is_empty() && analysis.quarantined.is_empty() {
            return Ok(());
        }
        bar.aside(|| self.print_found(analysis))
    }

    fn print_found(&mut self, analysis: Analysis) -> io::Result<()> {
        for set_aside in &analysis.quarantined {
            self.name_set_aside(set_aside);
        }
        for mut alert in analysis.alerts {
            forget_when_made(&mut alert);
            self.summary.count_alert(&alert);
            self.report.alert(&alert)?;
        }
        self.report.flush()
    }

    fn name_set_aside(&mut self, document: &Quarantined) {
        if self.summary.count_set_aside() <= NAMED {
            let Quarantined {
                index,
                id,
                rejection,
            } = document;
            let rejection = rejection.to_string();
            terminal::say(format_args!(
                "{index}:{id}: set aside: {}",
                terminal::escape(&rejection)
            ));
        }
    }

    fn finish(self) -> anyhow::Result<Summary> {
        self.report.finish().context("cannot write the alerts")?;
        let unnamed = self.summary.set_aside().saturating_sub(NAMED);
        if unnamed > 0 {
            terminal::say(format_args!("… and {unnamed} more set aside"));
        }
        terminal::say(format_args!("{}", self.summary));
        Ok(self.summary)
    }
}

/// The next documents, and how the input ended if it did.
fn next_page(
    documents: &mut impl Iterator<Item = io::Result<Document>>,
) -> (Vec<Document>, Option<io::Result<()>>) {
    let mut page = Vec::new();
    let mut bytes = 0;
    while page.len() < PAGE_DOCUMENTS && bytes < PAGE_BYTES {
        match documents.next() {
            Some(Ok(document)) => {
                bytes += document.source.len();
                page.push(document);
            }
            Some(Err(error)) => return (page, Some(Err(error))),
            None => return (page, Some(Ok(()))),
        }
    }
    (page, None)
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
