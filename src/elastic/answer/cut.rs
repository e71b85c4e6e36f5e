//! The hits of a page, cut out of its answer without parsing the documents.
//!
//! Promises: what is cut is what the general parser would find. Everything but the hits is left to
//! that parser, and whatever looks unusual is not cut at all: then the general parser decides about
//! the whole answer. A document is taken by its brackets and quotes alone, unless it has comments:
//! whether it is valid JSON is found by who reads it, once, and one that is not spoils nothing but
//! itself.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::Hits;
use crate::detect::{document::Document, reading::object_length};

/// An answer in two parts.
#[derive(Debug)]
pub(super) struct Cut {
    /// The answer with an empty list of hits.
    pub(super) rest: Vec<u8>,
    pub(super) hits: Hits,
}

/// Cuts an answer. `time_at` is the place of the time field among the sort values.
pub(super) fn cut(body: &Bytes, time_at: usize) -> Option<Cut> {
    let mut text = Text { body, at: 0 };
    text.enter(b"hits")?;
    text.enter(b"hits")?;
    text.take(b'[')?;
    let start = text.at;
    let hits = Cutter::new(time_at).hits(&mut text)?;
    let end = text.at;
    text.take(b']')?;
    Some(Cut {
        rest: [&body[..start], &body[end..]].concat(),
        hits,
    })
}

struct Cutter {
    time_at: usize,
}

/// A hit as far as it was read.
#[derive(Default)]
struct Hit<'b> {
    index: Option<Cow<'b, str>>,
    id: Option<Cow<'b, str>>,
    source: Option<&'b [u8]>,
    sort: Option<&'b [u8]>,
    time: Option<String>,
}

impl Cutter {
    fn new(time_at: usize) -> Self {
        Self { time_at }
    }

    /// All hits up to the end of their list.
    fn hits(&mut self, text: &mut Text<'_>) -> Option<Hits> {
        let mut hits = Hits::default();
        if text.next()? == b']' {
            return Some(hits);
        }
        loop {
            let hit = self.hit(text)?;
            let source = hit.source.map_or(Bytes::from_static(b"null"), |source| {
                text.body.slice_ref(source)
            });
            hits.documents.push(Document {
                index: hit.index?.into_owned(),
                id: hit.id?.into_owned(),
                time: hit.time,
                source,
                is_rebuilt: false,
            });
            match text.next()? {
                b',' => text.at += 1,
                b']' => {
                    hits.last_sort = Some(serde_json::from_slice(hit.sort.unwrap_or(b"[]")).ok()?);
                    return Some(hits);
                }
                _ => return None,
            }
        }
    }

    fn hit<'b>(&mut self, text: &mut Text<'b>) -> Option<Hit<'b>> {
        let mut hit = Hit::default();
        text.take(b'{')?;
        loop {
            let name = text.name()?;
            match name {
                b"_index" => fill(&mut hit.index, text.string()?)?,
                b"_id" => fill(&mut hit.id, text.string()?)?,
                b"_source" => fill(&mut hit.source, Self::source(text)?)?,
                b"sort" => {
                    let value = text.value()?;
                    hit.time = Sort(value).time(self.time_at)?;
                    fill(&mut hit.sort, value)?;
                }
                _ => {
                    let value = text.value()?;
                    serde_json::from_slice::<IgnoredAny>(value).ok()?;
                }
            }
            match text.next()? {
                b',' => text.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        text.at += 1;
        Some(hit)
    }

    fn source<'b>(text: &mut Text<'b>) -> Option<&'b [u8]> {
        if text.next()? != b'{' {
            return None;
        }
        text.value()
    }
}

/// A member that stands twice is unusual.
fn fill<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// Sort values: texts without escapes and whole numbers.
#[derive(Clone, Copy)]
struct Sort<'b>(&'b [u8]);

impl Sort<'_> {
    /// The value of the time field as a text, from a text or from nanoseconds since 1970.
    fn time(self, time_at: usize) -> Option<Option<String>> {
        let inner = self.0.strip_prefix(b"[")?.strip_suffix(b"]")?;
        let mut time = None;
        for (place, value) in inner.split(|byte| *byte == b',').enumerate() {
            let value = scalar(value.trim_ascii())?;
            if place == time_at {
                time = value.time();
            }
        }
        Some(time)
    }
}

enum Scalar<'b> {
    Null,
    Text(&'b str),
    Number(i64),
}

impl Scalar<'_> {
    fn time(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.to_owned()),
            Self::Number(nanos) => {
                let time = Timestamp::from_nanosecond(i128::from(nanos)).ok()?;
                Some(time.to_string())
            }
        }
    }
}

fn scalar(text: &[u8]) -> Option<Scalar<'_>> {
    match text {
        b"null" => Some(Scalar::Null),
        [b'"', inner @ .., b'"'] => {
            let is_plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\');
            let plain = inner.iter().all(is_plain).then_some(inner)?;
            Some(Scalar::Text(str::from_utf8(plain).ok()?))
        }
        [b'-', b'1'..=b'9', ..] | [b'1'..=b'9', ..] | b"0" => {
            Some(Scalar::Number(str::from_utf8(text).ok()?.parse().ok()?))
        }
        _ => None,
    }
}

/// A text that is read from the left.
struct Text<'b> {
    body: &'b Bytes,
    at: usize,
}

impl<'b> Text<'b> {
    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.body.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Goes into an object, to the value of a member. Those before it are passed over.
    fn enter(&mut self, member: &[u8]) -> Option<()> {
        self.take(b'{')?;
        while self.name()? != member {
            self.value()?;
            self.take(b',')?;
        }
        Some(())
    }

    /// The name of a member, and the colon after it.
    fn name(&mut self) -> Option<&'b [u8]> {
        let quoted = self.quoted()?;
        let name = &quoted[1..quoted.len() - 1];
        self.take(b':')?;
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'\\';
        name.iter().all(is_plain).then_some(name)
    }

    /// The next value, which must be a string, decoded.
    fn string(&mut self) -> Option<Cow<'b, str>> {
        let quoted = self.quoted()?;
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'\\';
        if quoted.iter().all(is_plain) {
            let inner = str::from_utf8(&quoted[1..quoted.len() - 1]);
            return inner.ok().map(Cow::Borrowed);
        }
        serde_json::from_slice(quoted).ok().map(Cow::Owned)
    }

    /// A string with its quotes.
    fn quoted(&mut self) -> Option<&'b [u8]> {
        let start = { self.next()? == b'"' }.then_some(self.at)?;
        let mut end = start + 1;
        loop {
            end += memchr::memchr2(b'"', b'\\', self.body.get(end..)?)?;
            match self.body[end] {
                b'"' => break,
                _ => end += 2,
            }
        }
        self.at = end + 1;
        Some(&self.body[start..=end])
    }

    /// The next value, by its ends alone.
    fn value(&mut self) -> Option<&'b [u8]> {
        match self.next()? {
            b'"' => self.quoted(),
            b'{' | b'[' => {
                let rest = &self.body[self.at..];
                let length = object_length(rest)?;
                self.at += length;
                Some(&rest[..length])
            }
            _ => {
                let rest = &self.body[self.at..];
                let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte);
                let length = rest.iter().position(is_end)?;
                self.at += length;
                Some(&rest[..length])
            }
        }
    }
}
