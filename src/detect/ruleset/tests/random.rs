//! Small worlds for property tests: few fields and few values, so that rules match often, and
//! every kind of hostile value among them.

use crate::detect::{
    chance::Chance,
    definition::{Exception, Existence, Predicate, RequestOutcome, RuleDefinition, Selection},
};
use serde_json::json;

mod event;

pub use event::event;

const FIELDS: [&str; 27] = [
    "verb",
    "stage",
    "user.username",
    "user.groups",
    "actor.username",
    "sourceIPs",
    "source.ip",
    "userAgent",
    "objectRef",
    "objectRef.resource",
    "objectRef.name",
    "request.path",
    "request.query.command",
    "request.command",
    "responseStatus.code",
    "annotations[\"authorization.k8s.io/decision\"]",
    "podSpec.allContainers.image",
    "podSpec.volumes.hostPath.path",
    "podSpec.hostPID",
    "podSpec.nodeSelector[\"kubernetes.io/os\"]",
    "outcome",
    "object.note",
    "object.rules.verbs",
    "object.kind",
    "requestObject.kind",
    "responseObject.spec.hostPID",
    "requestObject.spec.containers.image",
];

/// List fields, each with fields of its elements.
const LISTS: [(&str, &[&str]); 11] = [
    ("user.groups", &["."]),
    ("sourceIPs", &["."]),
    (
        "podSpec.allContainers",
        &[
            "image",
            "securityContext.privileged",
            "ports.containerPort",
            "securityContext",
        ],
    ),
    (
        "podSpec.volumes",
        &["name", "hostPath", "hostPath.path", "hostPath.type"],
    ),
    ("podSpec.containers.command", &["."]),
    ("requestObject.rules", &["verbs", "resources"]),
    ("requestObject.spec.containers", &["image", "command"]),
    ("request.query.command", &["."]),
    ("object.rules", &["verbs", "resources"]),
    ("podSpec.nodeSelector", &["key", "value"]),
    ("requestObject.spec.nodeSelector", &["key", "value"]),
];

const TEXTS: [&str; 30] = [
    "get",
    "create",
    "pods",
    "secrets",
    "exec",
    "alice",
    "system:node:a",
    "system:masters",
    "sre",
    "10.0.0.7",
    "::ffff:10.0.0.7",
    "192.0.2.1",
    "fd00::1",
    "403",
    "200",
    "true",
    "*",
    "*.*",
    "/api/v1/pods",
    "/api/v1/namespaces/a/pods/web-0/exec",
    "web-0",
    "ü",
    "ÜBER",
    "\u{212A}ube",
    "\u{0}",
    "a\nb",
    "\u{202e}nimda",
    "-1",
    "1.5",
    "1e400",
];

const PARTS: [&str; 16] = [
    "e", "ex", "exec", "pods", "sys", "system:", "/", "10.", "a", "ü", "\n", "\u{0}", "0", "-",
    ".", "be",
];

const PATTERNS: [&str; 20] = [
    "exec",
    "^system:(node|master)",
    "(?<who>ali|sre)",
    r"/pods/(?<pod>[^/]+)/",
    "(?i)KUBE",
    "(?i)über",
    r"^\d+$",
    r"^[a-z]+$",
    "a.b",
    "(?s)a.b",
    r"\*",
    "(get|create|secrets)$",
    r"(?-u:\x00)|x{3}",
    r"\bpods\b",
    "[^/]/[^/]",
    "(a|b|c|d|e|f|g)+x?(y|z)?1",
    r"\p{Lu}",
    "e{1,2}",
    "(?:s(?:e|y)(?:c|s))",
    r".",
];

const NETWORKS: [&str; 5] = [
    "10.0.0.0/8",
    "::ffff:10.0.0.0/104",
    "192.0.2.1/32",
    "fd00::/8",
    "::/0",
];

const OUTCOMES: [RequestOutcome; 4] = [
    RequestOutcome::Success,
    RequestOutcome::Denied,
    RequestOutcome::Failure,
    RequestOutcome::DryRun,
];

const CONDITIONS: [&str; 9] = [
    "s0",
    "not s0",
    "all of them",
    "1 of them",
    "s0 and not s1",
    "s0 or s1",
    "s0 and (s1 or not s2)",
    "not (s0 or s1) and s2",
    "1 of s* and not all of them",
];

