//! What the apiserver refuses, and in which words.

use k8scop::api::{manifest::Manifest, problem::Problem};

use super::cluster;
use crate::support::cluster::Kubectl;

/// A manifest that is accepted.
pub fn rule(namespace: &str) -> String {
    format!(
        "apiVersion: k8scop.io/v1alpha1
kind: K8sCopRule
metadata: {{name: exec, namespace: {namespace}}}
spec:
  title: Command executed
  severity: Low
  selections:
  - name: session
    all:
    - {{field: verb, equals: get}}
"
    )
}

/// A manifest that is accepted.
pub fn job(namespace: &str) -> String {
    format!(
        "apiVersion: k8scop.io/v1alpha1
kind: AnalysisJob
metadata: {{name: past, namespace: {namespace}}}
spec:
  mode: Static
  startTime: '2026-11-01T00:00:00Z'
  source: {{index: 'logstash-*'}}
"
    )
}

const ES: &str = "\n  elasticsearch: {url: 'https://es:9200'}";
const TIME: &str = "must be RFC 3339 with a zone, for example 2026-11-23T07:00:00Z";
const INDEX: &str = "must be one index name in lower case that begins with a letter or digit, \
                     and may end in '*'";
const OWN_ALERTS: &str =
    "must not match the alert indices of `sink`: the job would read its own alerts";

/// What is replaced in the rule by what, and the beginning and the rest of the answer.
fn rule_cases() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let long = |length| "x".repeat(length);
    vec![
        (
            "equals: get",
            format!("matches: {}", long(2048)),
            "spec.selections[0].all[0].matches",
            "Too long: may not be more than 1024",
        ),
        (
            "all:",
            "any: []\n    x:".to_owned(),
            "",
            "unknown field \"spec.selections[0].x\"",
        ),
        (
            "    all:\n    - {field: verb, equals: get}\n",
            String::new(),
            "spec.selections[0]",
            "at least one predicate is required in `all`, `any` or `none`",
        ),
        (
            "equals: get",
            "equals: get, in: [list]".to_owned(),
            "spec.selections[0].all[0]",
            "must have exactly one operator, for example `in` or `matches`",
        ),
        (
            ", equals: get",
            String::new(),
            "spec.selections[0].all[0]",
            "must have exactly one operator, for example `in` or `matches`",
        ),
        (
            "selections:",
            "ptterns: []\n  selections:".to_owned(),
            "",
            "unknown field \"spec.ptterns\"",
        ),
        (
            "severity: Low",
            "severity: Critcal".to_owned(),
            "spec.severity",
            "Unsupported value: \"Critcal\": supported values: \"Informational\", \"Low\", \
             \"Medium\", \"High\", \"Critical\"",
        ),
        (
            "severity: Low",
            format!("severity: Low\n  description: {}", long(10_240)),
            "spec.description",
            "Too long: may not be more than 2048",
        ),
        (
            "    all:",
            "    all: [{field: verb, equals: a}]\n  - name: session\n    all:".to_owned(),
            "spec.selections[1]",
            "Duplicate value: {\"name\":\"session\"}",
        ),
        (
            "name: exec",
            "name: Exec_".to_owned(),
            "metadata.name",
            "a lowercase RFC 1123 subdomain",
        ),
    ]
}

fn job_cases() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let start = "startTime: '2026-11-01T00:00:00Z'";
    let source = "index: 'logstash-*'";
    let url = "  source:";
    let es = |url: &str| format!("  elasticsearch: {{url: '{url}'}}\n  source:");
    let index = |index: &str| format!("index: '{index}'");
    vec![
        (
            "  mode: Static\n",
            String::new(),
            "spec.mode",
            "Required value",
        ),
        (
            start,
            "suspend: false".to_owned(),
            "spec.startTime",
            "must be given when `mode` is 'Static'",
        ),
        (
            start,
            format!("{start}\n  endTime: '2026-11-01T01:00:00+01:00'"),
            "spec.startTime",
            "must be before `endTime`",
        ),
        (
            start,
            "startTime: yesterday".to_owned(),
            "spec.startTime",
            TIME,
        ),
        (
            start,
            "startTime: '2026-11-01T00:00:00'".to_owned(),
            "spec.startTime",
            TIME,
        ),
        (
            start,
            "startTime: '2026-11-01'".to_owned(),
            "spec.startTime",
            TIME,
        ),
        (
            "mode: Static",
            "mode: Streaming\n  endTime: '2026-11-02T00:00:00Z'".to_owned(),
            "spec.endTime",
            "must not be given when `mode` is 'Streaming'",
        ),
        (
            start,
            format!("{start}\n  fetchDelaySeconds: 0"),
            "spec.fetchDelaySeconds",
            "should be greater than or equal to 1",
        ),
        (
            start,
            format!("{start}\n  fetchDelaySeconds: 301"),
            "spec.fetchDelaySeconds",
            "should be less than or equal to 300",
        ),
        (
            url,
            es("es:9200"),
            "spec.elasticsearch.url",
            "must start with https://",
        ),
        (
            url,
            es("http://es:9200"),
            "spec.elasticsearch.url",
            "must start with https://",
        ),
        (
            url,
            es("https://user:pass@es:9200"),
            "spec.elasticsearch.url",
            "must not contain credentials; use `credentialsSecretRef`",
        ),
        (
            url,
            es("https://es:9200?a=b"),
            "spec.elasticsearch.url",
            "must not contain a query or fragment",
        ),
        (
            url,
            es("https://es:9200/#a"),
            "spec.elasticsearch.url",
            "must not contain a query or fragment",
        ),
        (
            url,
            es("https://es:9200/path"),
            "spec.elasticsearch.url",
            "must be an origin without a path, for example https://es.example:9200",
        ),
        (source, index("*"), "spec.source.index", INDEX),
        (source, index("_all"), "spec.source.index", INDEX),
        (source, index(".security*"), "spec.source.index", INDEX),
        (source, index("-x"), "spec.source.index", INDEX),
        (source, index("a,b"), "spec.source.index", INDEX),
        (source, index("<x-{now/d}>"), "spec.source.index", INDEX),
        (source, index("Logs"), "spec.source.index", INDEX),
        (source, index("remote:logs"), "spec.source.index", INDEX),
        (source, index("k8scop*"), "spec.source.index", OWN_ALERTS),
        (
            source,
            index("k8scop-alerts-2026.11.*"),
            "spec.source.index",
            OWN_ALERTS,
        ),
        (
            source,
            "index: 'k8scop-*'}\n  sink: {index: 'k8scop-{category}'".to_owned(),
            "spec.source.index",
            OWN_ALERTS,
        ),
        (
            source,
            "index: 'logs-*'}\n  sink: {index: '{category}-{category}'".to_owned(),
            "spec.sink.index",
            "must be the beginning of an index name in lower case, and may hold '{category}' once",
        ),
    ]
}

