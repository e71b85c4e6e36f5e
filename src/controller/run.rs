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
    checkpoint::Term,
    desired::{Desired, desired},
    election::Office,
    entry::Facts,
    health::{Health, RuleCounts},
    index::Index,
    lease::Standing,
    notice,
    schedule::{Target, Wanted},
    watch::{Kind, Watch, events},
    writer::{Writer, Writing},
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
    /// Whether it leads, and who it is then.
    pub office: Office,
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
            mut office,
            plans,
            mut progress,
            health,
        } = self;
        let watches = Watch::over(&namespaces);
        health.send_replace(Health::new(watches.iter().cloned()));
        let mut watched = events(&client, &watches);
        let (wanting, wanted) = watch::channel(Arc::from([]));
        let (telling, mut writing) = watch::channel(Writing::default());
        let closing = CancellationToken::new();
        let writer = Writer::new(client, instance, telling);
        let mut writer = tokio::spawn(writer.run(wanted, closing.clone()));
        let mut state = State {
            index: Index::new(watches.iter().cloned()),
            identity: office.identity,
            known: office.known,
            term: None,
            plans,
            health,
            wanting,
        };
        let (mut reporting, mut voting) = (true, true);
        let mut due: Option<Instant> = None;
        loop {
            let pause = tokio::select! {
                ended = &mut writer => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "the writer of statuses broke");
                    }
                    break;
                }
                () = stop.cancelled(), if !closing.is_cancelled() => {
                    state.decide(&progress.borrow().clone(), &office.standing.borrow());
                    closing.cancel();
                    continue;
                }
                Some((watch, event)) = watched.next() => {
                    state.take(&watch, event);
                    // Somebody else writes too: the fresher the decision, the likelier it is in time.
                    let hurry = writing.borrow().contested || closing.is_cancelled();
                    if hurry { Duration::ZERO } else { DEBOUNCE }
                }
                Ok(()) = writing.changed() => {
                    state.hear(&writing.borrow_and_update());
                    DEBOUNCE
                }
                changed = office.standing.changed(), if voting => {
                    voting = changed.is_ok();
                    Duration::ZERO
                }
                changed = progress.changed(), if reporting => {
                    reporting = changed.is_ok();
                    DEBOUNCE
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    let standing = office.standing.borrow_and_update().clone();
                    state.decide(&progress.borrow_and_update().clone(), &standing);
                    continue;
                }
            };
            let then = Instant::now() + pause;
            due = Some(due.map_or(then, |due| due.min(then)));
        }
    }
}

struct State {
    index: Index,
    identity: Option<String>,
    known: watch::Sender<Option<i64>>,
    /// The term under which the last decision was made.
    term: Option<Term>,
    plans: watch::Sender<Arc<[Plan]>>,
    health: watch::Sender<Health>,
    wanting: watch::Sender<Arc<[Wanted]>>,
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

    /// Takes in how the writing goes.
    fn hear(&mut self, writing: &Writing) {
        let pruned = |id: &PlanId| writing.pruned.iter().any(|target| target.uid == id.uid);
        self.index.prune(pruned);
        self.health
            .send_modify(|health| health.refused(writing.refused.clone()));
    }

    /// Decides what should be, and hands it over. Who does not lead wants nothing.
    fn decide(&mut self, progress: &BTreeMap<PlanId, Progress>, standing: &Standing) {
        if !self.index.is_listed() {
            return;
        }
        let epoch = self.index.epoch();
        self.known
            .send_if_modified(|known| known.replace(epoch) != Some(epoch));
        let now = Timestamp::now();
        self.index.count(progress, now);
        let rules = RuleCounts::of(self.index.rules().values());
        self.health.send_modify(|health| health.counted(rules));
        let Some(term) = self.term(standing) else {
            self.term = None;
            self.wanting.send_replace(Arc::from([]));
            return self.plan(Vec::new());
        };
        if self.term.replace(term.clone()).as_ref() != Some(&term) {
            self.index.adopt();
        }
        let desired = desired(&self.index, progress, &term, now);
        self.index.remember(&desired, &term);
        self.wanting.send_replace(wanted(&self.index, &desired));
        self.plan(desired.plans);
    }

    /// The term that a standing gives. A higher epoch in a checkpoint means that somebody else
    /// leads by now.
    fn term(&self, standing: &Standing) -> Option<Term> {
        let elected = match (standing, standing.epoch()) {
            (Standing::Unopposed, _) => None,
            (_, epoch) => {
                let epoch = epoch.filter(|epoch| *epoch >= self.index.epoch())?;
                Some((self.identity.clone()?, epoch))
            }
        };
        Some(Term { elected })
    }

    fn plan(&self, wanted: Vec<Plan>) {
        self.plans.send_if_modified(|held| {
            let changed = !alike(held, &wanted);
            if changed {
                *held = wanted.into();
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
        let entry = index.jobs().get(key)?;
        let tampered = entry.custody.is_tampered() && !entry.is_pruned;
        Some(Wanted {
            notice: tampered.then(notice::tampered),
            ..want(Kind::Job, &entry.facts, serde_json::to_value(status))
        })
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
        notice: None,
    }
}
