mod observable;

use serde_json::{Value, json};

use crate::{
    controller::{
        desired::Desired,
        fixtures::{Cluster, conditions, edited, instant, one_day, progress, rule, streaming},
        watch::Kind,
    },
    pipeline::{
        ledger::{Bucket, Census, Ledger, Mark},
        ports::FaultReason,
        progress::{
            Checkpoint, Counts, Degraded, MOST_NAMED, Progress, Rejected, RuleMatches, State,
        },
        pushdown::Pushdown,
        recent::Contents,
    },
};

fn told(desired: &Desired, name: &str) -> Value {
    let key = ("security".to_owned(), name.to_owned());
    let rule = desired.rule_statuses.get(&key).map(serde_json::to_value);
    let job = desired.job_statuses.get(&key).map(serde_json::to_value);
    rule.or(job).expect("it has a status").expect("a status")
}

fn waiting() -> State {
    State::Waiting {
        reason: FaultReason::ElasticsearchUnavailable,
        message: "no answer from the server".to_owned(),
    }
}

fn busy() -> Progress {
    let counts = Counts {
        documents_read: 990,
        events_read: 1_000,
        alerts_created: 5,
        alerts_duplicate: 2,
        alerts_late: 1,
        quarantined: 1,
        undecided: 120,
        events_cut_off: 3,
    };
    Progress {
        checkpoint: Some(Checkpoint {
            watermark: instant("2026-11-22T00:00:00.123456789Z"),
            counts,
            ..Checkpoint::default()
        }),
        counts,
        rules_loaded: 3,
        lag_seconds: Some(12),
        percent: Some(40),
        without_time: Some(6),
        degraded: Vec::new(),
        degraded_count: 0,
        rebuilt: Vec::new(),
        rebuilt_count: 0,
        pushdown: Some(Pushdown::On(vec!["objectRef.resource", "verb"])),
        ..progress(State::Running)
    }
}

#[test]
fn the_status_of_a_loaded_rule_tells_all() {
    let mut tested = rule("exec", "get");
    tested.data["spec"]["tests"] =
        json!([{"name": "t", "event": {"verb": "get"}, "expect": "Match"}]);
    let mut cluster = Cluster::of(vec![tested], vec![streaming("prod", "")]);
    let status = told(&cluster.decide(vec![]), "exec");
    let revision = &status["revision"];
    assert_eq!(revision.as_str().map(str::len), Some(16));
    assert_eq!(
        status,
        json!({
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "RuleLoaded",
                "message": "The rule is valid and in force in every job that selects it.",
                "observedGeneration": 1, "lastTransitionTime": "2026-11-23T07:00:00Z",
            }],
            "observedGeneration": 1,
            "revision": revision,
            "lastGood": {"generation": 1, "revision": revision, "spec": {
                "title": "T", "severity": "Low", "category": "Other", "state": "Enabled",
                "alertPer": "Request",
                "selections": [{"name": "s", "all": [{"field": "verb", "matches": "get"}]}],
            }},
            "tests": {"passed": 1, "failed": 0},
            "matches": 0,
            "undecided": 0,
            "usedBy": 1,
        })
    );
}

#[test]
fn failed_tests_are_counted() {
    let mut failing = rule("exec", "get");
    failing.data["spec"]["tests"] = json!([
        {"name": "a", "event": {"verb": "get"}, "expect": "Match"},
        {"name": "b", "event": {"verb": "get"}, "expect": "NoMatch"},
    ]);
    let mut cluster = Cluster::of(vec![failing], vec![]);
    let desired = cluster.decide(vec![]);
    assert_eq!(
        told(&desired, "exec")["tests"],
        json!({"passed": 1, "failed": 1})
    );
    assert_eq!(
        conditions(&desired, Kind::Rule, "exec"),
        ["Ready=False TestFailed", "Stalled=True TestFailed"]
    );
}

#[test]
fn a_spec_too_large_to_be_kept_says_so() {
    let mut large = rule("exec", "get");
    let values: Vec<_> = (0..40)
        .map(|n| format!("{n}{}", "x".repeat(1_000)))
        .collect();
    large.data["spec"]["selections"][0]["all"] = json!([{"field": "verb", "in": values}]);
    let mut cluster = Cluster::of(vec![large], vec![]);
    let status = told(&cluster.decide(vec![]), "exec");
    assert_eq!(status["lastGood"], Value::Null);
    assert_eq!(
        status["conditions"][0]["message"],
        "The rule is valid and in force in every job that selects it. Its spec is larger than \
         32 KiB and is not kept: a broken edit would stop it at the next restart."
    );
}

