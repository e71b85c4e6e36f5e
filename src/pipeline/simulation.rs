//! Whole lives of a job under random faults, each from a seed: events, refusals, lost answers,
//! panics, edits, restarts and kills. Whatever happens, no alert is lost (I1), none is doubled or
//! made up (I2), and the watermark never goes back nor ahead of what is in the sink (I4).

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use crate::pipeline::{
    plan::{Plan, Range},
    ports::{Fault, FaultReason, Outcome, Remedy},
    progress::{Checkpoint, Progress, State},
    test_support::*,
};

const SEEDS: u64 = 60;
const SECONDS: i64 = 200;
const VERBS: [&str; 3] = ["create", "get", "list"];
/// The verbs that the rules of the plan look for.
const FOUND: [&str; 2] = ["create", "get"];

#[test]
fn no_schedule_of_faults_loses_or_doubles_an_alert() {
    for seed in 0..SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        fastrand::seed(seed);
        runtime.block_on(Life::new(seed).live());
    }
}

struct Life {
    seed: u64,
    rng: Rng,
    server: Server,
    plan: Plan,
    events: usize,
    watermark: Timestamp,
    /// Of the rules that a static range is read under; others begin it anew.
    revision: Option<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (start, end) = (at(0), at(SECONDS));
        let range = if rng.bool() {
            Range::Static { start, end }
        } else {
            Range::Streaming { start }
        };
        let plan = Plan { range, ..a_plan() };
        Self {
            seed,
            rng,
            server: Server::new(),
            plan,
            events: 0,
            watermark: start,
            revision: None,
        }
    }

    async fn live(mut self) {
        self.bring_trouble();
        let mut operator = Operator::start(&self.server, std::slice::from_ref(&self.plan));
        let mut last = None;
        while self.server.clock() < at(SECONDS) {
            sleep(Duration::from_millis(self.rng.u64(1..2_000))).await;
            self.write_events();
            last = self.look(&operator).or(last);
            match self.rng.u32(0..100) {
                0..3 => operator.kill().await,
                3..6 => drop(operator.shut_down().await),
                6..10 => {
                    self.edit(&operator);
                    continue;
                }
                _ => continue,
            }
            // What the status of the job held may be older than what was reached.
            self.plan.resume = last.clone();
            operator = Operator::start(&self.server, std::slice::from_ref(&self.plan));
        }
        self.server.no_more_trouble();
        self.settle(&mut operator).await;
        self.look(&operator);
        let found = self.server.alert_ids().len();
        assert_eq!(found, self.events, "seed {}: lost or made up", self.seed);
    }

    /// Events of the last seconds, late by no more than the safety lag allows.
    fn write_events(&mut self) {
        for _ in 0..self.rng.usize(0..6) {
            let late = SignedDuration::from_millis(self.rng.i64(0..3_500));
            let time = (self.server.clock() - late).max(at(0));
            let verb = VERBS[self.rng.usize(0..VERBS.len())];
            self.events += usize::from(FOUND.contains(&verb) && time < at(SECONDS));
            if time < at(SECONDS) {
                self.server.add_event(time, verb);
            }
        }
    }

    fn look(&mut self, operator: &Operator) -> Option<Checkpoint> {
        let reached = operator.checkpoint(&self.plan)?;
        let seed = self.seed;
        assert!(
            self.server.has_alerts_before(reached.watermark, &FOUND),
            "seed {seed}: the watermark {} is ahead of the sink",
            reached.watermark
        );
        if reached.rules_revision != self.revision {
            self.revision.clone_from(&reached.rules_revision);
            self.watermark = reached.watermark;
        }
        assert!(
            reached.watermark >= self.watermark,
            "seed {seed}: the watermark went back from {} to {}",
            self.watermark,
            reached.watermark
        );
        self.watermark = reached.watermark;
        Some(reached)
    }

    /// An edit of the message, or of something that needs a new connection.
    fn edit(&mut self, operator: &Operator) {
        if self.rng.bool() {
            let message = format!("edit {}", self.rng.u32(..));
            self.plan.rules = Arc::new([
                a_rule_that_says("made", "create", "Tamper", &message),
                a_rule_that_says("read", "get", "Enum", &message),
            ]);
        } else {
            self.plan.fetch_delay = Duration::from_secs(self.rng.u64(1..10));
        }
        operator.plans.send_replace([self.plan.clone()].into());
    }

    async fn settle(&self, operator: &mut Operator) {
        let is_static = matches!(self.plan.range, Range::Static { .. });
        let settled = |progress: &Progress| {
            let reached = progress.checkpoint.as_ref();
            let all_done = reached.is_some_and(|reached| reached.watermark >= at(SECONDS));
            all_done && is_static == (progress.state == State::Complete)
        };
        let began = Instant::now();
        operator.until(&self.plan, settled).await;
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(300),
            "seed {}: {took:?}",
            self.seed
        );
    }

    /// Troubles of all kinds, one in so many calls.
    fn bring_trouble(&mut self) {
        let one_in = self.rng.u32(2..40);
        let mut rng = self.rng.fork();
        self.server.fate(move |call| {
            let strikes = rng.u32(0..one_in) == 0;
            strikes.then(|| trouble(&mut rng, call))
        });
    }
}

fn trouble(rng: &mut Rng, call: Call) -> Trouble {
    let fault = random_fault(rng);
    match (rng.u32(0..20), call) {
        (0, _) => Trouble::Panic,
        (1..8, Call::Push) => Trouble::AnswerLost(fault),
        (8..14, Call::Push) => {
            let salt = rng.usize(..);
            let rejects = rng.bool();
            Trouble::Items(Box::new(move |addressed| {
                let id = usize::from(addressed.alert.id.as_bytes()[0]);
                let strikes = (id ^ salt).is_multiple_of(3);
                strikes.then(|| match rejects {
                    true => Outcome::Rejected(fault.clone()),
                    false => Outcome::Retry(fault.clone()),
                })
            }))
        }
        _ => Trouble::Fault(fault),
    }
}

fn random_fault(rng: &mut Rng) -> Fault {
    let reasons = [
        FaultReason::ElasticsearchUnavailable,
        FaultReason::TooManyRequests,
        FaultReason::ViewLost,
        FaultReason::SinkBlocked,
        FaultReason::SinkRejecting,
    ];
    let remedies = [
        Remedy::Retry,
        Remedy::Reopen,
        Remedy::Reconnect,
        Remedy::Shrink,
    ];
    let mut fault = a_fault(
        reasons[rng.usize(0..reasons.len())],
        remedies[rng.usize(0..remedies.len())],
    );
    fault.retry_after = rng.bool().then(|| Duration::from_millis(rng.u64(0..5_000)));
    fault
}
