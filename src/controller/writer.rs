//! The one writer of statuses and Kubernetes Events. Every write names the version of the object
//! that it was decided on, and is refused where there is a newer one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    entry::Facts,
    notice::{self, Notice},
    schedule::{Schedule, Stored, Target, Wanted, Write},
    watch::Kind,
};
use crate::{api::API_VERSION, pipeline::crash};

/// Owner of the fields of a status.
const FIELD_MANAGER: &str = "k8scop";
/// Who reports Kubernetes Events.
const REPORTER: &str = "k8scop.io/operator";
/// Writes on their way at once.
const PARALLEL: usize = 8;
/// Time for one write.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the writes at the end of the process.
const FLUSH: Duration = Duration::from_secs(3);
/// Attempts to write a status without the fields that the definition does not know.
const MOST_UNKNOWN: usize = 32;
/// Failures after which a checkpoint counts as not stored.
const PATIENCE: u32 = 3;

/// How the writing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// Something waits for a newer version of its object, and for the decision on it.
    pub contested: bool,
    /// Jobs whose checkpoint the API server drops, because it does not know the field.
    pub pruned: BTreeSet<Target>,
    /// Why the checkpoints of jobs are not stored.
    pub refused: Option<String>,
}

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
    writing: watch::Sender<Writing>,
}

/// What it takes to write.
#[derive(Clone)]
struct Desk {
    client: Client,
    recorder: Recorder,
}

/// What became of a write.
enum Outcome {
    Stored(Stored),
    /// The object has a newer version, or is gone: the watch will tell.
    Contested,
}

impl Writer {
    /// A writer that reports as `instance`, the name of the pod, and tells how it goes.
    pub fn new(client: Client, instance: Option<String>, writing: watch::Sender<Writing>) -> Self {
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
            writing,
        }
    }

    /// Writes what is wanted until `closing`; then writes the rest once, and ends. Until the end
    /// it must be told of newer versions.
    pub async fn run(
        mut self,
        mut wanted: watch::Receiver<Arc<[Wanted]>>,
        closing: CancellationToken,
    ) {
        let work = async {
            let mut under_way = FuturesUnordered::new();
            while !self.schedule.is_settled() {
                while under_way.len() < PARALLEL
                    && let Some(write) = self.schedule.take_due(Instant::now())
                {
                    let desk = self.desk.clone();
                    under_way.push(async move { (desk.carry_out(&write).await, write) });
                }
                let next = self.schedule.next_due(Instant::now());
                let is_closing = self.schedule.is_closing();
                tokio::select! {
                    Ok(()) = wanted.changed() => self.schedule.want(&wanted.borrow_and_update()),
                    Some((outcome, write)) = under_way.next() => self.settle(outcome, write),
                    () = closing.cancelled(), if !is_closing => {
                        self.schedule.want(&wanted.borrow_and_update());
                        self.schedule.close();
                    }
                    () = sleep_until(next.unwrap_or_else(Instant::now)),
                        if next.is_some() && under_way.len() < PARALLEL => {}
                }
                self.tell();
            }
        };
        let too_late = async {
            closing.cancelled().await;
            sleep(FLUSH).await;
        };
        tokio::select! {
            () = work => {}
            () = too_late => tracing::warn!("not every status was written before the end"),
        }
    }

    fn settle(&mut self, outcome: Result<Outcome, WriteError>, write: Write) {
        let now = Instant::now();
        let Target {
            kind,
            namespace,
            name,
            ..
        } = &write.target;
        match outcome {
            Ok(Outcome::Stored(stored)) => {
                let (target, pruned) = (write.target.clone(), is_pruned(&write, &stored));
                if pruned {
                    tracing::warn!(%namespace, %name, "the API server drops the checkpoint; apply the custom resource definitions of this version");
                }
                self.writing.send_if_modified(|writing| {
                    let before = writing.clone();
                    if target.kind == Kind::Job {
                        writing.refused = None;
                    }
                    match pruned {
                        true => writing.pruned.insert(target),
                        false => writing.pruned.remove(&target),
                    };
                    *writing != before
                });
                self.schedule.succeeded(write, stored, now);
            }
            Ok(Outcome::Contested) => {
                tracing::debug!(%namespace, %name, "status decided on an old version; waits for the newer one");
                self.schedule.contested(&write);
            }
            Err(error) => {
                tracing::warn!(%namespace, %name, %error, "status not written, will be repeated");
                let failures = self.schedule.failed(&write.target, share(), now);
                if *kind == Kind::Job && (error.is_forbidden() || failures >= PATIENCE) {
                    self.refused(error.told());
                }
            }
        }
    }

    fn refused(&self, why: String) {
        self.writing.send_if_modified(|writing| {
            let news = writing.refused.as_ref() != Some(&why);
            writing.refused = Some(why);
            news
        });
    }

    fn tell(&self) {
        let contested = self.schedule.is_contested();
        self.writing.send_if_modified(|writing| {
            std::mem::replace(&mut writing.contested, contested) != contested
        });
    }
}

