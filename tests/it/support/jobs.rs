//! The jobs of a namespace, followed from change to change.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::TryStreamExt;
use jiff::Timestamp;
use kube::{
    Api, Client, Config,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::cluster::condition;

/// What was seen of all jobs that a namespace ever had, while this exists.
pub struct Jobs {
    seen: watch::Receiver<Seen>,
    _following: AbortOnDropHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// The jobs as they were seen last, by name.
    now: BTreeMap<String, Value>,
    /// Each watermark that was stored, by the uid of the job.
    watermarks: BTreeMap<String, Vec<Timestamp>>,
}

impl Jobs {
    /// Follows with the rights of a kubeconfig.
    pub async fn follow(kubeconfig: &Path, namespace: &str) -> Jobs {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .expect("the kubeconfig is right");
        let client = Client::try_from(config).expect("a client");
        let kind = GroupVersionKind::gvk("k8scop.io", "v1alpha1", "AnalysisJob");
        let resource = ApiResource::from_gvk_with_plural(&kind, "analysisjobs");
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let (sender, seen) = watch::channel(Seen::default());
        let following = tokio::spawn(async move {
            let changes = watcher(api, watcher::Config::default())
                .default_backoff()
                .applied_objects();
            let noted = changes.try_for_each(async |job| {
                let job = serde_json::to_value(job).expect("it is an object");
                sender.send_modify(|seen| seen.note(job));
                Ok(())
            });
            // It only ends with the test.
            let _ = noted.await;
        });
        Jobs {
            seen,
            _following: AbortOnDropHandle::new(following),
        }
    }

    /// Waits until all of so many jobs are as they should be.
    pub async fn until(
        &mut self,
        count: usize,
        what: &str,
        limit: Duration,
        right: impl Fn(&Value) -> bool,
    ) {
        let all = |seen: &Seen| seen.now.values().filter(|job| right(job)).count() >= count;
        if tokio::time::timeout(limit, self.seen.wait_for(all))
            .await
            .is_err()
        {
            let jobs = &self.seen.borrow().now;
            let told: Vec<_> = jobs.values().map(|job| &job["status"]).collect();
            panic!("within {limit:?} not all of {count} jobs: {what}: {told:?}");
        }
    }

    /// The jobs as they were seen last, by name.
    pub fn now(&self) -> BTreeMap<String, Value> {
        self.seen.borrow().now.clone()
    }

    /// Watermarks that went back; there must be none.
    pub fn went_back(&self) -> Vec<String> {
        let seen = self.seen.borrow();
        let pairs = seen.watermarks.values().flat_map(|all| all.windows(2));
        pairs
            .filter(|pair| pair[1] < pair[0])
            .map(|pair| format!("{} after {}", pair[1], pair[0]))
            .collect()
    }
}

impl Seen {
    fn note(&mut self, job: Value) {
        let text = |key: &str| job["metadata"][key].as_str().unwrap_or_default().to_owned();
        if let Some(watermark) = watermark(&job) {
            self.watermarks
                .entry(text("uid"))
                .or_default()
                .push(watermark);
        }
        self.now.insert(text("name"), job);
    }
}

/// The watermark in the status of a job.
pub fn watermark(job: &Value) -> Option<Timestamp> {
    let watermark = job["status"]["checkpoint"]["watermark"].as_str()?;
    Some(watermark.parse().expect("the watermark is a time"))
}

/// Whether a static job says that it is done.
pub fn is_complete(job: &Value) -> bool {
    condition(job, "Complete").is_some_and(|(status, ..)| status == "True")
}
