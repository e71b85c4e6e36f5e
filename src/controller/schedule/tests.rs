use serde_json::json;
use tokio::time::advance;

use super::*;

fn target(kind: Kind) -> Target {
    Target {
        kind,
        namespace: "security".to_owned(),
        name: "prod".to_owned(),
        uid: "u".to_owned(),
    }
}

/// A status with a state and a number.
fn status(ready: &str, events: u64) -> Value {
    json!({"eventsRead": events, "conditions": [{"type": "Ready", "status": ready}]})
}

/// A schedule for one object, and what the watch last told of it.
struct Desk {
    schedule: Schedule,
    kind: Kind,
    stored: Value,
    version: u64,
}

impl Desk {
    fn new(kind: Kind) -> Self {
        Self {
            schedule: Schedule::default(),
            kind,
            stored: Value::Null,
            version: 1,
        }
    }

    fn want(&mut self, status: Value) {
        self.schedule.want(&[Wanted {
            target: target(self.kind),
            stored: self.stored.clone(),
            version: self.version,
            status,
            notice: None,
        }]);
    }

    /// Writes what is due, which the server takes as a new version; the watch does not tell yet.
    fn write(&mut self, version: u64) -> Option<Value> {
        let write = self.schedule.take_due(Instant::now())?;
        let status = write.status.clone();
        let stored = Stored {
            version,
            status: status.clone(),
        };
        self.schedule.succeeded(write, stored, Instant::now());
        Some(status)
    }

