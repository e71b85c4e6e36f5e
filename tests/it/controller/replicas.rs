//! Two replicas as processes, on a real apiserver and a real Elasticsearch, while events flow:
//! whatever happens to one of them or to the apiserver, every event is alerted, once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8scop_testbed::{ControlPlane, Flavor, shared_search_server};
use serde_json::{Value, json};
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;

use super::{job, operator::Site, rule};
use crate::support::{eventually, operator::Operator, search::Search, workload::event};

/// A namespace with a rule and a job that follows its own index, and a flow of events.
struct Scene {
    namespace: &'static str,
    site: Site,
    search: Search,
    fed: Arc<AtomicU64>,
    feeder: AbortOnDropHandle<()>,
}

impl Scene {
    async fn new(namespace: &'static str) -> Self {
        Self::at(Site::new(namespace).await, namespace).await
    }

    async fn at(site: Site, namespace: &'static str) -> Self {
        let server = shared_search_server(Flavor::Elasticsearch9).await;
        let search = Search::new(server.expect("Elasticsearch starts").url());
        site.apply(&rule("all", "create")).await;
        let spec = json!({
            "source": {"index": format!("{namespace}-audit-*")},
            "sink": {"index": format!("{namespace}-alerts")},
            "fetchDelaySeconds": 1,
        });
        site.apply(&job("prod", spec)).await;
        // The job follows what comes after it was made, and nothing before.
        let fed = Arc::new(AtomicU64::new(0));
        let feeder = tokio::spawn(feed(search.clone(), namespace, Arc::clone(&fed)));
        Self {
            namespace,
            site,
            search,
            fed,
            feeder: AbortOnDropHandle::new(feeder),
        }
    }

    /// A replica; it is up, and may lead or stand by.
    async fn replica(&self, pod: &str) -> Operator {
        let more = [
            "--watch-namespaces",
            self.namespace,
            "--leader-elect",
            "--lease-name=k8scop",
            "--lease-namespace",
            self.namespace,
            "--pod-name",
            pod,
        ];
        Operator::start(self.site.kubeconfig(), self.search.url(), &more).await
    }

    /// A leader and a standby.
    async fn two(&self) -> (Operator, Operator) {
        let first = self.replica("a").await;
        leads(&first, Duration::from_secs(10)).await;
        let second = self.replica("b").await;
        let (status, words) = second.get("/readyz").await.expect("it answers");
        assert_eq!(status, 200);
        assert!(words.starts_with("ok, standby: "), "{words}");
        self.alerts_go_on().await;
        (first, second)
    }

    /// Waits until something that is fed now is alerted.
    async fn alerts_go_on(&self) -> Duration {
        let prefix = format!("{}-alerts", self.namespace);
        let (now, begun) = (self.fed.load(Ordering::SeqCst), Instant::now());
        eventually(
            "new events are alerted",
            Duration::from_secs(40),
            || async { (self.search.count(&prefix).await > now).then_some(()) },
        )
        .await;
        begun.elapsed()
    }

    /// Ends the flow; then every event must be alerted, once.
    async fn nothing_is_lost_and_nothing_doubled(self) {
        drop(self.feeder);
        let fed = self.fed.load(Ordering::SeqCst);
        let prefix = format!("{}-alerts", self.namespace);
        // An index request that was cut off may have been carried out.
        let all = fed..=fed + 1;
        // On a busy machine some become searchable late, and are found by a sweep.
        let limit = Duration::from_secs(90);
        let found = eventually(&format!("all {fed} are alerted"), limit, || async {
            let found = self.search.count(&prefix).await;
            (found >= fed).then_some(found)
        })
        .await;
        assert!(all.contains(&found), "{found} alerts of {fed} events");
        assert_eq!(self.search.doubled(&prefix).await, Default::default());
    }
}

