//! Members of an event whose names a shipper changed: `objectref`, `object_ref`,
//! `objectRef_resource`, `user__username`.
//!
//! Names are compared without case and separators. That is unambiguous for the fields of an event;
//! within bodies and annotations it is not, so there the rest of a name is taken as it is written.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{AuditEvent, dotted};
use crate::detect::{
    document::Rejection,
    json::cut::MARK,
    schema::{self, FIELDS, Shape},
};

/// The parts of an event that callers write.
const BODIES: [&str; 2] = ["requestObject", "responseObject"];

/// Members by which an event is recognised: it has one of them.
const ANCHORS: [&str; 3] = ["auditID", "verb", "stage"];

/// Names that only audit events have.
const DISTINCTIVE: [&str; 7] = [
    "auditid",
    "objectref",
    "requesturi",
    "useruser",
    "sourceips",
    "requestreceivedtimestamp",
    "stagetimestamp",
];

/// The right place of a member.
enum Path {
    /// A field of the event.
    Field(&'static str, Shape),
    /// Something below a field with free keys.
    Below(&'static str, Vec<String>),
    /// An element of a list.
    Element(&'static str),
    /// Below a body whose names are not known any more.
    Lost,
}

/// Returns true if a name is another spelling of a member of the event, or of something within one.
pub(in crate::detect) fn is_renamed(name: &str) -> bool {
    begins_with_member(name)
        && !schema::is_member(name)
        && !dotted::is_dotted_member(name)
        && path_of(name).is_some()
}

/// Returns true if a name begins like a member of the event; few other names do.
fn begins_with_member(name: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    schema::members().any(|member| {
        let mut bytes = name.bytes().filter(is_part);
        let is_next = |byte: u8| {
            let next = bytes.next();
            next.is_some_and(|next| next.eq_ignore_ascii_case(&byte))
        };
        member.bytes().all(is_next)
    })
}

/// Returns true if a value of this name may belong to an event, so that a caller wrote it.
pub(super) fn is_inside(name: &str) -> bool {
    let is_known = |text: &str| schema::members().any(|member| is_same(member, text));
    let starts = boundaries(name).map(|start| &name[start..]);
    starts
        .flat_map(|rest| ends(rest).map(move |end| &rest[..end]))
        .any(is_known)
}

/// The body that a name stands for, in any spelling.
pub(super) fn body_of(name: &str) -> Option<&'static str> {
    BODIES.into_iter().find(|body| is_same(body, name))
}

/// Returns true if a name ends with that of a member by which an event is recognised.
pub(super) fn ends_with_anchor(name: &str) -> bool {
    let ends = |anchor: &str| {
        let mut characters = fold(name).rev();
        fold(anchor)
            .rev()
            .all(|last| characters.next() == Some(last))
    };
    ANCHORS.iter().any(|anchor| ends(anchor))
}

/// The beginnings of names that stand before names of an event's members: `kubernetes_audit_` of
/// `kubernetes_audit_verb`.
pub(super) fn prefixes(document: &AuditEvent) -> Vec<String> {
    let mut prefixes = Vec::new();
    for name in document.keys() {
        let is_anchor = |start: &usize| {
            let rest = &name[*start..];
            ANCHORS.iter().any(|anchor| is_same(anchor, rest))
        };
        let start = boundaries(name).filter(|start| *start > 0).find(is_anchor);
        let prefix = start.map(|start| &name[..start]);
        if let Some(prefix) = prefix.filter(|prefix| !is_inside(prefix))
            && !prefixes.iter().any(|known| known == prefix)
        {
            prefixes.push(prefix.to_owned());
        }
    }
    prefixes
}

/// Returns true if a document has names that only audit events have, spelled in some other way.
pub(super) fn has_traces(document: &AuditEvent) -> bool {
    let folded: Vec<String> = document
        .keys()
        .filter(|name| !schema::is_member(name))
        .map(|name| fold(name).collect())
        .collect();
    let has = |part: &&str| folded.iter().any(|name| name.contains(*part));
    let traces = DISTINCTIVE.iter().filter(|part| has(part)).count();
    let is_audit = super::text_of(document, "apiVersion")
        .is_some_and(|version| version.starts_with("audit.k8s.io/"))
        || document.contains_key("auditID");
    traces >= if is_audit { 1 } else { 2 }
}

/// Puts members where they belong. What stands there already is kept.
pub(super) fn restore(document: AuditEvent) -> Result<AuditEvent, Rejection> {
    if !document.keys().any(|name| is_renamed(name)) {
        return Ok(document);
    }
    let (renamed, mut event): (Map<_, _>, Map<_, _>) =
        document.into_iter().partition(|(name, _)| is_renamed(name));
    let taken: Vec<String> = event.keys().cloned().collect();
    let mut elements = Map::new();
    for (name, value) in renamed {
        let Some(path) = path_of(&name) else { continue };
        let (field, rest) = match path {
            Path::Field(field, shape) if fits(&value, shape) => (field, Vec::new()),
            Path::Field(..) => continue,
            Path::Below(field, rest) => (field, rest),
            Path::Element(field) => {
                let list = elements
                    .entry(field)
                    .or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut()
                    .into_iter()
                    .for_each(|list| list.push(value.clone()));
                continue;
            }
            Path::Lost => return Err(Rejection::Renamed),
        };
        put(&mut event, &taken, field, rest, value)?;
    }
    for (field, value) in elements {
        put(&mut event, &taken, &field, Vec::new(), value)?;
    }
    restore_children(&mut event);
    // A caller may write such a body, so the event counts, as one that is not known whole.
    if BODIES
        .iter()
        .filter_map(|name| event.get(*name))
        .any(is_lost)
    {
        event.insert(MARK.to_owned(), Value::Null);
    }
    Ok(event)
}

fn path_of(name: &str) -> Option<Path> {
    if name == MARK {
        return None;
    }
    let whole = FIELDS.iter().find(|(field, _)| is_same(field, name));
    if let Some((field, shape)) = whole {
        return Some(Path::Field(field, *shape));
    }
    // The longest field first: `user.extra` before `user`.
    ends(name)
        .rev()
        .find_map(|end| below(&name[..end], &name[end..]))
}

/// The path of a name that begins with that of a field.
fn below(start: &str, rest: &str) -> Option<Path> {
    let (field, shape) = FIELDS.iter().find(|(field, _)| is_same(field, start))?;
    let separator = rest.len() - rest.trim_start_matches(is_separator).len();
    let (separator, rest) = rest.split_at(separator);
    if rest.is_empty() {
        return None;
    }
    match shape {
        Shape::Entries => Some(Path::Below(field, vec![rest.to_owned()])),
        Shape::Free if start.contains(['_', '-']) || !start.ends_with(last_name(field)) => {
            Some(Path::Lost)
        }
        Shape::Free => Some(Path::Below(field, split(rest, separator))),
        Shape::Many => rest
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(Path::Element(field)),
        Shape::One | Shape::Object => None,
    }
}

fn last_name(field: &str) -> &str {
    field.rsplit('.').next().unwrap_or(field)
}

/// The names on a path; those in maps with free keys stay whole.
fn split(mut rest: &str, separator: &str) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((name, after)) = rest.split_once(separator) {
        names.push(name.to_owned());
        rest = after;
        if schema::has_dotted_keys(name) || names.len() == super::dotted::DEPTH_LIMIT {
            break;
        }
    }
    names.push(rest.to_owned());
    names
}

fn fits(value: &Value, shape: Shape) -> bool {
    match shape {
        Shape::One | Shape::Many => !value.is_object(),
        Shape::Object | Shape::Entries => value.is_object() || value.is_string(),
        Shape::Free => true,
    }
}

/// Puts a value at a path, unless its member is there under its own name. Two spellings of one
/// field with different values are ambiguous.
fn put(
    event: &mut AuditEvent,
    taken: &[String],
    field: &str,
    rest: Vec<String>,
    value: Value,
) -> Result<(), Rejection> {
    let mut names: Vec<String> = field.split('.').map(str::to_owned).chain(rest).collect();
    if names.first().is_some_and(|member| taken.contains(member)) {
        return Ok(());
    }
    let Some(last) = names.pop() else {
        return Ok(());
    };
    let mut place = event;
    for name in names {
        let child = place
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
        place = child.as_object_mut().ok_or(Rejection::Renamed)?;
    }
    match place.get(&last) {
        Some(other) if *other != value => Err(Rejection::Renamed),
        _ => {
            place.insert(last, value);
            Ok(())
        }
    }
}

/// The same for the members of members, such as `objectref.apigroup`.
fn restore_children(event: &mut AuditEvent) {
    for (member, _) in FIELDS.iter().filter(|(_, shape)| *shape == Shape::Object) {
        let Some(Value::Object(children)) = event.get_mut(*member) else {
            continue;
        };
        for (field, _) in FIELDS {
            let Some(child) = field
                .strip_prefix(member)
                .and_then(|it| it.strip_prefix('.'))
            else {
                continue;
            };
            let other = children.keys().find(|name| is_same(child, name)).cloned();
            if let Some(other) = other.filter(|_| !children.contains_key(child))
                && let Some(value) = children.remove(&other)
            {
                children.insert(child.to_owned(), value);
            }
        }
    }
}

/// Returns true if the names within a body seem to be changed as well.
fn is_lost(body: &Value) -> bool {
    body.as_object().is_some_and(|body| {
        let is_version = |name: &String| name != "apiVersion" && is_same("apiVersion", name);
        body.keys().any(is_version)
    })
}

fn is_separator(character: char) -> bool {
    !character.is_alphanumeric()
}

fn fold(name: &str) -> impl DoubleEndedIterator<Item = char> {
    let characters = name.chars().filter(|character| !is_separator(*character));
    characters.map(|character| character.to_ascii_lowercase())
}

fn is_same(one: &str, other: &str) -> bool {
    fold(one).eq(fold(other))
}

/// The positions at which parts of a name begin.
fn boundaries(name: &str) -> impl Iterator<Item = usize> {
    let parts = name.split(is_separator);
    parts
        .filter(|part| !part.is_empty())
        .map(move |part| part.as_ptr() as usize - name.as_ptr() as usize)
}

/// The positions at which parts of a name end, the last of them included.
fn ends(name: &str) -> impl DoubleEndedIterator<Item = usize> {
    let parts = name.split(is_separator);
    parts
        .filter(|part| !part.is_empty())
        .map(move |part| part.as_ptr() as usize - name.as_ptr() as usize + part.len())
}
