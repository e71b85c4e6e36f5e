//! The world of a soak, the storm over it, and what it leaves.

use std::{fs, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use k8scop_testbed::{ControlPlane, Flavor, SearchServer, faults::Proxy};
use tokio::{join, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    JOB, NAMESPACE, Plan,
    aftermath::{lasting, settled, until_ready},
    data::{Documents, Refreshes, Sink},
    edits::{Jobs, Person, Rules},
    folder,
    lane::{Schedule, Tally, trouble},
    load::Load,
    network::{WayToCluster, WayToSearch},
    report::Report,
    server::Server,
    servers::{Cluster, Running, Source},
    watch::{self, Sample, Watch},
};
use crate::support::{
    installation::{Installation, install},
    search::Search,
    verify::verify_job,
};

/// How far the job looks back: further than any event is late.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(2);

/// Everything that faults befall.
struct Parts {
    operator: Running,
    source: Source,
    sink: Sink,
    refreshes: Refreshes,
    documents: Documents,
    rules: Rules,
    jobs: Jobs,
    cluster: Cluster,
    way_to_search: WayToSearch,
    way_to_cluster: WayToCluster,
}

/// Those who see it from outside, past the proxies.
struct Observers {
    server: Server,
    load: Arc<Load>,
    person: Person,
    watch: Watch,
}

/// Plays a soak to its end.
pub async fn soak(plan: &Plan) -> Report {
    let (parts, observers) = prepare(plan).await;
    let begun = Instant::now();
    let tally = Tally::default();
    let (mut parts, memory) = storm(plan, parts, &observers.load, &tally).await;

    let Observers {
        server,
        load,
        person,
        watch,
    } = observers;
    let told = lasting(&person, &load, &parts.sink, &mut parts.source).await;
    let (found, doubled) = settled(&server, &load, plan.settles_within).await;
    let incomplete = parts.jobs.settle(plan.settles_within).await;
    let client = Search::new(parts.source.0.url());
    let verdict = verify_job(&person.0, &client, NAMESPACE, JOB, &[]).await;
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
        panics: parts.operator.end().await,
    }
}

/// Starts servers that are nobody else's, and brings a job to follow its source.
async fn prepare(plan: &Plan) -> (Parts, Observers) {
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
    let (way_to_search, way_to_cluster) = ways(&search, &control_plane).await;
    let kubeconfig = way_to_cluster.0.kubeconfig(&operator_kubeconfig);
    let kubeconfig = kubeconfig.expect("the kubeconfig can be written");
    let log = fs::File::create(folder().join("soak-operator.log"));
    let log = log.expect("the log can be made");
    let operator = Running::new(kubeconfig, way_to_search.0.url().to_owned(), log).await;
    until_ready(&person).await;

    let parts = Parts {
        operator,
        source: Source(search),
        sink: Sink(server.clone()),
        refreshes: Refreshes(server.clone()),
        documents: Documents {
            load: load.clone(),
            latest: plan.latest,
        },
        rules,
        jobs,
        cluster: Cluster(control_plane),
        way_to_search,
        way_to_cluster,
    };
    let observers = Observers {
        server,
        load,
        person,
        watch,
    };
    (parts, observers)
}

async fn ways(search: &SearchServer, cluster: &ControlPlane) -> (WayToSearch, WayToCluster) {
    let to_search = Proxy::before_search(search.url()).await;
    let to_cluster = Proxy::before_apiserver(cluster).await;
    (
        WayToSearch(to_search.expect("a proxy starts")),
        WayToCluster(to_cluster.expect("a proxy starts")),
    )
}

/// Lets faults befall all parts at once, under load, and returns the parts and the memory that
/// the operator took.
async fn storm(plan: &Plan, parts: Parts, load: &Load, tally: &Tally) -> (Parts, Vec<Sample>) {
    let begun = Instant::now();
    let schedule = Schedule {
        seed: plan.seed,
        begun,
        end: begun + plan.length,
        gap: plan.gap.clone(),
    };
    let process = parts.operator.process();
    let stop = CancellationToken::new();
    let troubles = async {
        let servers = async {
            join!(
                trouble(parts.operator, &schedule, tally),
                trouble(parts.source, &schedule, tally),
                trouble(parts.cluster, &schedule, tally),
                trouble(parts.way_to_search, &schedule, tally),
                trouble(parts.way_to_cluster, &schedule, tally),
            )
        };
        let contents = async {
            join!(
                trouble(parts.sink, &schedule, tally),
                trouble(parts.refreshes, &schedule, tally),
                trouble(parts.documents, &schedule, tally),
                trouble(parts.rules, &schedule, tally),
                trouble(parts.jobs, &schedule, tally),
            )
        };
        let troubled = join!(servers, contents);
        stop.cancel();
        troubled
    };
    let ((servers, contents), (), memory) = join!(
        troubles,
        load.steady(plan.events_a_second, &stop),
        watch::memory(process, &stop),
    );
    let (operator, source, cluster, way_to_search, way_to_cluster) = servers;
    let (sink, refreshes, documents, rules, jobs) = contents;
    let parts = Parts {
        operator,
        source,
        sink,
        refreshes,
        documents,
        rules,
        jobs,
        cluster,
        way_to_search,
        way_to_cluster,
    };
    (parts, memory)
}
