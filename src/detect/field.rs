//! Paths into an audit event, and the fields that are derived from it.
//!
//! A field is the dotted name of something in an `audit.k8s.io/v1` event, such as
//! `objectRef.resource` or `requestObject.spec.containers.image`. A key that holds dots or other
//! signs is written in brackets: `annotations["authorization.k8s.io/decision"]`. Paths go through
//! lists by themselves, to all of their elements; there are no indices.
//!
//! Derived fields (see [`Lookup`]) are computed only when they are looked up.

mod error;
mod nature;
mod path;
#[cfg(test)]
mod tests;

use std::fmt;

use super::{
    schema::{self, Shape},
    suggestion,
};

pub use error::FieldError;

/// The longest name of a field, in bytes.
const NAME_LIMIT: usize = 256;

/// The derived fields that have one name, besides `request.query.<name>`.
const DERIVED: &[&str] = &[
    "request.path",
    "request.command",
    "source.ip",
    "decision",
    "outcome",
    "incomplete",
    "object",
    "podSpec",
    "podSpec.allContainers",
    "actor.username",
];

/// A field that a rule can look at: parsed, known, ready to be looked up.
///
/// Its [`Display`](fmt::Display) is the canonical name; equal fields have equal names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field {
    name: String,
    is_list: bool,
    lookup: Lookup,
}

/// How the values of a field are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Lookup {
    /// A path from the event.
    Path(Vec<String>),
    /// An entry of an object with free keys. Shippers may have replaced the dots of its key.
    Entry {
        /// The path to the object.
        map: Vec<String>,
        /// The key as Kubernetes has it.
        key: String,
        /// The key with `_` for each dot.
        undotted: String,
        /// The names of the key, as stores have them that read dots as paths.
        nested: Vec<String>,
    },
    /// A path from an element of a list; empty for the element itself.
    InElement(Vec<String>),
    /// A path from the object of the request.
    Object(Vec<String>),
    /// A path from the pod template.
    PodSpec(Vec<String>),
    /// A path from each container, init container and ephemeral container of the pod template.
    AllContainers(Vec<String>),
    /// `request.path`.
    RequestPath,
    /// `request.query.<name>`.
    RequestQuery(String),
    /// `request.command`.
    RequestCommand,
    /// `source.ip`.
    SourceIp,
    /// `decision`.
    Decision,
    /// `actor.username`.
    ActorUsername,
    /// `outcome`.
    Outcome,
    /// `incomplete`.
    Incomplete,
}

