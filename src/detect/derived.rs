//! The fields that no audit event has as such: each a pure function of one.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    definition::RequestOutcome,
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
        Lookup::RequestPath | Lookup::RequestQuery(_) => &[REQUEST_URI],
        Lookup::RequestCommand => &[REQUEST_URI, SUBRESOURCE, COMMAND],
        Lookup::Outcome => &[
            STAGE,
            VERB,
            REQUEST_URI,
            RESOURCE,
            SUBRESOURCE,
            LEVEL,
            CODE,
            STATUS,
            DECISION[0],
            DECISION[1],
            DECISION[2],
            OPTIONS_KIND,
            OPTIONS_DRY_RUN,
        ],
        Lookup::SourceIp => &[SOURCE_IPS],
        Lookup::Decision => &DECISION,
        Lookup::Incomplete => &TRUNCATED,
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
        Lookup::Incomplete => is_truncated(event).then_some(Cow::Borrowed("truncated")),
        Lookup::Outcome => outcome(event).map(|outcome| Cow::Borrowed(outcome.word())),
        _ => None,
    };
    value.into_iter().for_each(visit);
}

const REQUEST_URI: &[&str] = &["requestURI"];
const SOURCE_IPS: &[&str] = &["sourceIPs"];
const STAGE: &[&str] = &["stage"];
const VERB: &[&str] = &["verb"];
const LEVEL: &[&str] = &["level"];
const RESOURCE: &[&str] = &["objectRef", "resource"];
const SUBRESOURCE: &[&str] = &["objectRef", "subresource"];
const CODE: &[&str] = &["responseStatus", "code"];
const STATUS: &[&str] = &["responseStatus", "status"];
const COMMAND: &[&str] = &["requestObject", "command"];
const OPTIONS_KIND: &[&str] = &["requestObject", "kind"];
const OPTIONS_DRY_RUN: &[&str] = &["requestObject", "dryRun"];
/// The annotation in which the authorizer notes its decision; as shippers store it that replace
/// dots, and as stores return it that read dots as paths.
pub(super) const DECISION: [&[&str]; 3] = [
    &["annotations", "authorization.k8s.io/decision"],
    &["annotations", "authorization_k8s_io/decision"],
    &["annotations", "authorization", "k8s", "io/decision"],
];
/// The annotation of an event whose bodies the apiserver left out since they were too large.
pub(super) const TRUNCATED: [&[&str]; 3] = [
    &["annotations", "audit.k8s.io/truncated"],
    &["annotations", "audit_k8s_io/truncated"],
    &["annotations", "audit", "k8s", "io/truncated"],
];
const USERNAME: &[&str] = &["user", "username"];
const IMPERSONATED_USERNAME: &[&str] = &["impersonatedUser", "username"];

fn first_of<'e>(event: impl Texts<'e>, paths: &[&[&str]]) -> Option<Cow<'e, str>> {
    paths.iter().find_map(|path| event.first(path))
}

/// Returns whether the apiserver left out the bodies of the event since they were too large.
pub(super) fn is_truncated<'e>(event: impl Texts<'e>) -> bool {
    first_of(event, &TRUNCATED).as_deref() == Some("true")
}

/// `request.path`.
fn request_path<'e>(event: impl Texts<'e>) -> Option<Cow<'e, str>> {
    Some(match event.first(REQUEST_URI)? {
        Cow::Borrowed(uri) => uri::path(uri),
        Cow::Owned(uri) => Cow::Owned(uri::path(&uri).into_owned()),
    })
}

/// `request.query.<name>`.
fn visit_query<'e>(event: impl Texts<'e>, name: &str, visit: &mut dyn FnMut(Cow<'e, str>)) {
    match event.first(REQUEST_URI) {
        Some(Cow::Borrowed(uri)) => uri::query(uri, name).for_each(visit),
        Some(Cow::Owned(uri)) => {
            uri::query(&uri, name).for_each(|value| visit(Cow::Owned(value.into_owned())))
        }
        None => {}
    }
}

/// `request.command`: that of the query, else that of the options in the body.
fn request_command<'e>(event: impl Texts<'e>) -> Option<String> {
    let queried = event.first(REQUEST_URI).and_then(|uri| uri::command(&uri));
    queried.or_else(|| {
        event.first(SUBRESOURCE).filter(|it| it == "exec")?;
        let mut words = Vec::new();
        event.visit(COMMAND, &mut |word| words.push(word));
        (!words.is_empty()).then(|| words.join(" "))
    })
}

/// `outcome`. Returns `None` at stage `RequestReceived`, which decides nothing. A request without
/// a status counts as a success.
pub(super) fn outcome<'e>(event: impl Texts<'e>) -> Option<RequestOutcome> {
    let stage = event.first(STAGE);
    if stage.as_deref() == Some("RequestReceived") {
        return None;
    }
    let code = event.first(CODE).and_then(|code| code.parse::<i64>().ok());
    let is_forbidden = decision(event) == Some("forbid");
    Some(match code {
        Some(401 | 403) => RequestOutcome::Denied,
        _ if is_forbidden => RequestOutcome::Denied,
        Some(400..) => RequestOutcome::Failure,
        _ if stage.as_deref() == Some("Panic") => RequestOutcome::Failure,
        _ if event.first(STATUS).as_deref() == Some("Failure") => RequestOutcome::Failure,
        _ if is_dry_run(event) => RequestOutcome::DryRun,
        _ => RequestOutcome::Success,
    })
}

/// Subresources that connect a caller to something, or issue a token: they know no dry run, and
/// have no bodies that are logged.
const CONNECTIONS: [&str; 6] = ["exec", "attach", "portforward", "proxy", "log", "token"];

/// Resources of questions, which are answered in a dry run too.
const QUESTIONS: [&str; 6] = [
    "subjectaccessreviews",
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "selfsubjectreviews",
    "tokenreviews",
];

/// Returns whether a request connects its caller to something, such as an exec.
pub(super) fn is_connection<'e>(event: impl Texts<'e>) -> bool {
    let subresource = event.first(SUBRESOURCE);
    subresource.is_some_and(|it| CONNECTIONS.contains(&&*it))
}

/// Returns whether a request was a dry run: the apiserver validated it, and stored nothing. Where
/// the apiserver does not know dry runs, the parameter means nothing.
fn is_dry_run<'e>(event: impl Texts<'e>) -> bool {
    let verb = event.first(VERB);
    let is_all = |value: Cow<'_, str>| value == "All";
    let is_queried = || {
        let uri = event.first(REQUEST_URI);
        uri.is_some_and(|uri| uri::query(&uri, "dryRun").any(is_all))
    };
    let is_dry_run = match verb.as_deref() {
        Some("create" | "update" | "patch") => is_queried(),
        // The options in the body replace those of the query.
        Some("delete" | "deletecollection") if event.first(OPTIONS_KIND).is_some() => {
            let mut is_dry_run = false;
            event.visit(OPTIONS_DRY_RUN, &mut |value| is_dry_run |= is_all(value));
            is_dry_run
        }
        // Without the body, the query may mean nothing.
        Some("delete" | "deletecollection") => {
            event.first(LEVEL).as_deref() != Some("Metadata") && is_queried()
        }
        _ => false,
    };
    is_dry_run
        && !is_connection(event)
        && event
            .first(RESOURCE)
            .is_some_and(|it| !QUESTIONS.contains(&&*it))
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
    match first_of(event, &DECISION).as_deref() {
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
