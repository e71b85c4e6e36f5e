//! The controller on a real apiserver, with exactly the rights that it says it needs.

use std::time::{Duration, Instant};

use k8scop::pipeline::{
    plan::Plan,
    ports::FaultReason,
    progress::{Checkpoint, Counts, Progress, RuleMatches, State},
};
use serde_json::{Value, json};

use self::operator::{Operator, Site};
use crate::support::cluster::condition;

mod checkpoint;
mod leadership;
mod memory;
mod operator;
mod outage;
mod replicas;

fn rule(name: &str, matches: &str) -> Value {
    json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
        "metadata": {"name": name},
        "spec": {
            "title": "T", "severity": "Low",
            "selections": [{"name": "s", "all": [{"field": "verb", "matches": matches}]}],
        },
    })
}

fn job(name: &str, spec: Value) -> Value {
    let mut job = json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "AnalysisJob",
        "metadata": {"name": name},
        "spec": {"mode": "Streaming", "source": {"index": "logs-*"}},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        job["spec"][field] = value.clone();
    }
    job
}

fn one_day(name: &str) -> Value {
    let (start, end) = ("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z");
    job(
        name,
        json!({"mode": "Static", "startTime": start, "endTime": end}),
    )
}

fn running() -> Progress {
    let counts = Counts {
        events_read: 1_000,
        alerts_created: 5,
        alerts_duplicate: 2,
        quarantined: 1,
        ..Counts::default()
    };
    let watermark = "2026-10-01T12:00:00Z".parse().expect("a time");
    Progress {
        checkpoint: Some(Checkpoint {
            watermark,
            counts,
            ..Checkpoint::default()
        }),
        counts,
        rules_loaded: 1,
        rules_revision: "r".to_owned(),
        lag_seconds: Some(7),
        percent: Some(50),
        ..Progress::new(State::Running)
    }
}

/// The pattern that the only rule of the only plan looks for.
fn pattern(plans: &[Plan]) -> Option<&str> {
    let [plan] = plans else { return None };
    let [rule] = &plan.rules[..] else { return None };
    rule.definition().selections[0].all[0].matches.as_deref()
}

#[tokio::test]
async fn an_edit_reaches_the_plan_within_a_second() {
    let site = Site::new("ctl-edit").await;
    let mut operator = Operator::start(&site).await;
    site.apply(&rule("exec", "get")).await;
    site.apply(&job("prod", json!({}))).await;
    operator
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    site.ready("k8scoprule/exec").await;

    site.apply(&rule("exec", "create")).await;
    let applied = Instant::now();
    operator
        .plans_where(|plans| pattern(plans) == Some("create"))
        .await;
    assert!(
        applied.elapsed() < Duration::from_secs(1),
        "{:?}",
        applied.elapsed()
    );

    site.kubectl(&["delete", "k8scoprule", "exec"]).await;
    operator
        .plans_where(|plans| matches!(plans, [plan] if plan.rules.is_empty()))
        .await;
    site.kubectl(&["delete", "analysisjob", "prod"]).await;
    operator.plans_where(<[Plan]>::is_empty).await;
    operator.stop().await;
}

#[tokio::test]
async fn a_broken_edit_keeps_detecting_also_after_a_restart() {
    let site = Site::new("ctl-broken").await;
    let mut operator = Operator::start(&site).await;
    site.apply(&rule("exec", "get")).await;
    site.apply(&job("prod", json!({}))).await;
    site.ready("k8scoprule/exec").await;
    let good = site.get("k8scoprule", "exec").await;

    site.apply(&rule("exec", "(")).await;
    site.wait("k8scoprule/exec", "condition=Ready=False").await;
    let broken = site.get("k8scoprule", "exec").await;
    let (_, reason, message) = condition(&broken, "Ready").expect("it has the condition");
    assert_eq!(reason, "PatternInvalid");
    let revision = good["status"]["revision"].as_str().expect("it was loaded");
    let kept = format!("The last good revision {revision} stays active. spec.selections[0].all[0]");
    assert!(message.starts_with(&kept), "{message}");
    assert_eq!(broken["status"]["lastGood"], good["status"]["lastGood"]);
    assert_eq!(
        broken["status"]["observedGeneration"],
        broken["metadata"]["generation"]
    );
    operator
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    operator.stop().await;

    let mut restarted = Operator::start(&site).await;
    restarted
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    site.apply(&rule("exec", "list")).await;
    restarted
        .plans_where(|plans| pattern(plans) == Some("list"))
        .await;
    site.ready("k8scoprule/exec").await;
    restarted.stop().await;
}

#[tokio::test]
async fn bad_rules_say_what_is_wrong_and_touch_no_other() {
    let site = Site::new("ctl-bad").await;
    let mut operator = Operator::start(&site).await;
    let nested = format!("{}a{}", "(".repeat(300), ")".repeat(300));
    let mut unknown = rule("unknown", "get");
    unknown["spec"]["selections"][0]["all"][0]["field"] = json!("objectRef.nmae");
    let mut failing = rule("failing", "get");
    failing["spec"]["tests"] =
        json!([{"name": "t", "event": {"verb": "get"}, "expect": "NoMatch"}]);
    let mut braces = rule("braces", "get");
    braces["spec"]["message"] = json!("{event.foo}");
    let cases = [
        (rule("unclosed", "("), "PatternInvalid"),
        (rule("look-ahead", "(?=x)"), "PatternInvalid"),
        (rule("back-reference", r"(a)\1"), "PatternInvalid"),
        (
            rule("repeated", "a{5}{5}{5}{5}{5}{5}{5}"),
            "PatternTooComplex",
        ),
        (rule("nested", &nested), "PatternTooComplex"),
        (rule("everything", ".*"), "PatternMatchesEverything"),
        (unknown, "UnknownField"),
        (failing, "TestFailed"),
        (braces, "MessageInvalid"),
    ];
    site.apply(&job("prod", json!({}))).await;
    site.apply(&rule("right", "get")).await;
    for (manifest, reason) in &cases {
        site.apply(manifest).await;
        let name = manifest["metadata"]["name"]
            .as_str()
            .expect("it has a name");
        site.wait(&format!("k8scoprule/{name}"), "condition=Stalled")
            .await;
        let told = condition(&site.get("k8scoprule", name).await, "Ready").expect("a condition");
        assert_eq!(
            (told.0.as_str(), told.1.as_str()),
            ("False", *reason),
            "{name}"
        );
        assert!(
            told.2.starts_with("The rule is not loaded. spec."),
            "{told:?}"
        );
    }
    site.ready("k8scoprule/right").await;
    operator
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    operator.stop().await;
}

