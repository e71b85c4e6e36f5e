//! Audit events as a busy cluster writes them: about 2 KB each, in the apiserver's order of members
//! and with its escapes. Most are of no interest; one in a hundred is the intruder's.

use bytes::Bytes;
use k8scop::detect::document::Document;

use crate::chance::Chance;

#[path = "bodies.rs"]
mod bodies;

pub const RESOURCES: [&str; 10] = [
    "pods",
    "deployments",
    "services",
    "endpoints",
    "secrets",
    "configmaps",
    "leases",
    "nodes",
    "rolebindings",
    "events",
];
const WATCHED: [&str; 5] = ["pods", "services", "configmaps", "endpoints", "nodes"];
pub const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "patch"];
pub const NAMESPACES: [&str; 5] = ["shop", "web", "kube-system", "monitoring", "payments"];

/// So many events, equal for equal seeds. They lie one after the other, as in the answer of a
/// server or in a file.
pub fn documents(count: usize, seed: u64) -> Vec<Document> {
    let mut chance = Chance::new(seed);
    let mut events = Vec::new();
    let ranges: Vec<_> = (0..count)
        .map(|number| {
            let start = events.len();
            events.extend(event(&mut chance, number).into_bytes());
            start..events.len()
        })
        .collect();
    let events = Bytes::from(events);
    let document = |(number, range): (usize, _)| Document {
        index: "bench".to_owned(),
        id: number.to_string(),
        time: None,
        source: events.slice(range),
        is_rebuilt: false,
    };
    ranges.into_iter().enumerate().map(document).collect()
}

/// Who calls.
struct Caller {
    username: String,
    groups: &'static str,
    agent: String,
}

/// What is called.
struct Call {
    verb: &'static str,
    api: &'static str,
    resource: &'static str,
    subresource: &'static str,
    namespace: &'static str,
    name: String,
    query: String,
    request: String,
    response: String,
}

fn event(chance: &mut Chance, number: usize) -> String {
    let (mut caller, mut call) = called(chance);
    if chance.percent(1) {
        intrude(chance, &mut caller, &mut call);
    }
    write(chance, number, &caller, &call)
}

/// What the apiserver writes of a call.
fn write(chance: &mut Chance, number: usize, caller: &Caller, call: &Call) -> String {
    let Call {
        verb,
        api,
        resource,
        subresource,
        namespace,
        name,
        query,
        request,
        response,
    } = call;
    let Caller {
        username,
        groups,
        agent,
    } = caller;
    let level = match request.is_empty() && response.is_empty() {
        true => "Metadata",
        false => "RequestResponse",
    };
    let (group, version) = api.rsplit_once('/').unwrap_or(("", api));
    let root = if group.is_empty() { "api" } else { "apis" };
    let segment = |text: &str| match text.is_empty() {
        true => String::new(),
        false => format!("/{text}"),
    };
    let named = if *verb == "create" && subresource.is_empty() {
        String::new()
    } else {
        segment(name) + &segment(subresource)
    };
    let within = segment(match namespace.is_empty() {
        true => "",
        false => "namespaces",
    }) + &segment(namespace);
    let (code, decision) = match chance.below(50) {
        0 => (403, "forbid"),
        1 => (404, "allow"),
        _ if *verb == "create" => (201, "allow"),
        _ => (200, "allow"),
    };
    let member = |name: &str, text: &str| match text.is_empty() {
        true => String::new(),
        false => format!(r#""{name}":"{text}","#),
    };
    let body = |name: &str, json: &str| match json.is_empty() {
        true => String::new(),
        false => format!(r#","{name}":{json}"#),
    };
    let object = [
        member("resource", resource),
        member("namespace", namespace),
        member("name", name),
        member("apiGroup", group),
        format!(r#""apiVersion":"{version}""#),
        body("subresource", &quoted(subresource)),
    ]
    .concat();
    let (bodies, second) = (
        body("requestObject", request) + &body("responseObject", response),
        number / 400 % 60,
    );
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","auditID":"7f0c9a52-3a2e-4a53-9a55-{number:012}","stage":"ResponseComplete","requestURI":"/{root}/{api}{within}/{resource}{named}{query}","verb":"{verb}","user":{{"username":"{username}","uid":"0a1b2c3d-4e5f-6789-abcd-{:012}","groups":[{groups}]}},"sourceIPs":["10.{}.{}.{}"],"userAgent":"{agent}","objectRef":{{{object}}},"responseStatus":{{"metadata":{{}},"code":{code}}}{bodies},"requestReceivedTimestamp":"2026-11-01T10:00:{second:02}.123456Z","stageTimestamp":"2026-11-01T10:00:{second:02}.125456Z","annotations":{{"authorization.k8s.io/decision":"{decision}","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"{resource}-reader\" of ClusterRole \"{resource}-reader\" to Group \"system:authenticated\""}}}}"#,
        chance.below(1_000_000),
        chance.below(8),
        chance.below(256),
        chance.below(256),
    )
}

