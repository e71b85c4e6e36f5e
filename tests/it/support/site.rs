//! A namespace with jobs that the operator works on, their source and their sink: what the tests of
//! crashes and faults run.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8scop_testbed::{Flavor, faults::Proxy, shared_search_server};
use serde_json::Value;

use super::{
    cluster::Kubectl,
    eventually,
    installation::{Installation, installation},
    jobs::{Jobs, is_complete, watermark},
    operator::Operator,
    search::{Search, ids},
    workload::{JOBS, Source, events, expected},
};

/// How long the work may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// What a site is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The namespace, which no other test has.
    pub name: &'a str,
    /// Jobs without an end, in place of such with one.
    pub streaming: bool,
    /// The events are read by nobody else, so that the test may add to them.
    pub own_events: bool,
    /// Operators take part in an election.
    pub elect: bool,
}

/// The namespace, and what belongs to it.
pub struct Site {
    pub namespace: String,
    pub search: Search,
    pub jobs: Jobs,
    /// What operators reach the API server with.
    pub kubeconfig: PathBuf,
    world: &'static Installation,
    streaming: bool,
    elect: bool,
    source: Origin,
}

enum Origin {
    Shared(&'static Source),
    Own(Source),
}

impl Site {
    /// A site on the shared server of a kind.
    pub async fn new(flavor: Flavor, terms: Terms<'_>) -> Site {
        let server = shared_search_server(flavor).await;
        let search = Search::new(server.expect("the server starts").url());
        let source = match terms.own_events {
            true => Origin::Own(Source::new(&search, terms.name).await),
            false => Origin::Shared(Source::shared(flavor, &search).await),
        };
        Site::with(search, source, terms).await
    }

    /// A site on a server of the test's own.
    pub async fn on(search: Search, terms: Terms<'_>) -> Site {
        let source = Origin::Own(Source::new(&search, terms.name).await);
        Site::with(search, source, terms).await
    }

    async fn with(search: Search, source: Origin, terms: Terms<'_>) -> Site {
        let world = installation().await;
        let namespace = terms.name.to_owned();
        world.admin.ok(&["create", "namespace", &namespace]).await;
        if terms.elect {
            may_lead(&world.admin, &namespace).await;
        }
        let site = Site {
            jobs: Jobs::follow(world.control_plane.kubeconfig(), &namespace).await,
            kubeconfig: world.operator_kubeconfig.clone(),
            namespace,
            search,
            world,
            streaming: terms.streaming,
            elect: terms.elect,
            source,
        };
        site.apply("").await;
        site
    }

    pub fn admin(&self) -> &Kubectl {
        &self.world.admin
    }

    pub fn source(&self) -> &Source {
        match &self.source {
            Origin::Shared(source) => source,
            Origin::Own(source) => source,
        }
    }

    pub fn sink(&self) -> String {
        format!("alerts-of-{}", self.namespace)
    }

    /// Applies rule and jobs.
    pub async fn apply(&self, words: &str) {
        let (namespace, sink) = (&self.namespace, self.sink());
        let source = self.source();
        let manifests = source.manifests(namespace, &sink, self.streaming, words);
        self.admin().apply(&manifests.to_string()).await;
    }

    pub async fn delete_jobs(&self) {
        let delete = ["delete", "analysisjobs", "--all", "-n", &self.namespace];
        self.admin().ok(&delete).await;
    }

    /// An operator for this namespace only, that is to die as `fault` says.
    pub async fn operator(&self, server: &str, fault: &str) -> Operator {
        self.spawn(server, &[], &[("FAILPOINTS", fault)]).await
    }

    /// An operator for this namespace only, with further flags.
    pub async fn operator_with(&self, server: &str, more: &[&str]) -> Operator {
        self.spawn(server, more, &[]).await
    }

    async fn spawn(&self, server: &str, more: &[&str], environment: &[(&str, &str)]) -> Operator {
        let elect = format!("--leader-elect={}", self.elect);
        let scope = ["--watch-namespaces", &self.namespace, "--safety-lag", "1"];
        let lease = ["--lease-namespace", &self.namespace, &elect];
        let flags = [&scope[..], &lease, more].concat();
        Operator::spawn_with(&self.kubeconfig, server, &flags, environment).await
    }

    /// A proxy in front of the search server.
    pub async fn proxy(&self) -> Proxy {
        let proxy = Proxy::before_search(self.search.url()).await;
        proxy.expect("the proxy starts")
    }

    pub async fn add_late_documents(&mut self) {
        let search = self.search.clone();
        self.own_source().add_late(&search).await;
    }

    /// Adds events that a job is to find, to its index of this number; gives the index's name.
    pub async fn add(&mut self, job: &str, number: &str, events: Vec<Value>) -> String {
        let search = self.search.clone();
        self.own_source().add(&search, job, number, events).await
    }

