//! `k8scop analyze`: the pipeline of the operator against Elasticsearch, without a cluster.
//!
//! The flags are those of the K8sCop of 2019: its command lines work as they did.

use std::{
    cmp::Reverse,
    io::{self, Write},
    path::PathBuf,
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
    unread, values,
};
use crate::{
    api::job::{Mode, PushdownMode},
    detect::{rule::Rule, ruleset::RuleSet},
    exit::Exit,
    pipeline::{
        plan::{Plan, PlanId, Range},
        progress::{Counts, Progress},
        settings::Settings,
    },
    telemetry::{self, LevelFilter, LogFormat},
    terminal,
};

use state::{Beginning, OpenState, StateFile, Subject};

mod state;
mod summary;

/// Name of the job that an analysis without a cluster is.
pub const JOB: &str = "analyze";

const EXAMPLES: &str = "\
Examples:
  # The audit events of February 2019 in logstash-*; alerts go to alerts-<day>
  k8scop analyze -E 127.0.0.1:9200 -I logstash -i alerts \\
    -s 2019-2-1-0-0-0 -e 2019-3-1-0-0-0 -A static

  # The last hour of the one index audit
  k8scop analyze -E 127.0.0.1:9200 --index audit -i alerts -s now-1h -A static

  # Everything from now on, looked for every five seconds
  k8scop analyze -E 127.0.0.1:9200 -I logstash -i alerts -s now -A streaming -d 5

  # The same, and from where it was interrupted when it is run again
  k8scop analyze -E 127.0.0.1:9200 -I logstash -i alerts -s 2026-11-1-0-0-0 -A streaming \
    --state analysis.json

  # Documents of Elastic Agent, over TLS, with an API key
  k8scop analyze -E https://es.example:9200 -I 'logs-kubernetes.audit_logs-*' -i k8scop-alerts \\
    -s 2026-11-01T00:00:00Z -A static --elasticsearch-api-key-file key \\
    --elasticsearch-ca-file ca.pem";

/// Find alerts in an Elasticsearch, without a cluster
///
/// Reads audit events from Elasticsearch or OpenSearch, evaluates rules, and writes alerts back.
/// Static analysis reads a span of time and ends; streaming analysis follows what comes in. The
/// first Ctrl-C lets alerts that are under way be written, the second aborts. Analysing the same
/// span again writes no alert twice. With --state the next run goes on where this one ended.
///
/// Exit status: 0 when everything was analysed; 2 when something did not work, when an index of the
/// pattern could not be read, or when no document that was read holds an audit event.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("pages", |pages| pages.required_unless_present("index")),
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
    /// Whether the server may leave out events that no rule could match, where the mapping of the
    /// indices makes it exact
    #[arg(long, value_parser = values::pushdown(), default_value = "auto", ignore_case = true)]
    pushdown: PushdownMode,
    /// File that keeps how far the analysis is, so that the next run with it goes on from there;
    /// made if it is not there
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
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
    let state = args.state.as_deref().map(StateFile::open).transpose()?;
    let mut span = args.job.span(Timestamp::now());
    if let Some((start, end)) = state.as_ref().and_then(StateFile::span) {
        span = args.job.span_of(span, start, end);
    }
    let mut plan = args.job.plan(id(), args.pace(), rules, span)?;
    let server = args.job.server()?;
    let state = match state {
        None => None,
        Some(state) => match go_on(state, &server, &mut plan)? {
            None => return Ok(Exit::Good),
            open => open,
        },
    };
    let _logging = telemetry::start(LogFormat::Text, LevelFilter::ERROR);
    foreground::work("aborted; run it again, nothing is written twice", |stop| {
        analyze(plan, server, state, stop)
    })
}