fn quoted(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!(r#""{text}""#),
    }
}

/// What somebody does, and how often in a hundred.
type Habit = (usize, fn(&mut Chance, &mut Call));

fn kubelet(chance: &mut Chance) -> (Caller, Vec<Habit>) {
    let caller = Caller {
        username: format!("system:node:worker-{}", chance.below(200)),
        groups: r#""system:nodes","system:authenticated""#,
        agent: "kubelet/v1.36.3 (linux/amd64) kubernetes/5a1d9f3".to_owned(),
    };
    let habits: Vec<Habit> = vec![
        (42, renew_lease),
        (28, report_status),
        (10, watch),
        (15, read),
        (5, read_secret),
    ];
    (caller, habits)
}

fn control_plane(chance: &mut Chance) -> (Caller, Vec<Habit>) {
    let name = *chance.one_of(&["kube-controller-manager", "kube-scheduler"]);
    let caller = Caller {
        username: format!("system:{name}"),
        groups: r#""system:authenticated""#,
        agent: format!("{name}/v1.36.3 (linux/amd64) kubernetes/5a1d9f3/leader-election"),
    };
    let habits: Vec<Habit> = vec![
        (30, renew_lease),
        (25, watch),
        (20, create_pod),
        (15, report_status),
        (8, read),
        (2, list),
    ];
    (caller, habits)
}

fn operator(chance: &mut Chance) -> (Caller, Vec<Habit>) {
    let caller = Caller {
        username: format!(
            "system:serviceaccount:{}:operator",
            chance.one_of(&NAMESPACES)
        ),
        groups: r#""system:serviceaccounts","system:serviceaccounts:operators","system:authenticated""#,
        agent: "operator/v0.14.2 (linux/amd64) kubernetes/$Format".to_owned(),
    };
    let habits: Vec<Habit> = vec![(40, read), (38, watch), (18, renew_lease), (4, create_pod)];
    (caller, habits)
}

fn person(chance: &mut Chance) -> (Caller, Vec<Habit>) {
    let caller = Caller {
        username: chance.one_of(&["alice", "bob", "carol"]).to_string(),
        groups: r#""developers","system:authenticated""#,
        agent: "kubectl/v1.36.3 (linux/amd64) kubernetes/5a1d9f3".to_owned(),
    };
    let habits: Vec<Habit> = vec![
        (30, read),
        (25, list),
        (15, exec),
        (10, create_pod),
        (10, read_secret),
        (10, bind_role),
    ];
    (caller, habits)
}