/// Whether the server has not stored all of the checkpoint that it was given.
fn is_pruned(write: &Write, stored: &Stored) -> bool {
    let fields = |status: &Value| status["checkpoint"].as_object().cloned();
    let held = fields(&stored.status).unwrap_or_default();
    let given = fields(&write.status).unwrap_or_default();
    given
        .iter()
        .any(|(field, value)| held.get(field) != Some(value))
}

/// The fields of a status that a refusal names as not declared in the schema.
fn unknown_fields(refusal: &str) -> Vec<String> {
    let paths = refusal
        .match_indices(".status.")
        .filter_map(|(at, prefix)| {
            let (path, rest) = refusal[at + prefix.len()..].split_once(':')?;
            let is_unknown = rest
                .trim_start()
                .starts_with("field not declared in schema");
            is_unknown.then(|| path.to_owned())
        });
    paths.collect()
}

/// Removes what lies at a path of names with dots between them.
fn remove(status: &mut Value, path: &str) {
    match path.split_once('.') {
        None => drop(status.as_object_mut().and_then(|all| all.remove(path))),
        Some((first, rest)) => {
            if let Some(inner) = status.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

impl WriteError {
    fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(kube::Error::Api(status)) if status.is_forbidden())
    }

    fn told(&self) -> String {
        match self {
            Self::Refused(kube::Error::Api(status)) if status.is_forbidden() => {
                format!("CheckpointForbidden: {}", status.message)
            }
            _ => format!("CheckpointNotStored: {self}"),
        }
    }
}

impl Desk {
    /// Writes one status, and tells the change.
    async fn carry_out(&self, write: &Write) -> Result<Outcome, WriteError> {
        let is_commit = write.status["checkpoint"].is_object();
        if is_commit {
            crash::point("commit.before");
        }
        let stored = match self.patch(write).await {
            Ok(stored) => stored,
            Err(WriteError::Refused(kube::Error::Api(status)))
                if status.is_conflict() || status.is_not_found() =>
            {
                return Ok(Outcome::Contested);
            }
            Err(error) => return Err(error),
        };
        if is_commit {
            crash::point("commit.after_before_next");
        }
        let change = notice::between(write.target.kind, &write.before, &write.status);
        for notice in change.into_iter().chain(write.notice.clone()) {
            self.publish(&write.target, notice).await;
        }
        Ok(Outcome::Stored(stored))
    }

    /// An object of the same name but another uid is left alone. What the definition does not know
    /// is left out: older fields must not wait for newer ones.
    async fn patch(&self, write: &Write) -> Result<Stored, WriteError> {
        let mut known = write.status.clone();
        // A server may name one unknown field at a time.
        for _ in 0..MOST_UNKNOWN {
            let answer = self.apply(write, &known).await;
            let unknown = match &answer {
                Err(WriteError::Refused(kube::Error::Api(status))) => {
                    unknown_fields(&status.message)
                }
                _ => Vec::new(),
            };
            if unknown.is_empty() {
                return answer;
            }
            unknown.iter().for_each(|path| remove(&mut known, path));
        }
        self.apply(write, &known).await
    }

    async fn apply(&self, write: &Write, status: &Value) -> Result<Stored, WriteError> {
        let Target {
            kind,
            namespace,
            name,
            uid,
        } = &write.target;
        let resource = kind.resource();
        let client = self.client.clone();
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let version = write.version.to_string();
        let applied = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": name, "namespace": namespace, "uid": uid, "resourceVersion": version,
            },
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&applied);
        let answer = timeout(TIMEOUT, api.patch_status(name, &params, &patch));
        let facts = Facts::of(&answer.await.map_err(|_| WriteError::Timeout)??);
        Ok(Stored {
            version: facts.resource_version,
            status: facts.status,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_an_older_definition_does_not_know_are_left_out() {
        let refusal = "failed to create typed patch object (a/b; k8scop.io/v1alpha1, \
            Kind=AnalysisJob): errors:\n  .status.alertsLate: field not declared in schema\n  \
            .status.checkpoint.epoch: field not declared in schema";
        let unknown = unknown_fields(refusal);
        assert_eq!(unknown, ["alertsLate", "checkpoint.epoch"]);
        let mut status = json!({"alertsLate": 1, "checkpoint": {"epoch": 1, "watermark": "w"}});
        unknown.iter().for_each(|path| remove(&mut status, path));
        assert_eq!(status, json!({"checkpoint": {"watermark": "w"}}));
        let other = ".status.conditions: Invalid value: \"x\": must be one of";
        assert_eq!(unknown_fields(other), [] as [String; 0]);
    }
}
