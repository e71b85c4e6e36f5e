//! From the values of an event to the rules that may match it: one hash look-up and one pass of a
//! multi-pattern automaton for each field that the index looks at.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aho_corasick::packed;
use daachorse::DoubleArrayAhoCorasick;
use rustc_hash::FxHashMap;

use super::{
    cover::{self, Anchor, Cover, Key},
    facts::Facts,
    patterns::{self, SharedPatterns},
    program::{FieldId, Programs, RuleId},
    vocabulary,
};
use crate::detect::rule::Rule;

/// Bytes of texts in one automaton: it could number four times as many.
const LITERAL_BYTES: usize = 4 << 20;

/// What it costs to look for something in a pod spec: the bodies of all events that may have one
/// are searched.
const POD_SPEC: f64 = 512.0;

/// Where each rule of a set is entered.
#[derive(Debug)]
pub struct Index {
    /// Rules without a cover, candidates of every event.
    always: Vec<RuleId>,
    /// Rules that may be undecided where the body of the request is missing.
    without_request: Vec<RuleId>,
    /// Rules that may be undecided where the body of the response is missing.
    without_response: Vec<RuleId>,
    fields: Vec<FieldIndex>,
    /// Rooms that no matcher uses now.
    rooms: Mutex<Vec<Room>>,
}

/// Room for the search of one matcher.
#[derive(Debug, Default)]
pub struct Room {
    /// In the order of the fields and of their patterns.
    patterns: Vec<patterns::Room>,
}

/// The entries that ask for one field.
#[derive(Debug, Default)]
struct FieldIndex {
    field: FieldId,
    present: Vec<RuleId>,
    patterns: Vec<SharedPatterns>,
    equal: FxHashMap<String, Vec<RuleId>>,
    literals: Vec<Literals>,
}

/// Most texts that a scout looks for; among more it finds too much in vain.
const SCOUTED: usize = 32;

/// Texts that are looked for in the values of one field.
struct Literals {
    /// Tells faster that a value holds none of them, where they are few.
    scout: Option<packed::Searcher>,
    automaton: DoubleArrayAhoCorasick<u32>,
    /// The rules of each text, by its number in the automaton.
    rules: Vec<AnchoredRules>,
}

impl fmt::Debug for Literals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let literals = &mut f.debug_struct("Literals");
        literals.field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The entries of all rules by their keys.
type Entries = BTreeMap<Key, Vec<RuleId>>;

impl Index {
    /// Enters every rule under the cheapest keys of its cover.
    pub fn new(rules: &[Arc<Rule>], programs: &mut Programs) -> Self {
        let covers: Vec<_> = rules
            .iter()
            .map(|rule| cover::of_rule(rule, programs))
            .collect();
        let mut shared: HashMap<&Key, usize> = HashMap::new();
        for key in covers.iter().flat_map(Cover::keys) {
            *shared.entry(key).or_default() += 1;
        }
        let fields = programs.fields();
        let cost = |key: &Key| {
            let search = if key
                .field()
                .is_some_and(|field| fields[field].is_in_bodies())
            {
                POD_SPEC
            } else {
                0.0
            };
            search + cost(key, shared.get(key).copied().unwrap_or(1))
        };
        let mut always = Vec::new();
        let mut entries = Entries::new();
        for (rule, cover) in covers.iter().enumerate() {
            match cover.cheapest(&cost) {
                None => always.push(rule),
                Some((_, keys)) => {
                    for key in keys {
                        entries.entry(key).or_default().push(rule);
                    }
                }
            }
        }
        let mut bodiless = |key: Key| entries.remove(&key).unwrap_or_default();
        let without_request = bodiless(Key::WithoutRequest);
        let without_response = bodiless(Key::WithoutResponse);
        let fields = by_field(entries);
        Self {
            always,
            without_request,
            without_response,
            fields,
            rooms: Mutex::default(),
        }
    }

    /// Room for one matcher, used before if there is any.
    pub fn take_room(&self) -> Room {
        let spare = self.rooms().pop();
        spare.unwrap_or_else(|| {
            let patterns = self.fields.iter().flat_map(|field| &field.patterns);
            Room {
                patterns: patterns.map(SharedPatterns::room).collect(),
            }
        })
    }

    /// Keeps the room of a matcher for the next.
    pub fn give_back(&self, room: Room) {
        self.rooms().push(room);
    }

    fn rooms(&self) -> MutexGuard<'_, Vec<Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rules that may match the event of these facts, in order, each once, in place of what
    /// stood there.
    pub fn candidates(&self, facts: &Facts<'_>, room: &mut Room, candidates: &mut Vec<RuleId>) {
        candidates.clone_from(&self.always);
        if !self.without_request.is_empty() && facts.lacks_request() {
            candidates.extend(&self.without_request);
        }
        if !self.without_response.is_empty() && facts.gaps().response.is_some() {
            candidates.extend(&self.without_response);
        }
        let mut rest = room.patterns.as_mut_slice();
        for field in &self.fields {
            let (of_field, others) = rest.split_at_mut(field.patterns.len());
            field.candidates(facts, of_field, candidates);
            rest = others;
        }
        candidates.sort_unstable();
        candidates.dedup();
    }
}

