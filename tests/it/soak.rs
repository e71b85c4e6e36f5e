//! Jobs under load while faults of every kind come and go by chance: at the end there is exactly
//! one alert for each match. Two minutes, or `SOAK_MINUTES`; `SOAK_SEED` repeats a schedule.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8scop_testbed::{Flavor, SearchServer, faults::Proxy};
use tokio::{
    join,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    cluster::condition,
    eventually,
    installation::{Installation, install},
    search::Search,
    verify::verify_job,
};
use data::{Documents, Refreshes, Sink};
use edits::{Jobs, Person, Rules};
use lane::{Schedule, Tally, trouble};
use load::Load;
use network::{WayToCluster, WayToSearch};
use report::Report;
use server::Server;
use servers::{Cluster, Running, Source};
use watch::Watch;

mod data;
mod dice;
mod edits;
mod lane;
mod load;
mod manifests;
mod network;
mod report;
mod server;
mod servers;
mod watch;

const NAMESPACE: &str = "soak";
const JOB: &str = "live";
const SOURCE: &str = "soak-audit";
const SINK: &str = "soak-alerts";

/// The schedule of a run that is asked for nothing else.
const USUAL_SEED: u64 = 1;
/// How far the job looks back: further than any event is late.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(2);
/// A lasting fault must stand in the status by then.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

struct Plan {
    seed: u64,
    length: Duration,
    gap: std::ops::Range<f64>,
    events_a_second: u64,
    /// How late an event may be.
    latest: SignedDuration,
    /// How long the last of them may take.
    settles_within: Duration,
}

