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
    args: JobArgs,
}

const STATIC: Pace = Pace {
    mode: Mode::Static,
    fetch_delay: 10,
    pushdown: PushdownMode::Auto,
};

fn plan_of(line: &str, pace: Pace) -> Result<Plan, String> {
    let line = Line::try_parse_from(line.split_whitespace()).map_err(|e| e.to_string())?;
    let now = "2026-11-23T00:00:00Z".parse().expect("RFC 3339");
    let id = PlanId {
        namespace: "local".into(),
        name: "analyze".into(),
        uid: String::new(),
    };
    let span = line.args.span(now);
    let plan = line.args.plan(id, pace, Arc::new([]), span);
    plan.map_err(|error| error.to_string())
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
            layout_path: None,
            filter: vec![],
        },
        sink: SinkPlan {
            index: "alerts".into(),
        },
        connection: Connection::Default,
        pushdown: true,
        rules: Arc::new([]),
        resume: None,
    }
}

#[test]
fn the_command_lines_of_2019_work() {
    assert_eq!(
        plan_of(
            "k8scop -E 127.0.0.1:9200 -I logstash -i alerts -s 2019-2-1-0-0-0 \
             -e 2019-3-2-0-0-0",
            STATIC
        ),
        Ok(expected())
    );
    assert_eq!(
        plan_of(
            "k8scop --elastic 127.0.0.1:9200 --pages logstash --alerts alerts \
             --start 2019-2-1-0-0-0",
            Pace {
                mode: Mode::Streaming,
                fetch_delay: 5,
                pushdown: PushdownMode::Never,
            }
        ),
        Ok(Plan {
            range: Range::Streaming {
                start: time("2019-02-01T00:00:00Z")
            },
            fetch_delay: Duration::from_secs(5),
            pushdown: false,
            ..expected()
        })
    );
}

#[test]
fn a_static_analysis_without_an_end_ends_now() {
    let plan = plan_of(
        "k8scop -E x:1 -I audit* -i alerts -s 2026-11-1-0-0-0",
        STATIC,
    );
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
fn an_exact_name_is_read_as_it_stands_and_times_count_from_now() {
    let plan = plan_of(
        "k8scop -E x:1 --index audit -i alerts -s now-1d -e now-1h",
        STATIC,
    );
    let plan = plan.expect("the flags are right");
    assert_eq!(plan.source.index, "audit");
    assert_eq!(
        plan.range,
        Range::Static {
            start: time("2026-11-22T00:00:00Z"),
            end: time("2026-11-22T23:00:00Z")
        }
    );
    let both = "k8scop -E x:1 --index audit -I audit -i alerts -s now-1d";
    assert!(plan_of(both, STATIC).is_err());
    let list = plan_of("k8scop -E x:1 --index a,b -i alerts -s now-1d", STATIC);
    let problem = list.expect_err("one index is read");
    assert!(problem.starts_with("--index: "), "{problem}");
}

#[test]
fn what_goes_on_counts_from_its_first_now() {
    let line = "k8scop -E x:1 -I a -i b -s now-1d";
    let line = Line::try_parse_from(line.split_whitespace()).expect("the flags are right");
    let (start, end) = (time("2026-11-01T00:00:00Z"), time("2026-11-02T00:00:00Z"));
    let now = line.args.span(time("2026-11-23T00:00:00Z"));
    let expected = Span {
        start: Some(start),
        end: None,
        now: end,
    };
    assert_eq!(line.args.span_of(now, start, Some(end)), expected);
}

#[test]
fn filters_of_one_field_are_alternatives() {
    let plan = plan_of(
        "k8scop -E x:1 -I a -i b -s 2026-11-1-0-0-0 \
         --filter origin=audit --filter tag=x=y --filter origin=api",
        STATIC,
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
        "k8scop -E x:1 -I alerts -i alerts -s 2026-12-1-0-0-0 -e 2026-11-1-0-0-0",
        STATIC,
    )
    .expect_err("alerts would be read as events, and the end comes first");
    assert!(
        error.contains("--pages: ") && error.contains("--start: must be before --end"),
        "{error}"
    );
}
