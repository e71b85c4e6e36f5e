//! A YAML document as a tree that knows where each of its parts stands.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::syntax;

/// A place in a text: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// One value of a document.
#[derive(Debug)]
pub(super) struct Node {
    position: Position,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug)]
struct Key {
    position: Position,
    name: String,
}

impl Node {
    /// The documents of a text, empty ones left out; or where and why it is no YAML.
    pub(super) fn documents(text: &str) -> Result<Vec<Node>, (Position, String)> {
        let options = serde_saphyr::options! {
            with_snippet: false,
            budget: serde_saphyr::budget! {
                max_documents: syntax::DOCUMENTS,
                max_nodes: syntax::VALUES,
                max_events: 4 * syntax::VALUES,
                max_depth: syntax::DEPTH,
            },
        };
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
            let position = error.location().map_or(Position::START, Position::from);
            (position, syntax::message(error.without_snippet()))
        })
    }

    /// The value without its places.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Node::value).collect(),
            Content::Map(fields) => fields
                .iter()
                .map(|(key, node)| (key.name.clone(), node.value()))
                .collect(),
        }
    }

    /// A field of a map.
    pub(super) fn get(&self, field: &str) -> Option<&Node> {
        self.entry(field).map(|(_, node)| node)
    }

    /// A field of a map, where it is a text.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        match &self.get(field)?.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.content, Content::Map(_))
    }

    /// The names of the fields of a map.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let fields = match &self.content {
            Content::Map(fields) => fields.as_slice(),
            _ => &[],
        };
        fields.iter().map(|(key, _)| key.name.as_str())
    }

    /// Takes the elements of a list out of a map.
    pub(super) fn take_list(&mut self, field: &str) -> Option<Vec<Node>> {
        let Content::Map(fields) = &mut self.content else {
            return None;
        };
        let (_, node) = fields.iter_mut().find(|(key, _)| key.name == field)?;
        match &mut node.content {
            Content::List(items) => Some(std::mem::take(items)),
            _ => None,
        }
    }

    /// Where a path such as `spec.selections[0].all` stands, or as much of it as there is. A
    /// field stands where its name does, an element of a list where its value does.
    pub(super) fn locate(&self, path: &str) -> Position {
        let mut node = self;
        let mut position = self.position;
        for step in path.split(['.', '[']) {
            let found = match step.strip_suffix(']') {
                Some(index) => index.parse().ok().and_then(|index| node.element(index)),
                None => node.entry(step).map(|(key, node)| (key.position, node)),
            };
            let Some((at, next)) = found else { break };
            (position, node) = (at, next);
        }
        position
    }

    fn entry(&self, field: &str) -> Option<&(Key, Node)> {
        match &self.content {
            Content::Map(fields) => fields.iter().find(|(key, _)| key.name == field),
            _ => None,
        }
    }

    fn element(&self, index: usize) -> Option<(Position, &Node)> {
        match &self.content {
            Content::List(items) => items.get(index).map(|node| (node.position, node)),
            _ => None,
        }
    }
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            position: spanned.referenced.into(),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, node)) = access.next_entry::<Spanned<String>, Node>()? {
            let key = Key {
                position: key.referenced.into(),
                name: key.value,
            };
            fields.push((key, node));
        }
        Ok(Content::Map(fields))
    }
}
