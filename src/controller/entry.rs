//! One resource as the controller knows it: what it is, what its spec converts to, and the
//! status it should have.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::{
    checkpoint::{Custody, Term},
    undecided::Undecided,
};
use crate::{
    api::{
        convert::{self, Job, read_part},
        job::AnalysisJobSpec,
        problem::Problem,
        status::{AnalysisJobStatus, K8sCopRuleStatus, LastGood},
    },
    detect::{
        definition::{RuleDefinition, RuleState},
        rule::{Rule, RuleIdentity},
    },
    pipeline::{plan::PlanId, progress::RuleMatches},
};

/// Largest spec, in bytes of JSON, that is kept in `status.lastGood`.
const LAST_GOOD_LIMIT: usize = 32 * 1024;

/// What the server says of any object.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: an object that is deleted and made again is another one.
    pub uid: String,
    /// Counts the changes of its spec.
    pub generation: i64,
    /// When it was made.
    pub created: Timestamp,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its version; a larger one is later.
    pub resource_version: u64,
    /// Its status as stored, null where there is none.
    pub status: Value,
}

impl Facts {
    /// Takes the facts of an object.
    pub fn of(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let version = metadata.resource_version.as_deref();
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            created: metadata
                .creation_timestamp
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            labels: metadata.labels.clone().unwrap_or_default(),
            resource_version: version.and_then(|v| v.parse().ok()).unwrap_or_default(),
            status: object.data.get("status").cloned().unwrap_or_default(),
        }
    }

    /// `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A rule.
#[derive(Debug)]
pub struct RuleEntry {
    /// What the server says of it.
    pub facts: Facts,
    /// What its spec converts to.
    pub outcome: Result<Arc<Rule>, Vec<Problem>>,
    /// Number of tests of its spec.
    pub tests: usize,
    /// Whether its spec, valid or not, says that the rule must rest.
    pub disabled: bool,
    /// The last spec that was valid; the present one if it is.
    pub good: Option<Good>,
    /// Alerts of all time, and the time of the last match.
    pub matched: Option<RuleMatches>,
    /// Events that the rule could not decide.
    pub undecided: Undecided,
    /// The status it was last given; at first the stored one.
    pub status: K8sCopRuleStatus,
}

/// A spec that was valid.
#[derive(Clone, Debug)]
pub struct Good {
    /// What it converts to.
    pub rule: Arc<Rule>,
    /// What `status.lastGood` keeps of it; none where it is too large.
    pub kept: Option<LastGood>,
}

impl RuleEntry {
    /// Takes in a rule. A spec that is known already is not converted again; a spec that does not
    /// convert leaves the last good one in its place.
    pub fn new(object: &DynamicObject, before: Option<Self>) -> Self {
        let facts = Facts::of(object);
        let before = before.filter(|entry| entry.facts.uid == facts.uid);
        if let Some(entry) = before.as_ref()
            && entry.facts.generation == facts.generation
        {
            return Self {
                facts,
                ..before.expect("it was just looked at")
            };
        }
        let spec = object.data.get("spec").cloned().unwrap_or_default();
        let definition: Result<RuleDefinition, _> = read_part("spec", &spec);
        let outcome = match &definition {
            Ok(definition) => rule(&facts, definition),
            Err(problem) => Err(vec![problem.clone()]),
        };
        let (status, good, matched, undecided) = match before {
            Some(entry) => (entry.status, entry.good, entry.matched, entry.undecided),
            None => remembered(&facts),
        };
        let good = match (&definition, &outcome) {
            (Ok(definition), Ok(rule)) => Some(Good::new(&facts, definition, rule)),
            _ => good,
        };
        Self {
            outcome,
            tests: definition.as_ref().map_or(0, |d| d.tests.len()),
            disabled: match &definition {
                Ok(definition) => definition.state == RuleState::Disabled,
                Err(_) => spec["state"] == "Disabled",
            },
            facts,
            good,
            matched,
            undecided,
            status,
        }
    }

    /// Goes on from the stored status, whatever was decided before.
    pub fn adopt(&mut self) {
        let (status, good, matched, undecided) = remembered(&self.facts);
        self.status = status;
        self.matched = matched;
        self.undecided = undecided;
        self.good = self.good.take().or(good);
    }