/// Five events a second, each with a request of its own.
async fn feed(search: Search, namespace: &str, fed: Arc<AtomicU64>) {
    let mut tick = interval(Duration::from_millis(200));
    for number in 0_u64.. {
        tick.tick().await;
        let now = Timestamp::now();
        let event = event(number, "create", "pods", &format!("pod-{number}"), now);
        let day = now.strftime("%Y.%m.%d");
        search
            .index(&format!("{namespace}-audit-{day}"), &[(None, event)])
            .await;
        fed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until a replica leads; how long that took.
async fn leads(replica: &Operator, limit: Duration) -> Duration {
    is(replica, "k8scop_leader{} 1", limit).await
}

async fn is(replica: &Operator, line: &str, limit: Duration) -> Duration {
    let begun = Instant::now();
    eventually(line, limit, || async {
        let (_, metrics) = replica.get("/metrics").await?;
        metrics.lines().any(|it| it == line).then_some(())
    })
    .await;
    begun.elapsed()
}

async fn watermark(site: &Site) -> Timestamp {
    let limit = Duration::from_secs(30);
    eventually("there is a checkpoint", limit, || async {
        let job = site.get("analysisjob", "prod").await;
        let watermark = job["status"]["checkpoint"]["watermark"].as_str()?;
        watermark.parse().ok()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_is_followed_and_nothing_is_lost() {
    let scene = Scene::new("rep-kill").await;
    let (leader, standby) = scene.two().await;
    leader.kill().await;
    let took = leads(&standby, Duration::from_secs(20)).await;
    println!("leads {took:?} after kill -9");
    scene.alerts_go_on().await;
    scene.nothing_is_lost_and_nothing_doubled().await;
    assert_eq!(standby.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_over_at_once() {
    let scene = Scene::new("rep-stop").await;
    let (leader, standby) = scene.two().await;
    let (code, took) = tokio::join!(leader.stop(), leads(&standby, Duration::from_secs(5)));
    assert_eq!(code, 0);
    println!("leads {took:?} after SIGTERM");
    scene.alerts_go_on().await;
    scene.nothing_is_lost_and_nothing_doubled().await;
    assert_eq!(standby.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_slept_gives_way_when_it_wakes() {
    let scene = Scene::new("rep-zombie").await;
    let (leader, standby) = scene.two().await;
    leader.signal("STOP").await;
    leads(&standby, Duration::from_secs(20)).await;
    scene.alerts_go_on().await;
    let before = watermark(&scene.site).await;
    leader.signal("CONT").await;
    let took = is(&leader, "k8scop_leader{} 0", Duration::from_secs(2)).await;
    println!("gives way {took:?} after SIGCONT");
    scene.alerts_go_on().await;
    assert!(watermark(&scene.site).await >= before);
    is(&standby, "k8scop_leader{} 1", Duration::from_secs(1)).await;
    scene.nothing_is_lost_and_nothing_doubled().await;
    assert_eq!(leader.stop().await, 0);
    assert_eq!(standby.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_apiserver_is_away_alerts_go_on() {
    let mut cluster = ControlPlane::start().await.expect("the apiserver starts");
    let site = Site::within(&cluster, "rep-away").await;
    let scene = Scene::at(site, "rep-away").await;
    let leader = scene.replica("a").await;
    leads(&leader, Duration::from_secs(10)).await;
    scene.alerts_go_on().await;
    cluster.kill_apiserver().await.expect("it is killed");
    let limit = Duration::from_secs(30);
    eventually("it says that it is detached", limit, || async {
        let (status, words) = leader.get("/readyz").await?;
        (status == 503 && words.contains("detached: LeaseUnavailable")).then_some(())
    })
    .await;
    is(&leader, "k8scop_detached{} 1", Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let took = scene.alerts_go_on().await;
    println!("alerted {took:?} after the event, detached");
    cluster.start_apiserver().await.expect("it starts again");
    is(&leader, "k8scop_detached{} 0", Duration::from_secs(90)).await;
    let before = watermark(&scene.site).await;
    let limit = Duration::from_secs(90);
    eventually("the checkpoint is stored again", limit, || async {
        (watermark(&scene.site).await > before).then_some(())
    })
    .await;
    scene.nothing_is_lost_and_nothing_doubled().await;
    assert_eq!(leader.stop().await, 0);
    let stored: Value = scene_end(&cluster).await;
    assert_eq!(stored["spec"]["holderIdentity"], "");
}

/// The lease after its leader has stopped.
async fn scene_end(cluster: &ControlPlane) -> Value {
    let kubectl = crate::support::cluster::Kubectl::new(cluster.kubeconfig()).await;
    let lease = kubectl.get("rep-away", "lease", "k8scop").await;
    lease.expect("the lease is there")
}