/// How many candidates a key may make, in no particular unit: texts that many rules ask for tend
/// to be common in events, and so do short ones; most fields are there in most events. A pattern by
/// itself makes none in vain, but has to be run.
fn cost(key: &Key, sharing_rules: usize) -> f64 {
    let commonness = match key {
        Key::Equal(_, text) if vocabulary::is_common_value(text) => 32.0,
        Key::Equal(..) => 1.0,
        Key::Literal(_, _, text) if vocabulary::is_part_of_common_text(text) => 48.0,
        Key::Literal(_, _, text) => 1.0 + 32.0 / (text.len() * text.len()) as f64,
        Key::Pattern(..) => 24.0,
        Key::Present(_) => 64.0,
        // Only writes of which the audit level leaves the body out, however many rules share it.
        Key::WithoutRequest => return 16.0,
        Key::WithoutResponse => return 48.0,
    };
    commonness * sharing_rules as f64
}

fn by_field(entries: Entries) -> Vec<FieldIndex> {
    let mut fields: BTreeMap<FieldId, (FieldIndex, Vec<LiteralEntry>, Vec<_>)> = BTreeMap::new();
    for (key, rules) in entries {
        let Some(field) = key.field() else { continue };
        let (index, literals, patterns) = fields.entry(field).or_default();
        index.field = field;
        match key {
            Key::Pattern(_, text) => patterns.push((text, rules)),
            Key::Equal(_, text) => drop(index.equal.insert(text, rules)),
            Key::Literal(_, anchor, text) => literals.push((text, anchor, rules)),
            Key::Present(_) | Key::WithoutRequest | Key::WithoutResponse => {
                index.present.extend(rules);
            }
        }
    }
    fields
        .into_values()
        .map(|(mut index, literals, patterns)| {
            index.literals = Literals::all(literals);
            let too_large = SharedPatterns::all(patterns, &mut index.patterns);
            index.present.extend(too_large);
            index
        })
        .collect()
}

type LiteralEntry = (Vec<u8>, Anchor, Vec<RuleId>);

/// Rules that look for one text, and where it must stand.
type AnchoredRules = Vec<(Anchor, RuleId)>;

impl FieldIndex {
    fn candidates(
        &self,
        facts: &Facts<'_>,
        rooms: &mut [patterns::Room],
        candidates: &mut Vec<RuleId>,
    ) {
        if !self.present.is_empty() && facts.exists(self.field) {
            candidates.extend(&self.present);
        }
        if self.equal.is_empty() && self.literals.is_empty() && self.patterns.is_empty() {
            return;
        }
        facts.visit_more(self.field, &mut |value| {
            if let Some(rules) = self.equal.get(value) {
                candidates.extend(rules);
            }
            for literals in &self.literals {
                literals.candidates(value, candidates);
            }
            for (patterns, room) in self.patterns.iter().zip(&mut *rooms) {
                patterns.candidates(value, room, candidates);
            }
        });
    }
}

impl Literals {
    /// As few as possible, each with at most [`LITERAL_BYTES`] of texts.
    fn all(entries: Vec<LiteralEntry>) -> Vec<Self> {
        let mut by_text: BTreeMap<Vec<u8>, AnchoredRules> = BTreeMap::new();
        for (text, anchor, rules) in entries {
            let anchored = rules.into_iter().map(|rule| (anchor, rule));
            by_text.entry(text).or_default().extend(anchored);
        }
        let mut parts = Vec::new();
        let mut bytes = LITERAL_BYTES;
        for entry in by_text {
            bytes += entry.0.len();
            if bytes > LITERAL_BYTES {
                bytes = entry.0.len();
                parts.push(Vec::new());
            }
            if let Some(part) = parts.last_mut() {
                Vec::push(part, entry);
            }
        }
        parts.into_iter().map(Self::new).collect()
    }

    fn new(part: Vec<(Vec<u8>, AnchoredRules)>) -> Self {
        let (texts, rules): (Vec<_>, _) = part.into_iter().unzip();
        let scout = (texts.len() <= SCOUTED).then(|| packed::Searcher::new(&texts));
        let automaton = DoubleArrayAhoCorasick::new(texts)
            .expect("the texts are distinct, not empty, and few enough to be numbered");
        Self {
            scout: scout.flatten(),
            automaton,
            rules,
        }
    }

    fn candidates(&self, value: &str, candidates: &mut Vec<RuleId>) {
        if let Some(scout) = &self.scout
            && value.len() >= scout.minimum_len()
            && scout.find(value).is_none()
        {
            return;
        }
        for found in self.automaton.find_overlapping_iter(value) {
            let stands = |anchor: Anchor| match anchor {
                Anchor::Start => found.start() == 0,
                Anchor::Anywhere => true,
                Anchor::End => found.end() == value.len(),
            };
            let rules = &self.rules[found.value() as usize];
            candidates.extend(
                rules
                    .iter()
                    .filter(|(a, _)| stands(*a))
                    .map(|(_, rule)| rule),
            );
        }
    }
}
