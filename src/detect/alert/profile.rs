//! What all alerts of a rule have in common.

use serde_json::Value;

use super::{LIST_LIMIT, attack, draft, draft::Draft};
use crate::detect::{
    definition::{AlertPer, RuleDefinition, Severity},
    identity,
    rule::RuleIdentity,
};

/// The version of the Elastic Common Schema that names the fields.
const ECS_VERSION: &str = "9.4.0";

/// The longest description of a rule, in characters.
const DESCRIPTION_LIMIT: usize = 2048;

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
    common.put("ecs.version", ECS_VERSION);
    common.put("event.kind", "alert");
    common.put("event.module", "k8scop");
    common.put("event.dataset", "k8scop.alerts");
    common.put("observer.vendor", "K8sCop");
    common.put("observer.product", "k8scop");
    common.put("observer.type", "ids");
    common.put("observer.version", env!("CARGO_PKG_VERSION"));
    common.put("orchestrator.type", "kubernetes");
    describe_rule(&mut common, key, identity, definition);
    common.put("rule.version", revision);
    common.put("k8scop.rule.match_hash", match_hash);
    attack::describe(&mut common, &definition.tags);
    common
}

fn describe_rule(
    draft: &mut Draft,
    key: &str,
    identity: &RuleIdentity,
    definition: &RuleDefinition,
) {
    let RuleDefinition {
        title,
        description,
        category,
        references,
        false_positives,
        tags,
        ..
    } = definition;
    let description = description.as_ref().filter(|text| !text.trim().is_empty());
    let description = draft::cut(description.unwrap_or(title), DESCRIPTION_LIMIT);
    draft.put("rule.name", key);
    draft.put("rule.description", description);
    draft.put("rule.category", category.as_str());
    draft.put("rule.uuid", identity.uid.as_str());
    draft.put("rule.reference", references.first().cloned());
    draft.put("tags", texts(tags));
    draft.put("k8scop.rule.uid", identity.uid.as_str());
    draft.put("k8scop.rule.title", title.as_str());
    draft.put("k8scop.rule.references", texts(references));
    draft.put("k8scop.rule.false_positives", texts(false_positives));
}

fn texts(list: &[String]) -> Vec<Value> {
    let list = list.iter().take(LIST_LIMIT);
    list.map(|text| draft::text(text)).collect()
}

/// `event.severity` and `event.risk_score`: the numbers that Elastic's own rules use.
pub(super) fn score(severity: Severity) -> i64 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}
