//! A namespace with jobs that the operator works on, their source and their sink: what the tests of
//! crashes and faults run.

use std::{collections::BTreeSet, time::Duration};

use k8scop_testbed::{Flavor, faults::Proxy, shared_search_server};

use super::{
    cluster::Kubectl,
    eventually,
    installation::{Installation, installation},
    jobs::{Jobs, is_complete, watermark},
    operator::Operator,
    search::{Search, ids},
    workload::{JOBS, Source, expected},
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
        let manifests = self
            .source()
            .manifests(namespace, &sink, self.streaming, words);
        self.admin().apply(&manifests).await;
    }

    pub async fn delete_jobs(&self) {
        let delete = ["delete", "analysisjobs", "--all", "-n", &self.namespace];
        self.admin().ok(&delete).await;
    }

    /// An operator for this namespace only, that is to die as `fault` says.
    pub async fn operator(&self, server: &str, fault: &str) -> Operator {
        let elect = format!("--leader-elect={}", self.elect);
        let scope = ["--watch-namespaces", &self.namespace, "--safety-lag", "1"];
        let lease = ["--lease-namespace", &self.namespace, &elect];
        let flags = [&scope[..], &lease].concat();
        let environment = [("FAILPOINTS", fault)];
        let kubeconfig = &self.world.operator_kubeconfig;
        Operator::spawn_with(kubeconfig, server, &flags, &environment).await
    }

    /// A proxy in front of the search server.
    pub async fn proxy(&self) -> Proxy {
        let proxy = Proxy::before_search(self.search.url()).await;
        proxy.expect("the proxy starts")
    }

    pub async fn add_late_documents(&mut self) {
        match &mut self.source {
            Origin::Own(source) => source.add_late(&self.search).await,
            Origin::Shared(_) => unreachable!("the events are not shared"),
        }
    }

    pub async fn delete_every_second_alert(&self) {
        for alert in self.search.alerts(&self.sink()).await.iter().step_by(2) {
            self.search.delete(alert).await;
        }
    }

    /// Waits until static jobs are complete, and until streaming jobs are beyond all events.
    pub async fn all_done(&mut self, operator: &Operator) {
        if !self.streaming {
            let complete = self
                .jobs
                .until(JOBS.len(), "is complete", SOON, is_complete);
            return complete.await;
        }
        let end = self.source().end.as_second();
        let beyond = async || {
            let watermarks = operator
                .gauge("k8scop_checkpoint_timestamp_seconds")
                .await?;
            let beyond = watermarks.iter().filter(|seconds| **seconds >= end as f64);
            (beyond.count() == JOBS.len()).then_some(())
        };
        eventually("the jobs are beyond all events", SOON, beyond).await;
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
