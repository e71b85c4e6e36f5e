//! `event.category` and `event.type`: the classes of the Elastic Common Schema that a request
//! belongs to, by its verb and resource.

use serde_json::Value;

use super::{code, draft::Draft};
use crate::detect::{derived, json::first_text};

/// The class beside `api`, to which every request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Neither an object nor a connection: a path without a resource, a log.
    Other,
    Authentication,
    Configuration,
    Iam(Subject),
    Network,
    Process,
    Session,
}

/// What an object of identity and access management describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Rights,
    User,
    Question,
}

/// Writes the classes of a request.
pub(super) fn describe(draft: &mut Draft, root: &Value) {
    let part = |path: &[&str]| first_text(root, path).unwrap_or_default();
    let verb = part(&["verb"]);
    let resource = part(&["objectRef", "resource"]);
    let subresource = part(&["objectRef", "subresource"]);
    let class = class(&resource, &subresource);
    let categories = categories(class);
    let mut types = types(class, &verb, &resource, &subresource);
    types.extend(decision(root));
    draft.put("event.category", list(&categories));
    draft.put("event.type", list(&types));
}

fn list(names: &[&'static str]) -> Vec<Value> {
    names.iter().map(|&name| name.into()).collect()
}

fn class(resource: &str, subresource: &str) -> Class {
    match (resource, subresource) {
        (_, "exec" | "ephemeralcontainers") => Class::Process,
        (_, "attach") => Class::Session,
        (_, "portforward" | "proxy") => Class::Network,
        ("", _) | (_, "log") => Class::Other,
        ("tokenreviews", _) => Class::Authentication,
        ("roles" | "rolebindings" | "clusterroles" | "clusterrolebindings", _)
        | ("certificatesigningrequests", _) => Class::Iam(Subject::Rights),
        ("serviceaccounts", _) => Class::Iam(Subject::User),
        (
            "selfsubjectreviews"
            | "selfsubjectaccessreviews"
            | "selfsubjectrulesreviews"
            | "subjectaccessreviews"
            | "localsubjectaccessreviews",
            _,
        ) => Class::Iam(Subject::Question),
        _ => Class::Configuration,
    }
}

fn categories(class: Class) -> Vec<&'static str> {
    let second = match class {
        Class::Other => None,
        Class::Authentication => Some("authentication"),
        Class::Configuration => Some("configuration"),
        Class::Iam(_) => Some("iam"),
        Class::Network => Some("network"),
        Class::Process => Some("process"),
        Class::Session => Some("session"),
    };
    ["api"].into_iter().chain(second).collect()
}

fn types(class: Class, verb: &str, resource: &str, subresource: &str) -> Vec<&'static str> {
    match class {
        Class::Authentication | Class::Iam(Subject::Question) => vec!["info"],
        Class::Process if subresource == "exec" => vec!["start"],
        Class::Session => vec!["start"],
        Class::Network if subresource == "portforward" => vec!["start"],
        Class::Network => vec!["access"],
        Class::Iam(Subject::Rights) => vec!["admin", action(verb, resource, subresource)],
        Class::Iam(Subject::User) => vec!["user", action(verb, resource, subresource)],
        Class::Other | Class::Configuration | Class::Process => {
            vec![action(verb, resource, subresource)]
        }
    }
}

/// The class of what is done to an object.
fn action(verb: &str, resource: &str, subresource: &str) -> &'static str {
    match (verb, subresource) {
        ("get" | "list" | "watch" | "head", _) => "access",
        ("create", "eviction") => "deletion",
        ("create", "" | "token") if !resource.is_empty() => "creation",
        ("create" | "update" | "patch", _) if !resource.is_empty() => "change",
        ("delete" | "deletecollection", _) if !resource.is_empty() => "deletion",
        _ => "info",
    }
}

