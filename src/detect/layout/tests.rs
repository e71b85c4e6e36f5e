mod batches;
mod places;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::detect::{document::Document, event::Event, field::Field, schema};

fn document(source: impl Into<Bytes>) -> Document {
    Document {
        index: "audit".to_owned(),
        id: "1".to_owned(),
        time: None,
        source: source.into(),
        is_rebuilt: false,
    }
}

fn read(source: &Value, layout: Layout) -> Result<Vec<Event>, Rejection> {
    Event::read(&document(source.to_string()), layout)
}

/// Reads at the only place where the event may be.
fn read_at(source: &Value, path: &str) -> Result<Vec<Event>, Rejection> {
    let path = path.parse().expect("a path");
    let place = Place {
        layout: Layout::Auto,
        path: Some(&path),
    };
    Event::read(&document(source.to_string()), place)
}

/// All values that rules can see of the event of a document.
fn seen(source: &Value, layout: Layout) -> Vec<(String, Vec<String>)> {
    let events =
        read(source, layout).unwrap_or_else(|error| panic!("{layout:?}: {error}: {source}"));
    assert_eq!(events.len(), 1);
    let free = [
        "annotations[\"authorization.k8s.io/decision\"]",
        "user.extra[\"example.org/pod.name\"]",
        "requestObject.metadata.labels[\"app.kubernetes.io/name\"]",
        "requestObject.spec.containers.image",
        "requestObject.spec.containers.securityContext.privileged",
        "podSpec.allContainers.image",
        "request.path",
        "request.command",
        "source.ip",
        "decision",
        "actor.username",
    ];
    let names = schema::FIELDS.iter().map(|(name, _)| *name).chain(free);
    let values = |name| {
        let field = Field::parse(name).expect("a known field");
        let values = events[0].values(&field);
        (
            name.to_owned(),
            values.into_iter().map(Into::into).collect(),
        )
    };
    names.map(values).collect()
}

fn flatten(prefix: &str, value: &Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                flatten(&format!("{prefix}{key}."), child, flat);
            }
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|child| flatten(prefix, child, flat)),
        scalar => {
            let name = prefix.trim_end_matches('.').to_owned();
            let values = flat.entry(name).or_insert_with(|| json!([]));
            values.as_array_mut().expect("a list").push(scalar.clone());
        }
    }
}

fn flat(prefix: &str, event: &Value) -> Value {
    let mut flat = Map::new();
    flatten(prefix, event, &mut flat);
    Value::Object(flat)
}

fn with_text_bodies(mut event: Value) -> Value {
    for name in ["requestObject", "objectRef"] {
        event[name] = event[name].to_string().into();
    }
    event
}

fn with_undotted_annotations(mut event: Value) -> Value {
    for path in ["/annotations", "/user/extra"] {
        let Some(Value::Object(map)) = event.pointer_mut(path) else {
            continue;
        };
        *map = std::mem::take(map)
            .into_iter()
            .map(|(key, value)| (key.replace('.', "_"), value))
            .collect();
    }
    event
}

