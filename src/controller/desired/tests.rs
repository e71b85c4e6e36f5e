use kube::{api::DynamicObject, runtime::watcher::Event};
use serde_json::{Value, json};

use super::*;
use crate::{
    controller::{
        fixtures::{
            CREATED, Cluster, NOW, conditions, edited, everywhere, instant, one_day, plan_id,
            plans, progress, rule, streaming,
        },
        watch::{Kind, Watch},
    },
    detect::layout::Layout,
    pipeline::{
        plan::{Connection, Range, SinkPlan, SourcePlan},
        progress::{Checkpoint, Counts, State},
    },
};

fn plan_of(job: &str, rules: &[&str]) -> (String, Vec<String>) {
    let rules = rules.iter().map(|&rule| rule.to_owned());
    (job.to_owned(), rules.collect())
}

/// The object as the server holds it after the status was written.
fn stored(object: &DynamicObject, status: impl serde::Serialize) -> DynamicObject {
    let mut object = object.clone();
    object.data["status"] = serde_json::to_value(status).expect("a status");
    object
}

fn key(name: &str) -> Key {
    ("security".to_owned(), name.to_owned())
}

#[test]
fn nothing_is_desired_before_both_first_lists_are_complete() {
    let mut cluster = Cluster {
        term: Default::default(),
        now: instant(NOW),
        index: Index::new(Watch::over(&[])),
    };
    cluster.apply(Kind::Rule, rule("exec", "get"));
    cluster.list(Kind::Job, vec![streaming("prod", "")]);
    assert_eq!(cluster.decide(vec![]), Desired::default());

    let rules = everywhere(Kind::Rule);
    cluster.index.apply(&rules, Event::Init);
    cluster
        .index
        .apply(&rules, Event::InitApply(rule("exec", "get")));
    assert_eq!(cluster.decide(vec![]), Desired::default());

    cluster.index.apply(&rules, Event::InitDone);
    assert_eq!(plans(&cluster.decide(vec![])), [plan_of("prod", &["exec"])]);
}

#[test]
fn a_plan_has_all_that_the_job_says() {
    let more = ", fetchDelaySeconds: 3, sink: {index: alerts}";
    let mut cluster = Cluster::of(vec![], vec![streaming("prod", more)]);
    assert_eq!(
        cluster.decide(vec![]).plans,
        [Plan {
            id: plan_id("prod"),
            range: Range::Streaming {
                start: instant(CREATED),
            },
            fetch_delay: std::time::Duration::from_secs(3),
            source: SourcePlan {
                index: "logs-*".to_owned(),
                timestamp_field: "@timestamp".to_owned(),
                layout: Layout::Auto,
                layout_path: None,
                filter: vec![],
            },
            sink: SinkPlan {
                index: "alerts".to_owned(),
            },
            connection: Connection::Default,
            pushdown: true,
            rules: Arc::from([]),
            resume: None,
        }]
    );
}

#[test]
fn a_job_uses_the_rules_it_selects_in_the_order_of_their_keys() {
    let mut labelled = rule("labelled", "get");
    labelled.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
    let mut far = rule("far", "get");
    far.metadata.namespace = Some("security-far".to_owned());
    let chosen = streaming("chosen", ", ruleSelector: {matchLabels: {team: a}}");
    let wide = streaming("wide", ", ruleNamespaces: [security, security-far]");
    let rules = vec![rule("z", "get"), labelled, far];
    let mut cluster = Cluster::of(rules, vec![chosen, streaming("own", ""), wide]);
    assert_eq!(
        plans(&cluster.decide(vec![])),
        [
            plan_of("chosen", &["labelled"]),
            plan_of("own", &["labelled", "z"]),
            plan_of("wide", &["security-far/far", "labelled", "z"]),
        ]
    );
}

#[test]
fn a_broken_edit_keeps_the_last_good_spec() {
    let good = rule("exec", "get");
    let mut cluster = Cluster::of(
        vec![good.clone(), rule("other", "get")],
        vec![streaming("prod", "")],
    );
    let before = cluster.decide(vec![]);
    cluster.apply(Kind::Rule, edited(&good, rule("exec", "(")));
    let after = cluster.decide(vec![]);
    assert_eq!(after.plans, before.plans);
    assert_eq!(
        conditions(&after, Kind::Rule, "exec"),
        ["Ready=False PatternInvalid", "Stalled=True PatternInvalid"]
    );
    assert_eq!(
        conditions(&after, Kind::Rule, "other"),
        ["Ready=True RuleLoaded"]
    );
    let (status, was) = (
        &after.rule_statuses[&key("exec")],
        &before.rule_statuses[&key("exec")],
    );
    assert_eq!(
        (&status.revision, &status.last_good),
        (&was.revision, &was.last_good)
    );
    let revision = was.revision.as_deref().expect("it was loaded");
    let message = format!("The last good revision {revision} stays active. spec.selections[0]");
    assert!(
        status.conditions[0].message.starts_with(&message),
        "{status:?}"
    );
}

