use std::sync::Arc;

use super::*;
use crate::detect::rule::{Rule, RuleIdentity};

/// A requirement for reading or writing secrets.
fn requirement() -> Requirement {
    let definition = json!({"title": "T", "severity": "Low", "selections": [{"name": "s", "all": [
        {"field": "verb", "in": ["get", "list"]},
        {"field": "objectRef.resource", "equals": "secrets"},
    ]}]});
    let definition = serde_json::from_value(definition).expect("a definition");
    let identity = RuleIdentity {
        namespace: "test".to_owned(),
        name: "secrets".to_owned(),
        uid: String::new(),
    };
    let rule = Rule::new(identity, &definition).expect("a valid rule");
    Requirement::of(&[Arc::new(rule)]).expect("it has a requirement")
}

fn keyword() -> Value {
    json!({"keyword": {"type": "keyword", "searchable": true, "aggregatable": true}})
}

/// Capabilities of these fields, by name, and of all others that are asked for: unmapped.
fn capabilities(fields: Value) -> Capabilities {
    let body = json!({"indices": ["a"], "fields": fields}).to_string();
    Capabilities::read(&Bytes::from(body)).expect("capabilities")
}

fn made(layout: Layout, fields: Value) -> Result<Filter, String> {
    let requirement = requirement();
    Exact::new(&capabilities(fields), places(layout)?, &requirement)?.filter(&requirement)
}

#[test]
fn what_cannot_match_is_left_out_by_fields_that_are_keywords() {
    let raw = json!({
        "verb": keyword(), "auditID": keyword(), "objectRef.resource": keyword(),
    });
    let missing = |name: &str| json!({"bool": {"must_not": {"exists": {"field": name}}}});
    let clause = |names: [&str; 3]| {
        let [verb, audit_id, resource] = names;
        json!({"bool": {"should": [
            missing(verb),
            missing(audit_id),
            {"terms": {"_ignored": [resource, verb]}},
            {"bool": {"filter": [
                {"bool": {"should": [{"terms": {verb: ["get", "list"]}}]}},
                {"bool": {"should": [
                    {"terms": {resource: ["secrets"]}},
                    missing(resource),
                ]}},
            ]}},
        ]}})
    };
    let fields = vec!["objectRef.resource", "verb"];
    for layout in [Layout::Auto, Layout::Raw, Layout::Dotted] {
        let expected = Filter {
            clause: clause(["verb", "auditID", "objectRef.resource"]),
            fields: fields.clone(),
        };
        assert_eq!(made(layout, raw.clone()), Ok(expected));
    }
    let elastic = json!({
        "kubernetes.audit.verb": keyword(),
        "kubernetes.audit.auditID": keyword(),
        "kubernetes.audit.objectRef.resource": keyword(),
    });
    for layout in [Layout::Auto, Layout::Elastic] {
        let expected = Filter {
            clause: clause([
                "kubernetes.audit.verb",
                "kubernetes.audit.auditID",
                "kubernetes.audit.objectRef.resource",
            ]),
            fields: fields.clone(),
        };
        assert_eq!(made(layout, elastic.clone()), Ok(expected));
    }
}