    fn due_in(&self) -> Option<Duration> {
        let now = Instant::now();
        self.schedule.next_due(now).map(|due| due - now)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_not_written() {
    let mut desk = Desk::new(Kind::Job);
    desk.stored = json!({"conditions": [{"type": "Ready"}, {"type": "Complete"}]});
    desk.want(json!({"conditions": [{"type": "Complete"}, {"type": "Ready"}]}));
    assert_eq!((desk.due_in(), desk.write(2)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_state_is_written_at_once() {
    for kind in Kind::ALL {
        let mut desk = Desk::new(kind);
        desk.want(status("False", 1));
        assert_eq!(desk.write(2), Some(status("False", 1)));
        desk.want(status("True", 1));
        assert_eq!(desk.write(3), Some(status("True", 1)));
        desk.want(status("True", 1));
        assert_eq!(desk.due_in(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_wait_for_their_turn() {
    let spacing = 10;
    for kind in Kind::ALL {
        let mut desk = Desk::new(kind);
        desk.want(status("True", 1));
        desk.write(2);
        desk.want(status("True", 2));
        advance(Duration::from_secs(spacing - 1)).await;
        desk.want(status("True", 3));
        assert_eq!(
            (desk.write(3), desk.due_in()),
            (None, Some(Duration::from_secs(1)))
        );
        advance(Duration::from_secs(1)).await;
        assert_eq!(desk.write(3), Some(status("True", 3)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_for_its_turn_like_the_numbers_in_it() {
    let undecided = |events| {
        let message = format!("{events} events came without bodies");
        json!({"conditions": [{"type": "Observable", "status": "False", "message": message}]})
    };
    let mut desk = Desk::new(Kind::Rule);
    desk.want(undecided(1));
    desk.write(2);
    desk.want(undecided(2));
    assert_eq!(desk.due_in(), Some(Duration::from_secs(10)));
}

fn wanted(kind: Kind, name: &str, events: u64) -> Wanted {
    Wanted {
        target: Target {
            name: name.to_owned(),
            ..target(kind)
        },
        stored: Value::Null,
        version: 1,
        status: status("True", events),
        notice: None,
    }
}

/// Writes all that is due, and gives the kinds in their order.
fn write_all(schedule: &mut Schedule) -> Vec<Kind> {
    let mut kinds = Vec::new();
    while let Some(write) = schedule.take_due(Instant::now()) {
        kinds.push(write.target.kind);
        let stored = Stored {
            version: 2,
            status: write.status.clone(),
        };
        schedule.succeeded(write, stored, Instant::now());
    }
    kinds
}

#[tokio::test(start_paused = true)]
async fn the_numbers_of_a_rule_are_written_with_those_of_a_job_whenever_either_was_written() {
    let mut schedule = Schedule::default();
    schedule.want(&[wanted(Kind::Job, "prod", 1)]);
    write_all(&mut schedule);
    advance(Duration::from_secs(7)).await;
    schedule.want(&[wanted(Kind::Job, "prod", 1), wanted(Kind::Rule, "exec", 1)]);
    assert_eq!(write_all(&mut schedule), [Kind::Rule]);
    schedule.want(&[wanted(Kind::Job, "prod", 2), wanted(Kind::Rule, "exec", 2)]);
    assert_eq!(write_all(&mut schedule), []);
    advance(Duration::from_secs(3)).await;
    assert_eq!(write_all(&mut schedule), [Kind::Job, Kind::Rule]);
}

#[tokio::test(start_paused = true)]
async fn the_numbers_of_very_many_rules_are_written_less_often() {
    for (rules, seconds) in [(100, 10), (101, 20), (1_000, 30)] {
        let all = |events| -> Vec<_> {
            (0..rules)
                .map(|n| wanted(Kind::Rule, &format!("rule-{n}"), events))
                .collect()
        };
        let mut schedule = Schedule::default();
        schedule.want(&all(1));
        write_all(&mut schedule);
        schedule.want(&all(2));
        let due = schedule.next_due(Instant::now());
        assert_eq!(due, Some(Instant::now() + Duration::from_secs(seconds)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_lags_behind_our_own_write_causes_no_other() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("True", 1));
    desk.write(5);
    desk.want(status("True", 1));
    assert_eq!(desk.due_in(), None);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_change_is_overwritten_in_its_turn() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("True", 1));
    desk.write(2);
    (desk.stored, desk.version) = (status("False", 1), 3);
    desk.want(status("True", 1));
    assert_eq!(desk.due_in(), Some(Duration::from_secs(10)));
    advance(Duration::from_secs(10)).await;
    assert_eq!(desk.write(4), Some(status("True", 1)));
}

#[tokio::test(start_paused = true)]
async fn a_write_under_way_is_not_made_twice() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("False", 1));
    let write = desk.schedule.take_due(Instant::now()).expect("it is due");
    desk.want(status("True", 1));
    assert_eq!(desk.due_in(), None);
    let stored = Stored {
        version: 2,
        status: write.status.clone(),
    };
    desk.schedule.succeeded(write, stored, Instant::now());
    assert_eq!(desk.write(3), Some(status("True", 1)));
}

#[tokio::test(start_paused = true)]
async fn failed_writes_are_repeated_without_end_after_growing_pauses() {
    let mut desk = Desk::new(Kind::Job);
    let mut pauses = Vec::new();
    for _ in 0..40 {
        desk.want(status("True", 1));
        let write = desk.schedule.take_due(Instant::now()).expect("it is due");
        desk.schedule.failed(&write.target, 1.0, Instant::now());
        let pause = desk.due_in().expect("it is repeated");
        pauses.push(pause.as_millis());
        advance(pause).await;
    }
    assert_eq!(
        pauses[..9],
        [
            500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000
        ]
    );
    assert_eq!(pauses[39], 60_000);
    assert_eq!(desk.write(2), Some(status("True", 1)));
    desk.want(status("False", 1));
    assert_eq!(desk.due_in(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_any_more_is_forgotten() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("True", 1));
    let write = desk.schedule.take_due(Instant::now()).expect("it is due");
    desk.schedule.want(&[]);
    desk.schedule.failed(&write.target, 1.0, Instant::now());
    desk.schedule.close();
    assert!(desk.schedule.is_settled());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_only_watches_the_time_go_by_is_written_once_a_minute() {
    let idle = |watermark: u64, events: u64| json!({"eventsRead": events, "lagSeconds": watermark, "checkpoint": {"watermark": watermark}});
    let mut desk = Desk::new(Kind::Job);
    desk.want(idle(1, 7));
    desk.write(2);
    desk.want(idle(2, 7));
    assert_eq!(desk.due_in(), Some(Duration::from_secs(60)));
    desk.want(idle(2, 8));
    assert_eq!(desk.due_in(), Some(Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_write_names_the_latest_version_that_is_known() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("False", 1));
    assert_eq!(
        desk.schedule.take_due(Instant::now()).map(|w| w.version),
        Some(1)
    );
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("False", 1));
    desk.write(5);
    desk.want(status("True", 1));
    assert_eq!(
        desk.schedule.take_due(Instant::now()).map(|w| w.version),
        Some(5)
    );
}

#[tokio::test(start_paused = true)]
async fn a_contested_write_waits_for_the_newer_version_and_no_longer() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("False", 1));
    let write = desk.schedule.take_due(Instant::now()).expect("it is due");
    desk.schedule.contested(&write);
    desk.want(status("False", 2));
    assert_eq!((desk.due_in(), desk.schedule.is_contested()), (None, true));
    desk.version = 2;
    desk.want(status("False", 2));
    assert!(!desk.schedule.is_contested());
    assert_eq!(desk.write(3), Some(status("False", 2)));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_drops_is_written_again_in_its_turn() {
    let mut desk = Desk::new(Kind::Job);
    desk.want(status("True", 1));
    let write = desk.schedule.take_due(Instant::now()).expect("it is due");
    let stored = Stored {
        version: 2,
        status: json!({}),
    };
    desk.schedule.succeeded(write, stored, Instant::now());
    assert_eq!(desk.due_in(), Some(Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_everything_is_tried_once_and_checkpoints_of_jobs_first() {
    let wanted = |kind| Wanted {
        target: target(kind),
        stored: Value::Null,
        version: 1,
        status: status("True", 1),
        notice: None,
    };
    let mut schedule = Schedule::default();
    let now = Instant::now();
    schedule.want(&Kind::ALL.map(wanted));
    for kind in Kind::ALL {
        let write = schedule.take_due(now).expect("it is due");
        assert_ne!(write.target.kind, kind);
        schedule.failed(&write.target, 1.0, now);
    }
    schedule.close();
    let mut order = Vec::new();
    while let Some(write) = schedule.take_due(now) {
        order.push(write.target.kind);
        assert!(!schedule.is_settled());
        schedule.failed(&write.target, 1.0, now);
    }
    assert_eq!(order, [Kind::Job, Kind::Rule]);
    assert!(schedule.is_settled());
}
