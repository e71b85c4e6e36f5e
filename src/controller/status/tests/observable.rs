//! Conditions about what was read: rules that cannot decide, jobs that read no audit events, indices
//! that cannot be read.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::detect::event::gap::Gap;

fn first(desired: &Desired, name: &str, type_: &str) -> Value {
    let status = told(desired, name);
    let conditions = status["conditions"].as_array().cloned();
    let found = conditions
        .into_iter()
        .flatten()
        .find(|c| c["type"] == type_);
    found.unwrap_or_default()
}

/// What the condition says, without the time.
fn words(condition: &Value) -> [&str; 3] {
    ["status", "reason", "message"].map(|name| condition[name].as_str().unwrap_or_default())
}

fn undecided(gap: Gap, events: u64) -> Progress {
    Progress {
        undecided: [(("security/exec".to_owned(), gap), events)].into(),
        ..busy()
    }
}

#[test]
fn a_rule_whose_events_come_without_bodies_is_not_observable() {
    let mut cluster = Cluster::of(vec![rule("exec", "get")], vec![streaming("prod", "")]);
    let desired = cluster.decide(vec![("prod", undecided(Gap::Level, 120))]);
    let observable = first(&desired, "exec", "Observable");
    let message = "120 events that this rule may match came without the bodies that it asks about, \
         last in job security/prod; raise their audit level to RequestResponse.";
    assert_eq!(words(&observable), ["False", "BodiesMissing", message]);
    assert_eq!(told(&desired, "exec")["undecided"], 120);
    assert_eq!(told(&desired, "prod")["undecided"], 120);
}

#[test]
fn each_gap_has_a_reason_of_its_own() {
    for (gap, reason) in [
        (Gap::Level, "BodiesMissing"),
        (Gap::Truncated, "BodiesTruncated"),
        (Gap::CutOff, "EventsCutOff"),
        (Gap::Rebuilt, "ListsRebuilt"),
    ] {
        let mut cluster = Cluster::of(vec![rule("exec", "get")], vec![streaming("prod", "")]);
        let desired = cluster.decide(vec![("prod", undecided(gap, 1))]);
        let observable = first(&desired, "exec", "Observable");
        assert_eq!(words(&observable)[..2], ["False", reason]);
    }
}

#[test]
fn a_rule_is_observable_again_after_an_hour_without_a_gap_and_does_not_flap_before() {
    let mut cluster = Cluster::of(vec![rule("exec", "get")], vec![streaming("prod", "")]);
    let start = cluster.now;
    let mut after = |minutes: i64, events| {
        cluster.now = start + SignedDuration::from_mins(minutes);
        let desired = cluster.decide(vec![("prod", undecided(Gap::Level, events))]);
        let observable = first(&desired, "exec", "Observable");
        let since = observable["lastTransitionTime"].as_str().expect("a time");
        let since: Timestamp = since.parse().expect("RFC 3339");
        let age = since.duration_since(start).as_mins();
        (words(&observable)[1].to_owned(), age)
    };
    let missing = |age| ("BodiesMissing".to_owned(), age);
    assert_eq!(after(0, 1), missing(0));
    assert_eq!(after(50, 2), missing(0));
    assert_eq!(after(109, 2), missing(0));
    assert_eq!(after(110, 2), ("Decided".to_owned(), 110));
    assert_eq!(after(111, 3), missing(111));
}

#[test]
fn a_new_process_says_what_the_last_one_said_until_it_knows_better() {
    let mut seen = rule("exec", "get");
    seen.data["status"] = json!({"undecided": 120, "conditions": [{
        "type": "Observable", "status": "False", "reason": "BodiesMissing", "message": "Words.",
        "lastTransitionTime": "2026-11-05T00:00:00Z",
    }]});
    let mut cluster = Cluster::of(vec![seen], vec![streaming("prod", "")]);
    let start = cluster.now;
    let mut after = |minutes: i64, progress: Vec<(&str, Progress)>| {
        cluster.now = start + SignedDuration::from_mins(minutes);
        let desired = cluster.decide(progress);
        let observable = first(&desired, "exec", "Observable");
        let words = words(&observable).map(str::to_owned);
        (words, told(&desired, "exec")["undecided"].clone())
    };
    let kept = ["False", "BodiesMissing", "Words."].map(str::to_owned);
    assert_eq!(after(0, vec![]), (kept.clone(), json!(120)));
    assert_eq!(after(59, vec![("prod", busy())]), (kept, json!(120)));
    let decided = "No event of the last hour was undecided for the rule.";
    let decided = ["True", "Decided", decided].map(str::to_owned);
    assert_eq!(after(60, vec![("prod", busy())]), (decided, json!(120)));
}

#[test]
fn nothing_is_said_of_what_a_rule_sees_before_a_job_has_read_events_for_it() {
    let mut cluster = Cluster::of(vec![rule("exec", "get")], vec![streaming("prod", "")]);
    let mut observable = |progress| {
        let desired = cluster.decide(progress);
        words(&first(&desired, "exec", "Observable"))[1].to_owned()
    };
    assert_eq!(observable(vec![]), "");
    assert_eq!(observable(vec![("prod", progress(State::Running))]), "");
    assert_eq!(observable(vec![("prod", busy())]), "Decided");
    // A job that is just starting again says nothing new.
    assert_eq!(observable(vec![]), "Decided");
}

fn reading(events_read: u64, quarantined: u64) -> Progress {
    Progress {
        counts: Counts {
            documents_read: events_read + quarantined,
            events_read,
            quarantined,
            ..Counts::default()
        },
        rejected: vec![Rejected {
            index: "logs-app".to_owned(),
            id: "7".to_owned(),
            reason: "document is not valid JSON".to_owned(),
        }],
        ..progress(State::Running)
    }
}

