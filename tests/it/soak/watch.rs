//! What is watched all the time: the watermarks of streaming jobs, and the operator's memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use jiff::Timestamp;
use k8scop::api::job::{AnalysisJob, Mode};
use kube::{
    Api, Client, Config, ResourceExt,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{WatchStreamExt, watcher},
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::NAMESPACE;
use crate::support::operator::resident;

/// The watermarks seen so far.
#[derive(Clone, Default)]
pub struct Watermarks {
    /// How often one moved.
    pub moved: u64,
    /// Where one went back, in words.
    pub went_back: Vec<String>,
    last: HashMap<String, Timestamp>,
}

impl Watermarks {
    fn see(&mut self, job: &AnalysisJob) {
        let status = job.status.as_ref();
        let checkpoint = status.and_then(|status| status.checkpoint.as_ref());
        let (Some(checkpoint), Some(uid)) = (checkpoint, job.uid()) else {
            return;
        };
        // A static range may begin anew when a rule is edited.
        if job.spec.mode != Mode::Streaming {
            return;
        }
        let now = checkpoint.watermark;
        match self.last.insert(uid.clone(), now) {
            Some(before) if now < before => {
                self.went_back.push(format!("{uid}: {before} to {now}"));
            }
            Some(before) if now == before => {}
            _ => self.moved += 1,
        }
    }
}

/// Follows the jobs through outages of the API server; stops when dropped.
pub struct Watch {
    task: JoinHandle<()>,
    seen: Arc<Mutex<Watermarks>>,
}

impl Watch {
    pub async fn start(kubeconfig: &std::path::Path) -> Watch {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is right");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = Client::try_from(config.expect("it has a context")).expect("a client");
        let jobs: Api<AnalysisJob> = Api::namespaced(client, NAMESPACE);
        let seen = Arc::<Mutex<Watermarks>>::default();
        let book = seen.clone();
        let task = tokio::spawn(async move {
            let changes = watcher(jobs, watcher::Config::default())
                .default_backoff()
                .applied_objects();
            let each = changes.for_each(|change| {
                // An error tells of an outage; the watcher goes on by itself.
                if let Ok(job) = change {
                    book.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .see(&job);
                }
                std::future::ready(())
            });
            each.await;
        });
        Watch { task, seen }
    }

    pub fn watermarks(&self) -> Watermarks {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One look at the operator's memory.
#[derive(Clone, Copy)]
pub struct Sample {
    pub seconds: f64,
    pub process: u32,
    pub mebibytes: f64,
}

/// Looks at the memory of the process again and again until it is told to stop.
pub async fn memory(process: Arc<AtomicU32>, stop: &CancellationToken) -> Vec<Sample> {
    let begun = Instant::now();
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    while !stop.is_cancelled() {
        ticks.tick().await;
        let process = process.load(Ordering::Relaxed);
        if let Some(mebibytes) = resident(process) {
            let seconds = begun.elapsed().as_secs_f64();
            samples.push(Sample {
                seconds,
                process,
                mebibytes,
            });
        }
    }
    samples
}