#[tokio::test]
async fn a_job_tells_how_far_it_is_and_goes_on_from_there_after_a_restart() {
    let site = Site::new("ctl-job").await;
    let mut operator = Operator::start(&site).await;
    site.apply(&rule("exec", "get")).await;
    site.apply(&one_day("past")).await;
    let plans = operator.plans_where(|plans| plans.len() == 1).await;
    assert_eq!(plans[0].resume, None);
    let last = "2026-10-01T11:00:00Z".parse().expect("a time");
    let matched = RuleMatches { count: 5, last };
    operator.report(
        &plans[0],
        Progress {
            matches: [("ctl-job/exec".to_owned(), matched)].into(),
            ..running()
        },
    );
    site.wait("analysisjob/past", "jsonpath={.status.progressPercent}=50")
        .await;
    site.wait("k8scoprule/exec", "jsonpath={.status.matches}=5")
        .await;
    site.ready("analysisjob/past").await;
    assert_eq!(
        site.columns("analysisjobs").await,
        [
            "NAME MODE READY EVENTS ALERTS LAG PROGRESS",
            "past Static True 1000 5 50"
        ]
    );
    assert_eq!(
        site.columns("k8scoprules").await,
        [
            "NAME SEVERITY CATEGORY READY MATCHES",
            "exec Low Other True 5"
        ]
    );
    operator.stop().await;

    let mut restarted = Operator::start(&site).await;
    let plans = restarted.plans_where(|plans| plans.len() == 1).await;
    assert_eq!(plans[0].resume, running().checkpoint);
    let fault = State::Waiting {
        reason: FaultReason::ElasticsearchUnavailable,
        message: "no answer".to_owned(),
    };
    restarted.report(
        &plans[0],
        Progress {
            state: fault,
            ..running()
        },
    );
    site.wait("analysisjob/past", "condition=Ready=False").await;
    restarted.report(&plans[0], running());
    site.ready("analysisjob/past").await;
    restarted.report(
        &plans[0],
        Progress {
            state: State::Complete,
            ..running()
        },
    );
    site.wait("analysisjob/past", "condition=Complete").await;
    restarted.plans_where(<[Plan]>::is_empty).await;
    restarted.stop().await;

    let mut again = Operator::start(&site).await;
    site.apply(&job("prod", json!({}))).await;
    let plans = again.plans_where(|plans| !plans.is_empty()).await;
    assert_eq!(
        plans
            .iter()
            .map(|plan| &plan.id.name[..])
            .collect::<Vec<_>>(),
        ["prod"]
    );
    again.stop().await;

    assert_eq!(
        site.events("past").await,
        [
            "Normal Running: The job reads its range.",
            "Warning ElasticsearchUnavailable: no answer",
            "Normal Recovered: The job reads its range.",
            "Normal Complete: Every event of the range is analysed, and its alerts are \
             acknowledged.",
        ]
    );
}

#[tokio::test]
async fn nothing_is_written_while_nothing_changes() {
    let site = Site::new("ctl-quiet").await;
    let operator = Operator::start(&site).await;
    site.apply(&rule("one", "get")).await;
    site.apply(&rule("bad", "(")).await;
    site.apply(&one_day("past")).await;
    site.ready("k8scoprule/one").await;
    site.wait("k8scoprule/bad", "condition=Stalled").await;
    site.wait("k8scoprule/one", "jsonpath={.status.usedBy}=1")
        .await;
    site.wait("analysisjob/past", "condition=Reconciling").await;
    let before = site.versions().await;
    operator.stop().await;

    let restarted = Operator::start(&site).await;
    site.apply(&rule("two", "get")).await;
    site.ready("k8scoprule/two").await;
    site.kubectl(&["delete", "k8scoprule", "two"]).await;
    restarted.stop().await;
    assert_eq!(site.versions().await, before);
    assert_eq!(
        site.events("one").await,
        ["Normal RuleLoaded: The rule is valid and in force in every job that selects it."]
    );
}

#[tokio::test]
async fn no_plan_is_made_while_a_kind_cannot_be_listed() {
    let site = Site::new("ctl-gate").await;
    site.apply(&rule("exec", "get")).await;
    site.apply(&job("prod", json!({}))).await;
    site.may_not_use("k8scoprules").await;
    let mut operator = Operator::start(&site).await;
    let forbidden = |obstacles: &[String]| matches!(obstacles, [one] if one.contains("forbidden"));
    let obstacles = operator.obstacles_where(forbidden).await;
    assert!(
        obstacles[0].starts_with("k8scoprules in ctl-gate: k8scoprules.k8scop.io is forbidden"),
        "{obstacles:?}"
    );
    assert_eq!(operator.plans_now(), []);

    site.may_do_all_it_needs().await;
    operator
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    assert_eq!(
        operator.obstacles_where(|all| all.is_empty()).await,
        Vec::<String>::new()
    );
    operator.stop().await;
}