/// The class of the authorizer's answer; a request may also be refused behind it.
fn decision(root: &Value) -> Option<&'static str> {
    match (derived::decision(root), code(root)) {
        (Some("forbid"), _) | (_, Some(401 | 403)) => Some("denied"),
        (Some("allow"), _) => Some("allowed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The types that ECS 9.4 expects of each category.
    const EXPECTED: [(&str, &[&str]); 7] = [
        (
            "api",
            &[
                "access", "admin", "allowed", "change", "creation", "deletion", "denied", "end",
                "info", "start", "user",
            ],
        ),
        ("authentication", &["start", "end", "info"]),
        (
            "configuration",
            &["access", "change", "creation", "deletion", "info"],
        ),
        (
            "iam",
            &[
                "admin", "change", "creation", "deletion", "group", "info", "user",
            ],
        ),
        (
            "network",
            &[
                "access",
                "allowed",
                "connection",
                "denied",
                "end",
                "info",
                "protocol",
                "start",
            ],
        ),
        ("process", &["access", "change", "end", "info", "start"]),
        ("session", &["start", "end", "info"]),
    ];

    /// Categories and types of a request, each joined by commas.
    fn classes(verb: &str, resource: &str, code: i64) -> (String, String) {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let mut draft = Draft::default();
        let event = json!({
            "verb": verb,
            "objectRef": {"resource": resource, "subresource": subresource},
            "responseStatus": {"code": code},
            "annotations": {"authorization.k8s.io/decision": "allow"},
        });
        describe(&mut draft, &event);
        let document = draft.finish();
        let joined = |name: &str| {
            let names = document["event"][name].as_array().expect("a list");
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            names.join(",")
        };
        (joined("category"), joined("type"))
    }

    #[test]
    fn a_request_is_classified_by_its_verb_and_resource() {
        for (verb, resource, code, categories, types) in [
            ("get", "secrets", 200, "api,configuration", "access,allowed"),
            ("list", "secrets", 403, "api,configuration", "access,denied"),
            (
                "create",
                "pods",
                201,
                "api,configuration",
                "creation,allowed",
            ),
            (
                "create",
                "pods",
                403,
                "api,configuration",
                "creation,denied",
            ),
            (
                "patch",
                "daemonsets",
                200,
                "api,configuration",
                "change,allowed",
            ),
            (
                "update",
                "deployments/scale",
                200,
                "api,configuration",
                "change,allowed",
            ),
            (
                "create",
                "pods/binding",
                201,
                "api,configuration",
                "change,allowed",
            ),
            (
                "create",
                "pods/eviction",
                201,
                "api,configuration",
                "deletion,allowed",
            ),
            (
                "deletecollection",
                "events",
                200,
                "api,configuration",
                "deletion,allowed",
            ),
            ("get", "pods/exec", 101, "api,process", "start,allowed"),
            ("create", "pods/exec", 403, "api,process", "start,denied"),
            (
                "patch",
                "pods/ephemeralcontainers",
                200,
                "api,process",
                "change,allowed",
            ),
            ("create", "pods/attach", 101, "api,session", "start,allowed"),
            (
                "create",
                "pods/portforward",
                101,
                "api,network",
                "start,allowed",
            ),
            ("get", "nodes/proxy", 200, "api,network", "access,allowed"),
            ("get", "pods/log", 200, "api", "access,allowed"),
            (
                "create",
                "clusterrolebindings",
                201,
                "api,iam",
                "admin,creation,allowed",
            ),
            ("delete", "roles", 200, "api,iam", "admin,deletion,allowed"),
            (
                "create",
                "serviceaccounts/token",
                201,
                "api,iam",
                "user,creation,allowed",
            ),
            (
                "create",
                "selfsubjectrulesreviews",
                201,
                "api,iam",
                "info,allowed",
            ),
            (
                "create",
                "tokenreviews",
                201,
                "api,authentication",
                "info,allowed",
            ),
            ("get", "", 200, "api", "access,allowed"),
            ("post", "", 200, "api", "info,allowed"),
        ] {
            let expected = (categories.to_owned(), types.to_owned());
            assert_eq!(classes(verb, resource, code), expected, "{verb} {resource}");
        }
    }

    #[test]
    fn every_type_is_one_that_ecs_expects_of_a_category_beside_it() {
        let verbs = [
            "get", "list", "watch", "create", "update", "patch", "delete", "post",
        ];
        let resources = [
            "",
            "pods",
            "secrets",
            "roles",
            "serviceaccounts",
            "tokenreviews",
            "subjectaccessreviews",
            "pods/exec",
            "pods/attach",
            "pods/portforward",
            "nodes/proxy",
            "pods/log",
            "pods/ephemeralcontainers",
            "pods/eviction",
            "serviceaccounts/token",
        ];
        for (verb, resource) in verbs.iter().flat_map(|v| resources.map(|r| (v, r))) {
            let (categories, types) = classes(verb, resource, 403);
            let expected: Vec<_> = EXPECTED
                .iter()
                .filter(|(category, _)| categories.split(',').any(|name| name == *category))
                .flat_map(|(_, types)| *types)
                .collect();
            for name in types.split(',') {
                assert!(expected.contains(&&name), "{verb} {resource}: {name}");
            }
        }
    }
}
