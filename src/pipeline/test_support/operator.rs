//! A supervisor as the operator runs it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Server;
use crate::pipeline::{
    board::{Board, Published},
    plan::Plan,
    ports::Connector,
    progress::{Checkpoint, Progress, State},
    settings::Settings,
    supervisor::Supervisor,
};

/// A supervisor at work.
pub struct Operator {
    pub plans: watch::Sender<Arc<[Plan]>>,
    pub board: Board,
    progress: watch::Receiver<Published>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Operator {
    pub fn start(server: &Server, plans: &[Plan]) -> Self {
        Self::start_with(Arc::new(server.clone()), plans)
    }

    pub fn start_with(connector: Arc<dyn Connector>, plans: &[Plan]) -> Self {
        let supervisor = Supervisor::new(connector, Settings::default());
        let (sender, wanted) = watch::channel(plans.into());
        let (published, progress) = watch::channel(Published::default());
        let stop = CancellationToken::new();
        Self {
            plans: sender,
            board: supervisor.board(),
            progress,
            task: tokio::spawn(supervisor.run(wanted, published, stop.clone())),
            stop,
        }
    }

    /// The first published progress of the plan that satisfies something, within a day.
    pub async fn until(&mut self, plan: &Plan, is_it: impl Fn(&Progress) -> bool) -> Progress {
        let published = self
            .progress
            .wait_for(|published| published.get(&plan.id).is_some_and(&is_it));
        let published = timeout(Duration::from_secs(86_400), published).await;
        let published = published.expect("it comes to pass").expect("still running");
        published[&plan.id].clone()
    }

    pub async fn until_complete(&mut self, plan: &Plan) -> Progress {
        self.until(plan, |progress| progress.state == State::Complete)
            .await
    }

    /// What is published now.
    pub fn published(&self) -> Published {
        self.progress.borrow().clone()
    }

    pub fn checkpoint(&self, plan: &Plan) -> Option<Checkpoint> {
        self.board.checkpoint(plan)
    }

    /// Ends everything in the middle of it.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Drains everything; gives the time that it took.
    pub async fn shut_down(self) -> Duration {
        let asked = Instant::now();
        self.stop.cancel();
        self.task.await.expect("the supervisor does not panic");
        asked.elapsed()
    }
}