/// Makes a plan begin where its state says; `None` if there is nothing left to do.
fn go_on(state: StateFile, server: &Server, plan: &mut Plan) -> anyhow::Result<Option<OpenState>> {
    let subject = Subject::new(server.settings()?.origin(), plan);
    let rules = RuleSet::new(plan.rules.iter().cloned());
    let (beginning, open) = state.begin(subject, rules.revision())?;
    match beginning {
        Beginning::New => {}
        Beginning::RulesChanged => terminal::say(format_args!(
            "the rules have changed since: the span is analysed anew, nothing is written twice"
        )),
        Beginning::At(checkpoint) => {
            terminal::say(format_args!("going on at {}", checkpoint.watermark));
            plan.resume = Some(*checkpoint);
        }
        Beginning::Complete => {
            terminal::say(format_args!(
                "the state says that all of the span is analysed: nothing to do"
            ));
            return Ok(None);
        }
    }
    Ok(Some(open))
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
            pushdown: self.pushdown,
        }
    }
}

/// Tells what this run has written, and keeps the state.
struct Writing {
    /// Counts of the runs before.
    before: Counts,
    state: Option<OpenState>,
    /// The state could not be kept the last time.
    unkept: bool,
}

impl Attendant for Writing {
    fn words(&self, progress: &Progress) -> String {
        counts(&since(&self.before, &progress.counts))
    }

    fn note(&mut self, progress: &Progress) {
        let (Some(state), Some(checkpoint)) = (&mut self.state, &progress.checkpoint) else {
            return;
        };
        let kept = state.offer(checkpoint, Instant::now());
        if let Err(error) = &kept
            && !self.unkept
        {
            let error: &dyn std::error::Error = error;
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            terminal::say(format_args!("warning: {error}: {cause}; it is tried again"));
        }
        self.unkept = kept.is_err();
    }
}

async fn analyze(
    plan: Plan,
    server: Server,
    state: Option<OpenState>,
    stop: CancellationToken,
) -> anyhow::Result<Exit> {
    let foreground = Foreground {
        plan: plan.clone(),
        connector: Arc::new(ElasticConnector::new(Some(server), None)),
        settings: Settings::default(),
        patience: None,
    };
    let before = plan.resume.as_ref().map(|resume| resume.counts);
    let mut writing = Writing {
        before: before.unwrap_or_default(),
        state,
        unkept: false,
    };
    let mut display = Display::new(Instant::now());
    let (ending, last) = foreground.run(stop, &mut display, &mut writing).await?;
    display.finish();
    if let Some(last) = &last {
        print_rules(&plan, last).context("cannot write the counts")?;
        let counts = since(&writing.before, &last.counts);
        summary::print(&plan, last, &counts);
        terminal::say(format_args!("{}", writing.words(last)));
    }
    if let Some(state) = &mut writing.state
        && let Some(checkpoint) = last.as_ref().and_then(|last| last.checkpoint.as_ref())
    {
        state.keep(checkpoint, ending == Ending::Complete, Instant::now())?;
    }
    let before = writing.before;
    conclude(ending, &plan, last.as_ref())?;
    match last.and_then(|last| unread::obstacle(&last, &since(&before, &last.counts))) {
        Some(obstacle) => bail!("{obstacle}"),
        None => Ok(Exit::Good),
    }
}

/// What was done after `before`; if all of it was begun anew, that is all.
fn since(before: &Counts, now: &Counts) -> Counts {
    let Counts {
        documents_read,
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined,
        alerts_late,
        undecided,
        events_cut_off,
    } = now;
    Counts {
        documents_read: documents_read.saturating_sub(before.documents_read),
        events_read: events_read.saturating_sub(before.events_read),
        alerts_created: alerts_created.saturating_sub(before.alerts_created),
        alerts_duplicate: alerts_duplicate.saturating_sub(before.alerts_duplicate),
        quarantined: quarantined.saturating_sub(before.quarantined),
        alerts_late: alerts_late.saturating_sub(before.alerts_late),
        undecided: undecided.saturating_sub(before.undecided),
        events_cut_off: events_cut_off.saturating_sub(before.events_cut_off),
    }
}

/// What was done, in words.
fn counts(counts: &Counts) -> String {
    let Counts {
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined,
        ..
    } = counts;
    format!(
        "{events_read} events read, {alerts_created} alerts written, {alerts_duplicate} there \
         already, {quarantined} documents rejected"
    )
}

fn conclude(ending: Ending, plan: &Plan, last: Option<&Progress>) -> anyhow::Result<()> {
    match (ending, plan.range) {
        (Ending::Complete, _) | (Ending::Stopped, Range::Streaming { .. }) => Ok(()),
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