    /// Adds events of the present second; gives its end.
    pub async fn add_now(&mut self) -> Timestamp {
        let (now, second) = (Timestamp::now(), SignedDuration::from_secs(1));
        for job in JOBS {
            let events = events(&format!("now-{job}"), now, second, 20);
            self.add(job, "1", events).await;
        }
        now + second
    }

    /// Forgets that events are to be found, and gives them.
    pub fn forget_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.own_source().events)
    }

    fn own_source(&mut self) -> &mut Source {
        match &mut self.source {
            Origin::Own(source) => source,
            Origin::Shared(_) => panic!("other tests read these events too"),
        }
    }

    pub async fn delete_every_second_alert(&self) {
        for alert in self.search.alerts(&self.sink()).await.iter().step_by(2) {
            self.search.delete(alert).await;
        }
    }

    /// Waits until static jobs are complete, and until streaming jobs are beyond all events.
    pub async fn all_done(&mut self, operator: &Operator) {
        // Jobs may have been complete before.
        operator.ready().await;
        if !self.streaming {
            let complete = self
                .jobs
                .until(JOBS.len(), "is complete", SOON, is_complete);
            return complete.await;
        }
        self.beyond(operator, self.source().end).await;
    }

    /// Waits until all jobs are beyond an instant.
    pub async fn beyond(&self, operator: &Operator, instant: Timestamp) {
        let metric = "k8scop_checkpoint_timestamp_seconds";
        let beyond = async || {
            let watermarks = operator.gauge(metric).await?;
            let is_beyond = |seconds: &&f64| **seconds >= instant.as_second() as f64;
            (watermarks.iter().filter(is_beyond).count() == JOBS.len()).then_some(())
        };
        eventually("the jobs are beyond the events", SOON, beyond).await;
    }

    /// What lies before a watermark is in the sink, also at the moment of a crash.
    pub async fn nothing_is_missing_before_the_watermarks(&self) {
        let found = ids(&self.search.alerts(&self.sink()).await);
        for (name, job) in self.jobs.now() {
            let Some(watermark) = watermark(&job) else {
                continue;
            };
            let series = format!("-{name}-");
            let of_job = self.source().events.iter().filter(|event| {
                let object = event["objectRef"]["name"].as_str().unwrap_or_default();
                object.contains(&series)
            });
            let of_job: Vec<_> = of_job.cloned().collect();
            let missing = expected(&of_job, &self.namespace)
                .into_iter()
                .filter(|(id, time)| *time < watermark && !found.contains(id))
                .count();
            // What came late is not promised at once.
            let late = usize::from(matches!(self.source, Origin::Own(_))) * 4;
            assert!(
                missing <= late,
                "{}: {missing} missing before {watermark}",
                self.namespace
            );
        }
    }

    /// Waits for what became searchable late, behind the watermark: a sweep finds it.
    pub async fn swept(&self) {
        let expected = expected(&self.source().events, &self.namespace).len() as u64;
        let all = async || (self.search.count(&self.sink()).await >= expected).then_some(());
        eventually("late documents are alerted", Duration::from_secs(90), all).await;
    }

    /// Every alert is there, none twice, no other, and the watermarks went forward only; gives the
    /// number of alerts.
    pub async fn verdict(&self) -> usize {
        let name = &self.namespace;
        let expected = expected(&self.source().events, name);
        let expected: BTreeSet<_> = expected.into_keys().collect();
        let found = ids(&self.search.alerts(&self.sink()).await);
        let lost = expected.difference(&found).count();
        let foreign = found.difference(&expected).count();
        let doubled = self.search.doubled(&self.sink()).await.len();
        let bad = (lost, doubled, foreign);
        assert_eq!(bad, (0, 0, 0), "{name}: lost, doubled, foreign");
        assert_eq!(self.jobs.went_back(), Vec::<String>::new(), "{name}");
        for (job, object) in self.jobs.now() {
            let watermark = watermark(&object).expect("there is a watermark at the end");
            assert!(
                watermark >= self.source().end,
                "{name}: {job} is at {watermark}"
            );
        }
        expected.len()
    }
}

/// Lets the operator hold leases in a namespace; the chart gives it one in its own.
async fn may_lead(admin: &Kubectl, namespace: &str) {
    let role = [
        "role",
        "lease",
        "--verb=create,get,update",
        "--resource=leases",
    ];
    let binding = [
        "rolebinding",
        "lease",
        "--role=lease",
        "--serviceaccount=k8scop:k8scop",
    ];
    for object in [role, binding] {
        admin
            .ok(&[&["create"], &object[..], &["-n", namespace]].concat())
            .await;
    }
}
