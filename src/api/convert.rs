//! From resources to rules and plans. What converts is valid; what does not, names every problem.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::core::{Selector, SelectorExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    input::Input,
    job::{AnalysisJobSpec, JobElasticsearch, JobSource, Mode, PushdownMode},
    problem::Problem,
    validation,
};
use crate::{
    detect::{
        definition::RuleDefinition,
        layout::{Layout, LayoutPath, PathError},
        rule::{Rule, RuleIdentity},
    },
    pipeline::{
        plan::{Connection, Plan, PlanId, Range, SinkPlan, SourcePlan, TermFilter},
        progress::Checkpoint,
    },
};

const UNREADABLE: &str = "SpecUnreadable";
const TIME_INVALID: &str = "TimeInvalid";
const RANGE_INVALID: &str = "RangeInvalid";
const INDEX_INVALID: &str = "IndexInvalid";
const SOURCE_CONTAINS_SINK: &str = "SourceContainsSink";
const SOURCE_INVALID: &str = "SourceInvalid";
const DELAY_INVALID: &str = "FetchDelayInvalid";
const URL_INVALID: &str = "UrlInvalid";
const SELECTOR_INVALID: &str = "SelectorInvalid";

/// Reads a part of a resource, for example its `spec`. The problem of one that cannot be read has
/// its place.
pub fn read_part<T: DeserializeOwned>(part: &str, value: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Input(value)).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => part.to_owned(),
            path => format!("{part}.{path}"),
        };
        let key = place.rsplit('.').next().unwrap_or_default();
        let message = error.inner().message(key);
        Problem::new(place, UNREADABLE, message)
    })
}

/// Converts the definition of a rule.
pub fn rule(identity: RuleIdentity, definition: &RuleDefinition) -> Result<Rule, Vec<Problem>> {
    Rule::new(identity, definition)
        .map_err(|problems| problems.into_iter().map(Problem::from).collect())
}

/// A job that is known to be right: it can be made only from a spec without problems.
#[derive(Clone, Debug)]
pub struct Job {
    mode: Mode,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    fetch_delay: Duration,
    suspended: bool,
    source: SourcePlan,
    sink: SinkPlan,
    connection: Connection,
    pushdown: bool,
    selector: Selector,
    namespaces: Vec<String>,
}

impl Job {
    /// Checks a spec whole, or names every problem.
    pub fn new(spec: &AnalysisJobSpec) -> Result<Self, Vec<Problem>> {
        let AnalysisJobSpec {
            mode,
            start_time,
            end_time,
            fetch_delay_seconds,
            suspend,
            source,
            sink,
            elasticsearch,
            pushdown,
            rule_selector,
            rule_namespaces,
        } = spec;
        let mut problems = Vec::new();
        let start = time("spec.startTime", start_time.as_deref(), &mut problems);
        let end = time("spec.endTime", end_time.as_deref(), &mut problems);
        problems.extend(range_problem(spec, start, end));
        problems.extend(delay_problem(*fetch_delay_seconds));
        problems.extend(index_problems(&source.index, &sink.index));
        problems.extend(field_problems(source));
        let layout_path = layout_path(source, &mut problems);
        let connection = connection(elasticsearch.as_ref(), &mut problems);
        let selector = Selector::try_from(rule_selector.clone().unwrap_or_default())
            .inspect_err(|_| {
                let message = "must be a label selector with the operators In, NotIn, Exists or \
                               DoesNotExist";
                problems.push(Problem::new("spec.ruleSelector", SELECTOR_INVALID, message));
            })
            .unwrap_or_default();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            mode: *mode,
            start,
            end,
            fetch_delay: Duration::from_secs(fetch_delay_seconds.unsigned_abs().into()),
            suspended: *suspend,
            source: SourcePlan {
                index: source.index.clone(),
                timestamp_field: source.timestamp_field.clone(),
                layout: source.layout,
                layout_path,
                filter: source.filter.iter().map(TermFilter::from).collect(),
            },
            sink: SinkPlan {
                index: sink.index.clone(),
            },
            connection,
            pushdown: *pushdown == PushdownMode::Auto,
            selector,
            namespaces: rule_namespaces.clone(),
        })
    }

    /// Whether the job ends.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the job must not run for now.
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Whether a job of `job_namespace` uses a rule.
    pub fn selects(
        &self,
        job_namespace: &str,
        rule_namespace: &str,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> bool {
        let near = if self.namespaces.is_empty() {
            rule_namespace == job_namespace
        } else {
            self.namespaces.iter().any(|name| name == rule_namespace)
        };
        near && self.selector.matches(labels)
    }

    /// The span that the job covers; `created` stands for the bounds that are left open.
    pub fn range(&self, created: Timestamp) -> Result<Range, Problem> {
        let start = self.start.unwrap_or(created);
        match self.mode {
            Mode::Streaming => Ok(Range::Streaming { start }),
            Mode::Static => {
                let end = self.end.unwrap_or(created);
                if start < end {
                    return Ok(Range::Static { start, end });
                }
                Err(Problem::new(
                    "spec.startTime",
                    RANGE_INVALID,
                    "must be before the creation of the job, for there is no `endTime`",
                ))
            }
        }
    }

    /// The plan of the job over a range and with its rules.
    pub fn plan(
        &self,
        id: PlanId,
        range: Range,
        rules: Arc<[Arc<Rule>]>,
        resume: Option<Checkpoint>,
    ) -> Plan {
        Plan {
            id,
            range,
            fetch_delay: self.fetch_delay,
            source: self.source.clone(),
            sink: self.sink.clone(),
            connection: self.connection.clone(),
            pushdown: self.pushdown,
            rules,
            resume,
        }
    }
}

