//! The fields that no audit event has as such: each a pure function of one.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    field::Lookup,
    json::{text, walk},
    uri,
};

/// An audit event, in whatever form, that texts can be looked up in.
pub(super) trait Texts<'e>: Copy {
    /// Visits the texts at the end of a path, in their order; none of them is empty.
    fn visit(self, path: &[&str], visit: &mut dyn FnMut(Cow<'e, str>));

    /// The first text at the end of a path.
    fn first(self, path: &[&str]) -> Option<Cow<'e, str>> {
        let mut first = None;
        self.visit(path, &mut |text| {
            first.get_or_insert(text);
        });
        first
    }

    /// The URI of the request.
    fn request_uri(self) -> Option<Cow<'e, str>> {
        self.first(REQUEST_URI)
    }
}

impl<'e> Texts<'e> for &'e Value {
    fn visit(self, path: &[&str], visit: &mut dyn FnMut(Cow<'e, str>)) {
        walk(self, path, &mut |end| {
            if let Some(text) = text(end) {
                visit(text);
            }
        });
    }
}

/// The paths that a derived field looks at: none where it is another field.
pub(super) fn paths(lookup: &Lookup) -> &'static [&'static [&'static str]] {
    match lookup {
        Lookup::RequestPath | Lookup::RequestQuery(_) | Lookup::RequestCommand => &[REQUEST_URI],
        Lookup::SourceIp => &[SOURCE_IPS],
        Lookup::Decision => &[DECISION, UNDOTTED_DECISION],
        Lookup::ActorUsername => &[IMPERSONATED_USERNAME, USERNAME],
        _ => &[],
    }
}

/// Visits the values of a derived field: none where it is another field.
pub(super) fn visit<'e>(
    event: impl Texts<'e>,
    lookup: &Lookup,
    visit: &mut dyn FnMut(Cow<'e, str>),
) {
    let value = match lookup {
        Lookup::RequestPath => request_path(event),
        Lookup::RequestCommand => request_command(event).map(Cow::Owned),
        Lookup::RequestQuery(name) => return visit_query(event, name, visit),
        Lookup::SourceIp => source_ip(event),
        Lookup::Decision => decision(event).map(Cow::Borrowed),
        Lookup::ActorUsername => actor_username(event),
        _ => None,
    };
    value.into_iter().for_each(visit);
}

pub(super) const REQUEST_URI: &[&str] = &["requestURI"];
const SOURCE_IPS: &[&str] = &["sourceIPs"];
const DECISION: &[&str] = &["annotations", "authorization.k8s.io/decision"];
const UNDOTTED_DECISION: &[&str] = &["annotations", "authorization_k8s_io/decision"];
const USERNAME: &[&str] = &["user", "username"];
const IMPERSONATED_USERNAME: &[&str] = &["impersonatedUser", "username"];

/// `request.path`.
fn request_path<'e>(event: impl Texts<'e>) -> Option<Cow<'e, str>> {
    Some(match event.request_uri()? {
        Cow::Borrowed(uri) => uri::path(uri),
        Cow::Owned(uri) => Cow::Owned(uri::path(&uri).into_owned()),
    })
}

/// `request.query.<name>`.
fn visit_query<'e>(event: impl Texts<'e>, name: &str, visit: &mut dyn FnMut(Cow<'e, str>)) {
    match event.request_uri() {
        Some(Cow::Borrowed(uri)) => uri::query(uri, name).for_each(visit),
        Some(Cow::Owned(uri)) => {
            uri::query(&uri, name).for_each(|value| visit(Cow::Owned(value.into_owned())))
        }
        None => {}
    }
}

/// `request.command`.
fn request_command<'e>(event: impl Texts<'e>) -> Option<String> {
    uri::command(&event.request_uri()?)
}

/// `source.ip`: the last of `sourceIPs`, which the apiserver saw itself. The others are claims of
/// the caller.
pub(super) fn source_ip<'e>(event: impl Texts<'e>) -> Option<Cow<'e, str>> {
    let mut last = None;
    event.visit(SOURCE_IPS, &mut |text| last = Some(text));
    last
}

/// `decision`: `allow` or `forbid`, as the authorizer noted it.
pub(super) fn decision<'e>(event: impl Texts<'e>) -> Option<&'static str> {
    let decision = event
        .first(DECISION)
        .or_else(|| event.first(UNDOTTED_DECISION));
    match decision.as_deref() {
        Some("allow") => Some("allow"),
        Some("forbid") => Some("forbid"),
        _ => None,
    }
}

/// `actor.username`: whose rights the request used.
fn actor_username<'e>(event: impl Texts<'e>) -> Option<Cow<'e, str>> {
    event
        .first(IMPERSONATED_USERNAME)
        .or_else(|| event.first(USERNAME))
}
