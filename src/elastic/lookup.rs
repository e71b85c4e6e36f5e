//! Documents looked up by their places (index and id), which also finds what is not searchable yet.
//! Of a document nothing but the fields that are asked for is sent.

use std::borrow::Cow;

use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::Request;

/// What a place holds.
#[derive(Debug, PartialEq)]
pub(super) enum Held {
    /// A document, of which this is what was asked for; `None` where the index keeps no source.
    Document(Option<Value>),
    Nothing,
    /// The server could not look: the kind of its error.
    Unknown(String),
}

/// One request for some fields, with commas between them, of what these places hold.
pub(super) fn request<'p>(
    places: impl Iterator<Item = (&'p str, &'p str)>,
    fields: &'static str,
) -> Request {
    let places: Vec<Value> = places
        .map(|(index, id)| json!({"_index": index, "_id": id}))
        .collect();
    Request::new(Method::Post, "_mget")
        .query("realtime", "true")
        .query("_source_includes", fields)
        .json(json!({"docs": places}))
}

/// What each of these places holds, in their order; `None` if the answer does not tell just that.
pub(super) fn held<'p>(
    places: impl ExactSizeIterator<Item = (&'p str, &'p str)>,
    body: &[u8],
) -> Option<Vec<Held>> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    if answer.docs.len() != places.len() {
        return None;
    }
    let docs = answer.docs.into_iter().zip(places);
    docs.map(|(doc, place)| doc.held(place)).collect()
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    docs: Vec<Doc<'a>>,
}

#[derive(Deserialize)]
struct Doc<'a> {
    #[serde(borrow, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, rename = "_id")]
    id: Cow<'a, str>,
    found: Option<bool>,
    #[serde(rename = "_source")]
    source: Option<Value>,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(rename = "type")]
    kind: String,
}

impl Doc<'_> {
    fn held(self, (index, id): (&str, &str)) -> Option<Held> {
        if self.index != index || self.id != id {
            return None;
        }
        match (self.error, self.found) {
            (Some(error), _) => Some(Held::Unknown(error.kind)),
            (None, Some(true)) => Some(Held::Document(self.source)),
            (None, Some(false)) => Some(Held::Nothing),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACES: [(&str, &str); 4] = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")];

    fn docs() -> [Value; 4] {
        [
            json!({"_index": "a", "_id": "1", "_version": 1, "found": true, "_source": {"k": 1}}),
            json!({"_index": "a", "_id": "2", "found": true}),
            json!({"_index": "b", "_id": "1", "found": false}),
            json!({"_index": "b", "_id": "2", "error": {"type": "some_exception", "reason": "?"}}),
        ]
    }

    fn read(docs: &[Value]) -> Option<Vec<Held>> {
        let body = json!({"docs": docs}).to_string();
        held(PLACES.into_iter(), body.as_bytes())
    }

    #[test]
    fn one_request_asks_for_all_places() {
        let request = request(PLACES[..2].iter().copied(), "x,y");
        let crate::elastic::request::Body::Json(body) = request.body else {
            panic!("it has a body");
        };
        let docs = [
            json!({"_index": "a", "_id": "1"}),
            json!({"_index": "a", "_id": "2"}),
        ];
        assert_eq!(body, json!({"docs": docs}));
        assert_eq!(request.path, "_mget");
    }

    #[test]
    fn a_place_holds_a_document_or_nothing_or_is_not_shown() {
        let expected = vec![
            Held::Document(Some(json!({"k": 1}))),
            Held::Document(None),
            Held::Nothing,
            Held::Unknown("some_exception".to_owned()),
        ];
        assert_eq!(read(&docs()), Some(expected));
    }

    #[test]
    fn an_answer_about_other_places_says_nothing() {
        let with_first = |first: Value| {
            let mut docs = docs();
            docs[0] = first;
            read(&docs)
        };
        for first in [
            json!({"_index": "a", "_id": "3", "found": true, "_source": {}}),
            json!({"_index": "c", "_id": "1", "found": true, "_source": {}}),
            json!({"_index": "a", "_id": "1"}),
        ] {
            assert_eq!(with_first(first.clone()), None, "{first}");
        }
        assert_eq!(read(&docs()[..3]), None);
        for body in ["{}", "<html>"] {
            assert_eq!(held(PLACES.into_iter(), body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(body in any::<Vec<u8>>()) {
            prop_assert_eq!(held(PLACES.into_iter(), &body), None);
        }
    }
}