impl From<&super::job::JobFilter> for TermFilter {
    fn from(filter: &super::job::JobFilter) -> Self {
        Self {
            field: filter.field.clone(),
            values: filter.is_in.clone(),
        }
    }
}

fn time(place: &str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let text = text?;
    let time = validation::is_time(text)
        .then(|| text.parse().ok())
        .flatten();
    if time.is_none() {
        problems.push(Problem::new(place, TIME_INVALID, validation::TIME_MESSAGE));
    }
    time
}

fn range_problem(
    spec: &AnalysisJobSpec,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Option<Problem> {
    let (place, message) = match (spec.mode, &spec.start_time, &spec.end_time) {
        (Mode::Static, None, _) => ("spec.startTime", validation::START_REQUIRED),
        (Mode::Streaming, _, Some(_)) => ("spec.endTime", validation::END_FORBIDDEN),
        _ if start.zip(end).is_some_and(|(start, end)| start >= end) => {
            ("spec.startTime", validation::START_BEFORE_END)
        }
        _ => return None,
    };
    Some(Problem::new(place, RANGE_INVALID, message))
}

fn delay_problem(seconds: i32) -> Option<Problem> {
    (!(1..=300).contains(&seconds)).then(|| {
        Problem::new(
            "spec.fetchDelaySeconds",
            DELAY_INVALID,
            "must be between 1 and 300",
        )
    })
}

fn index_problems(source: &str, sink: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !validation::is_source_index(source) {
        let message = validation::SOURCE_INDEX_MESSAGE;
        problems.push(Problem::new("spec.source.index", INDEX_INVALID, message));
    }
    if !validation::is_sink_index(sink) {
        let message = validation::SINK_INDEX_MESSAGE;
        problems.push(Problem::new("spec.sink.index", INDEX_INVALID, message));
    }
    if problems.is_empty() && validation::source_contains_sink(source, sink) {
        let message = validation::SOURCE_CONTAINS_SINK;
        problems.push(Problem::new(
            "spec.source.index",
            SOURCE_CONTAINS_SINK,
            message,
        ));
    }
    problems
}

fn field_problems(source: &JobSource) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |place: String, message| {
        problems.push(Problem::new(place, SOURCE_INVALID, message));
    };
    let field = "must be the name of a field of the documents";
    if source.timestamp_field.is_empty() {
        add("spec.source.timestampField".to_owned(), field);
    }
    for (index, filter) in source.filter.iter().enumerate() {
        let place = format!("spec.source.filter[{index}]");
        if filter.field.is_empty() {
            add(format!("{place}.field"), field);
        }
        if filter.is_in.is_empty() {
            add(format!("{place}.in"), "must hold at least one value");
        }
    }
    problems
}

fn layout_path(source: &JobSource, problems: &mut Vec<Problem>) -> Option<LayoutPath> {
    let path = source.layout_path.as_deref()?;
    let mut add = |place: &str, message: String| {
        problems.push(Problem::new(place, SOURCE_INVALID, message));
    };
    if source.layout != Layout::Auto {
        let message = validation::LAYOUT_WITH_PATH.to_owned();
        add("spec.source.layout", message);
    }
    path.parse()
        .inspect_err(|error: &PathError| add("spec.source.layoutPath", error.to_string()))
        .ok()
}

fn connection(named: Option<&JobElasticsearch>, problems: &mut Vec<Problem>) -> Connection {
    let Some(JobElasticsearch {
        url,
        credentials_secret_ref,
    }) = named
    else {
        return Connection::Default;
    };
    match validation::origin(url) {
        Ok(url) => Connection::Origin {
            url,
            secret: credentials_secret_ref.as_ref().map(|r| r.name.clone()),
        },
        Err(message) => {
            problems.push(Problem::new("spec.elasticsearch.url", URL_INVALID, message));
            Connection::Default
        }
    }
}

#[cfg(test)]
mod tests;
