//! The care of one plan: compiles its rules, runs it, loads changed rules while it runs, and
//! begins again at its checkpoint when it broke.

use std::{convert::Infallible, sync::Arc};

use tokio::{
    sync::watch,
    task::{JoinError, spawn_blocking},
    time::{Duration, Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    detect::{rule::Rule, ruleset::RuleSet},
    pipeline::{
        board::{Board, Place, Reporter, Seat},
        plan::Plan,
        ports::{Connector, Fault, FaultReason, Remedy},
        progress::Checkpoint,
        retry::Backoff,
        run::{Ending, Run, RunError, run},
        settings::Settings,
    },
};

/// A run that lasted this long was not broken from the start.
const LASTING: Duration = Duration::from_secs(60);

/// What the care of a plan needs.
pub struct Keeper {
    /// The plan; its rules are those to begin with.
    pub plan: Plan,
    /// The rules that are wanted.
    pub rules: watch::Receiver<Arc<[Arc<Rule>]>>,
    /// The way to the servers.
    pub connector: Arc<dyn Connector>,
    /// What holds for all runs.
    pub settings: Settings,
    /// Where progress goes.
    pub board: Board,
    /// The plan's place on it.
    pub seat: Seat,
}

/// The task that ran an earlier form of the plan, and was told to stop.
pub struct Predecessor {
    /// The task.
    pub task: AbortOnDropHandle<()>,
    /// How long it may take to end by itself.
    pub patience: Duration,
}

/// Keeps a plan running until it is complete or told to stop. An earlier form of it ends first.
pub async fn keep(keeper: Keeper, predecessor: Option<Predecessor>, stop: CancellationToken) {
    let mut resume = keeper.plan.resume.clone();
    if let Some(predecessor) = predecessor {
        end(predecessor.task, predecessor.patience).await;
        resume = newest(resume, keeper.board.checkpoint(&keeper.plan));
    }
    let Some(reporter) = keeper.board.begin(&keeper.plan, keeper.seat, resume) else {
        return;
    };
    let mut backoff = Backoff::default();
    loop {
        let started = Instant::now();
        let error = match keeper.run_once(&reporter, &stop).await {
            Ok(ending) => {
                tracing::info!(job = %keeper.plan.id, ?ending, "job ended");
                return;
            }
            Err(error) => error,
        };
        tracing::error!(job = %keeper.plan.id, %error, "pipeline failed; it begins again at its checkpoint");
        if started.elapsed() >= LASTING {
            backoff.reset();
        }
        let fault = failure(&error);
        let pause = backoff.pause(&fault);
        reporter.broke(&fault);
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        reporter.passed(&Place::Pipeline);
    }
}

/// Waits for the end of a task that was told to stop; past the patience it is cut short.
pub async fn end(mut task: AbortOnDropHandle<()>, patience: Duration) {
    if timeout(patience, &mut task).await.is_err() {
        task.abort();
        // Nothing of it runs any more when the handle says so.
        let _ = task.await;
    }
}

impl Keeper {
    async fn run_once(
        &self,
        reporter: &Reporter,
        stop: &CancellationToken,
    ) -> Result<Ending, RunError> {
        let mut wanted = self.rules.clone();
        let first = Arc::clone(&wanted.borrow_and_update());
        let first = load(first, reporter).await?;
        let (loading, rules) = watch::channel(first);
        let running = Run {
            plan: self.plan.clone(),
            checkpoint: reporter.checkpoint(),
            rules,
            connector: Arc::clone(&self.connector),
            settings: self.settings.clone(),
            reporter: reporter.clone(),
        };
        tokio::select! {
            ended = run(running, stop.clone()) => ended,
            never = reload(wanted, loading, reporter) => match never {},
        }
    }
}

/// Loads changed rules, the newest wherever several changes came at once.
async fn reload(
    mut wanted: watch::Receiver<Arc<[Arc<Rule>]>>,
    loading: watch::Sender<Arc<RuleSet>>,
    reporter: &Reporter,
) -> Infallible {
    while wanted.changed().await.is_ok() {
        let rules = Arc::clone(&wanted.borrow_and_update());
        match load(rules, reporter).await {
            Ok(set) => {
                loading.send_replace(set);
            }
            Err(error) => {
                tracing::error!(job = %reporter.plan(), %error, "rules could not be compiled; the old ones stay loaded");
            }
        }
    }
    std::future::pending().await
}

/// Compiles rules away from the async threads.
async fn load(rules: Arc<[Arc<Rule>]>, reporter: &Reporter) -> Result<Arc<RuleSet>, JoinError> {
    let compiled = spawn_blocking(move || RuleSet::new(rules.iter().cloned())).await?;
    reporter.loaded(&compiled);
    Ok(Arc::new(compiled))
}

/// The checkpoint that is further on.
fn newest(one: Option<Checkpoint>, other: Option<Checkpoint>) -> Option<Checkpoint> {
    [one, other]
        .into_iter()
        .flatten()
        .max_by_key(|checkpoint| checkpoint.watermark)
}

fn failure(error: &RunError) -> Fault {
    let message = match error {
        RunError::TaskFailed(_) => "a task of the pipeline failed; it begins again".to_owned(),
        RunError::PageLost(lost) => lost.to_string(),
    };
    Fault {
        reason: FaultReason::PipelineFailed,
        message,
        remedy: Remedy::Retry,
        retry_after: None,
    }
}