#[test]
fn matches_of_all_jobs_add_up_and_go_on_after_restarts() {
    let matched = |count, last: &str| {
        let mut running = progress(State::Running);
        let last = instant(last);
        running.matches = [("security/exec".to_owned(), RuleMatches { count, last })].into();
        running
    };
    let mut seen = rule("exec", "get");
    seen.data["status"] = json!({"matches": 10, "lastMatchTime": "2026-11-20T00:00:00Z"});
    let mut cluster = Cluster::of(vec![seen], vec![streaming("a", ""), streaming("b", "")]);
    let mut after = |progress| {
        let status = told(&cluster.decide(progress), "exec");
        (status["matches"].clone(), status["lastMatchTime"].clone())
    };
    let early = "2026-11-19T00:00:00Z";
    let late = "2026-11-22T00:00:00.5Z";
    assert_eq!(after(vec![]), (json!(10), json!("2026-11-20T00:00:00Z")));
    let both = vec![("a", matched(3, early)), ("b", matched(1, late))];
    assert_eq!(after(both), (json!(14), json!("2026-11-22T00:00:00Z")));
    let one_gone = vec![("a", matched(4, early))];
    assert_eq!(after(one_gone), (json!(15), json!("2026-11-22T00:00:00Z")));
    let begun_anew = vec![("a", matched(2, early))];
    assert_eq!(
        after(begun_anew),
        (json!(17), json!("2026-11-22T00:00:00Z"))
    );
}

#[test]
fn the_status_of_a_streaming_job_tells_all() {
    let mut cluster = Cluster::of(vec![], vec![streaming("prod", "")]);
    assert_eq!(
        told(&cluster.decide(vec![("prod", busy())]), "prod"),
        json!({
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Streaming",
                "message": "The job follows its source.",
                "observedGeneration": 1, "lastTransitionTime": "2026-11-23T07:00:00Z",
            }],
            "observedGeneration": 1,
            "range": {"start": "2026-11-01T00:00:00Z"},
            "checkpoint": {
                "watermark": "2026-11-22T00:00:00.123456789Z", "documentsRead": 990,
                "eventsRead": 1000, "alertsCreated": 5, "alertsDuplicate": 2, "alertsLate": 1,
                "quarantined": 1, "undecided": 120, "eventsCutOff": 3, "epoch": 0,
            },
            "documentsRead": 990, "eventsRead": 1000, "alertsCreated": 5, "alertsDuplicate": 2,
            "alertsLate": 1, "quarantined": 1, "undecided": 120, "eventsCutOff": 3,
            "documentsWithoutTime": 6,
            "pushdown": {"state": "Active", "message": "By objectRef.resource, verb."},
            "rulesLoaded": 3, "rulesRevision": "r", "lagSeconds": 12,
            "startedAt": "2026-11-23T07:00:00Z",
        })
    );
}

#[test]
fn a_static_job_goes_from_pending_to_complete() {
    let mut cluster = Cluster::of(vec![], vec![one_day("past", "")]);
    let mut after = |progress: Option<Progress>| {
        let desired = cluster.decide(progress.map(|p| ("past", p)).into_iter().collect());
        let status = told(&desired, "past");
        let numbers = (
            status["progressPercent"].clone(),
            status["completedAt"].clone(),
        );
        (conditions(&desired, Kind::Job, "past"), numbers)
    };
    let in_state = |state| Some(Progress { state, ..busy() });
    let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
    let coming = words(&["Ready=Unknown Starting", "Reconciling=True Starting"]);
    assert_eq!(after(None), (coming.clone(), (Value::Null, Value::Null)));
    assert_eq!(
        after(in_state(State::Starting)),
        (coming, (json!(40), Value::Null))
    );
    assert_eq!(
        after(in_state(State::Running)),
        (words(&["Ready=True Running"]), (json!(40), Value::Null))
    );
    assert_eq!(
        after(in_state(waiting())),
        (
            words(&["Ready=False ElasticsearchUnavailable"]),
            (json!(40), Value::Null)
        )
    );
    let done = words(&["Complete=True Complete", "Ready=True Complete"]);
    let at = json!("2026-11-23T07:00:00Z");
    assert_eq!(
        after(in_state(State::Complete)),
        (done.clone(), (json!(40), at.clone()))
    );
    assert_eq!(after(None), (done, (json!(40), at)));
}

