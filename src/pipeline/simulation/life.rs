//! One life of a job, from a seed: a world, what happens in it, and what must hold all the time.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use fastrand::Rng;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{
    events::Events,
    nature::{Nature, Phase},
    replica::Replica,
    trouble::troubles,
    truth::{Truth, Violation},
};
use crate::{
    detect::rule::Rule,
    pipeline::{
        plan::{Plan, Range},
        progress::State,
        test_support::*,
    },
};

/// What is left to be done after the last trouble is done in this time.
const CONVERGENCE: Duration = Duration::from_secs(300);

/// What is late is found by the hourly sweep at the latest.
const SWEEPS: Duration = Duration::from_secs(3_600);

/// The plan that all lives begin with.
static PLAN: LazyLock<Plan> = LazyLock::new(a_plan);

/// Who plays in a life, and what is known of it.
pub struct Life {
    rng: Rng,
    nature: Nature,
    bug: Option<Bug>,
    server: Server,
    events: Events,
    truth: Truth,
    status: Status,
    plan: Plan,
    /// The rules, also while none of them is loaded.
    rules: Vec<Arc<Rule>>,
    epoch: u64,
    leader: Option<Replica>,
    /// Who led before, was away, and does not know.
    zombie: Option<Replica>,
    /// Times that the pipelines of those broke who are gone.
    restarts: u64,
}

/// What came of a life.
#[derive(Debug, PartialEq, Eq)]
pub struct Lived {
    /// When it ended.
    pub ended: Timestamp,
    /// Windows that were read.
    pub windows: usize,
    /// Alerts that were stored, in order.
    pub alerts: Vec<String>,
}