/// Programs make nearly all of the calls.
fn called(chance: &mut Chance) -> (Caller, Call) {
    let (caller, habits) = match chance.below(100) {
        0..40 => kubelet(chance),
        40..65 => control_plane(chance),
        65..99 => operator(chance),
        _ => person(chance),
    };
    let mut call = Call {
        verb: "get",
        api: "v1",
        resource: "pods",
        subresource: "",
        namespace: chance.one_of::<&str>(&NAMESPACES),
        name: String::new(),
        query: String::new(),
        request: String::new(),
        response: String::new(),
    };
    let mut left = chance.below(100);
    for (share, act) in habits {
        if left < share {
            act(chance, &mut call);
            break;
        }
        left -= share;
    }
    (caller, call)
}

fn read(chance: &mut Chance, call: &mut Call) {
    call.resource = *chance.one_of(&["pods", "services", "configmaps", "endpoints"]);
    call.name = format!("{}-{}", call.resource, chance.below(500));
    call.response = bodies::pod(chance, &call.name, call.namespace);
}

fn renew_lease(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.api, call.resource) = ("update", "coordination.k8s.io/v1", "leases");
    call.namespace = "kube-node-lease";
    call.name = format!("worker-{}", chance.below(200));
    call.query = "?timeout=10s".to_owned();
    call.request = bodies::lease(chance, &call.name);
    call.response = bodies::lease(chance, &call.name);
}

fn watch(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.resource) = ("watch", *chance.one_of(&WATCHED));
    call.query = format!(
        r"?allowWatchBookmarks=true\u0026resourceVersion={}\u0026timeout=8m13s\u0026timeoutSeconds=493\u0026watch=true",
        1 + chance.below(9_000_000),
    );
}

fn list(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.resource) = ("list", *chance.one_of(&WATCHED));
    call.query = r"?labelSelector=app%3Dshop\u0026limit=500".to_owned();
    let pods: Vec<_> = (0..1 + chance.below(3))
        .map(|number| bodies::pod(chance, &format!("web-{number}"), call.namespace))
        .collect();
    call.response = format!(
        r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"4711"}},"items":[{}]}}"#,
        pods.join(",")
    );
}

fn create_pod(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.name) = ("create", format!("web-{}", chance.below(500)));
    call.query = r"?fieldManager=controller\u0026fieldValidation=Strict".to_owned();
    call.request = bodies::pod(chance, &call.name, call.namespace);
    call.response = bodies::pod(chance, &call.name, call.namespace);
}

fn report_status(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.subresource) = ("patch", "status");
    call.name = format!("web-{}", chance.below(500));
    call.request = bodies::status_patch(chance);
    call.response = bodies::pod(chance, &call.name, call.namespace);
}

fn exec(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.subresource) = ("create", "exec");
    call.name = format!("web-{}", chance.below(500));
    call.query = r"?command=sh\u0026command=-c\u0026command=uptime\u0026container=app\u0026stdout=true\u0026tty=true".to_owned();
}

fn read_secret(chance: &mut Chance, call: &mut Call) {
    call.resource = "secrets";
    call.name = format!("credentials-{}", chance.below(500));
}

fn bind_role(chance: &mut Chance, call: &mut Call) {
    (call.verb, call.api) = ("create", "rbac.authorization.k8s.io/v1");
    (call.resource, call.name) = ("rolebindings", format!("binding-{}", chance.below(500)));
    call.request = bodies::role_binding(chance, &call.name, call.namespace);
    call.response = bodies::role_binding(chance, &call.name, call.namespace);
}

/// Marks an event so that the rule of some number is about it, if the rest of the rule fits.
fn intrude(chance: &mut Chance, caller: &mut Caller, call: &mut Call) {
    let rules = *chance.one_of(&[10, 100, 1_000]);
    let number = chance.below(rules);
    caller.username = format!("contractor-{number}:eve");
    caller.agent = format!("scanner-{number}/1.0 (linux/amd64)");
    call.name = format!("intruder-{number}");
    let join = if call.query.is_empty() {
        "?"
    } else {
        r"\u0026"
    };
    call.query += &format!(
        r"{join}tool=secrets/tool{number}-7\u0026watch{number}=true\u0026command=nc{number}"
    );
    call.request = bodies::evil_pod(number);
}
