//! The fields that no audit event has as such: each a pure function of one.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    json::{first_text, text, walk},
    uri,
};

/// `request.path`.
pub(super) fn request_path(event: &Value) -> Option<String> {
    Some(uri::path(&first_text(event, &["requestURI"])?))
}

/// `request.query.<name>`.
pub(super) fn request_query(event: &Value, name: &str) -> Vec<String> {
    first_text(event, &["requestURI"])
        .map(|uri| uri::query(&uri, name).collect())
        .unwrap_or_default()
}

/// `request.command`.
pub(super) fn request_command(event: &Value) -> Option<String> {
    uri::command(&first_text(event, &["requestURI"])?)
}

/// `source.ip`: the last of `sourceIPs`, which the apiserver saw itself. The others are claims of
/// the caller.
pub(super) fn source_ip(event: &Value) -> Option<Cow<'_, str>> {
    let mut last = None;
    walk(event, &["sourceIPs"], &mut |end| {
        last = text(end).or(last.take())
    });
    last
}

/// `decision`: `allow` or `forbid`, as the authorizer noted it.
pub(super) fn decision(event: &Value) -> Option<&'static str> {
    let noted = |key| first_text(event, &["annotations", key]);
    let decision =
        noted("authorization.k8s.io/decision").or_else(|| noted("authorization_k8s_io/decision"));
    match decision.as_deref() {
        Some("allow") => Some("allow"),
        Some("forbid") => Some("forbid"),
        _ => None,
    }
}

/// `actor.username`: whose rights the request used.
pub(super) fn actor_username(event: &Value) -> Option<Cow<'_, str>> {
    first_text(event, &["impersonatedUser", "username"])
        .or_else(|| first_text(event, &["user", "username"]))
}
