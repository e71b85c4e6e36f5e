//! The one writer of statuses and Kubernetes Events.

use std::{sync::Arc, time::Duration};

use futures::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    entry::Facts,
    notice::{self, Notice},
    schedule::{Schedule, Target, Wanted, Write},
};
use crate::api::API_VERSION;

/// Owner of the fields of a status.
const FIELD_MANAGER: &str = "k8scop";
/// Who reports Kubernetes Events.
const REPORTER: &str = "k8scop.io/operator";
/// Writes on their way at once.
const PARALLEL: usize = 8;
/// Time for one write.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the writes at the end of the process.
const FLUSH: Duration = Duration::from_secs(5);

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error(transparent)]
    Refused(#[from] kube::Error),
}

/// Writes statuses, and Kubernetes Events about what changed with them.
pub struct Writer {
    desk: Desk,
    schedule: Schedule,
}

/// What it takes to write.
#[derive(Clone)]
struct Desk {
    client: Client,
    recorder: Recorder,
}

impl Writer {
    /// A writer that reports as `instance`, the name of the pod.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter {
            controller: REPORTER.to_owned(),
            instance,
        };
        Self {
            desk: Desk {
                recorder: Recorder::new(client.clone(), reporter),
                client,
            },
            schedule: Schedule::default(),
        }
    }

    /// Writes what is wanted until nobody can want any more; then writes the rest once, and ends.
    pub async fn run(mut self, mut wanted: watch::Receiver<Arc<[Wanted]>>) {
        let mut writing = FuturesUnordered::new();
        loop {
            while writing.len() < PARALLEL
                && let Some(write) = self.schedule.take_due(Instant::now())
            {
                let desk = self.desk.clone();
                writing.push(async move { (desk.carry_out(&write).await, write) });
            }
            let next = self.schedule.next_due(Instant::now());
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => self.schedule.want(&wanted.borrow_and_update()),
                    Err(_) => break,
                },
                Some((outcome, write)) = writing.next() => self.settle(outcome, write),
                () = sleep_until(next.unwrap_or_else(Instant::now)),
                    if next.is_some() && writing.len() < PARALLEL => {}
            }
        }
        self.flush(writing).await;
    }

    fn settle(&mut self, outcome: Result<u64, WriteError>, write: Write) {
        let now = Instant::now();
        match outcome {
            Ok(version) => self.schedule.succeeded(write, version, now),
            Err(error) => {
                let Target {
                    namespace, name, ..
                } = &write.target;
                tracing::warn!(%namespace, %name, %error, "status not written, will be repeated");
                self.schedule.failed(&write.target, share(), now);
            }
        }
    }

    /// Ends what is under way, then writes once what is left.
    async fn flush(
        &mut self,
        mut writing: FuturesUnordered<impl Future<Output = (Result<u64, WriteError>, Write)>>,
    ) {
        let desk = self.desk.clone();
        let rest = async {
            while let Some((outcome, write)) = writing.next().await {
                self.settle(outcome, write);
            }
            let rest = stream::iter(self.schedule.rest());
            let mut writing = rest
                .map(async |write| (desk.carry_out(&write).await, write))
                .buffer_unordered(PARALLEL);
            while let Some((outcome, write)) = writing.next().await {
                self.settle(outcome, write);
            }
        };
        if timeout(FLUSH, rest).await.is_err() {
            tracing::warn!("not every status was written before the end");
        }
    }
}

impl Desk {
    /// Writes one status, tells the change, and gives the version that the object then has.
    async fn carry_out(&self, write: &Write) -> Result<u64, WriteError> {
        let version = self.patch(write).await?;
        if let Some(notice) = notice::between(write.target.kind, &write.before, &write.status) {
            self.publish(&write.target, notice).await;
        }
        Ok(version)
    }

    /// An object of the same name but another uid is left alone.
    async fn patch(&self, write: &Write) -> Result<u64, WriteError> {
        let Target {
            kind,
            namespace,
            name,
            uid,
        } = &write.target;
        let resource = kind.resource();
        let client = self.client.clone();
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let applied = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": namespace, "uid": uid},
            "status": write.status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&applied);
        let stored = timeout(TIMEOUT, api.patch_status(name, &params, &patch))
            .await
            .map_err(|_| WriteError::Timeout)??;
        Ok(Facts::of(&stored).resource_version)
    }

    async fn publish(&self, target: &Target, notice: Notice) {
        let Notice {
            warning,
            action,
            reason,
            note,
        } = notice;
        let type_ = match warning {
            true => EventType::Warning,
            false => EventType::Normal,
        };
        let event = Event {
            type_,
            reason,
            note: Some(note),
            action: action.to_owned(),
            secondary: None,
        };
        let reference = reference(target);
        match timeout(TIMEOUT, self.recorder.publish(&event, &reference)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "event not published"),
            Err(_) => tracing::warn!("event not published: no answer"),
        }
    }
}

fn reference(target: &Target) -> ObjectReference {
    ObjectReference {
        api_version: Some(API_VERSION.to_owned()),
        kind: Some(target.kind.resource().kind),
        namespace: Some(target.namespace.clone()),
        name: Some(target.name.clone()),
        uid: Some(target.uid.clone()),
        ..ObjectReference::default()
    }
}

/// A share between 0 and 1 that differs from call to call, to spread repeated writes.
fn share() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let drawn = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(drawn >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}
