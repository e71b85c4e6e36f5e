//! Keeps the wanted plans running: starts, replaces, reloads and stops them, and begins again what
//! broke. Pipelines are started here and nowhere else.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{sync::watch, time::Duration};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{
    detect::rule::Rule,
    pipeline::{
        board::{Board, Published},
        diff::{Diff, diff},
        keep::{Keeper, Predecessor, end, keep},
        plan::{Plan, PlanId},
        ports::Connector,
        settings::Settings,
    },
};

/// How long a plan that is not wanted any more may take to end by itself.
const STOPPING: Duration = Duration::from_millis(1_500);
/// What the end of a run may take beyond the drain time.
const ENDING: Duration = Duration::from_secs(2);

/// Runs plans.
pub struct Supervisor {
    connector: Arc<dyn Connector>,
    settings: Settings,
    board: Board,
    running: BTreeMap<PlanId, Running>,
    /// Waits for the ends of plans that are not wanted any more.
    stopping: TaskTracker,
}

/// A plan in the care of its keeper.
struct Running {
    plan: Plan,
    rules: watch::Sender<Arc<[Arc<Rule>]>>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Supervisor {
    /// A supervisor that runs nothing yet.
    pub fn new(connector: Arc<dyn Connector>, settings: Settings) -> Self {
        Self {
            connector,
            settings,
            board: Board::default(),
            running: BTreeMap::new(),
            stopping: TaskTracker::new(),
        }
    }

    /// Where the totals of all jobs can be read.
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Keeps the plans that arrive running until told to stop (or until nobody can send any more),
    /// then drains them. When it returns, nothing runs, and the last progress is published. Dropping
    /// the future stops everything at once.
    pub async fn run(
        mut self,
        mut plans: watch::Receiver<Arc<[Plan]>>,
        progress: watch::Sender<Published>,
        stop: CancellationToken,
    ) {
        let board = self.board.clone();
        let work = async {
            self.follow(&mut plans, &stop).await;
            self.drain().await;
        };
        tokio::select! {
            () = work => {}
            never = board.publish(&progress) => match never {},
        }
        board.publish_now(&progress);
    }

    async fn follow(&mut self, plans: &mut watch::Receiver<Arc<[Plan]>>, stop: &CancellationToken) {
        loop {
            let wanted = Arc::clone(&plans.borrow_and_update());
            self.apply(&wanted);
            tokio::select! {
                () = stop.cancelled() => return,
                changed = plans.changed() => if changed.is_err() { return },
            }
        }
    }

    fn apply(&mut self, wanted: &[Plan]) {
        let plans = self.running.iter();
        let running = plans
            .map(|(id, running)| (id.clone(), running.plan.clone()))
            .collect();
        let Diff {
            start,
            replace,
            reload,
            stop,
        } = diff(&running, wanted);
        for id in stop {
            self.stop(&id);
        }
        for plan in replace {
            self.replace(plan);
        }
        for plan in start {
            tracing::info!(job = %plan.id, rules = plan.rules.len(), "job started");
            self.start(plan, None);
        }
        for plan in reload {
            tracing::info!(job = %plan.id, rules = plan.rules.len(), "job gets changed rules");
            if let Some(running) = self.running.get_mut(&plan.id) {
                running.rules.send_replace(Arc::clone(&plan.rules));
                running.plan = plan;
            }
        }
    }

    fn start(&mut self, plan: Plan, predecessor: Option<Predecessor>) {
        let stop = CancellationToken::new();
        let (rules, wanted_rules) = watch::channel(Arc::clone(&plan.rules));
        let keeper = Keeper {
            plan: plan.clone(),
            rules: wanted_rules,
            connector: Arc::clone(&self.connector),
            settings: self.settings.clone(),
            board: self.board.clone(),
            seat: self.board.enter(&plan),
        };
        let task = tokio::spawn(keep(keeper, predecessor, stop.clone()));
        let running = Running {
            rules,
            task: AbortOnDropHandle::new(task),
            stop,
            plan,
        };
        self.running.insert(running.plan.id.clone(), running);
    }

    /// Drains the old form of a plan, then starts the new one.
    fn replace(&mut self, plan: Plan) {
        tracing::info!(job = %plan.id, "job changed; it is drained and started anew");
        let old = self.running.remove(&plan.id);
        let predecessor = old.map(|old| {
            old.stop.cancel();
            Predecessor {
                patience: self.settings.drain + ENDING,
                task: old.task,
            }
        });
        self.start(plan, predecessor);
    }

    /// Stops a plan that is not wanted any more, within two seconds.
    fn stop(&mut self, id: &PlanId) {
        if let Some(running) = self.running.remove(id) {
            tracing::info!(job = %id, "job stopped");
            running.stop.cancel();
            self.stopping.spawn(end(running.task, STOPPING));
            self.board.remove(id);
        }
    }

    async fn drain(&mut self) {
        let running = std::mem::take(&mut self.running);
        for running in running.into_values() {
            running.stop.cancel();
            let patience = self.settings.drain + ENDING;
            self.stopping.spawn(end(running.task, patience));
        }
        self.stopping.close();
        self.stopping.wait().await;
    }
}

#[cfg(test)]
mod tests;