#[test]
fn a_broken_edit_keeps_the_last_good_spec_after_a_restart() {
    let good = rule("exec", "get");
    let mut cluster = Cluster::of(vec![good.clone()], vec![streaming("prod", "")]);
    let before = cluster.decide(vec![]);
    let stored = stored(&good, &before.rule_statuses[&key("exec")]);
    for broken in [rule("exec", "("), Cluster::unreadable("exec")] {
        let broken = edited(&stored, broken);
        let mut restarted = Cluster::of(vec![broken], vec![streaming("prod", "")]);
        let after = restarted.decide(vec![]);
        assert_eq!(after.plans, before.plans);
        assert_eq!(
            after.rule_statuses[&key("exec")].last_good,
            before.rule_statuses[&key("exec")].last_good
        );
    }
}

#[test]
fn a_rule_that_never_was_good_is_not_loaded_and_touches_nothing_else() {
    let rules = vec![
        rule("bad", "("),
        Cluster::unreadable("worse"),
        rule("exec", "get"),
    ];
    let mut cluster = Cluster::of(rules, vec![streaming("prod", "")]);
    let desired = cluster.decide(vec![]);
    assert_eq!(plans(&desired), [plan_of("prod", &["exec"])]);
    assert_eq!(
        conditions(&desired, Kind::Rule, "worse"),
        ["Ready=False SpecUnreadable", "Stalled=True SpecUnreadable"]
    );
    let message = &desired.rule_statuses[&key("worse")].conditions[0].message;
    assert!(
        message.starts_with("The rule is not loaded. spec: `title` is missing"),
        "{message}"
    );
}

#[test]
fn a_rule_that_is_mended_is_used_again() {
    let good = rule("exec", "get");
    let mut cluster = Cluster::of(vec![good.clone()], vec![streaming("prod", "")]);
    let first = cluster.decide(vec![]);
    let broken = edited(&good, rule("exec", "("));
    cluster.apply(Kind::Rule, broken.clone());
    cluster.decide(vec![]);
    cluster.apply(Kind::Rule, edited(&broken, rule("exec", "create")));
    let last = cluster.decide(vec![]);
    assert_eq!(
        conditions(&last, Kind::Rule, "exec"),
        ["Ready=True RuleLoaded"]
    );
    assert_ne!(last.plans, first.plans);
}

#[test]
fn a_disabled_rule_is_ready_and_not_loaded() {
    let off = |matches: &str| {
        let mut off = rule("exec", matches);
        off.data["spec"]["state"] = json!("Disabled");
        off
    };
    let good = rule("exec", "get");
    let mut cluster = Cluster::of(vec![good.clone()], vec![streaming("prod", "")]);
    cluster.decide(vec![]);
    cluster.apply(Kind::Rule, edited(&good, off("get")));
    let desired = cluster.decide(vec![]);
    assert_eq!(plans(&desired), [plan_of("prod", &[])]);
    assert_eq!(
        conditions(&desired, Kind::Rule, "exec"),
        ["Ready=True Disabled"]
    );

    cluster.apply(Kind::Rule, edited(&edited(&good, off("get")), off("(")));
    assert_eq!(plans(&cluster.decide(vec![])), [plan_of("prod", &[])]);
}

#[test]
fn a_suspended_job_has_no_plan_and_keeps_its_checkpoint() {
    let job = streaming("prod", "");
    let mut cluster = Cluster::of(vec![rule("exec", "get")], vec![job.clone()]);
    let checkpoint = Checkpoint {
        watermark: instant("2026-11-02T00:00:00Z"),
        counts: Counts {
            events_read: 7,
            alerts_created: 1,
            alerts_duplicate: 2,
            quarantined: 3,
            ..Counts::default()
        },
        ..Checkpoint::default()
    };
    let mut running = progress(State::Running);
    running.checkpoint = Some(checkpoint.clone());
    cluster.decide(vec![("prod", running)]);

    let suspended = edited(&job, streaming("prod", ", suspend: true"));
    cluster.apply(Kind::Job, suspended.clone());
    let rests = cluster.decide(vec![]);
    assert_eq!(rests.plans, []);
    assert_eq!(
        conditions(&rests, Kind::Job, "prod"),
        ["Ready=True Suspended", "Suspended=True Suspended"]
    );

    cluster.apply(Kind::Job, edited(&suspended, streaming("prod", "")));
    assert_eq!(
        cluster.decide(vec![]).plans[0].resume,
        Some(checkpoint.clone())
    );

    let told = stored(&job, &rests.job_statuses[&key("prod")]);
    let mut restarted = Cluster::of(vec![], vec![told]);
    assert_eq!(restarted.decide(vec![]).plans[0].resume, Some(checkpoint));
}