impl Plan {
    fn from_environment() -> Plan {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let number = |name| set(name).map(|value| value.parse::<u64>().expect("a whole number"));
        let minutes = number("SOAK_MINUTES");
        let seed = number("SOAK_SEED");
        match minutes {
            None => Plan {
                seed: seed.unwrap_or(USUAL_SEED),
                length: Duration::from_secs(120),
                gap: 0.5..4.0,
                events_a_second: 60,
                latest: SignedDuration::from_mins(8),
                settles_within: Duration::from_secs(120),
            },
            Some(minutes) => Plan {
                seed: seed.unwrap_or_else(|| fastrand::u64(1..1_000_000)),
                length: Duration::from_secs(60 * minutes),
                gap: 1.0..15.0,
                events_a_second: 150,
                latest: SignedDuration::from_mins(50),
                settles_within: Duration::from_secs(420),
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_there_is_exactly_one_alert_for_each_match() {
    let plan = Plan::from_environment();
    println!("soak: SOAK_SEED={} repeats this schedule", plan.seed);
    let report = soak(&plan).await;
    let markdown = report.markdown();
    println!("{markdown}");
    fs::write(folder().join("soak.md"), markdown).expect("the report can be written");
    let problems = report.problems();
    assert!(
        problems.is_empty(),
        "SOAK_SEED={}: {}",
        plan.seed,
        problems.join("\n")
    );
}

/// Where report and log go.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

async fn soak(plan: &Plan) -> Report {
    let Installation {
        control_plane,
        admin,
        operator_kubeconfig,
    } = install().await;
    let search = SearchServer::start(Flavor::Elasticsearch9).await;
    let search = search.expect("Elasticsearch starts");
    let server = Server::new(search.url());
    let load = Arc::new(Load::new(server.clone()).await);
    load.send(vec![Timestamp::now(); 50]).await;

    admin.ok(&["create", "namespace", NAMESPACE]).await;
    let watch = Watch::start(control_plane.kubeconfig()).await;
    let person = Person(admin);
    let rules = Rules::new(person.clone()).await;
    let jobs = Jobs::new(person.clone(), Timestamp::now() - LOOK_BACK).await;
    let to_search = Proxy::before_search(search.url()).await;
    let to_search = to_search.expect("a proxy starts");
    let to_cluster = Proxy::before_apiserver(&control_plane).await;
    let to_cluster = to_cluster.expect("a proxy starts");
    let kubeconfig = to_cluster.kubeconfig(&operator_kubeconfig);
    let kubeconfig = kubeconfig.expect("the kubeconfig can be written");
    let log = fs::File::create(folder().join("soak-operator.log")).expect("a file for the log");
    let operator = Running::new(kubeconfig, to_search.url().to_owned(), log).await;
    until_ready(&person).await;

    let tally = Tally::default();
    let begun = Instant::now();
    let schedule = Schedule {
        seed: plan.seed,
        begun,
        end: begun + plan.length,
        gap: plan.gap.clone(),
    };
    let documents = Documents {
        load: load.clone(),
        latest: plan.latest,
    };
    let process = operator.process();
    let stop = CancellationToken::new();
    let troubles = async {
        let troubled = join!(
            trouble(operator, &schedule, &tally),
            trouble(Source(search), &schedule, &tally),
            trouble(Sink(server.clone()), &schedule, &tally),
            trouble(jobs, &schedule, &tally),
        );
        troubled
    };
    let others = async {
        join!(
            trouble(rules, &schedule, &tally),
            trouble(documents, &schedule, &tally),
            trouble(Refreshes(server.clone()), &schedule, &tally),
            trouble(Cluster(control_plane), &schedule, &tally),
            trouble(WayToSearch(to_search), &schedule, &tally),
            trouble(WayToCluster(to_cluster), &schedule, &tally),
        )
    };
    let troubles = async {
        let troubled = join!(troubles, others);
        stop.cancel();
        troubled
    };
    let ((troubled, _others), (), memory) = join!(
        troubles,
        load.steady(plan.events_a_second, &stop),
        watch::memory(process, &stop),
    );
    let (operator, mut search, sink, jobs) = troubled;

    let told = lasting(&person, &load, &sink, &mut search).await;
    let (found, doubled) = settled(&server, &load, plan.settles_within).await;
    let incomplete = jobs.settle(plan.settles_within).await;
    let client = Search::new(search.0.url());
    let verdict = verify_job(&person.0, &client, NAMESPACE, JOB, &[]).await;
    let panics = operator.end().await;
    Report {
        seed: plan.seed,
        minutes: begun.elapsed().as_secs_f64() / 60.0,
        events: load.events(),
        expected: load.expected(),
        found,
        doubled,
        verdict,
        incomplete,
        faults: tally.counts(),
        told,
        watermarks: watch.watermarks(),
        memory,
        panics,
    }
}

/// Faults that last: each must stand in the job's status within half a minute, and go from it
/// again when it is over.
async fn lasting(
    person: &Person,
    load: &Load,
    sink: &Sink,
    search: &mut Source,
) -> Vec<(&'static str, String, f64)> {
    until_ready(person).await;
    sink.block(true).await;
    load.send(vec![Timestamp::now(); 100]).await;
    let blocked = told(person, "alert indices blocked").await;
    sink.block(false).await;
    until_ready(person).await;
    search.0.kill().await.expect("it is killed");
    let gone = told(person, "search server killed").await;
    search.0.start_again().await.expect("it starts again");
    until_ready(person).await;
    vec![blocked, gone]
}

/// The reason for which the job is not ready, and when it was told.
async fn told(person: &Person, fault: &'static str) -> (&'static str, String, f64) {
    let begun = Instant::now();
    let reason = eventually(
        "the status tells of a lasting fault",
        TOLD_WITHIN,
        || async {
            let job = person.get("analysisjob", JOB).await?;
            let (status, reason, _) = condition(&job, "Ready")?;
            (status != "True").then_some(reason)
        },
    );
    (fault, reason.await, begun.elapsed().as_secs_f64())
}

async fn until_ready(person: &Person) {
    let limit = Duration::from_secs(120);
    eventually("the job is ready", limit, || async {
        let job = person.get("analysisjob", JOB).await?;
        (condition(&job, "Ready")?.0 == "True").then_some(())
    })
    .await;
}

/// What is in the sink when everything expected is there, or the time is up.
async fn settled(server: &Server, load: &Load, limit: Duration) -> (BTreeSet<String>, Vec<String>) {
    let expected = load.expected();
    let deadline = Instant::now() + limit;
    let pattern = format!("{SINK}-2*");
    loop {
        let (found, _) = server.distinct(&pattern).await;
        if found.is_superset(&expected) || Instant::now() >= deadline {
            // What is doubled or foreign may still come.
            sleep(Duration::from_secs(5)).await;
            return server.distinct(&pattern).await;
        }
        sleep(Duration::from_secs(2)).await;
    }
}