impl Field {
    /// Parses a field name as rules write it: a path of the audit event or a derived field.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let path = parse_path(text)?;
        derived(&path)
            .or_else(|| of_event(&path))
            .ok_or_else(|| FieldError::Unknown {
                field: text.to_owned(),
                suggestion: suggestion(text),
            })
    }

    /// Parses a field inside one element of `list` (a selection's `forEach`): any path from the
    /// element, or `.` for the element itself where it is a scalar.
    pub fn parse_in_element(list: &Field, text: &str) -> Result<Self, FieldError> {
        let path = match text {
            "." => Vec::new(),
            _ if list.is_map() => vec![parse_path(text)?.join(".")],
            _ => path::join_dotted_keys(parse_path(text)?),
        };
        Ok(Self {
            name: path::display(&list.name, &path),
            is_list: true,
            lookup: Lookup::InElement(path),
        })
    }

    /// Whether the field can have several values, and so may stand in a selection's `forEach`.
    pub fn is_list(&self) -> bool {
        self.is_list
    }

    /// The members of the audit event that must be delivered for this field to be looked up, for
    /// example `objectRef`, or `requestObject` and `responseObject`. A member is needed whole: it
    /// may be stored as text. A field in an element needs nothing beyond its list.
    pub fn sources(&self) -> Vec<String> {
        let members: &[&str] = match &self.lookup {
            Lookup::Path(path) | Lookup::Entry { map: path, .. } => {
                return path.first().cloned().into_iter().collect();
            }
            Lookup::InElement(_) => &[],
            Lookup::PodSpec(_) | Lookup::AllContainers(_) | Lookup::Object(_) => {
                &["objectRef", "requestObject", "responseObject", "verb"]
            }
            Lookup::RequestPath | Lookup::RequestQuery(_) => &["requestURI"],
            Lookup::RequestCommand => &["objectRef", "requestObject", "requestURI"],
            Lookup::Outcome => &[
                "annotations",
                "level",
                "objectRef",
                "requestObject",
                "requestURI",
                "responseStatus",
                "stage",
                "verb",
            ],
            Lookup::SourceIp => &["sourceIPs"],
            Lookup::Decision | Lookup::Incomplete => &["annotations"],
            Lookup::ActorUsername => &["impersonatedUser", "user"],
        };
        members.iter().map(|&member| member.to_owned()).collect()
    }

    /// The names that lead to the field from the member of the event, the pod spec or the element
    /// in which it stands; none where it is no such path.
    pub(super) fn names(&self) -> &[String] {
        match &self.lookup {
            Lookup::Path(path) => path.get(1..).unwrap_or_default(),
            Lookup::PodSpec(path)
            | Lookup::AllContainers(path)
            | Lookup::Object(path)
            | Lookup::InElement(path) => path,
            _ => &[],
        }
    }

    pub(super) fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    fn one(path: &[String], lookup: Lookup) -> Self {
        Self::named(path, lookup, false)
    }

    fn many(path: &[String], lookup: Lookup) -> Self {
        Self::named(path, lookup, true)
    }

    fn named(path: &[String], lookup: Lookup, is_list: bool) -> Self {
        Self {
            name: path::display("", path),
            is_list,
            lookup,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn parse_path(text: &str) -> Result<Vec<String>, FieldError> {
    let syntax = |problem: String| FieldError::Syntax {
        field: text.to_owned(),
        problem,
    };
    if text.len() > NAME_LIMIT {
        return Err(syntax(format!("it is longer than {NAME_LIMIT} bytes")));
    }
    path::parse(text).map_err(syntax)
}

fn derived(path: &[String]) -> Option<Field> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    Some(match names.as_slice() {
        ["request", "path"] => Field::one(path, Lookup::RequestPath),
        ["request", "query", _, ..] => {
            let name = path[2..].join(".");
            let path = ["request".into(), "query".into(), name.clone()];
            Field::many(&path, Lookup::RequestQuery(name))
        }
        ["request", "command"] => Field::one(path, Lookup::RequestCommand),
        ["source", "ip"] => Field::one(path, Lookup::SourceIp),
        ["decision"] => Field::one(path, Lookup::Decision),
        ["outcome"] => Field::one(path, Lookup::Outcome),
        ["incomplete"] => Field::one(path, Lookup::Incomplete),
        ["object", ..] => {
            let path = path::join_dotted_keys(path.to_vec());
            Field::many(&path, Lookup::Object(path[1..].to_vec()))
        }
        ["actor", "username"] => Field::one(path, Lookup::ActorUsername),
        ["podSpec", "allContainers", ..] => {
            let path = path::join_dotted_keys(path.to_vec());
            Field::many(&path, Lookup::AllContainers(path[2..].to_vec()))
        }
        ["podSpec", ..] => {
            let path = path::join_dotted_keys(path.to_vec());
            Field::many(&path, Lookup::PodSpec(path[1..].to_vec()))
        }
        _ => return None,
    })
}

fn of_event(path: &[String]) -> Option<Field> {
    let known = (1..=path.len().min(2)).rev().find_map(|length| {
        let keys = &path[..length];
        let plain = keys.iter().all(|key| !key.contains('.'));
        Some((length, schema::shape(&keys.join(".")).filter(|_| plain)?))
    });
    let (length, shape) = known?;
    let (head, rest) = path.split_at(length);
    match shape {
        Shape::Free => {
            let path = path::join_dotted_keys(path.to_vec());
            Some(Field::many(&path, Lookup::Path(path.clone())))
        }
        Shape::Entries if !rest.is_empty() => Some(entry(head, rest.join("."))),
        _ if !rest.is_empty() => None,
        Shape::Many => Some(Field::many(path, Lookup::Path(path.to_vec()))),
        Shape::One | Shape::Object | Shape::Entries => {
            Some(Field::one(path, Lookup::Path(path.to_vec())))
        }
    }
}

fn entry(map: &[String], key: String) -> Field {
    let path = [map, std::slice::from_ref(&key)].concat();
    let lookup = Lookup::Entry {
        map: map.to_vec(),
        undotted: key.replace('.', "_"),
        nested: key.split('.').map(str::to_owned).collect(),
        key,
    };
    Field::many(&path, lookup)
}

/// The nearest known name, if it is near enough to be what was meant.
fn suggestion(text: &str) -> Option<String> {
    let known = schema::FIELDS.iter().map(|(name, _)| *name);
    suggestion::nearest(text, known.chain(DERIVED.iter().copied())).map(str::to_owned)
}
