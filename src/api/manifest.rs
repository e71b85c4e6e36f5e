//! Manifests: texts of YAML documents, read into rules and jobs. Each problem has its line and
//! column. Pure: text in, resources and findings out.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use serde::de::DeserializeOwned;

use self::node::{Node, Position};
use super::{
    convert::{self, Job},
    job::{AnalysisJob, AnalysisJobSpec},
    problem::Problem,
    rule::{K8sCopRule, K8sCopRuleSpec},
};
use crate::detect::rule::{Rule, RuleIdentity};

mod envelope;
mod node;
mod syntax;

const SYNTAX: &str = "YamlInvalid";
const EMPTY: &str = "ManifestEmpty";
const OBJECT: &str = "ObjectInvalid";

/// Namespace of a rule whose manifest names none.
const NO_NAMESPACE: &str = "default";

/// What a text holds.
#[derive(Debug, Default)]
pub struct Manifest {
    /// Its rules, in their order.
    pub rules: Vec<Declared<K8sCopRule>>,
    /// Its jobs, in their order.
    pub jobs: Vec<Declared<AnalysisJob>>,
    /// Number of rules that could not be read.
    pub unread_rules: usize,
    /// Number of jobs that could not be read.
    pub unread_jobs: usize,
    /// What could not be read, in its order.
    pub findings: Vec<Finding>,
}

/// A resource and where each part of it stands.
#[derive(Debug)]
pub struct Declared<K> {
    object: K,
    node: Node,
}

/// Something wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong.
    pub problem: Problem,
}

impl std::error::Error for Finding {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            problem,
        } = self;
        write!(f, "{line}:{column}: {problem}")
    }
}

impl Manifest {
    /// Reads a text of any number of YAML (or JSON) documents, `List`s of resources among them.
    /// A text that is not YAML, or holds no document, gives one finding and no resource.
    pub fn parse(text: &str) -> Self {
        let mut manifest = Self::default();
        match Node::documents(text) {
            Ok(documents) if documents.is_empty() => {
                let message = "the file holds no manifest; write a K8sCopRule or an AnalysisJob, or remove the file";
                let problem = Problem::new("file", EMPTY, message);
                manifest
                    .findings
                    .push(Finding::at(Position::START, problem));
            }
            Ok(documents) => documents.into_iter().for_each(|node| manifest.add(node)),
            Err((position, message)) => {
                let problem = Problem::new("yaml", SYNTAX, message);
                manifest.findings.push(Finding::at(position, problem));
            }
        }
        manifest
    }

    fn add(&mut self, mut node: Node) {
        let kind = node.text("kind").unwrap_or_default().to_owned();
        if kind.ends_with("List")
            && let Some(items) = node.take_list("items")
        {
            return items.into_iter().for_each(|item| self.add(item));
        }
        let findings = match kind.as_str() {
            "K8sCopRule" => Declared::read(node, rule)
                .map(|rule| self.rules.push(rule))
                .inspect_err(|_| self.unread_rules += 1),
            "AnalysisJob" => Declared::read(node, job)
                .map(|job| self.jobs.push(job))
                .inspect_err(|_| self.unread_jobs += 1),
            _ => Err(node.findings(envelope::kind_problems(&node))),
        };
        self.findings.extend(findings.err().into_iter().flatten());
    }
}

impl<K> Declared<K> {
    fn read(
        node: Node,
        build: impl FnOnce(ObjectMeta, &Node) -> Result<K, Problem>,
    ) -> Result<Self, Vec<Finding>> {
        let findings = node.findings(envelope::problems(&node));
        if !findings.is_empty() {
            return Err(findings);
        }
        let object = read_at("metadata", &node)
            .and_then(|metadata| build(metadata, &node))
            .map_err(|problem| vec![node.finding(problem)])?;
        Ok(Self { object, node })
    }

    /// The resource.
    pub fn object(&self) -> &K {
        &self.object
    }

    /// The resource with all that the text says of it, also its status; its namespace is `default`
    /// where the text names none.
    pub fn resource(&self) -> Result<DynamicObject, Finding> {
        let object = serde_json::from_value(self.node.value());
        let mut object: DynamicObject = object
            .map_err(|error| self.finding(Problem::new("metadata", OBJECT, error.to_string())))?;
        let namespace = &mut object.metadata.namespace;
        namespace.get_or_insert_with(|| NO_NAMESPACE.to_owned());
        Ok(object)
    }

    /// The finding of a problem that has its place in this resource.
    pub fn finding(&self, problem: Problem) -> Finding {
        self.node.finding(problem)
    }

    fn findings(&self, problems: Vec<Problem>) -> Vec<Finding> {
        self.node.findings(problems)
    }
}

impl Declared<K8sCopRule> {
    /// Converts the rule; its namespace is `default` where the manifest names none. One that was
    /// taken out of a cluster keeps its uid.
    pub fn rule(&self) -> Result<Rule, Vec<Finding>> {
        let ObjectMeta {
            name,
            namespace,
            uid,
            ..
        } = &self.object.metadata;
        let identity = RuleIdentity {
            namespace: namespace.clone().unwrap_or_else(|| NO_NAMESPACE.to_owned()),
            name: name.clone().unwrap_or_default(),
            uid: uid.clone().unwrap_or_default(),
        };
        convert::rule(identity, &self.object.spec.0).map_err(|problems| self.findings(problems))
    }
}

impl Declared<AnalysisJob> {
    /// Converts the job.
    pub fn job(&self) -> Result<Job, Vec<Finding>> {
        Job::new(&self.object.spec).map_err(|problems| self.findings(problems))
    }
}

impl Finding {
    fn at(Position { line, column }: Position, problem: Problem) -> Self {
        Self {
            line,
            column,
            problem,
        }
    }
}

impl Node {
    fn finding(&self, problem: Problem) -> Finding {
        Finding::at(self.locate(problem.place()), problem)
    }

    fn findings(&self, problems: Vec<Problem>) -> Vec<Finding> {
        problems.into_iter().map(|p| self.finding(p)).collect()
    }
}

fn rule(metadata: ObjectMeta, node: &Node) -> Result<K8sCopRule, Problem> {
    let spec: K8sCopRuleSpec = read_at("spec", node)?;
    Ok(K8sCopRule {
        metadata,
        spec,
        status: None,
    })
}

fn job(metadata: ObjectMeta, node: &Node) -> Result<AnalysisJob, Problem> {
    let spec: AnalysisJobSpec = read_at("spec", node)?;
    Ok(AnalysisJob {
        metadata,
        spec,
        status: None,
    })
}

fn read_at<T: DeserializeOwned>(field: &str, node: &Node) -> Result<T, Problem> {
    convert::read_part(field, &node.get(field).map(Node::value).unwrap_or_default())
}

#[cfg(test)]
mod tests;
