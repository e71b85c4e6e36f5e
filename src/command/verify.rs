//! `k8scop verify`: whether every alert that must exist does, once, and no other.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::{
    analyze,
    connection::Server,
    connector::ElasticConnector,
    display::Display,
    foreground::{self, Attendant, Ending, Foreground},
    job::JobArgs,
    rules::TENANT,
    unread,
};
use crate::{
    exit::Exit,
    pipeline::{progress::Progress, settings::Settings, window::Window},
    telemetry::{self, LevelFilter, LogFormat},
    terminal,
};
use collect::{Collecting, Collection};
use expected::Expected;
use lookup::{Lookup, Patient};
use report::Format;
use target::Target;
use verdict::Verdict;

mod cluster;
mod collect;
mod expected;
mod lookup;
mod report;
mod target;
mod verdict;

/// How far verification stays behind now where nothing tells how far the job is.
const LAG: SignedDuration = SignedDuration::from_secs(60);

const EXAMPLES: &str = "\
Examples:
  # Did the analysis of February 2019 lose anything? The flags are those of the analysis
  k8scop verify -E 127.0.0.1:9200 -I logstash -i alerts -s 2019-2-1-0-0-0 -e 2019-3-1-0-0-0

  # A job of a cluster and its rules, up to where the job is
  kubectl get analysisjobs,k8scoprules -n security -o yaml |
    k8scop verify -E https://es.example:9200 -f - --job prod

  # The same for one week, every alert that is not right as JSON
  kubectl get analysisjobs,k8scoprules -n security -o yaml |
    k8scop verify -E https://es.example:9200 -f - --job prod \\
      -s 2026-11-16-0-0-0 -e 2026-11-23-0-0-0 -o json

  # Rules of a cluster, and all else by flags
  kubectl get k8scoprules -n security -o yaml |
    k8scop verify -E 127.0.0.1:9200 -I logstash -i k8scop-alerts -s 2026-11-16-0-0-0 \\
      --no-builtin -R - --tenant security --job prod";

/// Prove that no alert was lost or doubled
///
/// Reads a span of audit events again as the analysis did, computes the alerts that must exist,
/// and looks each of them up. Nothing is written: the right to read source and alerts is enough.
/// Prints how many alerts are expected, found, missing, there more than once (duplicate), and of
/// the job without an event of the span that leads to them (foreign).
///
/// Rules are taken as they are now: what an edit has changed since shows as missing or foreign.
/// An alert about a document that became searchable late may take the job up to an hour.
///
/// Exit status: 0 when all is right, 1 when an alert is missing, duplicate or foreign, 2 when it
/// could not be verified.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("pages", |pages| pages.required_unless_present_any(["manifests", "index"])),
    mut_arg("alerts", |alerts| alerts.required_unless_present("manifests")),
    mut_arg("start", |start| {
        start
            .required_unless_present("manifests")
            .help("First moment: 2026-11-1-0-0-0 (UTC), 2026-11-01T00:00:00Z or now-1h; default \
                   with -f is the start of the job")
    }),
    mut_arg("end", |end| {
        end.help("First moment after the last; default is a minute ago, or with -f as far as \
                  the job says it is")
    })
)]
pub struct VerifyArgs {
    /// File of an AnalysisJob and its rules, as kubectl prints them, in place of flags about
    /// source, sink and rules; `-` is standard input; may be repeated
    #[arg(
        short = 'f',
        long = "filename",
        id = "manifests",
        value_name = "PATH",
        conflicts_with_all = ["pages", "index", "alerts", "timestamp_field", "filter", "layout", "layout_path", "paths", "no_builtin"]
    )]
    manifests: Vec<std::path::PathBuf>,
    #[command(flatten)]
    job: JobArgs,
    /// Namespace of the job, part of the identity of its alerts; default is what `analyze` has,
    /// or with -f the one there is
    #[arg(long, value_name = "NAMESPACE", help_heading = "Job")]
    tenant: Option<String>,
    /// Name of the job; default is what `analyze` has, or with -f the one there is
    #[arg(long = "job", value_name = "NAME", help_heading = "Job")]
    job_name: Option<String>,
    /// Name of the cluster, where the operator was given one
    #[arg(
        long,
        env = "K8SCOP_CLUSTER_NAME",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        help_heading = "Job"
    )]
    cluster_name: String,
    /// How long to wait for a server that cannot be reached or is overloaded
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    patience: u16,
    /// How to print the verdict
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Verifies, prints the verdict, and tells by the exit status whether all is right.
pub fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let target = target::target(args, Timestamp::now())?;
    let server = args.job.server()?;
    let settings = Settings {
        cluster: args.cluster_name.clone(),
        ..Settings::default()
    };
    let _logging = telemetry::start(LogFormat::Text, LevelFilter::ERROR);
    let patience = Duration::from_secs(args.patience.into());
    let verdict = foreground::work("aborted", |stop| async move {
        let mut display = Display::new(Instant::now());
        let verifying = Verifying {
            target,
            server,
            settings,
            patience,
            display: &mut display,
        };
        let verdict = tokio::select! {
            verdict = verifying.verify(stop.clone()) => verdict,
            () = stop.cancelled() => Err(anyhow::anyhow!("stopped before the verdict")),
        };
        display.finish();
        verdict
    })?;
    report::print(&verdict, args.output).context("cannot write the verdict")?;
    if let Some(remarks) = report::remarks(verdict.tally()) {
        terminal::say(format_args!("{remarks}"));
    }
    Ok(if verdict.is_good() {
        Exit::Good
    } else {
        Exit::Findings
    })
}

