use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::detect::{definition::RuleDefinition, layout::Layout, rule::RuleIdentity};

const CANARY: &str = "hunter2-canary";

fn profile() -> RuleProfile {
    let definition: RuleDefinition = serde_json::from_value(json!({
        "title": "Command executed in a pod",
        "description": "Somebody ran a command in a running container.",
        "severity": "Medium",
        "category": "Exec",
        "tags": ["attack.execution", "attack.t1609", "attack.TA0006", "attack.t1552.007", "team.a"],
        "references": ["https://example.org/exec", "https://example.org/more"],
        "falsePositives": ["On-call engineers"],
        "selections": [{"name": "session", "all": [{"field": "verb", "equals": "get"}]}],
        "exceptions": [{"name": "break-glass", "all": [{"field": "verb", "equals": "x"}]}],
    }))
    .expect("the definition is whole");
    let identity = RuleIdentity {
        namespace: "security".to_owned(),
        name: "pod-exec".to_owned(),
        uid: "11111111-2222-3333-4444-555555555555".to_owned(),
    };
    RuleProfile::new(&identity, &definition, "0123456789abcdef")
}

fn request() -> Value {
    json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": "5f2c9a52-3a2e-4a53-9a55-2f6f4c1b8c11",
        "stage": "ResponseComplete",
        "verb": "get",
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/exec?command=id",
        "user": {"username": "alice", "uid": "u-1", "groups": ["dev", "system:authenticated"]},
        "impersonatedUser": {"username": "bob", "uid": "u-2", "groups": ["system:masters"],
            "extra": {"scopes": ["view", "edit"], "session-token": [CANARY]}},
        "sourceIPs": ["203.0.113.1", "192.0.2.9"],
        "userAgent": "kubectl/v1.33.0",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-0",
            "apiVersion": "v1", "subresource": "exec"},
        "responseStatus": {"code": 101, "message": CANARY},
        "requestObject": {"kind": "PodExecOptions", "data": CANARY},
        "responseObject": {"data": CANARY},
        "requestReceivedTimestamp": "2026-11-01T23:59:59.123456Z",
        "stageTimestamp": "2026-11-02T00:00:00.223456Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "x": CANARY},
    })
}

fn evidence(field: &str, value: &str) -> Evidence {
    Evidence {
        selection: "session".to_owned(),
        field: Field::parse(field).expect("a known field"),
        operator: "equals",
        values: vec![value.to_owned()],
    }
}

fn finding() -> Finding {
    Finding {
        message: "alice ran id in shop/web-0".to_owned(),
        severity: Severity::Medium,
        outcome: Some(RequestOutcome::Success),
        matched: vec!["web".to_owned()],
        context: vec![(
            "podSpec.allContainers.image".to_owned(),
            vec!["app:1".to_owned()],
        )],
        captures: BTreeMap::from([("pod".to_owned(), "web-0".to_owned())]),
        evidence: vec![
            evidence("verb", "get"),
            evidence("requestObject.data", CANARY),
        ],
    }
}

fn context(layout: Layout) -> Context {
    Context {
        tenant: "security".to_owned(),
        job: "prod".to_owned(),
        cluster: "blue".to_owned(),
        layout,
        layout_path: None,
        now: "2026-11-02T00:00:05Z".parse().expect("a time"),
    }
}

fn document(source: &Value) -> Document {
    Document {
        index: "audit-2026.11.01".to_owned(),
        id: "doc-1".to_owned(),
        time: Some("2026-11-02T00:00:01.5Z".to_owned()),
        source: source.to_string().into(),
        is_rebuilt: false,
    }
}

fn alert_of(source: &Value, finding: &Finding) -> Alert {
    alert_in(&document(source), finding)
}

fn alert_in(document: &Document, finding: &Finding) -> Alert {
    let context = context(Layout::Auto);
    let events = Event::read(document, context.layout).expect("an audit event");
    Alert::new(&events[0], document, &profile(), finding, &context)
}

fn alert(source: &Value) -> Alert {
    alert_of(source, &finding())
}

/// Objects of free shape.
const FREE: [&str; 3] = [
    "k8scop.captures",
    "k8scop.context",
    "k8scop.impersonated.extra",
];

