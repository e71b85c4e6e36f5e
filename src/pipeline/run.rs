//! One run of one plan: three tasks and the bounded channels between them.
//!
//! ```text
//!  fetch ──pages──► detect ──alerts──► push ──► sink
//!    └────────── receipts ──────────────┘└──► checkpoint
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    task::JoinError,
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    detect::ruleset::RuleSet,
    pipeline::{
        active::ActiveRules,
        board::Reporter,
        cursor::{Cursor, PageLost},
        detect::{self, Detect},
        fetch::{self, Fetch},
        link::Link,
        plan::{Plan, Range},
        ports::Connector,
        progress::Checkpoint,
        push::{self, Push},
        settings::Settings,
        ticket::Attempts,
        window::{Horizon, Planner},
    },
};

/// Pages that may wait between two stages.
const PAGES_BETWEEN: usize = 2;
/// Shortest pause between two looks.
const LEAST_DELAY: Duration = Duration::from_secs(1);

/// What a run needs.
pub struct Run {
    /// What to do.
    pub plan: Plan,
    /// Where to begin; `None` is the start of the range.
    pub checkpoint: Option<Checkpoint>,
    /// The loaded rules, replaced whole while the run goes on.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// The way to the servers.
    pub connector: Arc<dyn Connector>,
    /// What holds for all runs.
    pub settings: Settings,
    /// Where progress goes.
    pub reporter: Reporter,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The whole range is read, and its alerts are acknowledged.
    Complete,
    /// It was told to stop.
    Stopped,
}

/// A fault of our own. Everything before the checkpoint is safe, and a new run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A stage, or the compiling of the rules, panicked.
    #[error("a task of the pipeline failed: {0}")]
    TaskFailed(#[from] JoinError),
    /// A window can't be committed any more.
    #[error(transparent)]
    PageLost(#[from] PageLost),
}

/// Runs a plan until its range is done, or it is told to stop. Dropping the future stops all of it
/// at once.
pub async fn run(run: Run, stop: CancellationToken) -> Result<Ending, RunError> {
    let reporter = run.reporter.clone();
    let Stages {
        fetch,
        detect,
        push,
    } = stages(run);
    let fetching = task(fetch::run(fetch, stop.clone()));
    let detecting = task(detect::run(detect));
    let pushing = task(push::run(push, stop.clone()));
    // The first failure drops, and so aborts, the other tasks.
    let ((), (), pushed) = tokio::try_join!(fetching, detecting, pushing)?;
    pushed?;
    if stop.is_cancelled() {
        return Ok(Ending::Stopped);
    }
    reporter.complete();
    Ok(Ending::Complete)
}

struct Stages {
    fetch: Fetch,
    detect: Detect,
    push: Push,
}

fn stages(run: Run) -> Stages {
    let Run {
        plan,
        checkpoint,
        rules,
        connector,
        settings,
        reporter,
    } = run;
    let checkpoint = starting_point(plan.range, checkpoint);
    let link = Arc::new(Link::new(plan.clone(), connector));
    let (attempts, receipts) = Attempts::new();
    let (page_sender, pages) = mpsc::channel(PAGES_BETWEEN);
    let (found_sender, found) = mpsc::channel(PAGES_BETWEEN);
    let fetch = Fetch {
        link: Arc::clone(&link),
        pushdown: plan.pushdown,
        fetch_delay: plan.fetch_delay.max(LEAST_DELAY),
        page_memory: settings.page_memory,
        rules: rules.clone(),
        start: start(plan.range),
        planner: Planner::new(plan.range, checkpoint.watermark),
        ledger: checkpoint.ledger.clone(),
        active: ActiveRules::new(checkpoint.active_from.clone()),
        horizon: Horizon::new(settings.safety_lag),
        attempts,
        pages: page_sender,
        reporter: reporter.clone(),
    };
    let detect = Detect {
        pages,
        found: found_sender,
        rules,
        tenant: plan.id.namespace,
        job: plan.id.name,
        cluster: settings.cluster,
        layout: plan.source.layout,
        layout_path: plan.source.layout_path,
        reporter: reporter.clone(),
    };
    let push = Push {
        link,
        index: plan.sink.index,
        found,
        receipts,
        cursor: Cursor::new(checkpoint),
        reporter,
        drain: settings.drain,
    };
    Stages {
        fetch,
        detect,
        push,
    }
}

/// The checkpoint to begin at: never before the range.
fn starting_point(range: Range, checkpoint: Option<Checkpoint>) -> Checkpoint {
    let checkpoint = checkpoint.unwrap_or_default();
    Checkpoint {
        watermark: checkpoint.watermark.max(start(range)),
        ..checkpoint
    }
}

fn start(range: Range) -> Timestamp {
    let (Range::Static { start, .. } | Range::Streaming { start }) = range;
    start
}

fn task<T: Send + 'static>(
    stage: impl Future<Output = T> + Send + 'static,
) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(tokio::spawn(stage))
}

#[cfg(test)]
mod tests;