/// A rule over the fields and values of these worlds. It may be refused, for example because its
/// condition leaves out a selection.
pub fn rule(chance: &mut Chance) -> RuleDefinition {
    let condition = *chance.one_of(&CONDITIONS);
    let selections = match condition {
        text if text.contains("s2") => 3,
        text if text.contains("s1") => 2,
        text if text.contains('*') || text.contains("them") => 1 + chance.below(3),
        _ => 1,
    };
    let mut definition: RuleDefinition = serde_json::from_value(
        json!({"title": "Made by chance", "severity": "Low", "selections": []}),
    )
    .expect("a definition");
    definition.message = Some("{verb} {user.groups} {request.path}".to_owned());
    definition.condition = chance.percent(80).then(|| condition.to_owned());
    definition.selections = (0..selections)
        .map(|index| selection(chance, format!("s{index}")))
        .collect();
    if chance.percent(25) {
        let Selection {
            for_each,
            all,
            any,
            none,
            ..
        } = selection(chance, String::new());
        definition.exceptions = vec![Exception {
            name: "known".to_owned(),
            reason: None,
            for_each,
            all,
            any,
            none,
        }];
    }
    if chance.percent(80) {
        definition.outcomes = (0..6).map(|_| *chance.one_of(&OUTCOMES)).collect();
    }
    definition
}

fn selection(chance: &mut Chance, name: String) -> Selection {
    if chance.percent(75) {
        return event_selection(chance, name);
    }
    let (list, fields) = *chance.one_of(&LISTS);
    let mut selection = group(chance, name, fields);
    selection.for_each = Some(list.to_owned());
    selection
}

fn event_selection(chance: &mut Chance, name: String) -> Selection {
    group(chance, name, &FIELDS)
}

fn group(chance: &mut Chance, name: String, fields: &[&str]) -> Selection {
    let mut predicates = |most: usize| -> Vec<_> {
        (0..=chance.below(most))
            .map(|_| predicate(chance, fields))
            .collect()
    };
    let (all, any) = (predicates(3), predicates(3));
    let none = predicates(2);
    let (all, any) = match chance.below(4) {
        0 => (Vec::new(), any),
        1 => (all, any),
        _ => (all, Vec::new()),
    };
    let none = if chance.percent(20) { none } else { Vec::new() };
    Selection {
        name,
        for_each: None,
        all,
        any,
        none,
    }
}

/// A predicate with any of the operators.
fn predicate(chance: &mut Chance, fields: &[&str]) -> Predicate {
    let mut predicate = Predicate {
        field: (*chance.one_of(fields)).to_owned(),
        ..Predicate::default()
    };
    let mut text = |things: &[&str]| Some((*chance.one_of(things)).to_owned());
    let p = &mut predicate;
    match text(&["0", "1", "2", "3", "4", "5", "6", "7"]).as_deref() {
        Some("0") => p.equals = text(&TEXTS),
        Some("1") => p.starts_with = text(&PARTS),
        Some("2") => p.ends_with = text(&PARTS),
        Some("3") => p.contains = text(&PARTS),
        Some("4") => p.matches = text(&PATTERNS),
        Some("5") => p.cidr = text(&NETWORKS),
        Some("6") => match chance.below(6) {
            0 => p.at_least = Some(100),
            1 => p.at_most = Some(300),
            2 => (p.at_least, p.at_most) = (Some(-1), Some(201)),
            _ => p.exists = Some(*chance.one_of(&[Existence::Present, Existence::Absent])),
        },
        _ => match chance.below(6) {
            0 => p.is_in = some_of(chance, 4, &TEXTS),
            1 => p.starts_with_any = some_of(chance, 3, &PARTS),
            2 => p.ends_with_any = some_of(chance, 3, &PARTS),
            3 => p.contains_any = some_of(chance, 3, &PARTS),
            4 => p.matches_any = some_of(chance, 3, &PATTERNS),
            _ => p.cidr_any = some_of(chance, 3, &NETWORKS),
        },
    }
    predicate
}

/// From one to `most` of some things, which may repeat.
fn some_of(chance: &mut Chance, most: usize, things: &[&str]) -> Vec<String> {
    (0..=chance.below(most))
        .map(|_| (*chance.one_of(things)).to_owned())
        .collect()
}