const REMEDY: &str = "set spec.source.layoutPath, or name with spec.source.index and \
     spec.source.filter what holds audit events.";

#[test]
fn a_job_that_reads_no_audit_event_is_not_ready_not_even_when_it_is_complete() {
    let mut cluster = Cluster::of(vec![], vec![one_day("past", "")]);
    let message = format!(
        "1,204 of 1,204 documents hold no audit event (logs-app/7: document is not valid JSON); \
         {REMEDY}"
    );
    let expected = ["False", "NoAuditEvents", &message];
    let complete = Progress {
        state: State::Complete,
        ..reading(0, 1_204)
    };
    for progress in [Some(reading(0, 1_204)), Some(complete), None] {
        let desired = cluster.decide(progress.into_iter().map(|p| ("past", p)).collect());
        assert_eq!(words(&first(&desired, "past", "Ready")), expected);
    }
    let desired = cluster.decide(vec![]);
    let complete = first(&desired, "past", "Complete");
    assert_eq!(words(&complete)[..2], ["True", "Complete"]);
}

#[test]
fn half_of_the_documents_must_be_events() {
    for (events, rejected, ready) in [(0, 0, "True"), (1, 1, "True"), (4, 5, "False")] {
        let mut cluster = Cluster::of(vec![], vec![streaming("prod", "")]);
        let desired = cluster.decide(vec![("prod", reading(events, rejected))]);
        let condition = first(&desired, "prod", "Ready");
        assert_eq!(words(&condition)[0], ready, "{events} {rejected}");
    }
}

#[test]
fn a_stream_is_judged_by_what_it_has_read_last() {
    let mut cluster = Cluster::of(vec![], vec![streaming("prod", "")]);
    let mut ready = |progress: Progress, events, rejected| {
        let recent = Contents { events, rejected };
        let desired = cluster.decide(vec![("prod", Progress { recent, ..progress })]);
        words(&first(&desired, "prod", "Ready")).map(str::to_owned)
    };
    let recovered = ready(reading(60, 1_204), 60, 0);
    assert_eq!(recovered[..2], ["True", "Streaming"]);
    let turned = ready(reading(1_000_000, 60), 0, 60);
    let message = format!(
        "60 of the last 60 documents hold no audit event (logs-app/7: document is not valid JSON); \
         {REMEDY}"
    );
    assert_eq!(turned, ["False", "NoAuditEvents", message.as_str()]);
}

#[test]
fn events_that_the_server_left_out_are_events() {
    let mut cluster = Cluster::of(vec![], vec![one_day("past", "")]);
    let mixed = Progress {
        left_out: 50,
        ..reading(3, 40)
    };
    let desired = cluster.decide(vec![("past", mixed)]);
    assert_eq!(words(&first(&desired, "past", "Ready"))[0], "True");
    let foreign = Progress {
        left_out: 7,
        ..reading(3, 40)
    };
    let desired = cluster.decide(vec![("past", foreign)]);
    let message = words(&first(&desired, "past", "Ready"))[2].to_owned();
    assert!(message.starts_with("40 of 50 documents hold"), "{message}");
}

#[test]
fn an_index_that_cannot_be_read_is_named_while_it_cannot() {
    let degraded = |count: u64| {
        let number = |n| Degraded {
            index: format!("logs-{n}"),
            message: "it is closed; open it".to_owned(),
        };
        Progress {
            degraded: (1..=count.min(3)).map(number).collect(),
            degraded_count: count,
            rebuilt: vec!["logs-9".to_owned()],
            rebuilt_count: 1,
            ..busy()
        }
    };
    let mut cluster = Cluster::of(vec![], vec![streaming("prod", "")]);
    let mut told_of = |count| {
        let desired = cluster.decide(vec![("prod", degraded(count))]);
        let condition = first(&desired, "prod", "Degraded");
        let ready = words(&first(&desired, "prod", "Ready"))[0].to_owned();
        let rebuilt = told(&desired, "prod")["listsRebuilt"].clone();
        (ready, rebuilt, words(&condition).map(str::to_owned))
    };
    let expected = |words: [&str; 3]| {
        (
            "True".to_owned(),
            json!(["logs-9"]),
            words.map(str::to_owned),
        )
    };
    let one = "index logs-1: it is closed; open it";
    assert_eq!(told_of(1), expected(["True", "IndexUnreadable", one]));
    let many = "index logs-1: it is closed; open it; index logs-2: it is closed; open it; and 1,998 \
         more";
    assert_eq!(told_of(2_000), expected(["True", "IndexUnreadable", many]));
    assert_eq!(told_of(0), expected(["", "", ""]));
}

#[test]
fn a_static_job_that_left_an_index_out_says_so_when_it_is_complete() {
    let mut cluster = Cluster::of(vec![], vec![one_day("past", "")]);
    let complete = Progress {
        state: State::Complete,
        degraded: vec![Degraded {
            index: "logs-1".to_owned(),
            message: "it is closed; open it".to_owned(),
        }],
        degraded_count: 1,
        ..busy()
    };
    for progress in [vec![("past", complete)], vec![]] {
        let desired = cluster.decide(progress);
        assert_eq!(
            conditions(&desired, Kind::Job, "past"),
            [
                "Complete=True Complete",
                "Degraded=True IndexUnreadable",
                "Ready=True Complete"
            ]
        );
        let ready = first(&desired, "past", "Ready");
        assert!(words(&ready)[2].contains("that could be read"), "{ready}");
    }
}
