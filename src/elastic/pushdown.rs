//! A requirement of rules as a query, where the mapping makes it exact.
//!
//! A document is left out only if the server has, for every alternative of the requirement, a field
//! with values none of which the alternative allows. A document without such a field is handed out:
//! the server may not know what stands there, because the index does not map it, mapped it later,
//! or keeps it as text within text. So is one with a value that was too long to be indexed, and one
//! without `verb` or `auditID`: its event may stand elsewhere, or be none.
//!
//! What must hold beyond that is read from the field capabilities: wherever a field is mapped, it is
//! an indexed `keyword`, which holds values as they are stored; and events stand in one place only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{client::Client, fault::Operation, query};
use crate::{
    detect::{layout::Layout, ruleset::Requirement},
    pipeline::{
        plan::SourcePlan,
        ports::{Fault, Remedy},
        pushdown::Pushdown,
    },
};

/// Fields that every audit event has. A document without one of them is handed out.
const ANCHORS: [&str; 2] = ["verb", "auditID"];

/// How long the server is not asked again after it failed to answer.
const REST: Duration = Duration::from_secs(600);

/// What is sent to the server, and the fields of the event that it goes by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    clause: Value,
    fields: Vec<&'static str>,
}

/// When the server last failed to answer a query that left something out.
#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<Option<Instant>>);

impl Trust {
    /// Takes note of a fault that may come from what was asked on top.
    pub(super) fn doubt_after(&self, fault: &Fault) {
        if fault.remedy != Remedy::Shrink {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn holds(&self) -> bool {
        let failed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() >= REST)
    }
}

impl Filter {
    /// The query.
    pub(super) fn clause(&self) -> &Value {
        &self.clause
    }

    /// What is told of it.
    pub(super) fn told(&self) -> Pushdown {
        Pushdown::On(self.fields.clone())
    }
}

/// Asks for the mapping and makes a filter, or tells why there can be none. A view must have been
/// opened before, so that the mapping is that of all it holds.
pub(super) async fn filter(
    client: &Client,
    plan: &SourcePlan,
    requirement: &Requirement,
    trust: &Trust,
) -> Result<Filter, String> {
    if !trust.holds() {
        return Err("the server failed to answer when it was on, less than ten minutes ago".into());
    }
    let places = places(plan.layout)?;
    let asked = query::capabilities(plan, &names(places, requirement));
    let found = client.call(Operation::ReadMapping, asked).await;
    let found = found.map_err(|_| "the server does not tell how fields are mapped")?;
    let capabilities =
        Capabilities::read(&found.body).ok_or("the server does not tell how fields are mapped")?;
    make(&capabilities, places, requirement)
}

/// Where the fields of an event may stand.
fn places(layout: Layout) -> Result<&'static [&'static str], String> {
    const RAW: &str = "";
    const ELASTIC: &str = "kubernetes.audit.";
    match layout {
        Layout::Raw => Ok(&[RAW]),
        Layout::Elastic => Ok(&[ELASTIC]),
        Layout::Auto | Layout::Dotted => Ok(&[RAW, ELASTIC]),
        Layout::Wrapped => Err("an event within another field is not indexed as such".into()),
    }
}

/// Every name that a field may be indexed under.
fn names(places: &[&str], requirement: &Requirement) -> Vec<String> {
    let fields: BTreeSet<&str> = requirement.fields().into_iter().chain(ANCHORS).collect();
    let placed = places
        .iter()
        .flat_map(|place| fields.iter().map(move |field| format!("{place}{field}")));
    placed
        .flat_map(|name| [text_as_keyword(&name), name])
        .collect()
}

/// Where a dynamic mapping keeps a text as it is.
fn text_as_keyword(name: &str) -> String {
    format!("{name}.keyword")
}

