//! The search for events in a document.
//!
//! The event is the shallowest object that looks like one, or text that holds such an object. What
//! stands within an event, or in a member that is named like one of an event, is never searched:
//! callers write it.

use serde_json::{Map, Value};

use super::{
    AuditEvent, KNOWN_PLACES, is_place,
    recognise::{Recognised, recognise},
    renamed,
    text::{self, Piece, Text},
};
use crate::detect::{
    document::Rejection,
    json::cut::{self, MARK},
};

/// The deepest object that is looked at.
pub(super) const DEPTH: usize = 6;

/// The most texts that may stand around one another.
const TEXTS: usize = 4;

/// Rejections of one document that are counted.
const REJECTIONS: usize = 10_000;

/// The most lists that may stand around one another.
const LISTS: usize = 2;

/// The events of a document.
#[derive(Debug, Default)]
pub(in crate::detect) struct Reading {
    /// Events in their order, each [`canonical`].
    pub events: Vec<FoundEvent>,
    /// Reasons why parts of the document are no events.
    pub rejections: Vec<Rejection>,
}

/// An event.
#[derive(Debug)]
pub(in crate::detect) struct FoundEvent {
    /// Its members.
    pub members: AuditEvent,
    /// True if its end is missing.
    pub is_cut_off: bool,
    /// The member within which the document ends, if it ends within one that was begun.
    pub open_member: Option<String>,
}

impl Reading {
    /// Nothing but the reason for that.
    pub(super) fn rejected(rejection: Rejection) -> Self {
        Self {
            events: Vec::new(),
            rejections: vec![rejection],
        }
    }

    fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        let left = REJECTIONS.saturating_sub(self.rejections.len());
        self.rejections
            .extend(other.rejections.into_iter().take(left));
    }

    fn of(members: AuditEvent) -> Self {
        Self {
            events: vec![FoundEvent::new(members)],
            rejections: Vec::new(),
        }
    }
}

impl FoundEvent {
    fn new(mut members: AuditEvent) -> Self {
        // The address that the apiserver saw is the last one.
        if let Some(Value::Array(addresses)) = members.get("sourceIPs")
            && cut::is_open_list(addresses)
        {
            members.remove("sourceIPs");
        }
        let open_member = cut::open_member(&members);
        let is_cut_off = cut::take_member_marks(&mut members);
        Self {
            members,
            is_cut_off,
            open_member,
        }
    }
}

/// The reach of a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// Objects around the event.
    pub depth: usize,
    /// True if names may begin with the place of the event: `kubernetes.audit.verb`.
    pub has_prefixes: bool,
    texts: usize,
    lists: usize,
}

impl Scope {
    pub(super) fn new(depth: usize, has_prefixes: bool) -> Self {
        Self {
            depth,
            has_prefixes,
            texts: TEXTS,
            lists: LISTS,
        }
    }

    fn in_list(self) -> Option<Self> {
        let lists = self.lists.checked_sub(1)?;
        Some(Self { lists, ..self })
    }

    pub(super) fn in_text(self) -> Option<Self> {
        let texts = self.texts.checked_sub(1)?;
        Some(Self { texts, ..self })
    }
}

/// Something that may be an event, or hold one.
struct Candidate {
    value: Value,
    scope: Scope,
    /// True if events are known to stand here, so that less is asked of one.
    is_known: bool,
}

/// Searches a value.
pub(super) fn search(value: Value, scope: Scope) -> Reading {
    search_from(Candidate {
        value,
        scope,
        is_known: true,
    })
}

/// Searches the members of an object, not the object itself.
pub(super) fn search_members(
    document: Map<String, Value>,
    scope: Scope,
    is_searched: impl Fn(&str) -> bool,
    is_known: impl Fn(&[&str]) -> bool,
) -> Reading {
    if let Some(reading) = search_known(&document, scope, is_known) {
        return reading;
    }
    let mut candidates = Vec::new();
    let document = document.into_iter().filter(|(name, _)| is_searched(name));
    add_members(document.collect(), scope, &mut candidates);
    search_levels(candidates)
}

/// Searches the values of a text.
pub(super) fn search_text(source: &[u8], scope: Scope, search: &Searcher<'_>) -> Reading {
    match text::pieces(source) {
        Err(rejection) => Reading::rejected(rejection),
        Ok(Text::Json(value)) => search(value, scope),
        Ok(Text::Pieces(pieces, rejection)) => {
            let pieces = pieces.into_iter();
            let reading = together(pieces.map(|piece| search_piece(piece, scope, search)));
            match reading.events.is_empty() {
                true => Reading::rejected(rejection),
                false => reading,
            }
        }
    }
}

/// A way to search a value.
pub(super) type Searcher<'s> = dyn Fn(Value, Scope) -> Reading + 's;

