//! The object that a patch asks for.
//!
//! A patch holds no more than what it changes. A strategic merge patch that names a container asks
//! for what that container is afterwards, so it is completed with the element of that name in the
//! answer. A JSON patch (RFC 6902) is a list of operations, which are read into the tree that they
//! build.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Lists whose elements have names, as a pod spec has them.
const NAMED_LISTS: [&str; 4] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
];

/// Objects whose keys may be numbers.
const FREE_KEYS: [&str; 5] = ["annotations", "binaryData", "data", "labels", "stringData"];

/// The longest path of an operation that is read, in segments.
const PATH_LIMIT: usize = 64;

/// Returns the object that the body of a patch asks for, completed from the `answer` if there is
/// one. Returns `None` where that is the body as it stands.
pub(super) fn asked(body: &Value, answer: Option<&Value>) -> Option<Value> {
    match body {
        Value::Array(operations) => Some(built(operations, answer)),
        Value::Object(_) => {
            let mut asked = body.clone();
            complete(&mut asked, answer?);
            (asked != *body).then_some(asked)
        }
        _ => None,
    }
}

/// Returns whether a body copies values from places that only the answer shows.
pub(super) fn copies(body: &Value) -> bool {
    let Value::Array(operations) = body else {
        return false;
    };
    operations
        .iter()
        .any(|operation| matches!(text(operation, "op"), Some("copy" | "move")))
}

/// What operations have built so far.
enum Node {
    /// Members or elements by the segments of their paths.
    Branch(BTreeMap<String, Node>),
    /// A value as an operation has it.
    Leaf(Value),
}

impl Default for Node {
    fn default() -> Self {
        Self::Branch(BTreeMap::new())
    }
}

fn built(operations: &[Value], answer: Option<&Value>) -> Value {
    let mut root = Node::default();
    for operation in operations {
        let Some(segments) = text(operation, "path").and_then(segments) else {
            continue;
        };
        match text(operation, "op") {
            Some("add" | "replace") => {
                let value = operation.get("value").cloned().unwrap_or(Value::Null);
                root.set(&segments, value);
            }
            Some("copy" | "move") => {
                if let Some(value) = answer.and_then(|answer| at(answer, &segments)) {
                    root.set(&segments, value.clone());
                }
            }
            Some("remove") => root.remove(&segments),
            _ => {}
        }
    }
    root.finish("", answer)
}

fn text<'v>(operation: &'v Value, member: &str) -> Option<&'v str> {
    operation.get(member)?.as_str()
}

/// The segments of a JSON pointer (RFC 6901).
fn segments(path: &str) -> Option<Vec<String>> {
    let unescaped = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    let segments: Vec<_> = path.split('/').skip(1).map(unescaped).collect();
    (segments.len() <= PATH_LIMIT).then_some(segments)
}

/// The value at a path, in which `-` is the last element of a list.
fn at<'v>(value: &'v Value, segments: &[String]) -> Option<&'v Value> {
    segments
        .iter()
        .try_fold(value, |value, segment| child(value, segment))
}

fn child<'v>(value: &'v Value, segment: &str) -> Option<&'v Value> {
    match value {
        Value::Object(members) => members.get(segment),
        Value::Array(elements) if segment == "-" => elements.last(),
        Value::Array(elements) => elements.get(segment.parse::<usize>().ok()?),
        _ => None,
    }
}

impl Node {
    fn set(&mut self, segments: &[String], value: Value) {
        let [segment, rest @ ..] = segments else {
            *self = Self::Leaf(value);
            return;
        };
        match self {
            // Two elements that are appended are two elements.
            Self::Branch(children) if segment == "-" => {
                let appended = children.keys().filter(|key| key.starts_with('-')).count();
                let key = format!("-{appended}");
                children.entry(key).or_default().set(rest, value);
            }
            Self::Branch(children) => {
                let child = children.entry(segment.clone()).or_default();
                child.set(rest, value);
            }
            Self::Leaf(leaf) => set(leaf, segments, value),
        }
    }

    fn remove(&mut self, segments: &[String]) {
        let [segment, rest @ ..] = segments else {
            return;
        };
        match self {
            Self::Branch(children) if rest.is_empty() => drop(children.remove(segment)),
            Self::Branch(children) => {
                if let Some(child) = children.get_mut(segment) {
                    child.remove(rest);
                }
            }
            Self::Leaf(Value::Object(members)) if rest.is_empty() => drop(members.remove(segment)),
            Self::Leaf(_) => {}
        }
    }

