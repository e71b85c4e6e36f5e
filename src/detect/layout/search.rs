//! The search for events in a document.
//!
//! The event is the shallowest object that looks like one, or text that holds such an object. What
//! stands within an event, or in a member that is named like one of an event, is never searched:
//! callers write it.

use serde_json::{Map, Value};

use super::{
    AuditEvent, Kind, canonical, dotted, has_target, is_event, is_place, kind, renamed,
    text::{self, Piece, Text},
    text_of,
};
use crate::detect::{
    document::Rejection,
    json::cut::{self, MARK},
};

/// The deepest object that is looked at.
pub(super) const DEPTH: usize = 6;

/// How many texts may stand around one another.
const TEXTS: usize = 4;

/// Rejections of one document that are counted.
const REJECTIONS: usize = 10_000;

/// How many lists may stand around one another.
const LISTS: usize = 2;

/// What was found in a document.
#[derive(Debug, Default)]
pub(in crate::detect) struct Reading {
    /// Events in their order, each [`canonical`].
    pub events: Vec<FoundEvent>,
    /// Why parts of the document are no events.
    pub rejections: Vec<Rejection>,
}

/// An event.
#[derive(Debug)]
pub(in crate::detect) struct FoundEvent {
    /// Its members.
    pub members: AuditEvent,
    /// Whether its end is missing.
    pub is_cut_off: bool,
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
        let room = REJECTIONS.saturating_sub(self.rejections.len());
        self.rejections
            .extend(other.rejections.into_iter().take(room));
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
        let is_cut_off = cut::take_member_marks(&mut members);
        Self {
            members,
            is_cut_off,
        }
    }
}

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// Objects around the event.
    pub depth: usize,
    /// Whether names may begin with the place of the event: `kubernetes.audit.verb`.
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
    /// Whether events are known to stand here, so that it need not look like one in all respects.
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
) -> Reading {
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

/// What a candidate holds; or what is to be looked at next, and the reason if there is one.
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

/// What an object is.
enum Recognised {
    Event(AuditEvent),
    List(Vec<Value>),
    Other(Map<String, Value>, Option<Rejection>),
}

fn recognise(mut document: Map<String, Value>, scope: Scope, is_known: bool) -> Recognised {
    match kind(&document) {
        Kind::Any => {}
        Kind::EventList => match document.remove("items") {
            Some(Value::Array(items)) => return Recognised::List(items),
            _ => return Recognised::Other(Map::new(), None),
        },
        // Callers write it.
        Kind::Foreign => return Recognised::Other(Map::new(), None),
    }
    let mut rejection = None;
    match event_of(&document, is_known) {
        Ok(Some(Shape::AsItIs)) => return Recognised::Event(canonical(document)),
        Ok(Some(Shape::Restored(event))) => return Recognised::Event(event),
        Ok(None) => {}
        Err(reason) => rejection = Some(reason),
    }
    let prefixes = match scope.has_prefixes {
        true => renamed::prefixes(&document),
        false => Vec::new(),
    };
    for prefix in prefixes {
        match event_of(&with_prefix(&document, &prefix), true) {
            Ok(Some(Shape::Restored(event))) => return Recognised::Event(event),
            Ok(Some(Shape::AsItIs)) => {
                return Recognised::Event(canonical(with_prefix(&document, &prefix)));
            }
            Ok(None) => {}
            Err(reason) => rejection = Some(reason),
        }
    }
    Recognised::Other(document, rejection)
}

/// How an event stands in its document.
enum Shape {
    AsItIs,
    Restored(AuditEvent),
}

/// The event that an object is, or why it is none although it was one.
fn event_of(document: &AuditEvent, is_known: bool) -> Result<Option<Shape>, Rejection> {
    let is_renamed = document.keys().any(|name| renamed::is_renamed(name));
    let is_one = |event: &AuditEvent| is_event(event) && (is_known || is_surely_event(event));
    let has_other_names = is_renamed || dotted::has_members(document);
    if !has_other_names && is_one(document) {
        return accept(document, Shape::AsItIs);
    }
    if has_other_names {
        let restored = canonical(renamed::restore(document.clone())?);
        if is_one(&restored) {
            return accept(document, Shape::Restored(restored));
        }
    }
    match is_known && renamed::has_traces(document) {
        true => Err(Rejection::Renamed),
        false => Ok(None),
    }
}

/// An event that names neither its user nor its object, while some names look like theirs, is not
/// what it was.
fn accept(document: &AuditEvent, shape: Shape) -> Result<Option<Shape>, Rejection> {
    let event = match &shape {
        Shape::AsItIs => document,
        Shape::Restored(event) => event,
    };
    match !has_target(event) && renamed::has_traces(document) {
        true => Err(Rejection::Renamed),
        false => Ok(Some(shape)),
    }
}

/// Whether an object is an event wherever it stands.
fn is_surely_event(event: &AuditEvent) -> bool {
    let is_named = event.contains_key("auditID")
        || text_of(event, "kind").is_some() && text_of(event, "apiVersion").is_some();
    is_named && text_of(event, "verb").is_some() || event.contains_key(MARK)
}

/// Only what has a name that begins with the prefix, by the rest of its name.
fn with_prefix(document: &Map<String, Value>, prefix: &str) -> Map<String, Value> {
    let members = document.iter().filter_map(|(name, value)| {
        let rest = name
            .strip_prefix(prefix)
            .or((name == MARK).then_some(MARK))?;
        Some((rest.to_owned(), value.clone()))
    });
    members.collect()
}
