//! What the cluster holds. The index is fed with the events of the watches and never waits; it
//! knows whether the first lists are complete.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::{api::DynamicObject, runtime::watcher::Event};

use super::{
    checkpoint::Term,
    desired::Desired,
    entry::{Facts, JobEntry, RuleEntry},
    tally::Tally,
    watch::{Kind, Watch},
};
use crate::{
    detect::event::gap::Gap,
    pipeline::{
        plan::PlanId,
        progress::{Progress, RuleMatches},
    },
};

/// Namespace and name of an object.
pub type Key = (String, String);

/// The rules and jobs of the watched namespaces.
#[derive(Debug, Default)]
pub struct Index {
    rules: BTreeMap<Key, RuleEntry>,
    jobs: BTreeMap<Key, JobEntry>,
    lists: BTreeMap<Watch, List>,
    tally: Tally,
}

/// How far the listing of a watch has come.
#[derive(Debug, Default)]
struct List {
    complete: bool,
    arriving: Vec<DynamicObject>,
}

impl Index {
    /// An index that waits for the first lists of these watches.
    pub fn new(watches: impl IntoIterator<Item = Watch>) -> Self {
        Self {
            lists: watches
                .into_iter()
                .map(|watch| (watch, List::default()))
                .collect(),
            ..Self::default()
        }
    }

    /// Takes in one event of a watch. A list that is made again replaces what it covers at once,
    /// when it is whole.
    pub fn apply(&mut self, watch: &Watch, event: Event<DynamicObject>) {
        match event {
            Event::Apply(object) => self.insert(watch.kind, &object),
            Event::Delete(object) => self.remove(watch.kind, &key(&object)),
            Event::Init => self.list(watch).arriving.clear(),
            Event::InitApply(object) => self.list(watch).arriving.push(object),
            Event::InitDone => self.replace(watch),
        }
    }

    /// Whether every watch has listed what there is: only then is an absent rule known to be
    /// absent.
    pub fn is_listed(&self) -> bool {
        self.lists.values().all(|list| list.complete)
    }

    /// The rules, by namespace and name.
    pub fn rules(&self) -> &BTreeMap<Key, RuleEntry> {
        &self.rules
    }

    /// The jobs, by namespace and name.
    pub fn jobs(&self) -> &BTreeMap<Key, JobEntry> {
        &self.jobs
    }

    /// Adds what was matched, and what could not be decided, since the last call to the counts of
    /// the rules.
    pub fn count(&mut self, progress: &BTreeMap<PlanId, Progress>, now: Timestamp) {
        let jobs: BTreeSet<_> = self.jobs.values().map(JobEntry::plan_id).collect();
        self.tally.retain(|plan| jobs.contains(plan));
        let growth = self.tally.growth(progress);
        for entry in self.rules.values_mut() {
            let key = entry.facts.key();
            entry.undecided.watch(now);
            for gap in Gap::ALL {
                if let Some((events, job)) = growth.undecided.get(&(key.clone(), gap)) {
                    entry.undecided.add(gap, *events, job, now);
                }
            }
            if let Some(new) = growth.matches.get(&key) {
                let before = entry.matched.map_or(0, |matched| matched.count);
                let last = entry.matched.map_or(new.last, |matched| matched.last);
                entry.matched = Some(RuleMatches {
                    count: before + new.count,
                    last: last.max(new.last),
                });
            }
        }
    }

    /// Remembers the statuses that were decided: the next decision goes on from them.
    pub fn remember(&mut self, desired: &Desired, term: &Term) {
        for (key, status) in &desired.rule_statuses {
            if let Some(entry) = self.rules.get_mut(key) {
                entry.status = status.clone();
            }
        }
        for (key, status) in &desired.job_statuses {
            if let Some(entry) = self.jobs.get_mut(key) {
                entry.give(status, term);
            }
        }
    }

    /// Goes on from what is stored: somebody else has decided in the meantime.
    pub fn adopt(&mut self) {
        self.rules.values_mut().for_each(RuleEntry::adopt);
        self.jobs.values_mut().for_each(JobEntry::adopt);
    }

    /// Remembers whose checkpoints the API server was seen to drop.
    pub fn prune(&mut self, is_pruned: impl Fn(&PlanId) -> bool) {
        for job in self.jobs.values_mut() {
            job.is_pruned = is_pruned(&job.plan_id());
        }
    }

    /// The highest epoch of any job's checkpoint.
    pub fn epoch(&self) -> i64 {
        let epochs = self.jobs.values().map(|job| job.custody.epoch());
        epochs.max().unwrap_or_default()
    }

    fn list(&mut self, watch: &Watch) -> &mut List {
        self.lists.entry(watch.clone()).or_default()
    }

    fn replace(&mut self, watch: &Watch) {
        let list = self.list(watch);
        list.complete = true;
        let objects = std::mem::take(&mut list.arriving);
        let alive: BTreeSet<_> = objects.iter().map(key).collect();
        let keep = |key: &Key| !watch.covers(&key.0) || alive.contains(key);
        match watch.kind {
            Kind::Rule => self.rules.retain(|key, _| keep(key)),
            Kind::Job => self.jobs.retain(|key, _| keep(key)),
        }
        for object in &objects {
            self.insert(watch.kind, object);
        }
    }

    fn insert(&mut self, kind: Kind, object: &DynamicObject) {
        let key = key(object);
        if object.metadata.deletion_timestamp.is_some() {
            return self.remove(kind, &key);
        }
        match kind {
            Kind::Rule => {
                let entry = RuleEntry::new(object, self.rules.remove(&key));
                self.rules.insert(key, entry);
            }
            Kind::Job => {
                let entry = JobEntry::new(object, self.jobs.remove(&key));
                self.jobs.insert(key, entry);
            }
        }
    }

    fn remove(&mut self, kind: Kind, key: &Key) {
        match kind {
            Kind::Rule => drop(self.rules.remove(key)),
            Kind::Job => drop(self.jobs.remove(key)),
        }
    }
}

fn key(object: &DynamicObject) -> Key {
    let Facts {
        namespace, name, ..
    } = Facts::of(object);
    (namespace, name)
}