    /// The value that was built, each element of a named list completed with the one of the answer
    /// in its place.
    fn finish(self, name: &str, answer: Option<&Value>) -> Value {
        let children = match self {
            Self::Leaf(mut value) => {
                if let Some(answer) = answer {
                    complete_list(name, &mut value, answer);
                    complete(&mut value, answer);
                }
                return value;
            }
            Self::Branch(children) => children,
        };
        let is_list = !children.is_empty()
            && !FREE_KEYS.contains(&name)
            && children.keys().all(|key| is_index(key));
        let finished = children.into_iter().map(|(key, node)| {
            let place = if key.starts_with('-') { "-" } else { &key };
            let answer = answer.and_then(|answer| child(answer, place));
            let mut value = node.finish(&key, answer);
            if is_list
                && NAMED_LISTS.contains(&name)
                && let Some(answer) = answer
            {
                overlay(&mut value, answer);
            }
            (key, value)
        });
        match is_list {
            true => Value::Array(finished.map(|(_, value)| value).collect()),
            false => Value::Object(finished.collect()),
        }
    }
}

fn is_index(segment: &str) -> bool {
    let digits = segment.strip_prefix('-').unwrap_or(segment);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Sets a value within one that an operation before has brought.
fn set(target: &mut Value, segments: &[String], value: Value) {
    let [segment, rest @ ..] = segments else {
        *target = value;
        return;
    };
    match target {
        Value::Object(members) => set(members.entry(segment).or_insert(Value::Null), rest, value),
        Value::Array(elements) => match segment.parse::<usize>() {
            Ok(index) if index < elements.len() && !rest.is_empty() => {
                set(&mut elements[index], rest, value);
            }
            _ => {
                elements.push(Value::Null);
                if let Some(last) = elements.last_mut() {
                    set(last, rest, value);
                }
            }
        },
        _ => {
            let mut members = Map::new();
            set(members.entry(segment).or_insert(Value::Null), rest, value);
            *target = Value::Object(members);
        }
    }
}

/// Completes the elements of named lists, wherever they stand.
fn complete(asked: &mut Value, answer: &Value) {
    let (Value::Object(members), Value::Object(answers)) = (asked, answer) else {
        return;
    };
    for (name, member) in members {
        if let Some(answer) = answers.get(name) {
            complete_list(name, member, answer);
            complete(member, answer);
        }
    }
}

fn complete_list(name: &str, asked: &mut Value, answer: &Value) {
    let (Value::Array(elements), Value::Array(answers)) = (asked, answer) else {
        return;
    };
    if !NAMED_LISTS.contains(&name) {
        return;
    }
    elements.retain(|element| !is_deleted(element));
    for element in elements {
        let name = text(element, "name");
        let same = answers
            .iter()
            .find(|it| name.is_some() && text(it, "name") == name);
        if let Some(answer) = same {
            overlay(element, answer);
        }
    }
}

/// Returns whether an element only asks to be deleted. With more members it may be an element of a
/// JSON merge patch, in which the directive means nothing.
fn is_deleted(element: &Value) -> bool {
    let is_directive = |name: &String| matches!(name.as_str(), "$patch" | "name");
    text(element, "$patch") == Some("delete")
        && element
            .as_object()
            .is_some_and(|it| it.keys().all(is_directive))
}

/// Adds what the answer has beside what is asked; of two values, the one asked for stays. Lists of
/// texts and numbers are joined, as a strategic merge joins them.
fn overlay(asked: &mut Value, answer: &Value) {
    match (asked, answer) {
        (Value::Object(members), Value::Object(answers)) => {
            for (name, answer) in answers {
                match members.get_mut(name) {
                    Some(member) => overlay(member, answer),
                    None => drop(members.insert(name.clone(), answer.clone())),
                }
            }
        }
        (Value::Array(elements), Value::Array(answers)) => {
            let new = answers
                .iter()
                .filter(|it| !it.is_object() && !it.is_array());
            let new: Vec<_> = new.filter(|it| !elements.contains(it)).cloned().collect();
            elements.extend(new);
        }
        _ => {}
    }
}