impl Life {
    pub fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let nature = Nature::new(&mut rng);
        let plan = Plan {
            range: nature.range,
            fetch_delay: nature.fetch_delay(&mut rng),
            ..PLAN.clone()
        };
        let server = Server::new();
        // In every other life only what a rule could match is handed out.
        if seed % 2 == 1 {
            server.leave_out();
        }
        Self {
            events: Events::new(&nature),
            rng,
            nature,
            bug,
            server,
            truth: Truth::default(),
            status: Status::default(),
            rules: plan.rules.to_vec(),
            plan,
            epoch: 0,
            leader: None,
            zombie: None,
            restarts: 0,
        }
    }

    pub async fn live(mut self) -> Result<Lived, Violation> {
        let rng = self.rng.fork();
        self.server.fate(troubles(rng, self.nature.trouble_one_in));
        self.server.take_ids(|id| id.starts_with("00"));
        for phase in std::mem::take(&mut self.nature.phases) {
            match phase {
                Phase::Busy(length) => self.be_busy(length).await?,
                Phase::Idle(length) => sleep(length).await,
                Phase::Down(length) => {
                    self.end_leader().await;
                    if let Some(zombie) = &self.zombie {
                        zombie.leave();
                    }
                    sleep(length).await;
                }
            }
            self.look().await?;
        }
        self.settle().await?;
        self.check_restarts().await?;
        let alerts = self.server.stored_after(0).into_iter();
        Ok(Lived {
            ended: self.server.clock(),
            windows: self.server.windows().len(),
            alerts: alerts.map(|stored| stored.alert.id.clone()).collect(),
        })
    }

    async fn be_busy(&mut self, length: Duration) -> Result<(), Violation> {
        self.lead();
        let end = Instant::now() + length;
        while Instant::now() < end {
            let step = Duration::from_millis(self.rng.u64(100..2_500));
            sleep(step.min(end - Instant::now())).await;
            let Self { rng, server, .. } = self;
            self.events.happen(rng, server, &mut self.truth);
            self.look().await?;
            self.happen().await;
        }
        Ok(())
    }

    /// Something that happens to operators, or nothing.
    async fn happen(&mut self) {
        match self.rng.u32(0..100) {
            0..4 => self.end_leader().await,
            4..8 => self.edit(),
            8..12 => self.usurp(),
            12..20 => {
                if let Some(zombie) = &self.zombie {
                    zombie.come_back();
                }
            }
            20 => self.status.lose(),
            _ => {}
        }
        self.lead();
    }

    /// What is known of all now, and whether it may be so. What a zombie takes for done under old
    /// rules is of no consequence, as long as it can't write it.
    async fn look(&mut self) -> Result<(), Violation> {
        self.see_alerts()?;
        let Self { rng, status, .. } = self;
        for (role, leads) in [(&mut self.leader, true), (&mut self.zombie, false)] {
            let Some(replica) = role else { continue };
            let Some(reached) = replica.checkpoint(&self.plan)? else {
                continue;
            };
            let writing = match rng.u32(0..3) {
                0 => replica.write(rng, status, &reached),
                _ => Writing::Unwritten,
            };
            if leads || writing == Writing::Written {
                self.truth.allows(reached.watermark)?;
            }
            if writing == Writing::Superseded
                && let Some(superseded) = role.take()
            {
                self.restarts += superseded.die().await;
            }
        }
        Ok(())
    }

    fn see_alerts(&mut self) -> Result<(), Violation> {
        let stored = self.server.stored_after(self.truth.seen());
        stored.iter().try_for_each(|stored| self.truth.see(stored))
    }

    fn lead(&mut self) {
        if self.leader.is_none() {
            self.epoch += 1;
            let Self {
                server,
                bug,
                plan,
                epoch,
                status,
                ..
            } = self;
            self.leader = Some(Replica::start(server, *bug, plan, *epoch, status));
        }
    }

    /// The leader dies, or ends in an orderly way.
    async fn end_leader(&mut self) {
        if let Some(leader) = self.leader.take() {
            self.restarts += match self.rng.bool() {
                true => leader.die().await,
                false => leader.end(&self.plan, &mut self.status).await,
            };
        }
    }

    /// The leader is away without knowing it, and another one takes its place.
    fn usurp(&mut self) {
        if self.zombie.is_none()
            && let Some(leader) = self.leader.take()
        {
            leader.leave();
            self.zombie = Some(leader);
        }
    }

    /// The rules, or something that needs a new connection, are changed.
    fn edit(&mut self) {
        match self.rng.u32(0..4) {
            0 => {
                let message = format!("edit {}", self.rng.u32(..));
                self.rules[0] = a_rule_that_says("made", "create", "Tamper", &message);
                self.rules[1] = a_rule_that_says("read", "get", "Enum", &message);
                self.plan.rules = self.rules.as_slice().into();
            }
            1 => {
                self.rules.truncate(2);
                self.rules.push(a_rule("removed", "delete", "Tamper"));
                self.plan.rules = self.rules.as_slice().into();
                self.events.add_rule(self.server.clock());
            }
            // Until there are some again, nothing is read.
            2 => self.plan.rules = [].into(),
            _ => self.plan.fetch_delay = self.nature.fetch_delay(&mut self.rng),
        }
        self.tell_plan();
    }

    fn tell_plan(&self) {
        if let Some(leader) = &self.leader {
            let plans = &leader.operator.plans;
            plans.send_replace([self.plan.clone()].into());
        }
    }

    /// After the last trouble all that is left is done in time (I5).
    async fn settle(&mut self) -> Result<(), Violation> {
        self.server.no_more_trouble();
        self.plan.rules = self.rules.as_slice().into();
        self.tell_plan();
        if let Some(zombie) = self.zombie.take() {
            zombie.come_back();
            sleep(Duration::from_secs(1)).await;
            self.restarts += zombie.die().await;
        }
        self.lead();
        let left = self.events.last().duration_since(self.server.clock());
        sleep(Duration::try_from(left).unwrap_or_default()).await;
        let limit = if self.nature.is_patient {
            CONVERGENCE + SWEEPS
        } else {
            // What begins anew looks at the whole day at once.
            self.end_leader().await;
            self.lead();
            CONVERGENCE
        };
        let began = Instant::now();
        while !self.is_settled().await? {
            if began.elapsed() > limit {
                let untold = self.truth.untold();
                return Err(Violation(format!(
                    "I5: not settled after {limit:?}; {untold}"
                )));
            }
            sleep(self.plan.fetch_delay / 2).await;
        }
        Ok(())
    }

    async fn is_settled(&mut self) -> Result<bool, Violation> {
        self.look().await?;
        let Some(leader) = &mut self.leader else {
            return Ok(false);
        };
        let Range::Static { end, .. } = self.plan.range else {
            return Ok(self.truth.is_told());
        };
        let published = leader.operator.published();
        let progress = published.get(&self.plan.id);
        let is_complete = progress.is_some_and(|progress| progress.state == State::Complete);
        if !is_complete {
            return Ok(false);
        }
        self.see_alerts()?;
        let reached = progress.and_then(|progress| progress.checkpoint.as_ref());
        if !self.truth.is_told() || reached.is_none_or(|reached| reached.watermark != end) {
            let untold = self.truth.untold();
            return Err(Violation(format!(
                "I1: complete, but not all is told: {untold}"
            )));
        }
        Ok(true)
    }

    /// No pipeline broke of itself.
    async fn check_restarts(&mut self) -> Result<(), Violation> {
        if let Some(leader) = self.leader.take() {
            self.restarts += leader.die().await;
        }
        let (restarts, panics) = (self.restarts, self.server.panics());
        if restarts > panics {
            return Err(Violation(format!(
                "{restarts} restarts after {panics} panics"
            )));
        }
        Ok(())
    }
}
