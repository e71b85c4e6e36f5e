//! A job that flags describe: which server, which events, which rules. The flags become a plan by
//! way of an `AnalysisJob`: what that may not say, flags may not either.

use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;

use super::{
    connection::{ConnectionError, CredentialArgs, Server},
    rules::RuleArgs,
    values,
    when::{self, When},
};
use crate::{
    api::{
        convert::Job,
        job::{AnalysisJobSpec, JobFilter, JobSink, JobSource, Mode, PushdownMode},
        problem::Problem,
    },
    detect::{
        layout::{Layout, LayoutPath},
        rule::Rule,
    },
    pipeline::plan::{Plan, PlanId},
    terminal,
};

/// What an analysis and its verification are told alike.
#[derive(Clone, Debug, clap::Args)]
pub struct JobArgs {
    /// Address of Elasticsearch: a URL, or host and port (then plain http)
    #[arg(
        short = 'E',
        long,
        value_name = "URL",
        env = "ELASTICSEARCH_URL",
        hide_env_values = true
    )]
    elastic: String,
    /// Beginning of the names of the indices that hold audit events, or a pattern with `*`
    #[arg(short = 'I', long, value_name = "INDEX")]
    pages: Option<String>,
    /// Exact name of an index, an alias or a data stream that holds audit events, in place of
    /// --pages
    #[arg(long, value_name = "NAME", conflicts_with = "pages")]
    index: Option<String>,
    /// Beginning of the names of the daily alert indices; may hold {category}
    #[arg(short = 'i', long, value_name = "INDEX")]
    alerts: Option<String>,
    /// First moment: 2026-11-1-0-0-0 (UTC), 2026-11-01T00:00:00Z or now-1h
    #[arg(short, long, value_name = "TIME", value_parser = when::parse)]
    pub start: Option<When>,
    /// First moment after the last
    #[arg(short, long, value_name = "TIME", value_parser = when::parse)]
    pub end: Option<When>,
    /// The date field of the documents that times are compared with
    #[arg(long, value_name = "FIELD", default_value = "@timestamp")]
    timestamp_field: String,
    /// Only documents whose field has this value; repeated for one field, any of the values
    #[arg(long, value_name = "FIELD=VALUE", value_parser = filter)]
    filter: Vec<(String, String)>,
    /// How events lie in their documents
    #[arg(long, value_parser = values::layout(), default_value = "auto", ignore_case = true)]
    layout: Layout,
    /// The only place of the event in its document, such as azure.platformlogs.properties.log
    #[arg(long, value_name = "PATH", conflicts_with = "layout")]
    layout_path: Option<LayoutPath>,
    /// Which rules are evaluated
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
}

impl JobArgs {
    /// The server, of which a person is warned if it is not encrypted.
    pub fn server(&self) -> Result<Server, ConnectionError> {
        let server = Server::new(self.elastic.clone(), self.credentials.clone())?;
        if let Some(warning) = server.warning() {
            terminal::say(format_args!("warning: {warning}"));
        }
        Ok(server)
    }

    /// The span of the flags, where it is now.
    pub fn span(&self, now: Timestamp) -> Span {
        Span {
            start: self.start.map(|start| start.at(now)),
            end: self.end.map(|end| end.at(now)),
            now,
        }
    }

    /// The span of an earlier run that is to go on: what counts from now counts from its now.
    pub fn span_of(&self, span: Span, start: Timestamp, end: Option<Timestamp>) -> Span {
        let is_relative = |when: Option<When>| when.is_some_and(When::is_relative);
        let own = |given, kept| if is_relative(given) { kept } else { None };
        Span {
            start: own(self.start, Some(start)).or(span.start),
            end: own(self.end, end).or(span.end),
            now: end.unwrap_or(span.now),
        }
    }