/// The dotted names of all fields; what is of free shape counts as one.
fn names(prefix: &str, value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) if !FREE.contains(&prefix) => {
            for (key, child) in map {
                let name = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                self::names(&name, child, names);
            }
        }
        _ => names.push(prefix.to_owned()),
    }
}

#[test]
fn the_document_is_as_documented() {
    let mut document = alert(&request()).document;
    let version = document["observer"]["version"].take();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    insta::assert_json_snapshot!(document);
}

#[test]
fn every_field_outside_our_rooms_is_an_ecs_field() {
    let known: Vec<&str> = include_str!("ecs_fields.txt").lines().collect();
    let mut names = Vec::new();
    self::names("", &alert(&request()).document, &mut names);
    names.retain(|name| !name.starts_with("k8scop.") && !name.starts_with("kubernetes.audit."));
    names.retain(|name| !known.contains(&name.as_str()));
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn no_body_or_secret_reaches_the_document() {
    let mut source = request();
    source["objectRef"]["data"] = CANARY.into();
    let text = alert(&source).document.to_string();
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn the_title_stands_in_for_a_description() {
    let described = |description: Value| {
        let definition: RuleDefinition = serde_json::from_value(json!({
            "title": "A title", "description": description, "severity": "Low",
            "selections": [{"name": "any", "all": [{"field": "verb", "equals": "get"}]}],
        }))
        .expect("the definition is whole");
        let identity = RuleIdentity {
            namespace: "security".to_owned(),
            name: "pod-exec".to_owned(),
            uid: String::new(),
        };
        let document = RuleProfile::new(&identity, &definition, "r1")
            .draft()
            .clone()
            .finish();
        assert_eq!(document["k8scop"]["rule"]["title"], "A title");
        document["rule"]["description"].clone()
    };
    let longest = "é".repeat(2048);
    assert_eq!(described(Value::Null), "A title");
    assert_eq!(described(" ".into()), "A title");
    assert_eq!(described(longest.as_str().into()), longest);
}

#[test]
fn addresses_that_are_invalid_are_texts_only() {
    let mut source = request();
    source["sourceIPs"] = json!(["unknown", "203.0.113.1", "203.0.113.1", "2001:DB8::1"]);
    let document = alert(&source).document;
    assert_eq!(
        document["kubernetes"]["audit"]["sourceIPs"],
        source["sourceIPs"]
    );
    assert_eq!(
        document["related"]["ip"],
        json!(["203.0.113.1", "2001:db8::1"])
    );
    assert_eq!(document["source"]["ip"], "2001:db8::1");
}

#[test]
fn a_rebuilt_document_shows_no_source_address() {
    let rebuilt = Document {
        is_rebuilt: true,
        ..document(&request())
    };
    let document = alert_in(&rebuilt, &finding()).document;
    assert_eq!(document.pointer("/source"), None);
    assert_eq!(
        document["related"]["ip"],
        json!(["203.0.113.1", "192.0.2.9"])
    );
}

#[test]
fn credentials_in_extra_are_withheld() {
    let mut source = request();
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{CANARY}.c2ln");
    source["impersonatedUser"]["extra"] = json!({
        "Session-Token": [CANARY], "client_secret": CANARY, "proof": [format!("Bearer {token}")],
        "": [CANARY], "example.com/scopes": ["view"],
    });
    let document = alert(&source).document;
    assert!(!document.to_string().contains(CANARY), "{document}");
    let extra = &document["k8scop"]["impersonated"]["extra"];
    assert_eq!(extra["example.com/scopes"], json!(["view"]));
    assert_eq!(extra["Session-Token"], json!([WITHHELD]));
}

#[test]
fn what_did_not_happen_is_no_success() {
    let shown = |outcome| {
        let finding = Finding {
            outcome,
            ..finding()
        };
        let document = alert_of(&request(), &finding).document;
        let event = document["event"]["outcome"].clone();
        (event, document["k8scop"]["outcome"].clone())
    };
    for (outcome, expected) in [
        (Some(RequestOutcome::Success), json!(["success", "success"])),
        (Some(RequestOutcome::Denied), json!(["failure", "denied"])),
        (Some(RequestOutcome::Failure), json!(["failure", "failure"])),
        (Some(RequestOutcome::DryRun), json!(["unknown", "dryRun"])),
        (None, json!(["unknown", null])),
    ] {
        assert_eq!(json!(shown(outcome)), expected);
    }
}

#[test]
fn what_verification_needs_stands_in_the_document_too() {
    let alert = alert(&request());
    let shown = |path: &str| alert.document.pointer(path).and_then(Value::as_str);
    assert_eq!(shown("/k8scop/fingerprint"), Some(&*alert.fingerprint));
    assert_eq!(shown("/k8scop/rule/uid"), Some(&*alert.rule_uid));
    assert_eq!(shown("/k8scop/rule/match_hash"), Some(&*alert.match_hash));
}

#[test]
fn an_own_id_stands_in_the_document_and_changes_nothing_else() {
    let alert = alert(&request());
    let own = alert.with_own_id();
    assert_ne!(own.id, alert.id);
    assert_eq!(own, alert.with_own_id());
    assert_ne!(own.id, own.with_own_id().id);
    let mut expected = alert.clone();
    expected.document["event"]["id"] = own.id.as_str().into();
    expected.id = own.id.clone();
    assert_eq!(own, expected);
}

#[test]
fn hostile_values_stay_within_bounds() {
    let mut source = request();
    let long = "🦀".repeat(2_000);
    source["auditID"] = long.as_str().into();
    source["userAgent"] = long.as_str().into();
    source["user"]["groups"] = vec![long.as_str(); 100].into();
    source["sourceIPs"] = vec!["not an address"; 100].into();
    let extra = (0..100).map(|n| (format!("{n}{long}"), vec!["x"; 100].into()));
    source["impersonatedUser"]["extra"] = Value::Object(extra.collect());
    let finding = Finding {
        matched: vec![long.clone(); 100],
        context: vec![(long.clone(), vec![long.clone(); 100]); 100],
        message: long.clone(),
        captures: (0..100).map(|n| (format!("c{n}"), long.clone())).collect(),
        evidence: vec![
            Evidence {
                values: vec![long; 10],
                ..evidence("verb", "")
            };
            100
        ],
        ..finding()
    };
    let document = alert_of(&source, &finding).document;
    assert!(document.to_string().len() < 1024 * 1024);
    assert_eq!(document.pointer("/source"), None);
    let message = document["message"].as_str().expect("a text");
    assert_eq!(
        (message.chars().count(), message.chars().last()),
        (TEXT_LIMIT, Some('…'))
    );
    assert_eq!(
        document["user"]["roles"].as_array().map(Vec::len),
        Some(LIST_LIMIT)
    );
}

#[test]
fn an_event_without_name_and_time_is_known_by_its_document() {
    let timeless = Document {
        time: None,
        ..document(&json!({"verb": "get", "stage": "ResponseComplete", "requestURI": "/"}))
    };
    let document = alert_in(&timeless, &finding()).document;
    assert_eq!(document["k8scop"]["event"]["key_basis"], "doc");
    assert_eq!(document["@timestamp"], document["event"]["created"]);
}

proptest! {
    #[test]
    fn the_id_depends_on_neither_layout_nor_job(user in "\\PC{0,10}", ips in proptest::collection::vec("[0-9.]{0,9}", 0..3)) {
        let mut source = request();
        source["user"]["username"] = user.into();
        source["sourceIPs"] = ips.into();
        let expected = alert(&source);
        for stored in [
            json!({"kubernetes": {"audit": source}}),
            json!({"message": source.to_string()}),
            json!({"kind": "EventList", "items": [source]}),
        ] {
            prop_assert_eq!(&alert(&stored), &expected);
        }
        let document = document(&source);
        let other = Context { job: "another".to_owned(), now: Timestamp::UNIX_EPOCH, ..context(Layout::Raw) };
        let events = Event::read(&document, Layout::Raw).expect("an audit event");
        let again = Alert::new(&events[0], &document, &profile(), &finding(), &other);
        prop_assert_eq!(again.id, expected.id);
    }
}
