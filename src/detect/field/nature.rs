//! What a field leads to: an object, a map, a body, a secret.

use super::{Field, Lookup};
use crate::detect::schema::{self, Shape};

/// Names of objects with free keys: their elements are entries, with a key and a value.
const MAPS: [&str; 10] = [
    "annotations",
    "binaryData",
    "data",
    "extra",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "requests",
    "stringData",
];

/// Names of members of Kubernetes objects that are always objects.
const OBJECTS: [&str; 5] = ["metadata", "roleRef", "securityContext", "spec", "status"];

impl Field {
    /// Returns whether the field is an object with free keys, which has entries.
    pub(in crate::detect) fn is_map(&self) -> bool {
        match &self.lookup {
            Lookup::Path(path) | Lookup::PodSpec(path) | Lookup::Object(path) => path
                .last()
                .is_some_and(|name| MAPS.contains(&name.as_str())),
            _ => false,
        }
    }

    /// Returns whether the field is an object, so that it has no value to compare.
    pub fn is_object(&self) -> bool {
        let (path, is_within) = match &self.lookup {
            Lookup::Path(path) => (path, path.len() > 1),
            Lookup::PodSpec(path) | Lookup::Object(path) => (path, true),
            _ => return false,
        };
        let last = path.last().map(String::as_str);
        match (last, is_within) {
            (None, _) => true,
            (Some(name), false) => {
                !matches!(schema::shape(name), Some(Shape::One | Shape::Many) | None)
            }
            (Some(name), true) => OBJECTS.contains(&name) || MAPS.contains(&name),
        }
    }

    /// Returns whether a field of an element is the key or the value of an entry.
    pub(in crate::detect) fn is_of_entry(&self) -> bool {
        match &self.lookup {
            Lookup::InElement(path) => {
                matches!(path.as_slice(), [it] if it == "key" || it == "value")
            }
            _ => false,
        }
    }

    /// Returns whether the field may be the list of a selection's `forEach`.
    pub(in crate::detect) fn has_elements(&self) -> bool {
        self.is_list || self.is_map()
    }

    /// Returns the field within an element of `list` that this field of the event leads to, if it
    /// does.
    pub(in crate::detect) fn within(&self, list: &Field) -> Option<Field> {
        let (of_list, path) = match (&list.lookup, &self.lookup) {
            (Lookup::Path(list), Lookup::Path(path))
            | (Lookup::Object(list), Lookup::Object(path))
            | (Lookup::PodSpec(list), Lookup::PodSpec(path))
            | (Lookup::AllContainers(list), Lookup::AllContainers(path)) => (list, path),
            _ => return None,
        };
        let rest = path.strip_prefix(of_list.as_slice())?;
        Some(Self {
            name: self.name.clone(),
            is_list: true,
            lookup: Lookup::InElement(rest.to_vec()),
        })
    }

    /// Returns whether the field is found by the bodies of the event, which have to be read whole.
    pub(in crate::detect) fn is_in_bodies(&self) -> bool {
        self.is_in_pod_spec() || self.is_of_object()
    }

    /// Returns whether the field is one of the object of the request.
    pub(in crate::detect) fn is_of_object(&self) -> bool {
        matches!(self.lookup, Lookup::Object(_))
    }

    /// Returns whether the field leads into the body of the request, and into that of the response.
    /// Of a pod spec, the response only completes what the request asks for.
    pub(in crate::detect) fn bodies(&self) -> (bool, bool) {
        let first = match &self.lookup {
            Lookup::Path(path) => path.first().map(String::as_str),
            _ => None,
        };
        let request = self.is_in_bodies() || first == Some("requestObject");
        (
            request,
            self.is_of_object() || first == Some("responseObject"),
        )
    }

    /// Returns whether an audit level may leave out what the field leads to.
    pub(in crate::detect) fn may_be_unseen(&self) -> bool {
        self.bodies() != (false, false)
    }

    /// Whether it looks into a pod spec, wherever the event has one.
    pub(in crate::detect) fn is_in_pod_spec(&self) -> bool {
        matches!(self.lookup, Lookup::PodSpec(_) | Lookup::AllContainers(_))
    }

    /// Whether the values may be secrets, and so must not be shown: the data of Secrets and
    /// ConfigMaps, tokens, passwords, values of environment variables.
    pub fn is_secret(&self) -> bool {
        let mut keys = self.name.split(['.', '[', ']', '"']);
        let holds_payload = matches!(
            keys.next(),
            Some("requestObject" | "responseObject" | "object" | "podSpec" | "request")
        );
        // The key of an entry names the value, and is not one.
        let is_key = |map: &&str| self.name.ends_with(&format!(".{map}.key"));
        if matches!(self.lookup, Lookup::InElement(_)) && MAPS.iter().any(is_key) {
            return false;
        }
        let is_secret = |key: &str| {
            matches!(key, "data" | "stringData" | "binaryData" | "token")
                || key.to_ascii_lowercase().contains("password")
        };
        holds_payload && (keys.any(is_secret) || self.name.ends_with(".env.value"))
    }
}
