//! For tests: a cluster in a few words. Objects are written as YAML and read by the real parsers.

use jiff::Timestamp;
use kube::{api::DynamicObject, runtime::watcher::Event};
use serde_json::{Value, json};

use super::{
    checkpoint::Term,
    desired::{Desired, desired},
    index::Index,
    watch::{Kind, Watch},
};
use crate::pipeline::{
    plan::PlanId,
    progress::{Progress, State},
};

/// When the objects of the tests were made.
pub const CREATED: &str = "2026-11-01T00:00:00Z";
/// When the tests decide.
pub const NOW: &str = "2026-11-23T07:00:00Z";

pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("a time of a test")
}

/// A rule that looks for a verb; `matches` is a regular expression.
pub fn rule(name: &str, matches: &str) -> DynamicObject {
    object(
        "K8sCopRule",
        name,
        &format!(
            "{{title: T, severity: Low, selections: [{{name: s, all: [{{field: verb, matches: '{matches}'}}]}}]}}"
        ),
    )
}

/// A streaming job, with more fields of its spec.
pub fn streaming(name: &str, more: &str) -> DynamicObject {
    let spec = format!("{{mode: Streaming, source: {{index: 'logs-*'}}{more}}}");
    object("AnalysisJob", name, &spec)
}

/// A static job over a day.
pub fn one_day(name: &str, more: &str) -> DynamicObject {
    let span = "startTime: '2026-10-01T00:00:00Z', endTime: '2026-10-02T00:00:00Z'";
    let spec = format!("{{mode: Static, {span}, source: {{index: 'logs-*'}}{more}}}");
    object("AnalysisJob", name, &spec)
}

pub fn object(kind: &str, name: &str, spec: &str) -> DynamicObject {
    let spec: Value = serde_saphyr::from_str(spec).expect("YAML of a test");
    let object = json!({
        "apiVersion": "k8scop.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "namespace": "security", "name": name, "uid": format!("uid-{name}"),
            "generation": 1, "resourceVersion": "1", "creationTimestamp": CREATED,
        },
        "spec": spec,
    });
    serde_json::from_value(object).expect("an object")
}

/// The same object with another spec, as an edit makes it.
pub fn edited(object: &DynamicObject, by: DynamicObject) -> DynamicObject {
    let generation = object.metadata.generation.map(|generation| generation + 1);
    let mut edited = by;
    edited.metadata = object.metadata.clone();
    edited.metadata.generation = generation;
    edited.data["status"] = object.data["status"].clone();
    edited
}

/// The objects of a cluster after their first lists.
pub struct Cluster {
    pub index: Index,
    pub term: Term,
    pub now: Timestamp,
}

impl Cluster {
    pub fn of(rules: Vec<DynamicObject>, jobs: Vec<DynamicObject>) -> Self {
        let mut cluster = Self {
            index: Index::new(Watch::over(&[])),
            term: Term::default(),
            now: instant(NOW),
        };
        cluster.list(Kind::Rule, rules);
        cluster.list(Kind::Job, jobs);
        cluster
    }

    pub fn list(&mut self, kind: Kind, objects: Vec<DynamicObject>) {
        let watch = everywhere(kind);
        self.index.apply(&watch, Event::Init);
        for object in objects {
            self.index.apply(&watch, Event::InitApply(object));
        }
        self.index.apply(&watch, Event::InitDone);
    }

    pub fn apply(&mut self, kind: Kind, object: DynamicObject) {
        self.index.apply(&everywhere(kind), Event::Apply(object));
    }

    pub fn delete(&mut self, kind: Kind, object: DynamicObject) {
        self.index.apply(&everywhere(kind), Event::Delete(object));
    }

    /// Decides as the controller does, and remembers the decision.
    pub fn decide(&mut self, progress: Vec<(&str, Progress)>) -> Desired {
        let progress = progress
            .into_iter()
            .map(|(name, progress)| (plan_id(name), progress))
            .collect();
        let now = self.now;
        self.index.count(&progress, now);
        let desired = desired(&self.index, &progress, &self.term, now);
        self.index.remember(&desired, &self.term);
        desired
    }
}

pub fn everywhere(kind: Kind) -> Watch {
    Watch {
        kind,
        namespace: None,
    }
}

pub fn plan_id(name: &str) -> PlanId {
    PlanId {
        namespace: "security".to_owned(),
        name: name.to_owned(),
        uid: format!("uid-{name}"),
    }
}

pub fn progress(state: State) -> Progress {
    Progress {
        rules_loaded: 1,
        rules_revision: "r".to_owned(),
        ..Progress::new(state)
    }
}

/// The rules of each plan, by the names of both.
pub fn plans(desired: &Desired) -> Vec<(String, Vec<String>)> {
    let name = |key: &str| key.trim_start_matches("security/").to_owned();
    let rules = |plan: &crate::pipeline::plan::Plan| {
        let rules = plan.rules.iter();
        rules.map(|rule| name(rule.key())).collect()
    };
    let plans = desired.plans.iter();
    plans
        .map(|plan| (plan.id.name.clone(), rules(plan)))
        .collect()
}

/// The conditions of a rule or job: type, status and reason.
pub fn conditions(desired: &Desired, kind: Kind, name: &str) -> Vec<String> {
    let key = ("security".to_owned(), name.to_owned());
    let conditions = match kind {
        Kind::Rule => &desired.rule_statuses[&key].conditions,
        Kind::Job => &desired.job_statuses[&key].conditions,
    };
    let tell = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        format!("{}={} {}", c.type_, c.status, c.reason)
    };
    conditions.iter().map(tell).collect()
}