    /// The rule that takes part in detection, if any.
    pub fn active(&self) -> Option<&Arc<Rule>> {
        let good = self.good.as_ref().map(|good| &good.rule);
        good.filter(|rule| !self.disabled && rule.definition().state == RuleState::Enabled)
    }
}

impl Good {
    fn new(facts: &Facts, definition: &RuleDefinition, rule: &Arc<Rule>) -> Self {
        let untested = RuleDefinition {
            tests: Vec::new(),
            ..definition.clone()
        };
        let spec = serde_json::to_value(untested).expect("a definition is plain data");
        let kept = (spec.to_string().len() <= LAST_GOOD_LIMIT).then(|| LastGood {
            generation: facts.generation,
            revision: rule.revision().to_owned(),
            spec,
        });
        Self {
            rule: rule.clone(),
            kept,
        }
    }
}

/// What the stored status remembers of a rule that is seen for the first time.
fn remembered(
    facts: &Facts,
) -> (
    K8sCopRuleStatus,
    Option<Good>,
    Option<RuleMatches>,
    Undecided,
) {
    let status: K8sCopRuleStatus = read_part("status", &facts.status).unwrap_or_default();
    let good = status.last_good.as_ref().and_then(|kept| {
        let definition = read_part("spec", &kept.spec).ok()?;
        Some(Good {
            rule: rule(facts, &definition).ok()?,
            kept: Some(kept.clone()),
        })
    });
    let matched = status.matches.map(|count| RuleMatches {
        count: count.unsigned_abs(),
        last: status
            .last_match_time
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
    });
    let undecided = Undecided::new(status.undecided.unwrap_or_default().unsigned_abs());
    let matched = matched.filter(|matched| matched.count > 0);
    (status, good, matched, undecided)
}

fn rule(facts: &Facts, definition: &RuleDefinition) -> Result<Arc<Rule>, Vec<Problem>> {
    let identity = RuleIdentity {
        namespace: facts.namespace.clone(),
        name: facts.name.clone(),
        uid: facts.uid.clone(),
    };
    convert::rule(identity, definition).map(Arc::new)
}

/// A job.
#[derive(Debug)]
pub struct JobEntry {
    /// What the server says of it.
    pub facts: Facts,
    /// What its spec converts to.
    pub outcome: Result<Job, Vec<Problem>>,
    /// The status it was last given; at first the stored one.
    pub status: AnalysisJobStatus,
    /// Its checkpoint.
    pub custody: Custody,
    /// Whether the API server was seen to drop its checkpoint.
    pub is_pruned: bool,
}

impl JobEntry {
    /// Takes in a job.
    pub fn new(object: &DynamicObject, before: Option<Self>) -> Self {
        let facts = Facts::of(object);
        let spec = object.data.get("spec").cloned().unwrap_or_default();
        let outcome = read_part::<AnalysisJobSpec>("spec", &spec)
            .map_err(|problem| vec![problem])
            .and_then(|spec| Job::new(&spec));
        let status = stored(&facts);
        let checkpoint = status.checkpoint.clone();
        let before = before.filter(|entry| entry.facts.uid == facts.uid);
        // A list may come from a server that lags behind.
        let known = before.as_ref().map(|entry| entry.facts.resource_version);
        let is_late = known.is_some_and(|known| known > facts.resource_version);
        let mut entry = match before {
            Some(entry) => Self {
                facts,
                outcome,
                ..entry
            },
            None => Self {
                facts,
                outcome,
                status,
                custody: Custody::default(),
                is_pruned: false,
            },
        };
        if !is_late {
            entry.custody.see(checkpoint);
        }
        entry
    }

    /// Goes on from the stored status, whatever was decided before.
    pub fn adopt(&mut self) {
        self.status = stored(&self.facts);
        self.custody.want(None, &Term::default());
    }

    /// Remembers the status that it was given in this term.
    pub fn give(&mut self, status: &AnalysisJobStatus, term: &Term) {
        self.status = status.clone();
        self.custody.want(status.checkpoint.clone(), term);
    }

    /// The id of its plan.
    pub fn plan_id(&self) -> PlanId {
        PlanId {
            namespace: self.facts.namespace.clone(),
            name: self.facts.name.clone(),
            uid: self.facts.uid.clone(),
        }
    }
}

fn stored(facts: &Facts) -> AnalysisJobStatus {
    read_part("status", &facts.status).unwrap_or_default()
}