/// What a verification works with.
struct Verifying<'a> {
    target: Target,
    server: Server,
    settings: Settings,
    patience: Duration,
    display: &'a mut Display,
}

impl Verifying<'_> {
    async fn verify(self, stop: CancellationToken) -> anyhow::Result<Verdict> {
        let Target { plan, span, owner } = self.target;
        let (job, Window { start, end }) = (&plan.id, span);
        self.display
            .say(&format!("verifying job {job} from {start} to {end}"));
        let connection = self.server.settings()?;
        let sink = plan.sink.clone();
        let collection = Collection::default();
        let connector = ElasticConnector::new(Some(self.server), None);
        let foreground = Foreground {
            plan,
            connector: Arc::new(Collecting::new(connector, collection.clone())),
            settings: self.settings,
            patience: Some(self.patience),
        };
        let expected = expect(foreground, collection, stop, self.display).await?;
        let mut verdict = Verdict::new(expected, owner);
        let patient = Patient::new(self.patience, self.display);
        let mut lookup = Lookup::connect(&connection, &sink, patient).await?;
        lookup.look_up(&mut verdict).await?;
        lookup.list(span, &mut verdict).await?;
        Ok(verdict)
    }
}

/// Computes the alerts that must exist.
async fn expect(
    foreground: Foreground,
    collection: Collection,
    stop: CancellationToken,
    display: &mut Display,
) -> anyhow::Result<Expected> {
    let mut reading = Reading(collection.clone());
    let (ending, last) = foreground.run(stop, display, &mut reading).await?;
    let unread = last.and_then(|last| unread::obstacle(&last, &last.counts));
    match ending {
        Ending::Complete if unread.is_some() => bail!("{}", unread.unwrap_or_default()),
        Ending::Complete => Ok(collection.take()),
        Ending::Stopped => bail!("stopped before the verdict"),
        Ending::Hopeless(reason, message) => bail!("{message} ({})", reason.as_str()),
    }
}

/// Tells what was read.
struct Reading(Collection);

impl Attendant for Reading {
    fn words(&self, progress: &Progress) -> String {
        let read = progress.counts.events_read;
        format!("{read} events read, {} alerts expected", self.0.len())
    }
}
