//! One run: work, death, going on, verdict.

use std::{collections::BTreeSet, fmt, time::Duration};

use k8scop_testbed::{Flavor, faults::Proxy, shared_search_server};

use super::{
    provocation::Provocation,
    workload::{JOBS, Source, expected},
};
use crate::support::{
    cluster::Kubectl,
    eventually,
    installation::{Installation, installation},
    jobs::{Jobs, is_complete, watermark},
    operator::Operator,
    search::{Search, ids},
};

/// How long a part of a run may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Where and how the process dies.
#[derive(Clone, Copy)]
pub struct Case {
    pub flavor: Flavor,
    pub point: &'static str,
    pub provocation: Provocation,
    pub streaming: bool,
    /// At which passing of the point.
    pub passing: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match self.flavor {
            Flavor::OpenSearch3 => "opensearch",
            _ => "elasticsearch",
        };
        let mode = ["static", "streaming"][usize::from(self.streaming)];
        write!(f, "{} {mode} {server} passing {}", self.point, self.passing)
    }
}

/// Runs a case; gives the number of alerts.
pub async fn die_and_go_on(case: Case) -> usize {
    let mut site = Site::new(case).await;
    case.provocation.before(&mut site, case).await;

    let proxy = site.slow_proxy(case.provocation).await;
    let fault = match case.passing {
        1 => format!("{}=return", case.point),
        n => format!("{}={}*off->return", case.point, n - 1),
    };
    let operator = site.operator(proxy.url(), &fault).await;
    case.provocation.during(&mut site, &proxy, &operator).await;
    operator.aborts(&case.to_string(), SOON).await;
    site.nothing_is_missing_before_the_watermarks().await;
    site.free_the_lease().await;

    let operator = site.operator(site.search.url(), "").await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0, "{case}");
    site.verdict().await
}

/// A namespace with its jobs, their source and their sink.
pub struct Site {
    pub namespace: String,
    pub search: Search,
    world: &'static Installation,
    case: Case,
    jobs: Jobs,
    source: Origin,
}

enum Origin {
    Shared(&'static Source),
    Own(Source),
}

impl Site {
    async fn new(case: Case) -> Site {
        let world = installation().await;
        let server = shared_search_server(case.flavor).await;
        let search = Search::new(server.expect("the server starts").url());
        let namespace = case.to_string().replace([' ', '.', '_'], "-");
        let source = match case.provocation {
            Provocation::LateDocuments => Origin::Own(Source::new(&search, &namespace).await),
            _ => Origin::Shared(Source::shared(case.flavor, &search).await),
        };
        world.admin.ok(&["create", "namespace", &namespace]).await;
        if case.provocation == Provocation::LostLeases {
            may_lead(&world.admin, &namespace).await;
        }
        let site = Site {
            jobs: Jobs::follow(world.control_plane.kubeconfig(), &namespace).await,
            namespace,
            search,
            world,
            case,
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

    fn sink(&self) -> String {
        format!("alerts-of-{}", self.namespace)
    }

    /// Applies rule and jobs.
    pub async fn apply(&self, words: &str) {
        let (namespace, sink) = (&self.namespace, self.sink());
        let manifests = self
            .source()
            .manifests(namespace, &sink, self.case.streaming, words);
        self.admin().apply(&manifests).await;
    }

    pub async fn delete_jobs(&self) {
        let delete = ["delete", "analysisjobs", "--all", "-n", &self.namespace];
        self.admin().ok(&delete).await;
    }

    /// An operator for this namespace only, that is to die as `fault` says.
    pub async fn operator(&self, server: &str, fault: &str) -> Operator {
        let elect = self.case.provocation == Provocation::LostLeases;
        let elect = format!("--leader-elect={elect}");
        let scope = ["--watch-namespaces", &self.namespace, "--safety-lag", "1"];
        let lease = ["--lease-namespace", &self.namespace, &elect];
        let flags = [&scope[..], &lease].concat();
        let environment = [("FAILPOINTS", fault)];
        let kubeconfig = &self.world.operator_kubeconfig;
        Operator::spawn_with(kubeconfig, server, &flags, &environment).await
    }

    /// A proxy that makes the server as slow as a provocation needs it.
    pub async fn slow_proxy(&self, provocation: Provocation) -> Proxy {
        let proxy = Proxy::before_search(self.search.url()).await;
        let proxy = proxy.expect("the proxy starts");
        provocation.slow_down(&proxy);
        proxy
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
        if !self.case.streaming {
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
    async fn nothing_is_missing_before_the_watermarks(&self) {
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
                self.case
            );
        }
    }

    /// A lease of a process that died is held for a while.
    async fn free_the_lease(&self) {
        if self.case.provocation == Provocation::LostLeases {
            let delete = ["delete", "lease", "k8scop", "-n", &self.namespace];
            self.admin().ok(&delete).await;
        }
    }

    async fn verdict(&self) -> usize {
        let case = self.case;
        let expected = expected(&self.source().events, &self.namespace);
        let expected: BTreeSet<_> = expected.into_keys().collect();
        let found = ids(&self.search.alerts(&self.sink()).await);
        let lost = expected.difference(&found).count();
        let foreign = found.difference(&expected).count();
        let doubled = self.search.doubled(&self.sink()).await.len();
        assert_eq!(
            (lost, doubled, foreign),
            (0, 0, 0),
            "{case}: lost, doubled, foreign"
        );
        assert_eq!(self.jobs.went_back(), Vec::<String>::new(), "{case}");
        for (name, job) in self.jobs.now() {
            let watermark = watermark(&job).expect("there is a watermark at the end");
            assert!(
                watermark >= self.source().end,
                "{case}: {name} is at {watermark}"
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