#[test]
fn a_condition_that_does_not_change_keeps_its_time() {
    let mut old = streaming("prod", "");
    old.data["status"] = json!({"conditions": [{
        "type": "Ready", "status": "True", "reason": "Streaming", "message": "",
        "lastTransitionTime": "2026-11-05T00:00:00Z",
    }]});
    let mut cluster = Cluster::of(vec![], vec![old.clone()]);
    let mut since = |state| {
        let status = told(&cluster.decide(vec![("prod", progress(state))]), "prod");
        status["conditions"][0]["lastTransitionTime"].clone()
    };
    assert_eq!(since(State::Running), "2026-11-05T00:00:00Z");
    assert_eq!(since(waiting()), "2026-11-23T07:00:00Z");

    cluster.apply(
        Kind::Job,
        edited(&old, streaming("prod", ", fetchDelaySeconds: 5")),
    );
    let status = told(&cluster.decide(vec![("prod", progress(waiting()))]), "prod");
    assert_eq!(
        (
            &status["observedGeneration"],
            &status["conditions"][0]["observedGeneration"]
        ),
        (&json!(2), &json!(2))
    );
}

#[test]
fn a_checkpoint_that_the_api_server_drops_is_told_while_the_job_runs() {
    let mut cluster = Cluster::of(vec![], vec![streaming("prod", "")]);
    let mut after = |pruned| {
        cluster.index.prune(|_| pruned);
        let desired = cluster.decide(vec![("prod", busy())]);
        conditions(&desired, Kind::Job, "prod")
    };
    assert_eq!(after(true), ["Ready=False CRDOutdated"]);
    assert_eq!(after(false), ["Ready=True Streaming"]);
}

/// What holds the most: a full ledger of 2,400 characters, the longest fault, all conditions that a
/// job that runs can have, and numbers of 16 digits. Not bounded so: the beginnings of new rules
/// (64 at most, each of them with a name of up to 317 characters), and the problems of a spec that
/// is refused, which are told twice in up to 1,024 characters.
#[test]
fn the_status_of_a_job_that_runs_takes_eight_kibibytes_at_most() {
    let mut ledger = Ledger::default();
    let now = Bucket::of(instant("2026-11-22T00:00:00Z")).0;
    let full = Mark::new(u64::MAX, u64::MAX);
    ledger.read(&Census(
        (now - 300..now)
            .map(|number| (Bucket(number), full))
            .collect(),
    ));
    let most = 1 << 53;
    let counts = Counts {
        documents_read: most,
        events_read: most,
        alerts_created: most,
        alerts_duplicate: most,
        quarantined: most,
        alerts_late: most,
        undecided: most,
        events_cut_off: most,
    };
    let progress = Progress {
        state: State::Waiting {
            reason: FaultReason::ElasticsearchUnavailable,
            message: "m".repeat(256),
        },
        checkpoint: Some(Checkpoint {
            watermark: instant("2026-11-22T00:00:00.123456789Z"),
            counts,
            ledger,
            rules_revision: Some("r".repeat(16)),
            ..Checkpoint::default()
        }),
        counts,
        rules_revision: "r".repeat(16),
        without_time: Some(most),
        degraded: vec![
            Degraded {
                index: "i".repeat(255),
                message: "m".repeat(256),
            };
            MOST_NAMED
        ],
        degraded_count: most,
        rebuilt: vec!["i".repeat(255); MOST_NAMED],
        rebuilt_count: most,
        pushdown: Some(Pushdown::Off("p".repeat(256))),
        ..busy()
    };
    for job in [streaming("prod", ""), one_day("prod", "")] {
        let mut cluster = Cluster::of(vec![], vec![job]);
        cluster.term.elected = Some((format!("{}_12345678", "p".repeat(63)), i32::MAX.into()));
        let status = told(&cluster.decide(vec![("prod", progress.clone())]), "prod");
        let ledger = status["checkpoint"]["ledger"].as_str().map(str::len);
        assert!(ledger > Some(2_300), "{ledger:?}");
        let size = status.to_string().len();
        assert!(size <= 8_192, "{size} bytes: {status}");
    }
}