#[test]
fn a_completed_job_has_no_plan_not_even_after_a_restart() {
    let job = one_day("past", "");
    let mut cluster = Cluster::of(vec![rule("exec", "get")], vec![job.clone()]);
    let mut done = progress(State::Complete);
    done.counts.events_read = 50_000;
    let completed = cluster.decide(vec![("past", done)]);
    assert_eq!(cluster.decide(vec![]).plans, []);

    let told = stored(&job, &completed.job_statuses[&key("past")]);
    let mut restarted = Cluster::of(vec![rule("exec", "get")], vec![told]);
    let after = restarted.decide(vec![]);
    assert_eq!(after.plans, []);
    assert_eq!(after.job_statuses, completed.job_statuses);

    let mut anew = job;
    anew.metadata.uid = Some("uid-another".to_owned());
    cluster.apply(Kind::Job, anew);
    assert_eq!(plans(&cluster.decide(vec![])), [plan_of("past", &["exec"])]);
}

#[test]
fn what_is_deleted_or_missing_in_a_new_list_is_gone() {
    let rules = vec![rule("a", "get"), rule("b", "get")];
    let mut cluster = Cluster::of(rules, vec![streaming("one", ""), streaming("two", "")]);
    cluster.decide(vec![]);
    cluster.delete(Kind::Rule, rule("a", "get"));
    cluster.list(Kind::Job, vec![streaming("two", "")]);
    let mut leaving = streaming("two", "");
    assert_eq!(plans(&cluster.decide(vec![])), [plan_of("two", &["b"])]);
    leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
    cluster.apply(Kind::Job, leaving);
    assert_eq!(cluster.decide(vec![]).plans, []);
}

#[test]
fn a_list_of_one_namespace_leaves_the_others_alone() {
    let namespaces = ["security".to_owned(), "other".to_owned()];
    let watches = Watch::over(&namespaces);
    let mut index = Index::new(watches.clone());
    let mut apply_list = |namespace: &str, rules: Vec<DynamicObject>| {
        for watch in watches
            .iter()
            .filter(|w| w.namespace.as_deref() == Some(namespace))
        {
            index.apply(watch, Event::Init);
            if watch.kind == Kind::Rule {
                for rule in &rules {
                    index.apply(watch, Event::InitApply(rule.clone()));
                }
            }
            index.apply(watch, Event::InitDone);
        }
        let names = index.rules().keys().map(|(_, name)| name.clone());
        (index.is_listed(), names.collect::<Vec<_>>())
    };
    assert_eq!(
        apply_list("security", vec![rule("a", "get")]),
        (false, vec!["a".to_owned()])
    );
    assert_eq!(apply_list("other", vec![]), (true, vec!["a".to_owned()]));
    assert_eq!(apply_list("security", vec![]), (true, vec![]));
}

#[test]
fn a_job_that_cannot_be_run_says_why() {
    let wrong = streaming(
        "wrong",
        ", ruleSelector: {matchExpressions: [{key: a, operator: Is}]}",
    );
    let late = {
        let mut late = one_day("late", "");
        late.data["spec"]["startTime"] = json!("2027-01-01T00:00:00Z");
        late.data["spec"]["endTime"] = Value::Null;
        late
    };
    let mut cluster = Cluster::of(vec![], vec![wrong, late, streaming("right", "")]);
    let desired = cluster.decide(vec![]);
    assert_eq!(plans(&desired), [plan_of("right", &[])]);
    assert_eq!(
        conditions(&desired, Kind::Job, "wrong"),
        [
            "Ready=False SelectorInvalid",
            "Stalled=True SelectorInvalid"
        ]
    );
    assert_eq!(
        conditions(&desired, Kind::Job, "late"),
        [
            "Failed=True RangeInvalid",
            "Ready=False RangeInvalid",
            "Stalled=True RangeInvalid"
        ]
    );
}

impl Cluster {
    /// A rule whose spec is none.
    fn unreadable(name: &str) -> DynamicObject {
        let mut unreadable = rule(name, "get");
        unreadable.data["spec"] = json!({"severity": "Low"});
        unreadable
    }
}