fn search_piece(piece: Piece, scope: Scope, search: &Searcher<'_>) -> Reading {
    match piece {
        Piece::Whole(value) => search(value, scope),
        Piece::Torn(text) => {
            let attempts = [cut::read_cut, cut::read_cut_string];
            let mut readings = attempts
                .iter()
                .filter_map(|read| Some(search(read(&text)?, scope)));
            readings
                .find(|reading| !reading.events.is_empty())
                .unwrap_or_else(|| Reading::rejected(Rejection::Torn))
        }
    }
}

/// The elements of a list, each by itself.
pub(super) fn search_elements(
    elements: Vec<Value>,
    scope: Scope,
    search: &Searcher<'_>,
) -> Reading {
    let Some(scope) = scope.in_list() else {
        return Reading::rejected(Rejection::NotAnAuditEvent);
    };
    let elements = elements.into_iter().filter(|element| element != MARK);
    together(elements.map(|element| search(element, scope)))
}

fn together(readings: impl Iterator<Item = Reading>) -> Reading {
    let mut whole = Reading::default();
    readings.for_each(|reading| whole.add(reading));
    whole
}

fn search_from(candidate: Candidate) -> Reading {
    search_levels(vec![candidate])
}

/// Looks at one level after the other, so that the shallowest event is found.
fn search_levels(mut level: Vec<Candidate>) -> Reading {
    let mut rejection = None;
    while !level.is_empty() {
        let mut next = Vec::new();
        for candidate in level {
            match look(candidate, &mut next) {
                Ok(reading) => return reading,
                Err(reason) => rejection = rejection.or(reason),
            }
        }
        level = next;
    }
    Reading::rejected(rejection.unwrap_or(Rejection::NotAnAuditEvent))
}

/// Returns the events of a candidate, or adds what is to be looked at next.
fn look(candidate: Candidate, next: &mut Vec<Candidate>) -> Result<Reading, Option<Rejection>> {
    let Candidate {
        value,
        scope,
        is_known,
    } = candidate;
    match value {
        Value::Object(document) => match recognise(document, scope, is_known) {
            Recognised::Event(event) => Ok(Reading::of(event)),
            Recognised::List(items) => Ok(search_elements(items, scope, &search)),
            Recognised::Other(document, rejection) => {
                // A whole document, not an object within one.
                if scope.depth == DEPTH
                    && let Some(reading) = search_known(&document, scope, |_| true)
                {
                    return Ok(reading);
                }
                if let Some(depth) = scope.depth.checked_sub(1) {
                    add_members(document, Scope { depth, ..scope }, next);
                }
                Err(rejection)
            }
        },
        Value::Array(elements) => {
            if elements.is_empty() {
                return Err(None);
            }
            let depth = if scope.depth == 0 { 0 } else { DEPTH };
            found(search_elements(elements, Scope { depth, ..scope }, &search))
        }
        Value::String(text) => match scope.in_text().zip(text::json_in(&text)) {
            None => Err(None),
            Some((scope, json)) => found(search_text(json.as_bytes(), scope, &search)),
        },
        _ => Err(None),
    }
}

/// The first known place that has an event.
fn search_known(
    document: &Map<String, Value>,
    scope: Scope,
    is_known: impl Fn(&[&str]) -> bool,
) -> Option<Reading> {
    let here = Scope { depth: 0, ..scope };
    let places = KNOWN_PLACES.iter().filter(|place| is_known(place));
    places.into_iter().find_map(|place| {
        let (first, rest) = place.split_first()?;
        let value = rest.iter().try_fold(document.get(*first)?, |value, name| {
            value.as_object()?.get(*name)
        })?;
        let reading = match value {
            Value::Object(event) => match recognise(event.clone(), here, true) {
                Recognised::Event(event) => Reading::of(event),
                _ => return None,
            },
            Value::String(text) => {
                search_text(text::json_in(text)?.as_bytes(), here.in_text()?, &search)
            }
            _ => return None,
        };
        (!reading.events.is_empty()).then_some(reading)
    })
}

/// A reading that counts: one without events is but a reason.
fn found(reading: Reading) -> Result<Reading, Option<Rejection>> {
    match reading.events.is_empty() && !reading.rejections.is_empty() {
        false => Ok(reading),
        true => {
            let mut reasons = reading.rejections.into_iter();
            Err(reasons.find(|reason| *reason != Rejection::NotAnAuditEvent))
        }
    }
}

/// The members that may hold an event, those where events are known to stand first.
fn add_members(document: Map<String, Value>, scope: Scope, next: &mut Vec<Candidate>) {
    let may_hold = |value: &Value| match value {
        Value::Object(_) | Value::Array(_) => true,
        Value::String(text) => text::json_in(text).is_some(),
        _ => false,
    };
    let members = document
        .into_iter()
        .filter(|(name, value)| may_hold(value) && !renamed::is_inside(name));
    let (known, others): (Vec<_>, Vec<_>) = members.partition(|(name, _)| is_place(name));
    let candidate = |is_known| {
        move |(_, value)| Candidate {
            value,
            scope,
            is_known,
        }
    };
    next.extend(known.into_iter().map(candidate(true)));
    next.extend(others.into_iter().map(candidate(false)));
}
