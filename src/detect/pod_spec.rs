//! Where the pod template stands in the bodies of a request.

use serde_json::Value;

use super::{
    derived::Texts,
    json::{first_text, walk},
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

/// Where an event tells whether it may hold a pod template.
pub(super) const SIGNS: [&[&str]; 3] = [
    &["objectRef", "resource"],
    &["requestObject", "kind"],
    &["responseObject", "kind"],
];

/// Whether an event may hold a pod template, by what stands at its [`SIGNS`].
pub(super) fn may_be_in<'e>(event: impl Texts<'e>) -> bool {
    let mut may_be = false;
    for path in SIGNS {
        event.visit(path, &mut |text| {
            let is_sign =
                |(kind, resource, _): &(&str, &str, _)| text == *kind || text == *resource;
            may_be |= TEMPLATES.iter().any(is_sign);
        });
    }
    may_be
}

/// The pod spec of the request body, or else of the response body. The body of a patch holds only
/// what it changes, and that of a JSON patch holds none, so the response counts there.
pub(super) fn find(event: &Value) -> Option<&Value> {
    ["requestObject", "responseObject"]
        .into_iter()
        .find_map(|body| in_body(event, event.get(body)?))
}

fn in_body<'e>(event: &'e Value, body: &'e Value) -> Option<&'e Value> {
    let mut found = None;
    walk(body, template_path(event, body)?, &mut |end| {
        if found.is_none() && end.is_object() {
            found = Some(end);
        }
    });
    found
}

/// By the body's own kind, or where it has none, as in patches, by the resource of the request.
fn template_path(event: &Value, body: &Value) -> Option<&'static [&'static str]> {
    if let Some(kind) = first_text(body, &["kind"]) {
        return TEMPLATES
            .iter()
            .find_map(|(known, _, path)| (*known == kind).then_some(*path));
    }
    let subresource = first_text(event, &["objectRef", "subresource"]);
    if !matches!(
        subresource.as_deref(),
        None | Some("ephemeralcontainers" | "resize")
    ) {
        return None;
    }
    let resource = first_text(event, &["objectRef", "resource"])?;
    TEMPLATES
        .iter()
        .find_map(|(_, known, path)| (*known == resource).then_some(*path))
}
