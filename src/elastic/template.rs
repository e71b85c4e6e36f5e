//! The index templates of alert indices: fixed fields, so that no alert can change a mapping.
//!
//! Installing them needs the privilege `manage_index_templates`. Where that is not given, an
//! administrator installs them, and the right to write is enough.

use elasticsearch::http::Method;
use serde_json::{Value, json};

use super::{
    client::Client,
    fault::{self, Operation},
    request::{Request, segment},
    server::FreeObject,
};
use crate::{
    detect::alert::index::{self, CATEGORY},
    pipeline::{
        plan::SinkPlan,
        ports::{Fault, FaultReason, Remedy},
    },
};

/// Raised when the mapping changes; an older template of ours is replaced.
const VERSION: u64 = 3;

/// Mark of a template that is ours to replace.
const MANAGED_BY: &str = "k8scop";

/// Above Elastic's own `logs-*-*` (100) and what people copy from it (200).
const PRIORITY: usize = 300;

/// Installs the templates of a sink unless they are there. A template of the same name that
/// somebody else made is left alone.
pub(super) async fn install(
    client: &Client,
    sink: &SinkPlan,
    free: FreeObject,
) -> Result<(), Fault> {
    let prefix = &sink.index;
    install_one(client, &name(prefix), template(prefix, free)).await?;
    let quarantine = index::quarantine(&name(prefix));
    install_one(client, &quarantine, quarantine_template(prefix)).await
}

async fn install_one(client: &Client, name: &str, template: Value) -> Result<(), Fault> {
    let path = format!("_index_template/{}", segment(name));
    let found = client
        .send(
            Operation::Template,
            Request::new(Method::Get, path.as_str()),
        )
        .await?;
    match found.status {
        200 if !is_outdated(&found.body)? => return Ok(()),
        200 | 404 => {}
        403 => {
            tracing::warn!(
                template = name,
                "may not see index templates: the templates of the alert indices must be installed by an administrator"
            );
            return Ok(());
        }
        _ => return Err(fault::refused(Operation::Template, &found)),
    }
    let request = Request::new(Method::Put, path).json(template);
    match client.call(Operation::Template, request).await {
        Ok(_) => Ok(()),
        // An older template will do until somebody who may replaces it.
        Err(fault) if fault.reason == FaultReason::Forbidden && found.status == 200 => Ok(()),
        Err(fault) if fault.remedy == Remedy::Shrink => Err(Fault {
            remedy: Remedy::Retry,
            ..fault
        }),
        Err(fault) => Err(fault),
    }
}

/// Whether a template that was found is ours and older than this one.
fn is_outdated(body: &[u8]) -> Result<bool, Fault> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| fault::unavailable("server did not show its index template"))?;
    let template = &body["index_templates"][0]["index_template"];
    Ok(is_managed(template) && template["_meta"]["version"].as_u64() < Some(VERSION))
}

/// Whether a template, or the mapping of one, is ours.
pub(super) fn is_managed(described: &Value) -> bool {
    described["_meta"]["managed_by"] == MANAGED_BY
}

/// Name of the template for a prefix of indices.
fn name(prefix: &str) -> String {
    format!("k8scop-{}", prefix.replace(CATEGORY, "@category"))
}

/// The indices of a prefix: one for each day of this century, and one for undated alerts.
fn patterns(prefix: &str) -> [String; 2] {
    let prefix = prefix.replace(CATEGORY, "*");
    [format!("{prefix}-20*"), index::undated(&prefix)]
}

/// The template of the daily indices.
fn template(prefix: &str, free: FreeObject) -> Value {
    template_of(&patterns(prefix), "alerts of K8sCop", mappings(free))
}

/// The template of the index for alerts that theirs refuses: what it is searched by, and nothing
/// that a document could be refused for.
fn quarantine_template(prefix: &str) -> Value {
    let pattern = index::quarantine(&prefix.replace(CATEGORY, "*"));
    let k8scop = object(
        &["job", "severity", "fingerprint"],
        json!({
            "rule": object(&["uid", "match_hash"], json!({})),
            "quarantine": object(&["index", "reason"], json!({"alert": {"type": "object", "enabled": false}})),
        }),
    );
    let mappings = mappings_of(json!({
        "@timestamp": date(),
        "message": {"type": "text"},
        "rule": object(&["name", "category"], json!({})),
        "kubernetes": {"properties": {"audit": object(&["auditID"], json!({}))}},
        "k8scop": k8scop,
    }));
    template_of(&[pattern], "alerts that an index refused", mappings)
}

/// A template. A longer prefix wins over a shorter one that matches the same index.
fn template_of(patterns: &[String], description: &str, mappings: Value) -> Value {
    let literals = patterns[0].len() - patterns[0].matches('*').count();
    json!({
        "index_patterns": patterns,
        "priority": PRIORITY + literals,
        "version": VERSION,
        "_meta": {"managed_by": MANAGED_BY, "version": VERSION, "description": description},
        "template": {
            "settings": {"index": {"mapping": {"total_fields": {"limit": 200}}}},
            "mappings": mappings,
        },
    })
}

