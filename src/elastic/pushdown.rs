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
//! OpenSearch does not note which values were too long (`_ignored`): there the mapping must show that
//! none of those that are asked for is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{client::Client, fault::Operation, query, server::Dialect};
use crate::{
    detect::{layout::Layout, ruleset::Requirement},
    pipeline::{
        plan::SourcePlan,
        ports::{Fault, FaultReason},
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

/// What is asked of a view, and what came of it.
#[derive(Debug)]
pub(super) struct Requested {
    requirement: Option<Arc<Requirement>>,
    outcome: Result<Filter, String>,
}

impl Trust {
    /// Takes note of a fault, if it may come from what was asked on top.
    pub(super) fn doubt_after(&self, fault: &Fault) -> bool {
        let may_be = matches!(
            fault.reason,
            FaultReason::TimestampFieldInvalid
                | FaultReason::PartialResults
                | FaultReason::ElasticsearchUnavailable
        );
        if may_be {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        may_be
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
}

impl Requested {
    /// Nothing is decided yet, and so nothing left out.
    pub(super) fn new(requirement: Option<Arc<Requirement>>) -> Self {
        Self {
            requirement,
            outcome: Err("nothing was asked for".to_owned()),
        }
    }

    /// Asks how fields are mapped, and decides. The view must be open: the mapping is then that of
    /// all it holds.
    pub(super) async fn decide(
        &mut self,
        client: &Client,
        plan: &SourcePlan,
        dialect: Dialect,
        trust: &Trust,
    ) {
        if let Some(requirement) = &self.requirement {
            self.outcome = match trust.holds() {
                true => filter(client, plan, dialect, requirement).await,
                false => Err("the server failed to answer with it a few minutes ago".to_owned()),
            };
        }
    }

    /// What is to be sent along.
    pub(super) fn filter(&self) -> Option<Filter> {
        self.outcome.as_ref().ok().cloned()
    }

    /// What came of it.
    pub(super) fn told(&self) -> Pushdown {
        match &self.outcome {
            Ok(filter) => Pushdown::On(filter.fields.clone()),
            Err(why) => Pushdown::Off(why.clone()),
        }
    }
}

async fn filter(
    client: &Client,
    plan: &SourcePlan,
    dialect: Dialect,
    requirement: &Requirement,
) -> Result<Filter, String> {
    const SILENT: &str = "the server does not tell how fields are mapped";
    if plan.layout_path.is_some() {
        return Err("events stand at source.layoutPath".to_owned());
    }
    let places = places(plan.layout)?;
    let asked = query::capabilities(plan, &names(places, requirement));
    let told = client.call(Operation::ReadMapping, asked).await;
    let told = told.map_err(|_| SILENT)?;
    let capabilities = Capabilities::read(&told.body).ok_or(SILENT)?;
    let mut exact = Exact::new(&capabilities, places, requirement)?;
    if dialect == Dialect::OpenSearch && !exact.names.is_empty() {
        let asked = query::field_mappings(plan, exact.names());
        let told = client.call(Operation::ReadMapping, asked).await;
        let told = told.map_err(|_| SILENT)?;
        exact.keep_those_that_take(requirement, &longest_taken(&told.body).ok_or(SILENT)?);
    }
    exact.filter(requirement)
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

/// The fields that are indexed as they are stored.
#[derive(Debug)]
struct Exact {
    anchors: [String; 2],
    /// By the field, the name that it is indexed under.
    names: BTreeMap<&'static str, String>,
}

impl Exact {
    fn new(
        capabilities: &Capabilities,
        places: &[&str],
        requirement: &Requirement,
    ) -> Result<Self, String> {
        let is_mapped = |name: &String| capabilities.is_mapped(name);
        let anchors = |place: &str| ANCHORS.map(|field| format!("{place}{field}"));
        let mut mapped = places
            .iter()
            .filter(|place| anchors(place).iter().any(is_mapped));
        let place = match (mapped.next(), mapped.next()) {
            (Some(place), None) => place,
            (None, _) => return Err(format!("no index has a field {}", ANCHORS[0])),
            (Some(_), Some(_)) => {
                let why = "the indices have events in two layouts; name one in source.layout";
                return Err(why.to_owned());
            }
        };
        let anchors = anchors(place);
        if let Some(missing) = anchors.iter().find(|name| !is_mapped(name)) {
            return Err(format!("no index has a field {missing}"));
        }
        let fields = requirement.fields().into_iter();
        let names = fields
            .filter_map(|field| Some((field, capabilities.exact(&format!("{place}{field}"))?)))
            .collect();
        Ok(Self { anchors, names })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }

    /// Forgets fields whose index may lack a value that is asked for, since it is too long.
    fn keep_those_that_take(
        &mut self,
        requirement: &Requirement,
        longest_taken: &BTreeMap<String, u64>,
    ) {
        let asked: Vec<_> = requirement.alternatives().flatten().collect();
        self.names.retain(|field, name| {
            let mut values = asked.iter().filter(|(of, _)| of == field);
            longest_taken.get(name).is_none_or(|longest| {
                let is_taken = |value: &String| value.encode_utf16().count() as u64 <= *longest;
                values.all(|(_, values)| values.iter().all(is_taken))
            })
        });
    }

    fn filter(&self, requirement: &Requirement) -> Result<Filter, String> {
        let fields = requirement.fields().into_iter();
        let inexact: BTreeSet<&str> = fields
            .filter(|field| !self.names.contains_key(field))
            .collect();
        let usable = requirement.without(&inexact).ok_or_else(|| {
            let inexact: Vec<_> = inexact.iter().copied().collect();
            format!(
                "not an exact keyword in every index: {}",
                inexact.join(", ")
            )
        })?;
        Ok(Filter {
            clause: clause(&usable, &self.anchors, &self.names),
            fields: usable.fields().into_iter().collect(),
        })
    }
}

/// By the name of a field, the most UTF-16 code units of a value that every index takes; nothing
/// where there is no limit.
fn longest_taken(body: &Bytes) -> Option<BTreeMap<String, u64>> {
    let indices: Value = serde_json::from_slice(body).ok()?;
    let mut longest = BTreeMap::new();
    for index in indices.as_object()?.values() {
        for (name, field) in index["mappings"].as_object()? {
            for mapping in field["mapping"].as_object()?.values() {
                if let Some(limit) = mapping["ignore_above"].as_u64() {
                    let known = longest.entry(name.clone()).or_insert(limit);
                    *known = limit.min(*known);
                }
            }
        }
    }
    Some(longest)
}

fn clause(
    requirement: &Requirement,
    anchors: &[String; 2],
    names: &BTreeMap<&'static str, String>,
) -> Value {
    let has_one = |(field, values): (&str, &BTreeSet<String>)| {
        let name = &names[field];
        let mut either = vec![json!({"terms": {name: values}})];
        // An anchor that is missing is an alternative by itself.
        if !anchors.contains(name) {
            either.push(missing(name));
        }
        json!({"bool": {"should": either}})
    };
    let used: Vec<_> = requirement
        .fields()
        .iter()
        .map(|field| &names[field])
        .collect();
    let mut alternatives: Vec<Value> = anchors.iter().map(|name| missing(name)).collect();
    alternatives.push(json!({"terms": {"_ignored": used}}));
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