/// What stands in the answer about a field.
fn answered(answer: &str, place: &str, words: &str) -> bool {
    answer
        .lines()
        .any(|line| line.contains(place) && line.contains(words))
}

/// The server refuses the manifest, and says so of a field.
async fn assert_refused(kubectl: &Kubectl, manifest: &str, place: &str, words: &str) {
    let create = ["create", "--dry-run=server", "-f", "-"];
    let answer = kubectl.run(&create, Some(manifest)).await;
    let answer = answer.expect_err(manifest);
    assert!(
        answered(&answer, place, words),
        "{place}: {words}\n{answer}\n{manifest}"
    );
}

#[tokio::test]
async fn a_bad_rule_is_refused_at_its_place() {
    let kubectl = cluster().await;
    for (part, by, place, words) in rule_cases() {
        let manifest = rule("default").replacen(part, &by, 1);
        assert_refused(&kubectl, &manifest, place, words).await;
    }
}

#[tokio::test]
async fn a_bad_job_is_refused_at_its_place_by_the_server_and_by_the_code() {
    let kubectl = cluster().await;
    for (part, by, place, words) in job_cases() {
        let manifest = job("default").replacen(part, &by, 1);
        assert_refused(&kubectl, &manifest, place, words).await;

        let read = Manifest::parse(&manifest);
        let found = match read.jobs.first() {
            Some(job) => job.job().expect_err(&manifest),
            None => read.findings,
        };
        let problems: Vec<&Problem> = found.iter().map(|finding| &finding.problem).collect();
        let [problem] = problems[..] else {
            panic!("one problem, not {problems:?}\n{manifest}");
        };
        assert!(
            [place, "spec"].contains(&problem.place()),
            "{problem}\n{manifest}"
        );
        if words.starts_with("must") {
            assert_eq!(problem.message(), words, "{manifest}");
        }
    }
}

#[tokio::test]
async fn what_a_job_reads_and_writes_cannot_be_changed() {
    let kubectl = cluster().await;
    kubectl.ok(&["create", "namespace", "crd-immutable"]).await;
    let made = format!("{}{}\n", job("crd-immutable").trim_end(), ES);
    kubectl.apply(&made).await;
    let apply = ["apply", "--dry-run=server", "-f", "-"];
    for (part, by, place) in [
        ("Static", "Streaming", "spec.mode"),
        ("2026-11-01", "2026-11-02", "spec.startTime"),
        (
            "  source:",
            "  endTime: '2026-11-02T00:00:00Z'\n  source:",
            "spec.endTime",
        ),
        ("logstash-*", "logs-*", "spec.source"),
        (
            "  source:",
            "  sink: {index: other}\n  source:",
            "spec.sink",
        ),
        ("es:9200", "es:9201", "spec.elasticsearch"),
        (ES, "", "spec.elasticsearch"),
    ] {
        let manifest = made.replacen(part, by, 1);
        let answer = kubectl
            .run(&apply, Some(&manifest))
            .await
            .expect_err(&manifest);
        let words = "must not be changed; create a new AnalysisJob";
        assert!(
            answered(&answer, place, words),
            "{place}\n{answer}\n{manifest}"
        );
    }
    let mutable = "  suspend: true\n  fetchDelaySeconds: 5\n  ruleNamespaces: [other]\n  source:";
    let secret = "'https://es:9200', credentialsSecretRef: {name: es}";
    let changed = made
        .replacen("  source:", mutable, 1)
        .replacen("'https://es:9200'", secret, 1);
    kubectl.apply(&changed).await;
}

#[tokio::test]
async fn a_selector_that_could_not_be_read_is_refused() {
    let kubectl = cluster().await;
    let create = ["create", "--dry-run=server", "-f", "-"];
    for (expression, words) in [
        ("{key: a, operator: Is}", "Unsupported value: \"Is\""),
        (
            "{key: a, operator: In}",
            "must have `values` with 'In' and 'NotIn'",
        ),
        (
            "{key: a, operator: Exists, values: [b]}",
            "must have `values` with 'In' and 'NotIn'",
        ),
    ] {
        let selector = format!("  ruleSelector: {{matchExpressions: [{expression}]}}\n  source:");
        let manifest = job("default").replacen("  source:", &selector, 1);
        let answer = kubectl
            .run(&create, Some(&manifest))
            .await
            .expect_err(&manifest);
        assert!(
            answered(&answer, "spec.ruleSelector.matchExpressions[0]", words),
            "{answer}\n{manifest}"
        );
    }
}
