//! What all alerts of a rule have in common.

use super::{attack, draft, draft::Draft};
use crate::detect::{
    definition::{AlertPer, RuleDefinition, Severity},
    identity,
    rule::RuleIdentity,
};

/// The part of an alert that its rule decides: written once for a rule, copied into each alert.
#[derive(Clone, Debug)]
pub struct RuleProfile {
    key: String,
    uid: String,
    match_hash: String,
    category: String,
    alert_per: AlertPer,
    draft: Draft,
}

impl RuleProfile {
    /// The profile of a rule. `revision` is the fingerprint that its alerts show.
    pub fn new(identity: &RuleIdentity, definition: &RuleDefinition, revision: &str) -> Self {
        let key = key(identity);
        let match_hash = identity::match_hash(definition);
        let draft = common(&key, identity, definition, revision, &match_hash);
        Self {
            key,
            uid: identity.uid.clone(),
            match_hash,
            category: definition.category.clone(),
            alert_per: definition.alert_per,
            draft,
        }
    }

    /// `namespace/name` of the rule, or `cluster/name` for one without a namespace.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn uid(&self) -> &str {
        &self.uid
    }

    pub(super) fn match_hash(&self) -> &str {
        &self.match_hash
    }

    pub(super) fn category(&self) -> &str {
        &self.category
    }

    pub(super) fn alert_per(&self) -> AlertPer {
        self.alert_per
    }

    pub(super) fn draft(&self) -> &Draft {
        &self.draft
    }
}

fn key(identity: &RuleIdentity) -> String {
    match identity.namespace.as_str() {
        "" => format!("cluster/{}", identity.name),
        namespace => format!("{namespace}/{}", identity.name),
    }
}

fn common(
    key: &str,
    identity: &RuleIdentity,
    definition: &RuleDefinition,
    revision: &str,
    match_hash: &str,
) -> Draft {
    let mut common = Draft::default();
    common.put("event.kind", "alert");
    common.put("event.module", "k8scop");
    common.put("event.dataset", "k8scop.alerts");
    common.put("rule.name", key);
    common.put("rule.description", definition.title.as_str());
    common.put("rule.category", definition.category.as_str());
    common.put("rule.uuid", identity.uid.as_str());
    common.put("rule.version", revision);
    common.put("rule.reference", definition.references.first().cloned());
    common.put("orchestrator.type", "kubernetes");
    common.put("k8scop.rule.uid", identity.uid.as_str());
    common.put("k8scop.rule.match_hash", match_hash);
    let exceptions = definition.exceptions.iter();
    let exceptions: Vec<_> = exceptions.map(|known| draft::text(&known.name)).collect();
    common.put("k8scop.exceptions", exceptions);
    attack::describe(&mut common, &definition.tags);
    common
}

/// `event.severity`: the numbers that Elastic's own rules use.
pub(super) fn score(severity: Severity) -> i64 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}
