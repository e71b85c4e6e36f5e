//! The loop: watches and progress in, plans and statuses out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;
use kube::{Client, api::DynamicObject, runtime::watcher};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    desired::{Desired, desired},
    entry::Facts,
    health::{Health, RuleCounts},
    index::Index,
    schedule::{Target, Wanted},
    watch::{Kind, Watch, events},
    writer::Writer,
};
use crate::pipeline::{
    plan::{Plan, PlanId},
    progress::Progress,
};

/// Changes that come this close together are decided on together.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// What the controller is joined to.
pub struct Controller {
    /// Client of the cluster.
    pub client: Client,
    /// The namespaces to watch; none means all.
    pub namespaces: Vec<String>,
    /// The name of the pod, which reports Kubernetes Events.
    pub instance: Option<String>,
    /// Takes the plans: the supervisor's.
    pub plans: watch::Sender<Arc<[Plan]>>,
    /// Tells how far they have come: the supervisor's.
    pub progress: watch::Receiver<Arc<BTreeMap<PlanId, Progress>>>,
    /// Takes how the watches do: the probes'.
    pub health: watch::Sender<Health>,
}

impl Controller {
    /// Runs until told to stop. To lose nothing, the supervisor is drained first: the last progress
    /// is then written before this ends.
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            client,
            namespaces,
            instance,
            plans,
            mut progress,
            health,
        } = self;
        let watches = Watch::over(&namespaces);
        health.send_replace(Health::new(watches.iter().cloned()));
        let mut watched = events(&client, &watches);
        let mut state = State {
            index: Index::new(watches.iter().cloned()),
            plans,
            health,
        };
        let (wanting, wanted) = watch::channel(Arc::from([]));
        let writer = tokio::spawn(Writer::new(client, instance).run(wanted));
        let mut reporting = true;
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some((watch, event)) = watched.next() => state.take(&watch, event),
                changed = progress.changed(), if reporting => reporting = changed.is_ok(),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    state.decide(&progress.borrow_and_update().clone(), &wanting);
                    continue;
                }
            }
            due = due.or_else(|| Some(Instant::now() + DEBOUNCE));
        }
        state.decide(&progress.borrow().clone(), &wanting);
        drop(wanting);
        if let Err(error) = writer.await {
            tracing::error!(%error, "the writer of statuses broke");
        }
    }
}

struct State {
    index: Index,
    plans: watch::Sender<Arc<[Plan]>>,
    health: watch::Sender<Health>,
}

impl State {
    fn take(
        &mut self,
        watch: &Watch,
        event: Result<watcher::Event<DynamicObject>, watcher::Error>,
    ) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let error = told(&error);
                tracing::warn!(%watch, %error, "watch failed, will be repeated");
                let failed = |health: &mut Health| health.failed(watch, error, Instant::now());
                return self.health.send_modify(failed);
            }
        };
        match event {
            // A list is only about to be made.
            watcher::Event::Init => {}
            watcher::Event::InitDone => self.health.send_modify(|health| health.listed(watch)),
            _ => self.health.send_modify(|health| health.moved(watch)),
        }
        self.index.apply(watch, event);
    }

    /// Decides what should be, and hands it over.
    fn decide(
        &mut self,
        progress: &BTreeMap<PlanId, Progress>,
        wanting: &watch::Sender<Arc<[Wanted]>>,
    ) {
        if !self.index.is_listed() {
            return;
        }
        self.index.count(progress);
        let rules = RuleCounts::of(self.index.rules().values());
        self.health.send_modify(|health| health.counted(rules));
        let desired = desired(&self.index, progress, Timestamp::now());
        self.index.remember(&desired);
        wanting.send_replace(wanted(&self.index, &desired));
        self.plans.send_if_modified(|held| {
            let changed = !alike(held, &desired.plans);
            if changed {
                *held = desired.plans.into();
            }
            changed
        });
    }
}

/// What a failed watch tells: the server's own words where it answered.
fn told(error: &watcher::Error) -> String {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// Whether plans are the same but for where they would go on after a stop.
fn alike(held: &[Plan], new: &[Plan]) -> bool {
    let fresh = |plan: &Plan| Plan {
        resume: None,
        ..plan.clone()
    };
    held.iter().map(fresh).eq(new.iter().map(fresh))
}

fn wanted(index: &Index, desired: &Desired) -> Arc<[Wanted]> {
    let rules = desired.rule_statuses.iter().filter_map(|(key, status)| {
        let facts = &index.rules().get(key)?.facts;
        Some(want(Kind::Rule, facts, serde_json::to_value(status)))
    });
    let jobs = desired.job_statuses.iter().filter_map(|(key, status)| {
        let facts = &index.jobs().get(key)?.facts;
        Some(want(Kind::Job, facts, serde_json::to_value(status)))
    });
    rules.chain(jobs).collect()
}

fn want(kind: Kind, facts: &Facts, status: Result<Value, serde_json::Error>) -> Wanted {
    Wanted {
        target: Target {
            kind,
            namespace: facts.namespace.clone(),
            name: facts.name.clone(),
            uid: facts.uid.clone(),
        },
        stored: facts.status.clone(),
        version: facts.resource_version,
        status: status.expect("a status is plain data"),
    }
}
