//! From flags to a plan, by way of a job: what an `AnalysisJob` may not say, flags may not either.

use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;

use super::{Analysis, AnalyzeArgs};
use crate::{
    api::{
        convert::Job,
        job::{AnalysisJobSpec, JobFilter, JobSink, JobSource, Mode},
        problem::Problem,
    },
    command::rules::TENANT,
    detect::rule::Rule,
    pipeline::plan::{Plan, PlanId},
};

/// The plan of the flags. `now` is the end that a static analysis has by default.
pub(super) fn plan(
    args: &AnalyzeArgs,
    rules: Arc<[Arc<Rule>]>,
    now: Timestamp,
) -> anyhow::Result<Plan> {
    let id = PlanId {
        namespace: TENANT.to_owned(),
        name: "analyze".to_owned(),
        uid: String::new(),
    };
    let converted = Job::new(&spec(args)).and_then(|job| {
        let range = job.range(now).map_err(|problem| vec![problem])?;
        Ok(job.plan(id, range, rules, None))
    });
    match converted {
        Ok(plan) => Ok(plan),
        Err(problems) => {
            let words: Vec<_> = problems.iter().map(in_terms_of_flags).collect();
            bail!("{}", words.join("; "))
        }
    }
}

fn spec(args: &AnalyzeArgs) -> AnalysisJobSpec {
    AnalysisJobSpec {
        mode: match args.analysis {
            Analysis::Static => Mode::Static,
            Analysis::Streaming => Mode::Streaming,
        },
        start_time: Some(args.start.to_string()),
        end_time: args.end.map(|end| end.to_string()),
        fetch_delay_seconds: args.fetch_delay.into(),
        suspend: false,
        source: JobSource {
            index: pattern(&args.pages),
            timestamp_field: args.timestamp_field.clone(),
            layout: args.layout,
            filter: filters(&args.filter),
        },
        sink: JobSink {
            index: args.alerts.clone(),
        },
        elasticsearch: None,
        rule_selector: None,
        rule_namespaces: Vec::new(),
    }
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
pub(super) fn filter(text: &str) -> Result<(String, String), String> {
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
fn in_terms_of_flags(problem: &Problem) -> String {
    let (mut place, mut message) = (problem.place().to_owned(), problem.message().to_owned());
    for (flag, field) in FLAGS {
        place = place.replace(field, flag);
        let short = field.trim_start_matches("spec.");
        message = message.replace(&format!("`{short}`"), flag);
    }
    format!("{place}: {message}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::{
        detect::layout::Layout,
        pipeline::plan::{Connection, Range, SinkPlan, SourcePlan, TermFilter},
    };

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: AnalyzeArgs,
    }

    fn plan_of(line: &str) -> Result<Plan, String> {
        let line = Line::try_parse_from(line.split_whitespace()).map_err(|e| e.to_string())?;
        let now = "2026-11-23T00:00:00Z".parse().expect("RFC 3339");
        plan(&line.args, Arc::new([]), now).map_err(|error| error.to_string())
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("RFC 3339")
    }

    fn expected() -> Plan {
        Plan {
            id: PlanId {
                namespace: "local".into(),
                name: "analyze".into(),
                uid: String::new(),
            },
            range: Range::Static {
                start: time("2019-02-01T00:00:00Z"),
                end: time("2019-03-02T00:00:00Z"),
            },
            fetch_delay: Duration::from_secs(10),
            source: SourcePlan {
                index: "logstash-*".into(),
                timestamp_field: "@timestamp".into(),
                layout: Layout::Auto,
                filter: vec![],
            },
            sink: SinkPlan {
                index: "alerts".into(),
            },
            connection: Connection::Default,
            rules: Arc::new([]),
            resume: None,
        }
    }

    #[test]
    fn the_command_lines_of_2019_work() {
        assert_eq!(
            plan_of(
                "k8scop -E 127.0.0.1:9200 -I logstash -i alerts -s 2019-2-1-0-0-0 \
                 -e 2019-3-2-0-0-0 -A static"
            ),
            Ok(expected())
        );
        assert_eq!(
            plan_of(
                "k8scop --elastic 127.0.0.1:9200 --pages logstash --alerts alerts \
                 --start 2019-2-1-0-0-0 --analysis streaming --fetch-delay 5"
            ),
            Ok(Plan {
                range: Range::Streaming {
                    start: time("2019-02-01T00:00:00Z")
                },
                fetch_delay: Duration::from_secs(5),
                ..expected()
            })
        );
    }

    #[test]
    fn a_static_analysis_without_an_end_ends_now() {
        let plan = plan_of("k8scop -E x:1 -I audit* -i alerts -s 2026-11-1-0-0-0 -A static");
        let plan = plan.expect("the flags are right");
        assert_eq!(plan.source.index, "audit*");
        assert_eq!(
            plan.range,
            Range::Static {
                start: time("2026-11-01T00:00:00Z"),
                end: time("2026-11-23T00:00:00Z")
            }
        );
    }

    #[test]
    fn filters_of_one_field_are_alternatives() {
        let plan = plan_of(
            "k8scop -E x:1 -I a -i b -s 2026-11-1-0-0-0 -A static \
             --filter origin=audit --filter tag=x=y --filter origin=api",
        );
        let filter = |field: &str, values: &[&str]| TermFilter {
            field: field.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        assert_eq!(
            plan.expect("the flags are right").source.filter,
            [filter("origin", &["audit", "api"]), filter("tag", &["x=y"])]
        );
    }

    #[test]
    fn what_a_job_may_not_say_is_told_in_terms_of_flags() {
        let error = plan_of(
            "k8scop -E x:1 -I alerts -i alerts -s 2026-12-1-0-0-0 -e 2026-11-1-0-0-0 -A static",
        )
        .expect_err("alerts would be read as events, and the end comes first");
        assert!(
            error.contains("--pages: ") && error.contains("--start: must be before --end"),
            "{error}"
        );
    }
}
