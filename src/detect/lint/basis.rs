//! The basis of a predicate: the caller's identity, the caller's choice, or the request itself.

use crate::detect::predicate::{Predicate, Test};

/// Groups that anybody may be in.
const OPEN_GROUPS: [&str; 4] = [
    "system:anonymous",
    "system:authenticated",
    "system:serviceaccounts",
    "system:unauthenticated",
];

/// The beginning of the user names of all service accounts. It names nobody: whoever may create
/// pods in a namespace can act as any service account of it.
const SERVICE_ACCOUNTS: &str = "system:serviceaccount:";

/// The basis on which a predicate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// Who the caller is, as the apiserver authenticated it.
    Caller,
    /// Something that the caller may choose without another effect.
    Choice,
    /// What was asked for, or answered.
    Request,
}

/// Returns the basis of a predicate. `names_existing` says that `objectRef.name` is the name of
/// an object that the request does not create.
pub(super) fn basis(predicate: &Predicate, names_existing: bool) -> Basis {
    let field = predicate.field().to_string();
    let head = field.split(['.', '[']).next().unwrap_or_default();
    match (head, field.as_str()) {
        ("user", "user.username") => identity(names_user(predicate.test())),
        ("user", "user.groups") => identity(names_group(predicate.test())),
        ("user", _) | (_, "source.ip") => identity(!is_existence(predicate.test())),
        ("impersonatedUser", _) if matches!(predicate.test(), Test::Absent) => Basis::Request,
        ("impersonatedUser" | "actor", _) => Basis::Choice,
        // A request can be made so large that its event is truncated.
        ("userAgent" | "sourceIPs" | "requestURI" | "auditID" | "incomplete", _) => Basis::Choice,
        _ if is_of_body(predicate) => Basis::Choice,
        ("request", "request.path") => Basis::Request,
        ("request", _) => Basis::Choice,
        (_, "objectRef.name") if names_existing => Basis::Request,
        (_, "objectRef.name" | "objectRef.uid" | "objectRef.resourceVersion") => Basis::Choice,
        _ => Basis::Request,
    }
}

/// Whether a predicate looks at what the caller sent or got.
pub(super) fn is_of_body(predicate: &Predicate) -> bool {
    let field = predicate.field().to_string();
    let head = field.split(['.', '[']).next().unwrap_or_default();
    matches!(
        head,
        "requestObject" | "responseObject" | "podSpec" | "object"
    )
}

/// An identity that is not pinned is a choice: names of service accounts can be made to fit.
fn identity(is_named: bool) -> Basis {
    match is_named {
        true => Basis::Caller,
        false => Basis::Choice,
    }
}

fn is_existence(test: &Test) -> bool {
    matches!(test, Test::Present | Test::Absent)
}

/// Whether a user name is pinned: whole, from its beginning, or by the domain behind its `@`,
/// which no service account has.
fn names_user(test: &Test) -> bool {
    match test {
        Test::Equals(names) => names
            .iter()
            .all(|name| !OPEN_GROUPS.contains(&name.as_str())),
        Test::StartsWith(names) => names.iter().all(|name| !SERVICE_ACCOUNTS.starts_with(name)),
        Test::EndsWith(ends) => ends.iter().all(|end| end.contains('@')),
        Test::Matches(patterns) => patterns.iter().all(|pattern| is_anchored(pattern.text())),
        _ => false,
    }
}

fn names_group(test: &Test) -> bool {
    match test {
        Test::Equals(names) => names
            .iter()
            .all(|name| !OPEN_GROUPS.contains(&name.as_str())),
        Test::StartsWith(names) => names.iter().all(|name| {
            !OPEN_GROUPS
                .iter()
                .any(|open| open.starts_with(name.as_str()))
        }),
        Test::Matches(patterns) => patterns.iter().all(|pattern| is_anchored(pattern.text())),
        _ => false,
    }
}

fn is_anchored(pattern: &str) -> bool {
    pattern.contains('^') || pattern.contains(r"\A")
}