/// The same event as shippers store it.
fn stored(event: &Value) -> Vec<(Layout, Value)> {
    let text = event.to_string();
    let elastic = with_undotted_annotations(event.clone());
    let pod = json!({"pod": {"name": "kube-apiserver-1"}, "labels": {"tier": "control-plane"}});
    vec![
        (Layout::Raw, event.clone()),
        (Layout::Raw, with_text_bodies(event.clone())),
        (
            Layout::Raw,
            json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event]}),
        ),
        (
            Layout::Elastic,
            json!({"kubernetes": {"audit": elastic}, "event": {"kind": "event"}}),
        ),
        (
            Layout::Elastic,
            json!({"kubernetes": {"audit": with_text_bodies(elastic)}}),
        ),
        (Layout::Dotted, flat("kubernetes.audit.", event)),
        (Layout::Dotted, flat("", event)),
        (
            Layout::Wrapped,
            json!({"log": format!("{text}\n"), "stream": "stdout", "kubernetes": pod}),
        ),
        (Layout::Wrapped, json!({"log": event, "kubernetes": pod})),
        (
            Layout::Wrapped,
            json!({"message": text, "@timestamp": "2026-11-01T00:00:00Z"}),
        ),
        (
            Layout::Wrapped,
            json!({"category": "kube-audit", "properties": {"log": text, "pod": "p"}}),
        ),
        (
            Layout::Wrapped,
            json!({"message": "an audit event", "event": {"original": text}}),
        ),
        (
            Layout::Wrapped,
            json!({"message": json!({"log": text}).to_string()}),
        ),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let word = || "[a-z0-9.:/ \\\\\"{ü]{0,8}";
    let words = || proptest::collection::vec(word(), 0..4);
    let container = (word(), any::<Option<bool>>());
    let containers = proptest::collection::vec(container, 0..3);
    let user = (word(), words(), words());
    let whole = (user, words(), word(), word(), 100_u16..600, containers);
    whole.prop_map(|((name, groups, extra), ips, uri, label, code, containers)| {
        let containers = containers.into_iter().map(|(image, privileged)| {
            json!({"image": image, "securityContext": {"privileged": privileged}})
        });
        json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "auditID": "5f2c9a52",
            "stage": "ResponseComplete",
            "verb": "create",
            "requestURI": format!("/api/v1/{uri}?command={label}"),
            "user": {"username": name, "groups": groups, "extra": {"example.org/pod.name": extra}},
            "impersonatedUser": {"username": label},
            "sourceIPs": ips,
            "objectRef": {"resource": "pods", "name": label},
            "responseStatus": {"code": code, "metadata": {}},
            "requestObject": {
                "kind": "Pod",
                "metadata": {"labels": {"app.kubernetes.io/name": label}},
                "spec": {"containers": containers.collect::<Value>()},
            },
            "requestReceivedTimestamp": "2026-11-01T00:00:00.000001Z",
            "annotations": {"authorization.k8s.io/decision": "allow"},
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_event_is_read_from_every_layout(event in event()) {
        let expected = seen(&event, Layout::Raw);
        for (layout, document) in stored(&event) {
            prop_assert_eq!(&seen(&document, layout), &expected, "{:?}: {}", layout, document);
            prop_assert_eq!(&seen(&document, Layout::Auto), &expected, "Auto: {}", document);
        }
    }

}

proptest! {
    #[test]
    fn reading_never_panics(source in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Event::read(&document(source), Layout::Auto);
    }

    #[test]
    fn reading_never_panics_on_nearly_json(source in r#"(\{|\}|\[|\]|"|:|,|\\|\\ud800|1e999|null|"verb":|"log":|"a.b.c"|"items"|"kind":"EventList"){0,24}"#) {
        for layout in [Layout::Auto, Layout::Raw, Layout::Elastic, Layout::Dotted, Layout::Wrapped] {
            let _ = Event::read(&document(source.clone()), layout);
        }
    }
}

#[test]
fn a_layout_reads_no_other() {
    let event = json!({"auditID": "1", "verb": "get", "objectRef": {"resource": "pods"}});
    let elastic = json!({"kubernetes": {"audit": event}});
    let wrapped = json!({"log": event});
    for (layout, other) in [
        (Layout::Raw, &elastic),
        (Layout::Raw, &wrapped),
        (Layout::Elastic, &event),
        (Layout::Elastic, &wrapped),
        (Layout::Dotted, &elastic),
        (Layout::Wrapped, &elastic),
    ] {
        assert_eq!(
            read(other, layout).err(),
            Some(Rejection::NotAnAuditEvent),
            "{layout:?} {other}"
        );
    }
}

#[test]
fn what_is_no_audit_event_is_set_aside() {
    for other in [
        json!({}),
        json!([{"auditID": "1"}]),
        json!("auditID"),
        json!({"message": "GET /healthz", "level": "info", "verb": "get"}),
        json!({"kind": "Event", "apiVersion": "v1", "reason": "Started", "auditID": "1"}),
        json!({"kind": "Pod", "apiVersion": "v1", "auditID": "1"}),
        json!({"kind": "EventList", "apiVersion": "v1", "items": [{"reason": "Started"}]}),
        json!({"kind": "EventList", "items": [{"auditID": "1"}, 7]}),
        json!({"protoPayload": {"methodName": "io.k8s.core.v1.pods.get"}}),
        json!({"log": "plain text", "message": "[1]"}),
        json!({"log": {"log": {"log": {"log": {"log": {"auditID": "1"}}}}}}),
    ] {
        assert_eq!(
            read(&other, Layout::Auto).err(),
            Some(Rejection::NotAnAuditEvent),
            "{other}"
        );
    }
}

#[test]
fn a_list_gives_its_events_in_order() {
    let list = json!({"kind": "EventList", "items": [
        {"auditID": "a", "requestURI": "/"}, {"auditID": "b", "requestURI": "/"},
    ]});
    let id = Field::parse("auditID").expect("a known field");
    for source in [list.clone(), json!({"message": list.to_string()})] {
        let events = read(&source, Layout::Auto).expect("a list");
        let ids: Vec<_> = events.iter().flat_map(|event| event.values(&id)).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(
            events.iter().map(Event::position).collect::<Vec<_>>(),
            [0, 1]
        );
    }
    let empty = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": []});
    assert!(read(&empty, Layout::Auto).expect("a list").is_empty());
}

#[test]
fn what_a_caller_writes_into_a_body_never_hides_the_event() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for body in [
        nested(64),
        nested(100_000),
        r#"{"a":"\ud800"}"#.to_owned(),
        r#"{"\udc00\ud800":1e999}"#.to_owned(),
    ] {
        let event =
            format!(r#"{{"auditID":"1","verb":"patch","requestURI":"/","requestObject":{body}}}"#);
        let wrapped = json!({"log": &event}).to_string();
        for source in [event, wrapped] {
            let events = Event::read(&document(source.into_bytes()), Layout::Auto);
            let verb = Field::parse("verb").expect("a known field");
            assert_eq!(events.expect("it is an event")[0].values(&verb), ["patch"]);
        }
    }
}

#[test]
fn hostile_documents_are_refused_with_their_reason() {
    let refused = |source: Vec<u8>| Event::read(&document(source), Layout::Auto).err();
    let large = Rejection::TooLarge {
        limit: json::SIZE_LIMIT,
    };
    assert_eq!(refused(vec![b' '; json::SIZE_LIMIT + 1]), Some(large));
    for broken in [
        br#"{"auditID":"1"} {"auditID":"2"}"#.as_slice(),
        br#"{"auditID":"1""#,
        br#"{"log":"{\"auditID\":\"1\",\"requ"}"#,
    ] {
        assert!(
            matches!(refused(broken.to_vec()), Some(Rejection::NotJson(_))),
            "{broken:?}"
        );
    }
}

#[test]
fn odd_documents_are_read() {
    let verb = Field::parse("verb").expect("a known field");
    let values = |source: &str| {
        let events = Event::read(&document(source.to_owned()), Layout::Auto).expect("an event");
        let values = events[0].values(&verb);
        values
            .into_iter()
            .map(|value| value.into_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values(r#"{"auditID":"1","requestURI":"/","verb":"get","verb":"list"}"#),
        ["list"]
    );
    assert_eq!(
        values(r#"{"auditID":"a\u0000b","requestURI":"/","verb":{"x":1}}"#),
        Vec::<String>::new()
    );
    let brackets = format!(
        r#"{{"auditID":"1","requestURI":"/","verb":"{}\""}}"#,
        "[{".repeat(100)
    );
    assert_eq!(values(&brackets), [format!("{}\"", "[{".repeat(100))]);
    let dots = format!(
        r#"{{"verb":"get","auditID":"1","requestURI":"/","requestObject.{}":1}}"#,
        "a.".repeat(1_000_000)
    );
    assert_eq!(values(&dots), ["get"]);
}

#[test]
fn a_body_that_is_no_json_stays_text() {
    let body = Field::parse("requestObject").expect("a known field");
    for text in ["plain", "{broken", ""] {
        let events = read(
            &json!({"auditID": "1", "requestURI": "/", "requestObject": text}),
            Layout::Auto,
        );
        let events = events.expect("an event");
        let expected: Vec<&str> = [text].into_iter().filter(|text| !text.is_empty()).collect();
        assert_eq!(events[0].values(&body), expected);
    }
}