fn make(
    capabilities: &Capabilities,
    places: &[&str],
    requirement: &Requirement,
) -> Result<Filter, String> {
    let is_mapped = |name: &str| capabilities.is_mapped(name);
    let mut mapped = places.iter().filter(|place| {
        ANCHORS
            .iter()
            .any(|field| is_mapped(&format!("{place}{field}")))
    });
    let place = match (mapped.next(), mapped.next()) {
        (Some(place), None) => *place,
        (None, _) => return Err(format!("no index has a field {}", ANCHORS[0])),
        (Some(_), Some(_)) => {
            return Err("the indices have events in two layouts; name one in source.layout".into());
        }
    };
    let anchors = ANCHORS.map(|field| format!("{place}{field}"));
    if let Some(missing) = anchors.iter().find(|name| !is_mapped(name)) {
        return Err(format!("no index has a field {missing}"));
    }
    let mut exact = BTreeMap::new();
    let mut inexact = BTreeSet::new();
    for field in requirement.fields() {
        match capabilities.exact(&format!("{place}{field}")) {
            Some(name) => drop(exact.insert(field, name)),
            None => drop(inexact.insert(field)),
        }
    }
    let usable = requirement.without(&inexact).ok_or_else(|| {
        let inexact: Vec<_> = inexact.iter().copied().collect();
        format!("not in every index a keyword: {}", inexact.join(", "))
    })?;
    Ok(Filter {
        clause: clause(&usable, &anchors, &exact),
        fields: usable.fields().into_iter().collect(),
    })
}

fn clause(requirement: &Requirement, anchors: &[String], names: &BTreeMap<&str, String>) -> Value {
    let has_one = |(field, values): (&str, &BTreeSet<String>)| {
        let name = &names[field];
        let mut either = vec![json!({"terms": {name: values}})];
        // An anchor that is missing is an alternative by itself.
        if !anchors.contains(name) {
            either.push(missing(name));
        }
        json!({"bool": {"should": either}})
    };
    let mut alternatives: Vec<Value> = anchors.iter().map(|name| missing(name)).collect();
    alternatives.push(json!({"terms": {"_ignored": names.values().collect::<Vec<_>>()}}));
    alternatives.extend(requirement.alternatives().map(|all| {
        let all: Vec<_> = all.map(has_one).collect();
        json!({"bool": {"filter": all}})
    }));
    json!({"bool": {"should": alternatives}})
}

fn missing(name: &str) -> Value {
    json!({"bool": {"must_not": {"exists": {"field": name}}}})
}

/// How fields are mapped, all indices of a source together.
#[derive(Debug, Deserialize)]
struct Capabilities {
    fields: BTreeMap<String, BTreeMap<String, Capability>>,
}

/// A field in those indices that map it to one type.
#[derive(Debug, Deserialize)]
struct Capability {
    #[serde(default)]
    searchable: bool,
}

const UNMAPPED: &str = "unmapped";
const KEYWORD: &str = "keyword";
const TEXT: [&str; 2] = ["text", "match_only_text"];

impl Capabilities {
    fn read(body: &Bytes) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    fn types(&self, name: &str) -> impl Iterator<Item = (&str, &Capability)> {
        let types = self.fields.get(name).into_iter().flatten();
        types
            .map(|(kind, capability)| (kind.as_str(), capability))
            .filter(|(kind, _)| *kind != UNMAPPED)
    }

    /// Whether some index has the field.
    fn is_mapped(&self, name: &str) -> bool {
        self.types(name).next().is_some()
    }

    /// Whether it is an indexed keyword in every index that has it.
    fn is_keyword(&self, name: &str) -> bool {
        self.is_mapped(name)
            && self
                .types(name)
                .all(|(kind, capability)| kind == KEYWORD && capability.searchable)
    }

    /// The name under which the values of a field are indexed as they are stored.
    fn exact(&self, name: &str) -> Option<String> {
        if self.is_keyword(name) {
            return Some(name.to_owned());
        }
        let is_text = |kind: &str| TEXT.contains(&kind) || kind == KEYWORD;
        let keyword = text_as_keyword(name);
        let has_keyword = self.types(name).all(|(kind, _)| is_text(kind))
            && self.is_mapped(name)
            && self.is_keyword(&keyword);
        has_keyword.then_some(keyword)
    }
}

#[cfg(test)]
mod tests;