#[test]
fn text_is_looked_up_in_its_keyword() {
    let text = || json!({"text": {"type": "text", "searchable": true, "aggregatable": false}});
    let filter = made(
        Layout::Raw,
        json!({
            "verb": text(), "verb.keyword": keyword(), "auditID": text(),
            "objectRef.resource": text(), "objectRef.resource.keyword": keyword(),
        }),
    )
    .expect("it is exact");
    let clause = filter.clause().to_string();
    assert!(
        clause.contains(r#"{"terms":{"verb.keyword":["get","list"]}}"#),
        "{clause}"
    );
    assert!(
        clause.contains(r#"{"terms":{"objectRef.resource.keyword":["secrets"]}}"#),
        "{clause}"
    );
    assert!(
        clause.contains(r#"{"_ignored":["objectRef.resource.keyword","verb.keyword"]}"#),
        "{clause}"
    );
}

#[test]
fn a_field_that_is_not_exact_is_not_used() {
    let others = |resource: Value| json!({"verb": keyword(), "auditID": keyword(), "objectRef.resource": resource});
    let text = json!({"type": "text", "searchable": true});
    let unmapped = json!({"type": "unmapped", "searchable": false});
    for inexact in [
        json!({"text": text}),
        json!({"text": text, "keyword": keyword()["keyword"]}),
        json!({"wildcard": {"type": "wildcard", "searchable": true}}),
        json!({"flattened": {"type": "flattened", "searchable": true}}),
        json!({"keyword": {"type": "keyword", "searchable": false}}),
        json!({"long": {"type": "long", "searchable": true}}),
        json!({"unmapped": unmapped}),
        json!({}),
    ] {
        let filter = made(Layout::Auto, others(inexact.clone())).expect("there is the verb");
        assert_eq!(filter.fields, ["verb"], "{inexact}");
        assert!(!filter.clause.to_string().contains("secrets"), "{inexact}");
    }
    // What is not mapped in some index is missing in its documents, and they are handed out.
    let partly = json!({"keyword": keyword()["keyword"], "unmapped": unmapped});
    let filter = made(Layout::Auto, others(partly)).expect("it is exact");
    assert_eq!(filter.fields, ["objectRef.resource", "verb"]);
}

#[test]
fn it_is_off_where_it_is_not_exact() {
    let text = || json!({"text": {"type": "text", "searchable": true}});
    for (layout, fields, why) in [
        (
            Layout::Wrapped,
            json!({}),
            "an event within another field is not indexed as such",
        ),
        (Layout::Auto, json!({}), "no index has a field verb"),
        (
            Layout::Elastic,
            json!({"verb": keyword()}),
            "no index has a field verb",
        ),
        (
            Layout::Raw,
            json!({"verb": keyword()}),
            "no index has a field auditID",
        ),
        (
            Layout::Raw,
            json!({"verb": text(), "auditID": text(), "objectRef.resource": text()}),
            "not an exact keyword in every index: objectRef.resource, verb",
        ),
        (
            Layout::Auto,
            json!({
                "verb": text(), "kubernetes.audit.verb": keyword(),
                "kubernetes.audit.auditID": keyword(),
                "kubernetes.audit.objectRef.resource": keyword(),
            }),
            "the indices have events in two layouts; name one in source.layout",
        ),
    ] {
        assert_eq!(made(layout, fields), Err(why.to_owned()));
    }
}

#[test]
fn a_server_that_failed_is_left_alone_for_a_while() {
    let trust = Trust::default();
    assert!(trust.holds());
    let fault = crate::elastic::fault::unavailable("no answer");
    let overloaded = Fault {
        reason: FaultReason::TooManyRequests,
        ..fault.clone()
    };
    assert!(!trust.doubt_after(&overloaded) && trust.holds());
    assert!(trust.doubt_after(&fault) && !trust.holds());
}

#[test]
fn values_that_some_index_does_not_take_are_not_looked_for() {
    let told = json!({
        "a": {"mappings": {
            "verb": {"full_name": "verb", "mapping": {"verb": {"type": "keyword"}}},
            "objectRef.resource.keyword": {
                "full_name": "objectRef.resource.keyword",
                "mapping": {"keyword": {"type": "keyword", "ignore_above": 256}},
            },
        }},
        "b": {"mappings": {"objectRef.resource.keyword": {
            "full_name": "objectRef.resource.keyword",
            "mapping": {"keyword": {"type": "keyword", "ignore_above": 6}},
        }}},
        "c": {"mappings": {}},
    });
    let longest = longest_taken(&Bytes::from(told.to_string())).expect("mappings");
    assert_eq!(
        longest,
        [("objectRef.resource.keyword".to_owned(), 6)].into()
    );
    let text = json!({"text": {"type": "text", "searchable": true}});
    let capabilities = capabilities(json!({
        "verb": keyword(), "auditID": keyword(),
        "objectRef.resource": text, "objectRef.resource.keyword": keyword(),
    }));
    let requirement = requirement();
    let mut exact = Exact::new(&capabilities, &[""], &requirement).expect("there is the verb");
    exact.keep_those_that_take(&requirement, &longest);
    let filter = exact.filter(&requirement).expect("there is the verb");
    assert_eq!(filter.fields, ["verb"]);
}