    /// The plan of the flags over a span.
    pub fn plan(
        &self,
        id: PlanId,
        pace: Pace,
        rules: Arc<[Arc<Rule>]>,
        span: Span,
    ) -> anyhow::Result<Plan> {
        let converted = Job::new(&self.spec(pace, span)).and_then(|job| {
            let range = job.range(span.now).map_err(|problem| vec![problem])?;
            Ok(job.plan(id, range, rules, None))
        });
        match converted {
            Ok(plan) => Ok(plan),
            Err(problems) => {
                let in_terms = |problem| in_terms_of_flags(problem, self.index.is_some());
                let words: Vec<_> = problems.iter().map(in_terms).collect();
                bail!("{}", words.join("; "))
            }
        }
    }

    fn spec(&self, pace: Pace, span: Span) -> AnalysisJobSpec {
        AnalysisJobSpec {
            mode: pace.mode,
            start_time: span.start.map(|start| start.to_string()),
            end_time: span.end.map(|end| end.to_string()),
            fetch_delay_seconds: pace.fetch_delay.into(),
            suspend: false,
            source: JobSource {
                index: self.source_index(),
                timestamp_field: self.timestamp_field.clone(),
                layout: self.layout,
                layout_path: self.layout_path.as_ref().map(LayoutPath::to_string),
                filter: filters(&self.filter),
            },
            sink: JobSink {
                index: self.alerts.clone().unwrap_or_default(),
            },
            elasticsearch: None,
            pushdown: pace.pushdown,
            rule_selector: None,
            rule_namespaces: Vec::new(),
        }
    }

    fn source_index(&self) -> String {
        match &self.index {
            Some(index) => index.clone(),
            None => pattern(self.pages.as_deref().unwrap_or_default()),
        }
    }
}

/// A span of time, as far as it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First moment.
    pub start: Option<Timestamp>,
    /// First moment after the last.
    pub end: Option<Timestamp>,
    /// The end of a range that has none of its own.
    pub now: Timestamp,
}

/// Whether a job ends, how often a streaming one looks, and whether at everything.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Whether it ends.
    pub mode: Mode,
    /// Seconds between two looks.
    pub fetch_delay: u16,
    /// Whether the server may leave events out.
    pub pushdown: PushdownMode,
}

/// `logstash` stands for the daily indices `logstash-…`; a pattern stands for itself.
fn pattern(pages: &str) -> String {
    if pages.contains('*') {
        pages.to_owned()
    } else {
        format!("{pages}-*")
    }
}

/// Reads `field=value`.
fn filter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() && !value.is_empty() => {
            Ok((field.to_owned(), value.to_owned()))
        }
        _ => Err("write field=value".to_owned()),
    }
}

/// One filter for each field, with all of its values.
fn filters(pairs: &[(String, String)]) -> Vec<JobFilter> {
    let mut filters: Vec<JobFilter> = Vec::new();
    for (field, value) in pairs {
        match filters.iter_mut().find(|filter| filter.field == *field) {
            Some(filter) => filter.is_in.push(value.clone()),
            None => filters.push(JobFilter {
                field: field.clone(),
                is_in: vec![value.clone()],
            }),
        }
    }
    filters
}

/// The flags, and the fields of a job that they stand for.
const FLAGS: [(&str, &str); 6] = [
    ("--start", "spec.startTime"),
    ("--end", "spec.endTime"),
    ("--fetch-delay", "spec.fetchDelaySeconds"),
    ("--pages", "spec.source.index"),
    ("--timestamp-field", "spec.source.timestampField"),
    ("--alerts", "spec.sink.index"),
];

/// A problem with the flags in place of the fields of a job.
fn in_terms_of_flags(problem: &Problem, is_exact: bool) -> String {
    let (mut place, mut message) = (problem.place().to_owned(), problem.message().to_owned());
    for (flag, field) in FLAGS {
        let flag = if is_exact && flag == "--pages" {
            "--index"
        } else {
            flag
        };
        place = place.replace(field, flag);
        let short = field.trim_start_matches("spec.");
        message = message.replace(&format!("`{short}`"), flag);
    }
    format!("{place}: {message}")
}

#[cfg(test)]
mod tests;