fn mappings(free: FreeObject) -> Value {
    mappings_of(json!({
        "@timestamp": date(),
        "message": {"type": "text"},
        "ecs": object(&["version"], json!({})),
        "event": event(),
        "observer": object(&["vendor", "product", "type", "version"], json!({})),
        "related": object(&["user"], json!({"ip": ip()})),
        "rule": rule(),
        "tags": keyword(1024),
        "threat": threat(),
        "user": user(),
        "source": {"properties": {"ip": ip()}},
        "user_agent": object(&["original"], json!({})),
        "orchestrator": orchestrator(),
        "kubernetes": {"properties": {"audit": audit()}},
        "k8scop": k8scop(free),
    }))
}

/// A mapping of these fields, to which no document can add any.
fn mappings_of(properties: Value) -> Value {
    json!({
        "dynamic": false,
        "date_detection": false,
        "_meta": {"managed_by": MANAGED_BY, "version": VERSION},
        "properties": properties,
    })
}

fn event() -> Value {
    object(
        &[
            "kind",
            "module",
            "dataset",
            "id",
            "action",
            "outcome",
            "category",
            "type",
            "reference",
        ],
        json!({"severity": long(), "risk_score": float(), "created": date()}),
    )
}

/// The description of a rule may be longer than other texts.
fn rule() -> Value {
    object(
        &["name", "category", "uuid", "version", "reference"],
        json!({"description": keyword(2048)}),
    )
}

fn user() -> Value {
    let effective = object(&["id", "name", "roles"], json!({}));
    object(&["id", "name", "roles"], json!({"effective": effective}))
}

fn threat() -> Value {
    let named = object(&["id", "name", "reference"], json!({}));
    let technique = object(&["id", "name", "reference"], json!({"subtechnique": named}));
    object(
        &["framework"],
        json!({"tactic": named, "technique": technique}),
    )
}

fn orchestrator() -> Value {
    let named = object(&["name", "type"], json!({}));
    object(
        &["type", "namespace"],
        json!({"cluster": named, "resource": named}),
    )
}

fn audit() -> Value {
    let object_ref = object(
        &[
            "resource",
            "subresource",
            "namespace",
            "name",
            "uid",
            "apiGroup",
            "apiVersion",
            "resourceVersion",
        ],
        json!({}),
    );
    object(
        &["auditID", "stage", "verb", "requestURI", "sourceIPs"],
        json!({"objectRef": object_ref, "responseStatus": {"properties": {"code": long()}}}),
    )
}

fn k8scop(free: FreeObject) -> Value {
    let rule = object(
        &[
            "uid",
            "match_hash",
            "title",
            "references",
            "false_positives",
        ],
        json!({}),
    );
    object(
        &[
            "tenant",
            "job",
            "severity",
            "outcome",
            "matched",
            "fingerprint",
        ],
        json!({
            "captures": free_object(free),
            "context": free_object(free),
            "evidence": free_object(free),
            "impersonated": object(&[], json!({"extra": free_object(free)})),
            "event": object(&["key", "key_basis"], json!({})),
            "source": object(&["index", "id"], json!({"time": date()})),
            "rule": rule,
            "reduced": {"type": "boolean"},
        }),
    )
}

/// An object of keywords and some other fields.
fn object(keywords: &[&str], mut properties: Value) -> Value {
    for name in keywords {
        properties[*name] = keyword(1024);
    }
    json!({"properties": properties})
}

/// A keyword that is searchable up to this many characters.
fn keyword(longest: u64) -> Value {
    json!({"type": "keyword", "ignore_above": longest})
}

fn ip() -> Value {
    json!({"type": "ip", "ignore_malformed": true})
}

fn float() -> Value {
    json!({"type": "float", "ignore_malformed": true})
}

fn date() -> Value {
    json!({"type": "date", "ignore_malformed": true})
}

fn long() -> Value {
    json!({"type": "long", "ignore_malformed": true})
}

fn free_object(free: FreeObject) -> Value {
    match free {
        FreeObject::Flattened => json!({"type": "flattened", "ignore_above": 1024}),
        FreeObject::FlatObject => json!({"type": "flat_object"}),
        FreeObject::NotIndexed => json!({"type": "object", "enabled": false}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_is_the_documented_one() {
        insta::assert_json_snapshot!(template("k8scop-alerts", FreeObject::Flattened));
    }

    #[test]
    fn the_quarantine_keeps_alerts_as_they_are() {
        insta::assert_json_snapshot!(quarantine_template("k8scop-{category}-alerts"));
    }

    #[test]
    fn objects_of_unknown_fields_follow_the_product() {
        let captures = [
            FreeObject::Flattened,
            FreeObject::FlatObject,
            FreeObject::NotIndexed,
        ]
        .map(|free| mappings(free)["properties"]["k8scop"]["properties"]["captures"].clone());
        assert_eq!(
            captures,
            [
                json!({"type": "flattened", "ignore_above": 1024}),
                json!({"type": "flat_object"}),
                json!({"type": "object", "enabled": false}),
            ]
        );
    }

    #[test]
    fn a_category_in_the_prefix_stands_for_every_category() {
        assert_eq!(
            patterns("alerts-{category}"),
            ["alerts-*-20*", "alerts-*-undated"]
        );
        assert_eq!(name("alerts-{category}"), "k8scop-alerts-@category");
    }

    #[test]
    fn the_longer_prefix_has_the_higher_priority() {
        let priority = |prefix| template(prefix, FreeObject::Flattened)["priority"].as_u64();
        assert!(priority("alerts-{category}") < priority("alerts-exec"));
    }
}
