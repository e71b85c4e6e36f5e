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
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    connection::{CredentialArgs, Server},
    connector::ElasticConnector,
    rules::{self, RuleArgs},
    signals,
    table::{Cell, Table},
    values,
};
use crate::{
    detect::{layout::Layout, rule::Rule},
    exit::Exit,
    pipeline::{
        board::Published,
        plan::{Plan, Range},
        ports::FaultReason,
        progress::{Progress, State},
        settings::Settings,
        supervisor::Supervisor,
    },
    telemetry::{self, LevelFilter, LogFormat},
    terminal,
};
use display::Display;

mod display;
mod plan;
mod when;

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
#[command(after_long_help = EXAMPLES)]
pub struct AnalyzeArgs {
    /// Address of Elasticsearch: a URL, or host and port (then plain http)
    #[arg(
        short = 'E',
        long,
        value_name = "URL",
        env = "ELASTICSEARCH_URL",
        hide_env_values = true
    )]
    elastic: String,
    /// Beginning of the names of the indices that hold audit events, or a pattern with `*`
    #[arg(short = 'I', long, value_name = "INDEX")]
    pages: String,
    /// Beginning of the names of the daily alert indices; may hold {category}
    #[arg(short = 'i', long, value_name = "INDEX")]
    alerts: String,
    /// First moment: 2026-11-1-0-0-0 (UTC) or 2026-11-01T00:00:00Z
    #[arg(short, long, value_name = "TIME", value_parser = when::parse)]
    start: Timestamp,
    /// First moment after the last, for static analysis; default is now
    #[arg(short, long, value_name = "TIME", value_parser = when::parse)]
    end: Option<Timestamp>,
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
    /// The date field of the documents that times are compared with
    #[arg(long, value_name = "FIELD", default_value = "@timestamp")]
    timestamp_field: String,
    /// Only documents whose field has this value; repeated for one field, any of the values
    #[arg(long, value_name = "FIELD=VALUE", value_parser = plan::filter)]
    filter: Vec<(String, String)>,
    /// How events lie in their documents
    #[arg(long, value_parser = values::layout(), default_value = "auto", ignore_case = true)]
    layout: Layout,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
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
    let rules: Arc<[Arc<Rule>]> = rules::load(&args.rules)?.into();
    let plan = plan::plan(args, rules, Timestamp::now())?;
    let server = Server::new(args.elastic.clone(), args.credentials.clone())?;
    if let Some(warning) = server.warning() {
        terminal::say(format_args!("warning: {warning}"));
    }
    let _logging = telemetry::start(LogFormat::Text, LevelFilter::ERROR);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::select! {
            result = analyze(plan, server, stop.clone()) => result,
            aborted = signals::await_abort(stop) => {
                aborted.context("cannot listen to signals")?;
                bail!("aborted; run it again, nothing is written twice")
            }
        }
    });
    runtime.shutdown_background();
    result
}

/// How an analysis ended.
enum Ending {
    Complete,
    Stopped,
    Hopeless(FaultReason, String),
}

async fn analyze(plan: Plan, server: Server, stop: CancellationToken) -> anyhow::Result<Exit> {
    let connector = Arc::new(ElasticConnector::new(Some(server), None));
    let supervisor = Supervisor::new(connector, Settings::default());
    let (_plans, wanted) = watch::channel(Arc::from([plan.clone()]));
    let (published, mut progress) = watch::channel(Published::default());
    let running = tokio::spawn(supervisor.run(wanted, published, stop.clone()));

    let mut display = Display::new(Instant::now());
    let ending = attend(&plan, &mut progress, &mut display, &stop).await;
    if let Ending::Stopped = ending {
        display.say("stopping: alerts under way are written; press Ctrl-C again to abort");
    }
    stop.cancel();
    running.await.context("the pipeline broke")?;
    display.finish();
    let last = progress.borrow().get(&plan.id).cloned();
    if let Some(last) = &last {
        print_rules(&plan, last).context("cannot write the counts")?;
        terminal::say(format_args!("{}", display::counts(&last.counts)));
    }
    conclude(ending, &plan, last.as_ref())
}

/// Shows progress until there is no more.
async fn attend(
    plan: &Plan,
    published: &mut watch::Receiver<Published>,
    display: &mut Display,
    stop: &CancellationToken,
) -> Ending {
    loop {
        let progress = published.borrow_and_update().get(&plan.id).cloned();
        if let Some(progress) = progress {
            display.show(&progress, Instant::now());
            match progress.state {
                State::Complete => return Ending::Complete,
                State::Waiting { reason, message } if !passes(reason) => {
                    return Ending::Hopeless(reason, message);
                }
                _ => {}
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ending::Stopped,
            changed = published.changed() => if changed.is_err() { return Ending::Stopped },
        }
    }
}

/// Whether it helps to wait. The operator waits for whatever somebody may mend; a person at a
/// terminal mends the command line.
fn passes(reason: FaultReason) -> bool {
    match reason {
        FaultReason::ElasticsearchUnavailable
        | FaultReason::TooManyRequests
        | FaultReason::PartialResults
        | FaultReason::ViewLost
        | FaultReason::SinkBlocked
        | FaultReason::SinkRejecting => true,
        FaultReason::AuthFailed
        | FaultReason::Forbidden
        | FaultReason::IndexNotFound
        | FaultReason::TimestampFieldInvalid
        | FaultReason::SinkNotDeterministic
        | FaultReason::SinkTemplateMissing
        | FaultReason::OriginNotAllowed
        | FaultReason::SecretInvalid
        | FaultReason::TlsFailed
        | FaultReason::NotElasticsearch
        | FaultReason::NoRules
        | FaultReason::PipelineFailed => false,
    }
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
