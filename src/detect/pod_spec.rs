//! The pod specs that a request asks for.

use serde_json::Value;

use super::{
    derived::Texts,
    json::{first_text, walk},
    patch,
};

/// The lists of containers that a pod spec has.
pub(super) const CONTAINER_LISTS: [&str; 3] =
    ["containers", "initContainers", "ephemeralContainers"];

/// Kind, resource, and the path of the pod spec in an object of it.
const TEMPLATES: &[(&str, &str, &[&str])] = &[
    ("Pod", "pods", &["spec"]),
    ("Deployment", "deployments", &["spec", "template", "spec"]),
    ("ReplicaSet", "replicasets", &["spec", "template", "spec"]),
    ("StatefulSet", "statefulsets", &["spec", "template", "spec"]),
    ("DaemonSet", "daemonsets", &["spec", "template", "spec"]),
    ("Job", "jobs", &["spec", "template", "spec"]),
    (
        "CronJob",
        "cronjobs",
        &["spec", "jobTemplate", "spec", "template", "spec"],
    ),
    (
        "ReplicationController",
        "replicationcontrollers",
        &["spec", "template", "spec"],
    ),
    ("PodTemplate", "podtemplates", &["template", "spec"]),
];

/// Subresources whose bodies are the object itself, with its pod spec.
const SUBRESOURCES: [&str; 2] = ["ephemeralcontainers", "resize"];

/// The paths by which an event shows that it may hold a pod template.
pub(super) const SIGNS: [&[&str]; 6] = [
    &["objectRef", "resource"],
    &["objectRef", "apiGroup"],
    &["requestObject", "kind"],
    &["requestObject", "apiVersion"],
    &["responseObject", "kind"],
    &["responseObject", "apiVersion"],
];

/// The deepest place of a pod template in a custom resource.
const DEPTH_LIMIT: usize = 10;

/// Returns whether an event may hold a pod template, by the values at its [`SIGNS`].
pub(super) fn may_be_in<'e>(event: impl Texts<'e>) -> bool {
    let mut may_be = false;
    for path in SIGNS {
        event.visit(path, &mut |text| {
            let is_sign =
                |(kind, resource, _): &(&str, &str, _)| text == *kind || text == *resource;
            may_be |= TEMPLATES.iter().any(is_sign) || is_custom(&text);
        });
    }
    may_be
}

/// Returns whether an API group, which a version may follow, is not one of Kubernetes itself.
fn is_custom(group: &str) -> bool {
    let group = group.split('/').next().unwrap_or_default();
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// The pod specs that a request asks for: those of its body, as far as it has read into the object
/// `asked` for. Only where the body is unknown, that of the response counts.
///
/// Labels, annotations or replicas ask for no pod spec, whatever the response shows.
pub(super) fn find<'e>(event: &'e Value, asked: Option<&'e Value>) -> Vec<&'e Value> {
    let verb = first_text(event, &["verb"]);
    if !matches!(verb.as_deref(), None | Some("create" | "update" | "patch")) {
        return Vec::new();
    }
    let body = asked.or_else(|| event.get("requestObject"));
    match body.filter(|body| !body.is_null()) {
        Some(body) => in_body(event, body),
        None => event
            .get("responseObject")
            .map_or_else(Vec::new, |body| in_body(event, body)),
    }
}

/// Returns whether the body of a patch asks for containers or volumes that only the response shows
/// whole.
pub(super) fn is_partial(event: &Value, asked: Option<&Value>) -> bool {
    let Some(body) = event.get("requestObject") else {
        return false;
    };
    let mut lists = CONTAINER_LISTS.iter().chain(&["volumes"]);
    patch::copies(body)
        || find(event, asked)
            .iter()
            .any(|spec| lists.any(|list| spec.get(list).is_some()))
}

fn in_body<'e>(event: &'e Value, body: &'e Value) -> Vec<&'e Value> {
    let subresource = first_text(event, &["objectRef", "subresource"]);
    if subresource.is_some_and(|it| !SUBRESOURCES.contains(&&*it)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if is_custom_resource(event, body) {
        search(body, DEPTH_LIMIT, &mut found);
    } else if let Some(path) = template_path(event, body) {
        walk(body, path, &mut |end| {
            if end.is_object() {
                found.push(end);
            }
        });
    }
    found
}

/// By the resource of the request, which the apiserver knows, or where that is missing by the
/// body's own version.
fn is_custom_resource(event: &Value, body: &Value) -> bool {
    let group = match first_text(event, &["objectRef", "resource"]) {
        Some(_) => first_text(event, &["objectRef", "apiGroup"]),
        None => first_text(body, &["apiVersion"]),
    };
    group.is_some_and(|group| is_custom(&group))
}

/// By the body's own kind, or where it has none, as in patches, by the resource of the request.
fn template_path(event: &Value, body: &Value) -> Option<&'static [&'static str]> {
    let kind = first_text(body, &["kind"]);
    let resource = first_text(event, &["objectRef", "resource"]);
    TEMPLATES.iter().find_map(|(known, of, path)| {
        let is_it = match &kind {
            Some(kind) => *known == *kind,
            None => resource.as_deref() == Some(*of),
        };
        is_it.then_some(*path)
    })
}

/// Searches a custom resource, such as a Rollout or a Knative Service, for templates of pods.
fn search<'e>(value: &'e Value, depth: usize, found: &mut Vec<&'e Value>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.get("spec").filter(|_| name == "template") {
                    Some(spec) if is_pod_spec(spec) => found.push(spec),
                    _ => search(member, depth - 1, found),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                search(element, depth - 1, found);
            }
        }
        _ => {}
    }
}

/// Returns whether an object has a member that only pod specs have.
fn is_pod_spec(spec: &Value) -> bool {
    const MEMBERS: [&str; 4] = ["volumes", "hostNetwork", "hostPID", "hostIPC"];
    let mut members = CONTAINER_LISTS.iter().chain(&MEMBERS);
    spec.is_object() && members.any(|member| spec.get(member).is_some())
}
