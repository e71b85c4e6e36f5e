//! Alerts: their identity, their index, their document.
//!
//! The document has the names of the Elastic Common Schema where it has one, and two rooms of its
//! own: `kubernetes.audit`, a fixed few members of the event, and `k8scop`. It never holds request
//! or response bodies. Every text in it is cut at [`TEXT_LIMIT`] characters, every list and object
//! of free size is bounded, so that no event can make a document which its index refuses.

mod actor;
mod attack;
mod categories;
mod draft;
#[cfg(test)]
pub mod fixture;
pub mod index;
mod profile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::profile::RuleProfile;
pub use super::identity::{RuleOrigin, own_id};
use super::{
    context::Context,
    definition::{RequestOutcome, Severity},
    document::Document,
    event::Event,
    excerpt,
    field::Field,
    identity::{self, Basis, EventKey},
    json::first_text,
    time,
};
use draft::Draft;

/// The longest text of an alert document, in characters; a longer one ends in `…`.
pub const TEXT_LIMIT: usize = 1024;

/// The longest list of an alert document, and the most captures.
const LIST_LIMIT: usize = 32;

/// The most values that one piece of evidence shows.
const EVIDENCE_VALUE_LIMIT: usize = 8;

/// The longest value that a piece of evidence shows, in characters.
const EVIDENCE_TEXT_LIMIT: usize = 256;

/// Stands for values of fields that hold secrets.
pub(super) const WITHHELD: &str = "(withheld)";

/// What a rule says about a request. The same request and rule give the same id for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// 40 hex digits, a pure function of tenant, rule and request (`docs/alerts.md`).
    pub id: String,
    /// `namespace/name` of the rule.
    pub rule: String,
    /// Category of the rule.
    pub category: String,
    /// Severity of the rule.
    pub severity: Severity,
    /// Time of the request. With the next one it decides the index.
    pub time: Option<Timestamp>,
    /// Time of the document that it was found in, by the time field of the source.
    pub source_time: Option<Timestamp>,
    /// Hash of all that the id is made of, by which a stored alert is recognised.
    pub fingerprint: String,
    /// Uid of the rule; empty for one from a file.
    pub rule_uid: String,
    /// Hash of what the rule looks for.
    pub match_hash: String,
    /// The alert document, ECS names, one line of JSON.
    pub document: serde_json::Value,
}

/// What a rule found in one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rendered message.
    pub message: String,
    /// Named groups of the patterns that matched.
    pub captures: BTreeMap<String, String>,
    /// Severity of the alert.
    pub severity: Severity,
    /// Outcome of the request, if its event decides it.
    pub outcome: Option<RequestOutcome>,
    /// Names of the list elements that the rule matched.
    pub matched: Vec<String>,
    /// Values of the fields that the rule copies into its alerts, by their names.
    pub context: Vec<(String, Vec<String>)>,
    /// The predicates that held.
    pub evidence: Vec<Evidence>,
}

/// A predicate that held, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Name of the selection.
    pub selection: String,
    /// The field it looked at.
    pub field: Field,
    /// The operator, as rules write it.
    pub operator: &'static str,
    /// The values of the field that met it.
    pub values: Vec<String>,
}

impl Alert {
    /// Makes the alert of a rule about an event of a document.
    pub fn new(
        event: &Event,
        document: &Document,
        rule: &RuleProfile,
        finding: &Finding,
        context: &Context,
    ) -> Self {
        let key = EventKey::new(event, document, &context.cluster, rule.alert_per());
        let id = key.alert_id(&context.tenant, rule.key());
        let mut draft = rule.draft().clone();
        draft.put("event.id", id.as_str());
        draft.put("event.created", context.now.to_string());
        draft.put(
            "@timestamp",
            event.time().unwrap_or(context.now).to_string(),
        );
        draft.put("message", finding.message.as_str());
        describe_severity(&mut draft, finding.severity);
        describe_request(&mut draft, event.root(), context);
        categories::describe(&mut draft, event.root());
        actor::describe(&mut draft, event);
        describe_finding(&mut draft, finding);
        describe_origin(&mut draft, document, context);
        draft.put("k8scop.event.key", key.to_hex());
        if key.basis() == Basis::Document {
            draft.put("k8scop.event.key_basis", "doc");
        }
        let fingerprint = identity::fingerprint(&[&context.tenant, rule.key(), &key.to_hex()]);
        draft.put("k8scop.fingerprint", fingerprint.as_str());
        let source_time = document.time.as_deref().and_then(time::parse);
        draft.put(
            "k8scop.source.time",
            source_time.map(|time| time.to_string()),
        );
        Self {
            id,
            rule: rule.key().to_owned(),
            category: rule.category().to_owned(),
            severity: finding.severity,
            time: event.time(),
            source_time,
            fingerprint,
            rule_uid: rule.uid().to_owned(),
            match_hash: rule.match_hash().to_owned(),
            document: draft.finish(),
        }
    }

