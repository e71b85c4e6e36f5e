//! The part of a manifest around its spec: version, kind and metadata.

use super::{
    super::{API_VERSION, problem::Problem},
    OBJECT,
    node::Node,
};
use crate::detect::suggestion::{did_you_mean, nearest};

const KIND: &str = "KindUnknown";
const KINDS: [&str; 2] = ["K8sCopRule", "AnalysisJob"];
const KEYS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// All that is wrong around the spec of a rule or job. A misspelt key is not reported as missing
/// too.
pub(super) fn problems(node: &Node) -> Vec<Problem> {
    let unknown = unknown_keys(node);
    let is_misspelt = |key| unknown.iter().any(|(_, meant)| *meant == Some(key));
    let mut problems = Vec::new();
    if !is_misspelt("apiVersion") {
        problems.extend(version_problem(node));
    }
    if !is_misspelt("metadata") {
        problems.extend(name_problem(node));
    }
    if node.get("spec").is_none() && !is_misspelt("spec") {
        problems.push(Problem::new("spec", OBJECT, "must be given"));
    }
    problems.extend(unknown.into_iter().map(unknown_key));
    problems
}

/// The problem of a document that is neither a rule nor a job.
pub(super) fn kind_problems(node: &Node) -> Vec<Problem> {
    if !node.is_map() {
        let message = "must be a mapping with apiVersion, kind, metadata and spec";
        return vec![Problem::new("document", OBJECT, message)];
    }
    let misspelt = unknown_keys(node)
        .into_iter()
        .find(|(_, meant)| *meant == Some("kind"));
    vec![match (node.text("kind"), misspelt) {
        (Some(kind), _) => {
            let suggestion = did_you_mean(kind, KINDS);
            let message = format!("must be K8sCopRule or AnalysisJob, not \"{kind}\"{suggestion}");
            Problem::new("kind", KIND, message)
        }
        (None, Some(misspelt)) => unknown_key(misspelt),
        (None, None) => Problem::new("kind", KIND, "must be given: K8sCopRule or AnalysisJob"),
    }]
}

/// The keys that no resource has, each with the one that may be meant.
fn unknown_keys(node: &Node) -> Vec<(&str, Option<&'static str>)> {
    let unknown = node.keys().filter(|key| !KEYS.contains(key));
    unknown.map(|key| (key, nearest(key, KEYS))).collect()
}

fn unknown_key((key, meant): (&str, Option<&str>)) -> Problem {
    let message = match meant {
        Some(meant) => format!("unknown key; did you mean \"{meant}\"?"),
        None => format!("unknown key; known are {}", KEYS.join(", ")),
    };
    Problem::new(key, OBJECT, message)
}

fn version_problem(node: &Node) -> Option<Problem> {
    let message = match node.text("apiVersion") {
        Some(API_VERSION) => return None,
        Some(other) => format!("must be {API_VERSION}, not \"{other}\""),
        None => format!("must be given: {API_VERSION}"),
    };
    Some(Problem::new("apiVersion", OBJECT, message))
}

fn name_problem(node: &Node) -> Option<Problem> {
    let metadata = node.get("metadata");
    if metadata.is_some_and(|metadata| metadata.text("name").is_some()) {
        return None;
    }
    let is_meant = |key: &&str| nearest(key, ["name"]).is_some() && *key != "name";
    let misspelt = metadata.and_then(|metadata| metadata.keys().find(is_meant));
    Some(match misspelt {
        Some(key) => {
            let message = "unknown key; did you mean \"name\"?";
            Problem::new(format!("metadata.{key}"), OBJECT, message)
        }
        None => {
            let message = "must be given: the name of the resource";
            Problem::new("metadata.name", OBJECT, message)
        }
    })
}
