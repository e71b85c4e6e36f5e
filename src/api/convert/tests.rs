use std::collections::BTreeMap;

use super::*;
use crate::{api::manifest::Manifest, detect::layout::Layout};

/// The outcome for the job whose spec, in flow style, is given.
fn job(spec: &str) -> Result<Job, Vec<String>> {
    let head = "apiVersion: k8scop.io/v1alpha1\nkind: AnalysisJob\nmetadata: {name: prod}";
    let manifest = Manifest::parse(&format!("{head}\nspec: {spec}\n"));
    assert_eq!(manifest.findings, []);
    manifest.jobs[0].job().map_err(|findings| {
        let problems = findings.iter().map(|finding| &finding.problem);
        problems.map(|p| format!("{} {p}", p.reason())).collect()
    })
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("a time of a test")
}

fn id() -> PlanId {
    PlanId {
        namespace: "security".to_owned(),
        name: "prod".to_owned(),
        uid: "u1".to_owned(),
    }
}

#[test]
fn a_job_with_every_field_gives_its_plan() {
    let job = job(
        "{mode: Static, startTime: '2026-11-01T00:00:00Z', endTime: '2026-11-20T02:00:00+02:00', \
         fetchDelaySeconds: 5, source: {index: 'logstash-*', timestampField: ts, layout: Raw, \
         filter: [{field: origin, in: [a, b]}]}, sink: {index: 'alerts-{category}'}, \
         elasticsearch: {url: 'https://ES.example:9200/', credentialsSecretRef: {name: es}}, pushdown: Never}",
    )
    .expect("the job is right");
    let created = instant("2026-11-23T07:00:00Z");
    let range = job.range(created).expect("the range is right");
    assert_eq!(
        job.plan(id(), range, Arc::from([]), None),
        Plan {
            id: id(),
            range: Range::Static {
                start: instant("2026-11-01T00:00:00Z"),
                end: instant("2026-11-20T00:00:00Z"),
            },
            fetch_delay: Duration::from_secs(5),
            source: SourcePlan {
                index: "logstash-*".to_owned(),
                timestamp_field: "ts".to_owned(),
                layout: Layout::Raw,
                layout_path: None,
                filter: vec![TermFilter {
                    field: "origin".to_owned(),
                    values: vec!["a".to_owned(), "b".to_owned()],
                }],
            },
            sink: SinkPlan {
                index: "alerts-{category}".to_owned(),
            },
            connection: Connection::Origin {
                url: "https://es.example:9200".to_owned(),
                secret: Some("es".to_owned()),
            },
            pushdown: false,
            rules: Arc::from([]),
            resume: None,
        }
    );
}

#[test]
fn the_creation_of_the_job_stands_for_the_bounds_left_open() {
    let created = instant("2026-11-23T07:00:00Z");
    let range = |spec| job(spec).expect("the job is right").range(created);
    assert_eq!(
        range("{mode: Streaming, source: {index: a}}"),
        Ok(Range::Streaming { start: created })
    );
    let start = instant("2026-11-01T00:00:00Z");
    assert_eq!(
        range("{mode: Static, startTime: '2026-11-01T00:00:00Z', source: {index: a}}"),
        Ok(Range::Static {
            start,
            end: created
        })
    );
    let problem = range("{mode: Static, startTime: '2027-11-01T00:00:00Z', source: {index: a}}")
        .expect_err("the range is empty");
    assert_eq!(
        problem.to_string(),
        "spec.startTime: must be before the creation of the job, for there is no `endTime`"
    );
}

#[test]
fn every_problem_of_a_job_is_told_at_once() {
    assert_eq!(
        job(
            "{mode: Streaming, startTime: '2026-11-23T07:00:00', endTime: '2026-11-23', \
             fetchDelaySeconds: 301, source: {index: '*', timestampField: '', \
             filter: [{field: '', in: []}]}, sink: {index: A}, \
             elasticsearch: {url: 'http://es:9200'}, \
             ruleSelector: {matchExpressions: [{key: a, operator: Is}]}}"
        )
        .expect_err("the job is wrong"),
        [
            "TimeInvalid spec.startTime: must be RFC 3339 with a zone, for example 2026-11-23T07:00:00Z",
            "TimeInvalid spec.endTime: must be RFC 3339 with a zone, for example 2026-11-23T07:00:00Z",
            "RangeInvalid spec.endTime: must not be given when `mode` is 'Streaming'",
            "FetchDelayInvalid spec.fetchDelaySeconds: must be between 1 and 300",
            "IndexInvalid spec.source.index: must be one index name in lower case that begins with a letter or digit, and may end in '*'",
            "IndexInvalid spec.sink.index: must be the beginning of an index name in lower case, and may hold '{category}' once",
            "SourceInvalid spec.source.timestampField: must be the name of a field of the documents",
            "SourceInvalid spec.source.filter[0].field: must be the name of a field of the documents",
            "SourceInvalid spec.source.filter[0].in: must hold at least one value",
            "UrlInvalid spec.elasticsearch.url: must start with https://",
            "SelectorInvalid spec.ruleSelector: must be a label selector with the operators In, NotIn, Exists or DoesNotExist",
        ]
    );
}

#[test]
fn a_source_that_holds_the_alerts_is_refused() {
    for (source, sink, refused) in [
        ("k8scop-*", "k8scop-alerts", true),
        ("k*", "k8scop-{category}", true),
        ("k8scop-alerts-2026*", "k8scop-alerts", true),
        ("k8scop-exec-2026.11.01", "k8scop-{category}", true),
        ("logstash-*", "logstash", true),
        ("logstash-*", "k8scop-alerts", false),
        ("k8scop-audit-*", "k8scop-alerts", false),
        ("k8scop-alerts", "k8scop-alerts", false),
    ] {
        assert_eq!(
            validation::source_contains_sink(source, sink),
            refused,
            "{source} {sink}"
        );
    }
}

#[test]
fn only_an_https_origin_is_taken() {
    for (url, outcome) in [
        ("https://es.example:9200", Ok("https://es.example:9200")),
        (
            "https://[2001:db8::1]:9200/",
            Ok("https://[2001:db8::1]:9200"),
        ),
        ("es:9200", Err("must start with https://")),
        (
            "https://a:b@es",
            Err("must not contain credentials; use `credentialsSecretRef`"),
        ),
        (
            "https://es?x=1",
            Err("must not contain a query or fragment"),
        ),
        ("https://es#x", Err("must not contain a query or fragment")),
        (
            "https://es/path",
            Err("must be an origin without a path, for example https://es.example:9200"),
        ),
        (
            "https://es:port",
            Err("must be an origin without a path, for example https://es.example:9200"),
        ),
    ] {
        assert_eq!(validation::origin(url), outcome.map(str::to_owned), "{url}");
    }
}

#[test]
fn rules_are_selected_by_namespace_and_labels() {
    let selected = |spec: &str, namespace: &str, team: &str| {
        let labels = BTreeMap::from([("team".to_owned(), team.to_owned())]);
        let job = job(spec).expect("the job is right");
        job.selects("security", namespace, &labels)
    };
    let own = "{mode: Streaming, source: {index: a}}";
    assert!(selected(own, "security", "any"));
    assert!(!selected(own, "other", "any"));
    let chosen = "{mode: Streaming, source: {index: a}, ruleNamespaces: [other], \
                  ruleSelector: {matchExpressions: [{key: team, operator: In, values: [platform]}]}}";
    assert!(selected(chosen, "other", "platform"));
    assert!(!selected(chosen, "other", "data"));
    assert!(!selected(chosen, "security", "platform"));
}