    /// The rule that made it.
    pub fn rule_origin(&self) -> RuleOrigin<'_> {
        RuleOrigin {
            uid: &self.rule_uid,
            match_hash: &self.match_hash,
        }
    }

    /// The same alert under an id of its own, for a sink in which another alert holds the id that
    /// it should have. The same alert gets the same one, every time.
    pub fn with_own_id(&self) -> Self {
        let mut own = self.clone();
        own.id = identity::own_id(&self.id, &self.rule_uid);
        if let Some(shown) = own.document.pointer_mut("/event/id") {
            *shown = own.id.as_str().into();
        }
        own
    }
}

fn describe_severity(draft: &mut Draft, severity: Severity) {
    let score = profile::score(severity);
    draft.put("event.severity", score);
    draft.put("event.risk_score", score);
    draft.put("k8scop.severity", severity.word());
}

fn describe_request(draft: &mut Draft, root: &Value, context: &Context) {
    let one = |path: &[&str]| first_text(root, path);
    draft.put("event.action", one(&["verb"]));
    draft.put("user_agent.original", one(&["userAgent"]));
    draft.put("orchestrator.cluster.name", context.cluster.as_str());
    draft.put("orchestrator.namespace", one(&["objectRef", "namespace"]));
    draft.put(
        "orchestrator.resource.type",
        one(&["objectRef", "resource"]),
    );
    draft.put("orchestrator.resource.name", one(&["objectRef", "name"]));
    for name in ["auditID", "stage", "verb", "requestURI"] {
        draft.put(&format!("kubernetes.audit.{name}"), one(&[name]));
    }
    for name in [
        "resource",
        "namespace",
        "name",
        "uid",
        "apiGroup",
        "apiVersion",
        "resourceVersion",
        "subresource",
    ] {
        let value = one(&["objectRef", name]);
        draft.put(&format!("kubernetes.audit.objectRef.{name}"), value);
    }
    draft.put("kubernetes.audit.responseStatus.code", code(root));
}

fn describe_finding(draft: &mut Draft, finding: &Finding) {
    let captures = finding.captures.iter().take(LIST_LIMIT);
    let captures: Map<String, Value> = captures
        .map(|(name, value)| (name.clone(), draft::text(value)))
        .collect();
    let evidence = finding.evidence.iter().take(LIST_LIMIT);
    let evidence: Vec<Value> = evidence.map(evidence_value).collect();
    draft.put("event.outcome", event_outcome(finding.outcome));
    draft.put("k8scop.outcome", finding.outcome.map(RequestOutcome::word));
    let matched = finding.matched.iter().take(LIST_LIMIT);
    let matched = matched.map(|name| draft::cut(name, EVIDENCE_TEXT_LIMIT));
    draft.put("k8scop.matched", matched.collect::<Vec<_>>());
    let context = finding
        .context
        .iter()
        .take(LIST_LIMIT)
        .map(|(field, values)| {
            let values = values.iter().take(EVIDENCE_VALUE_LIMIT);
            let values = values.map(|value| draft::cut(value, EVIDENCE_TEXT_LIMIT));
            let field = excerpt::cut(field, EVIDENCE_TEXT_LIMIT).into_owned();
            (field, Value::Array(values.collect()))
        });
    draft.put("k8scop.context", Value::Object(context.collect()));
    draft.put("k8scop.captures", Value::Object(captures));
    draft.put("k8scop.evidence", Value::Array(evidence));
}

fn evidence_value(evidence: &Evidence) -> Value {
    let values: Vec<Value> = match evidence.field.is_secret() {
        true => vec![WITHHELD.into()],
        false => {
            let values = evidence.values.iter().take(EVIDENCE_VALUE_LIMIT);
            values
                .map(|value| draft::cut(value, EVIDENCE_TEXT_LIMIT))
                .collect()
        }
    };
    serde_json::json!({
        "selection": evidence.selection,
        "field": evidence.field.to_string(),
        "operator": evidence.operator,
        "values": values,
    })
}

fn describe_origin(draft: &mut Draft, document: &Document, context: &Context) {
    draft.put("k8scop.tenant", context.tenant.as_str());
    draft.put("k8scop.job", context.job.as_str());
    draft.put("k8scop.source.index", document.index.as_str());
    draft.put("k8scop.source.id", document.id.as_str());
}

/// The outcome as ECS 9.4 has it. A dry run did what it was to do, but nothing happened.
fn event_outcome(outcome: Option<RequestOutcome>) -> &'static str {
    match outcome {
        Some(RequestOutcome::Success) => "success",
        Some(RequestOutcome::Denied | RequestOutcome::Failure) => "failure",
        Some(RequestOutcome::DryRun) | None => "unknown",
    }
}

fn code(root: &Value) -> Option<i64> {
    first_text(root, &["responseStatus", "code"])?.parse().ok()
}
