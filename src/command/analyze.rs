//! `k8scop analyze`: the pipeline of the operator against Elasticsearch, without a cluster.
//!
//! The flags are those of the K8sCop of 2019: its command lines work as they did.

use std::{
    cmp::Reverse,
    io::{self, Write},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    connection::Server,
    connector::ElasticConnector,
    display::Display,
    foreground::{self, Attendant, Ending, Foreground},
    job::{JobArgs, Pace},
    rules::{self, TENANT},
    table::{Cell, Table},
};
use crate::{
    api::job::Mode,
    detect::rule::Rule,
    exit::Exit,
    pipeline::{
        plan::{Plan, PlanId, Range},
        progress::{Counts, Progress},
        settings::Settings,
    },
    telemetry::{self, LevelFilter, LogFormat},
    terminal,
};

/// Name of the job that an analysis without a cluster is.
pub const JOB: &str = "analyze";

const EXAMPLES: &str = "\
Examples:
  # The audit events of February 2019 in logstash-*; alerts go to alerts-<day>
  k8scop analyze -E 127.0.0.1:9200 -I logstash -i alerts \\
    -s 2019-2-1-0-0-0 -e 2019-3-1-0-0-0 -A static

  # Everything from now on, looked for every five seconds
  k8scop analyze -E 127.0.0.1:9200 -I logstash -i alerts -s 2026-11-1-0-0-0 -A streaming -d 5

  # Documents of Elastic Agent, over TLS, with an API key
  k8scop analyze -E https://es.example:9200 -I 'logs-kubernetes.audit_logs-*' -i k8scop-alerts \\
    -s 2026-11-01T00:00:00Z -A static --elasticsearch-api-key-file key \\
    --elasticsearch-ca-file ca.pem";

/// Find alerts in an Elasticsearch, without a cluster
///
/// Reads audit events from Elasticsearch or OpenSearch, evaluates rules, and writes alerts back.
/// Static analysis reads a span of time and ends; streaming analysis follows what comes in. The
/// first Ctrl-C lets alerts that are under way be written, the second aborts. Analysing the same
/// span again writes no alert twice.
///
/// Exit status: 0 when everything was analysed, 2 when something did not work.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("pages", |pages| pages.required(true)),
    mut_arg("alerts", |alerts| alerts.required(true)),
    mut_arg("start", |start| start.required(true)),
    mut_arg("end", |end| {
        end.help("First moment after the last, for static analysis; default is now")
    })
)]
pub struct AnalyzeArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Read a span of time and end, or follow what comes in
    #[arg(short = 'A', long, value_enum)]
    analysis: Analysis,
    /// Pause between two looks of streaming analysis, 1 to 300 seconds
    #[arg(
        short = 'd',
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=300)
    )]
    fetch_delay: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Analysis {
    /// From start to end, once
    Static,
    /// From start on, without end
    Streaming,
}

/// Analyses until the end, a fault that does not pass, or a signal.
pub fn run(args: &AnalyzeArgs) -> anyhow::Result<Exit> {
    let rules: Arc<[Arc<Rule>]> = rules::load(&args.job.rules)?.into();
    let plan = args.job.plan(id(), args.pace(), rules, Timestamp::now())?;
    let server = args.job.server()?;
    telemetry::start(LogFormat::Text, LevelFilter::ERROR);
    foreground::work("aborted; run it again, nothing is written twice", |stop| {
        analyze(plan, server, stop)
    })
}

fn id() -> PlanId {
    PlanId {
        namespace: TENANT.to_owned(),
        name: JOB.to_owned(),
        uid: String::new(),
    }
}

impl AnalyzeArgs {
    fn pace(&self) -> Pace {
        Pace {
            mode: match self.analysis {
                Analysis::Static => Mode::Static,
                Analysis::Streaming => Mode::Streaming,
            },
            fetch_delay: self.fetch_delay,
        }
    }
}

/// Tells what was written.
struct Writing;

impl Attendant for Writing {
    fn words(&self, progress: &Progress) -> String {
        counts(&progress.counts)
    }
}

async fn analyze(plan: Plan, server: Server, stop: CancellationToken) -> anyhow::Result<Exit> {
    let foreground = Foreground {
        plan: plan.clone(),
        connector: Arc::new(ElasticConnector::new(Some(server), None)),
        settings: Settings::default(),
        patience: None,
    };
    let mut display = Display::new(Instant::now());
    let (ending, last) = foreground.run(stop, &mut display, &mut Writing).await?;
    display.finish();
    if let Some(last) = &last {
        print_rules(&plan, last).context("cannot write the counts")?;
        terminal::say(format_args!("{}", counts(&last.counts)));
    }
    conclude(ending, &plan, last.as_ref())
}

/// What was done, in words.
fn counts(counts: &Counts) -> String {
    let Counts {
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined,
        alerts_late: _,
    } = counts;
    format!(
        "{events_read} events read, {alerts_created} alerts written, {alerts_duplicate} there \
         already, {quarantined} documents set aside"
    )
}

fn conclude(ending: Ending, plan: &Plan, last: Option<&Progress>) -> anyhow::Result<Exit> {
    match (ending, plan.range) {
        (Ending::Complete, _) | (Ending::Stopped, Range::Streaming { .. }) => Ok(Exit::Good),
        (Ending::Hopeless(reason, message), _) => bail!("{message} ({})", reason.as_str()),
        (Ending::Stopped, Range::Static { .. }) => {
            let percent = last.and_then(|last| last.percent).unwrap_or_default();
            bail!("stopped at {percent} %; run it again, nothing is written twice")
        }
    }
}

/// The rules that made alerts, the worst first.
fn print_rules(plan: &Plan, progress: &Progress) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut table = Table::new(&["RULE", "SEVERITY", "ALERTS", "LAST"], false);
    let mut rules: Vec<_> = plan.rules.iter().collect();
    rules.sort_by_key(|rule| Reverse(rule.definition().severity));
    for rule in rules {
        if let Some(found) = progress.matches.get(rule.key()) {
            let row = vec![
                Cell::new(rule.key()),
                Cell::new(&format!("{:?}", rule.definition().severity)),
                Cell::new(&found.count.to_string()),
                Cell::new(&format!("{:.0}", found.last)),
            ];
            table.push(row, &mut out)?;
        }
    }
    table.finish(&mut out)?;
    out.flush()
}
