//! Events that no rule could match are left out by real servers; nothing else is, whatever the
//! mapping and whatever shippers store.

mod comparison;
mod events;

use std::sync::Arc;

use k8scop::{
    detect::{
        layout::Layout,
        rule::{Rule, RuleIdentity},
        ruleset::RuleSet,
    },
    pipeline::{
        ledger::{Bucket, Ledger},
        pushdown::Pushdown,
    },
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use self::comparison::{compare_for, day, seen, source};
use super::{
    seed,
    seed::{date, on_every_server},
};

on_every_server!(
    alerts_are_the_same_whatever_the_mapping,
    fields_that_were_mapped_late_are_not_gone_by,
    indices_that_differ_are_read_as_the_worst_of_them,
    the_marks_are_those_of_all_documents,
    a_filter_of_many_rules_is_answered,
);

/// A rule whose selection has these predicates.
fn rule(name: &str, all: Value) -> Arc<Rule> {
    let definition = json!({
        "title": name, "severity": "Low", "alertPer": "Event",
        "selections": [{"name": "s", "all": all}],
    });
    let definition = serde_json::from_value(definition).expect("a definition");
    let identity = RuleIdentity {
        namespace: "test".to_owned(),
        name: name.to_owned(),
        uid: String::new(),
    };
    Arc::new(Rule::new(identity, &definition).expect("a valid rule"))
}

/// Rules that find much of what there is; none of them finds lists.
fn rules() -> RuleSet {
    RuleSet::new([
        rule(
            "secrets",
            json!([
                {"field": "verb", "in": ["get", "delete"]},
                {"field": "objectRef.resource", "equals": "secrets"},
            ]),
        ),
        rule(
            "exec",
            json!([
                {"field": "verb", "in": ["create", "true"]},
                {"field": "objectRef.resource", "in": ["pods", events::LONG]},
                {"field": "objectRef.subresource", "in": ["exec", "Ünïcode\u{0}"]},
            ]),
        ),
        rule(
            "anonymous",
            json!([
                {"field": "user.username", "equals": "system:anonymous"},
                {"field": "objectRef.namespace", "equals": "shop"},
                {"field": "verb", "in": ["get", "watch", "create"]},
            ]),
        ),
        rule(
            "group",
            json!([{"field": "user.groups", "equals": events::LONG}]),
        ),
    ])
}

/// Reads for these rules in both ways.
async fn compare(url: &str, index: &str, layout: Layout) -> (Pushdown, usize, usize) {
    compare_for(&rules(), url, index, layout).await
}

/// What has to come of a mapping.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// Most is left out.
    On,
    /// Something is left out.
    Partly,
    /// Nothing is left out, for a reason that begins so.
    Off(&'static str),
}

const RAW: Layout = Layout::Raw;
const AUTO: Layout = Layout::Auto;
const ELASTIC: Layout = Layout::Elastic;

async fn alerts_are_the_same_whatever_the_mapping(flavor: Flavor) {
    use Expected::{Off, On, Partly};
    let url = seed::server(flavor).await;
    let keyword = json!({"type": "keyword"});
    let short = json!({"type": "keyword", "ignore_above": 24});
    let lower = json!({"type": "keyword", "normalizer": "lowercase"});
    let null = json!({"type": "keyword", "null_value": "watch"});
    let text = json!({"type": "text"});
    let nested = json!({"type": "nested", "properties": {"resource": keyword}});
    // A rule looks for a group with a longer name, and OpenSearch does not note that it is longer.
    let short_of = match flavor {
        Flavor::OpenSearch3 => {
            Off("not an exact keyword in every index: objectRef.resource, user.g")
        }
        _ => On,
    };
    type Case = (&'static str, Value, Vec<(Layout, Expected)>);
    let cases: Vec<Case> = vec![
        (
            "dynamic",
            json!({"properties": {}}),
            vec![
                (AUTO, On),
                (RAW, On),
                (Layout::Dotted, On),
                (Layout::Wrapped, Off("an event")),
            ],
        ),
        (
            "keyword",
            mapped(&keyword, &keyword),
            vec![(AUTO, On), (RAW, On)],
        ),
        (
            "ignore-above",
            mapped(&short, &short),
            vec![(AUTO, short_of), (RAW, short_of)],
        ),
        ("normalizer", mapped(&lower, &lower), vec![(AUTO, On)]),
        ("null-value", mapped(&null, &null), vec![(AUTO, On)]),
        (
            "not-indexed",
            mapped(
                &keyword,
                &json!({"type": "keyword", "index": false, "doc_values": false}),
            ),
            vec![(AUTO, Off("not an exact keyword in every index: objectRef"))],
        ),
        (
            "text",
            mapped(&text, &text),
            vec![(AUTO, Off("not an exact keyword in every index"))],
        ),
        (
            "verb-only",
            mapped(&keyword, &text),
            vec![(AUTO, Off("not an exact keyword in every index"))],
        ),
        (
            "nested",
            {
                let mut mapping = mapped(&keyword, &keyword);
                mapping["properties"]["objectRef"] = nested;
                mapping
            },
            vec![(AUTO, On)],
        ),
        (
            "unmapped",
            json!({"dynamic": false, "properties": {"verb": keyword, "auditID": keyword}}),
            vec![(AUTO, Off("not an exact keyword in every index"))],
        ),
        (
            "object-off",
            json!({"properties": {"objectRef": {"type": "object", "enabled": false}}}),
            vec![(AUTO, Partly)],
        ),
    ];
    for (name, mapping, layouts) in cases {
        let index = format!("pushdown-{name}");
        make(url, &index, mapping).await;
        store(url, &index, events::all(events::raw, "a")).await;
        for (layout, expected) in layouts {
            judge(flavor, expected, compare(url, &index, layout).await, &index);
        }
    }
    make(url, "pushdown-elastic", json!({"properties": {}})).await;
    store(url, "pushdown-elastic", events::all(events::elastic, "a")).await;
    let two = Off("the indices have events in two layouts");
    for (layout, expected) in [(AUTO, two), (ELASTIC, On)] {
        let compared = compare(url, "pushdown-elastic", layout).await;
        judge(flavor, expected, compared, "pushdown-elastic");
    }
    make(url, "pushdown-agent", json!({"properties": {}})).await;
    store(url, "pushdown-agent", events::usual(events::elastic, "a")).await;
    let compared = compare(url, "pushdown-agent", AUTO).await;
    judge(flavor, On, compared, "pushdown-agent");
    make(url, "pushdown-both", json!({"properties": {}})).await;
    store(url, "pushdown-both", events::all(events::elastic, "a")).await;
    store(url, "pushdown-both", events::all(events::raw, "b")).await;
    let compared = compare(url, "pushdown-both", AUTO).await;
    judge(flavor, two, compared, "pushdown-both");
}

/// The old server is read over a scroll, and everything of it.
fn judge(flavor: Flavor, expected: Expected, compared: (Pushdown, usize, usize), index: &str) {
    let expected = match flavor {
        Flavor::Elasticsearch7 => Expected::Off("this server is too old"),
        _ => expected,
    };
    let (pushdown, whole, part) = compared;
    match (&pushdown, expected) {
        (Pushdown::On(_), Expected::On) => {
            assert!(part * 2 < whole, "{index}: {part} of {whole} are left");
        }
        (Pushdown::On(_), Expected::Partly) => assert!(part < whole, "{index}"),
        (Pushdown::Off(why), Expected::Off(begin)) if why.starts_with(begin) => {
            assert_eq!(whole, part, "{index}");
        }
        _ => panic!("{index}: {pushdown:?} in place of {expected:?}"),
    }
}

/// A mapping of the fields that rules look at.
fn mapped(verb: &Value, others: &Value) -> Value {
    json!({"properties": {
        "verb": verb,
        "auditID": {"type": "keyword"},
        "user": {"properties": {"username": others, "groups": others}},
        "objectRef": {"properties": {
            "resource": others, "subresource": others, "namespace": others,
        }},
    }})
}

/// Makes an index anew, with a normalizer to use.
async fn make(url: &str, index: &str, mut mapping: Value) {
    seed::index(url, index, date(), 1).await;
    seed::call("DELETE", url, index, Value::Null).await;
    mapping["properties"]["@timestamp"] = json!({"type": "date"});
    // What is not looked at must not keep documents out.
    for body in ["requestObject", "log", "items", "message"] {
        mapping["properties"][body] = json!({"type": "object", "enabled": false});
    }
    let lowercase = json!({"type": "custom", "filter": ["lowercase"]});
    let body = json!({
        "settings": {
            "number_of_shards": 2, "number_of_replicas": 0,
            "analysis": {"normalizer": {"lowercase": lowercase}},
        },
        "mappings": mapping,
    });
    seed::call("PUT", url, index, body).await;
}

/// Stores what the index takes of some documents.
async fn store(url: &str, index: &str, documents: Vec<Value>) {
    let lines: String = documents
        .into_iter()
        .map(|document| format!("{}\n{document}\n", json!({"index": {}})))
        .collect();
    let request = reqwest::Client::new()
        .post(format!("{url}/{index}/_bulk?refresh=true"))
        .header("content-type", "application/x-ndjson")
        .body(lines);
    let answer: Value = async { request.send().await?.json().await }
        .await
        .expect("the server answers");
    let items = answer["items"].as_array().expect("items");
    let taken = items.iter().filter(|item| item["index"]["status"] == 201);
    assert!(taken.count() * 2 > items.len(), "{answer}");
}

/// A mapping says nothing about documents that were there before it.
async fn fields_that_were_mapped_late_are_not_gone_by(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let index = "pushdown-late-mapping";
    make(url, index, json!({"dynamic": false, "properties": {}})).await;
    store(url, index, events::all(events::raw, "a")).await;
    let keyword = json!({"type": "keyword"});
    let path = format!("{index}/_mapping");
    seed::call("PUT", url, &path, mapped(&keyword, &keyword)).await;
    let (pushdown, whole, part) = compare(url, index, AUTO).await;
    if flavor != Flavor::Elasticsearch7 {
        assert!(matches!(pushdown, Pushdown::On(_)), "{pushdown:?}");
    }
    assert_eq!(whole, part, "none of them is indexed");
    store(url, index, events::all(events::raw, "b")).await;
    judge(
        flavor,
        Expected::On,
        compare_growing(url, index, whole).await,
        index,
    );
}

/// Of an index whose first documents are all read.
async fn compare_growing(url: &str, index: &str, first: usize) -> (Pushdown, usize, usize) {
    let (pushdown, whole, part) = compare(url, index, AUTO).await;
    match pushdown {
        Pushdown::On(_) => (pushdown, whole - first, part - first),
        Pushdown::Off(_) => (pushdown, whole, part),
    }
}

async fn indices_that_differ_are_read_as_the_worst_of_them(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let (keyword, text) = (json!({"type": "keyword"}), json!({"type": "text"}));
    for (index, field) in [("pushdown-mixed-a", &keyword), ("pushdown-mixed-b", &text)] {
        make(url, index, mapped(field, field)).await;
        store(url, index, events::all(events::raw, index)).await;
    }
    let compared = compare(url, "pushdown-mixed-*", AUTO).await;
    let off = Expected::Off("not an exact keyword in every index");
    judge(flavor, off, compared, "pushdown-mixed-*");
    // One that does not know some fields keeps none of the others from being gone by.
    make(
        url,
        "pushdown-mixed-b",
        json!({"dynamic": false, "properties": {}}),
    )
    .await;
    store(url, "pushdown-mixed-b", events::all(events::raw, "b")).await;
    let (pushdown, whole, part) = compare(url, "pushdown-mixed-*", AUTO).await;
    if flavor != Flavor::Elasticsearch7 {
        assert!(matches!(pushdown, Pushdown::On(_)), "{pushdown:?}");
        assert!(
            part > whole / 2 && part * 4 < whole * 3,
            "{part} of {whole}"
        );
    }
}

/// So that a sweep notices what came late, and nothing else.
async fn the_marks_are_those_of_all_documents(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let index = "pushdown-late";
    let keyword = json!({"type": "keyword"});
    make(url, index, mapped(&keyword, &keyword)).await;
    store(url, index, events::all(events::raw, "a")).await;
    let rules = rules();
    let source = source(url, index, AUTO).await;
    let mut ledger = Ledger::default();
    ledger.read(&seen(&*source, &rules, (true, true)).await.census);
    let census = source.census(day()).await.expect("it is told");
    assert_eq!(ledger.differing(day(), &census), []);
    let late = |verb: &str, time: &str| {
        let mut late = events::event(verb, "secrets", "");
        late["@timestamp"] = json!(time);
        late
    };
    let of_interest = late("get", "2026-11-23T20:00:00Z");
    let of_none = late("patch", "2026-11-23T21:00:00Z");
    store(url, index, vec![of_interest, of_none]).await;
    let census = source.census(day()).await.expect("it is told");
    let bucket = |time: &str| Bucket::of(time.parse().expect("a timestamp"));
    let differing = [
        bucket("2026-11-23T20:00:00Z"),
        bucket("2026-11-23T21:00:00Z"),
    ];
    assert_eq!(ledger.differing(day(), &census), differing);
    compare(url, index, AUTO).await;
}

async fn a_filter_of_many_rules_is_answered(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let index = "pushdown-many";
    make(url, index, json!({"properties": {}})).await;
    store(url, index, events::all(events::raw, "a")).await;
    let rules = RuleSet::new((0..300).map(|number: usize| {
        let name = |kind: &str, of: usize| format!("{kind}-{}", number % of);
        rule(
            &format!("many-{number}"),
            json!([
                {"field": "verb", "equals": if number < 3 { "get".into() } else { name("verb", 7) }},
                {"field": "objectRef.resource", "in": [name("resource", 113), "secrets"]},
                {"field": "user.username", "in": [name("user", 90), "alice"]},
            ]),
        )
    }));
    let (pushdown, _, part) = compare_for(&rules, url, index, AUTO).await;
    if flavor != Flavor::Elasticsearch7 {
        assert!(matches!(pushdown, Pushdown::On(_)), "{pushdown:?}");
        assert!(part > 0, "what has no verb is read");
    }
}
