//! The care of one plan: compiles its rules, runs it, loads changed rules while it runs, and
//! begins again at its checkpoint when it broke.
//!
//! A static range is read under one set of rules, so that its result is that of this set: changed
//! rules begin it anew. After some changes it holds to the set it has, and comes to an end.

use std::{convert::Infallible, sync::Arc};

use tokio::{
    sync::watch,
    task::JoinError,
    time::{Duration, Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    detect::{rule::Rule, ruleset::RuleSet},
    pipeline::{
        away::away,
        board::{Board, Place, Reporter, Seat},
        crash,
        plan::{Plan, Range},
        ports::{Connector, Fault, FaultReason, Remedy},
        progress::Checkpoint,
        retry::Backoff,
        run::{Ending, Run, RunError, run},
        settings::Settings,
    },
};

/// A run that lasted this long was not broken from the start.
const LASTING: Duration = Duration::from_secs(60);

/// Changed rules that a static range is begun anew for.
const BEGUN_ANEW: u32 = 3;

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
    let mut held = Held::default();
    loop {
        let started = Instant::now();
        let error = match keeper.run_once(&reporter, &stop, &mut held).await {
            Ok(None) => continue,
            Ok(Some(ending)) => {
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

/// The rules that a static range is read under.
#[derive(Default)]
struct Held {
    set: Option<Arc<RuleSet>>,
    changed: u32,
}

impl Keeper {
    /// One run; `None` if it is to begin anew under changed rules.
    async fn run_once(
        &self,
        reporter: &Reporter,
        stop: &CancellationToken,
        held: &mut Held,
    ) -> Result<Option<Ending>, RunError> {
        let mut wanted = self.rules.clone();
        match self.plan.range {
            Range::Streaming { .. } => {
                let first = Arc::clone(&wanted.borrow_and_update());
                let set = compile(first).await?;
                reporter.loaded(&set);
                let (loading, rules) = watch::channel(set);
                tokio::select! {
                    ended = run(self.run(rules, reporter.checkpoint(), reporter), stop.clone()) => ended.map(Some),
                    never = reload(wanted, loading, reporter) => match never {},
                }
            }
            Range::Static { .. } => {
                // Rules that changed since the held set was compiled count as changed now.
                let set = match &held.set {
                    Some(set) => Arc::clone(set),
                    None => {
                        let first = Arc::clone(&wanted.borrow_and_update());
                        compile(first).await?
                    }
                };
                held.set = Some(Arc::clone(&set));
                reporter.loaded(&set);
                let checkpoint = reporter.checkpoint().unwrap_or_default();
                let checkpoint = under(&set, checkpoint, reporter);
                let (_held, rules) = watch::channel(Arc::clone(&set));
                tokio::select! {
                    ended = run(self.run(rules, Some(checkpoint), reporter), stop.clone()) => ended.map(Some),
                    other = another(wanted, &set, held.changed, reporter) => {
                        crash::point("rules.mid_swap");
                        held.changed += u32::from(!set.is_empty());
                        held.set = Some(other);
                        Ok(None)
                    }
                }
            }
        }
    }

    fn run(
        &self,
        rules: watch::Receiver<Arc<RuleSet>>,
        checkpoint: Option<Checkpoint>,
        reporter: &Reporter,
    ) -> Run {
        Run {
            plan: self.plan.clone(),
            checkpoint,
            rules,
            connector: Arc::clone(&self.connector),
            settings: self.settings.clone(),
            reporter: reporter.clone(),
        }
    }
}

/// The checkpoint to go on from under a set of rules: one of another set is of no use.
fn under(set: &RuleSet, checkpoint: Checkpoint, reporter: &Reporter) -> Checkpoint {
    let revision = Some(set.revision().to_owned());
    let is_other = checkpoint.rules_revision.is_some() && checkpoint.rules_revision != revision;
    let checkpoint = if is_other {
        tracing::info!(job = %reporter.plan(), "rules changed; the range is read anew");
        reporter.begin_anew();
        Checkpoint::default()
    } else {
        checkpoint
    };
    Checkpoint {
        rules_revision: revision,
        ..checkpoint
    }
}

/// The next set of rules that a static range is to be read under instead. Where all rules are gone,
/// it goes on with those it has.
async fn another(
    mut wanted: watch::Receiver<Arc<[Arc<Rule>]>>,
    set: &RuleSet,
    changed: u32,
    reporter: &Reporter,
) -> Arc<RuleSet> {
    while wanted.changed().await.is_ok() {
        let rules = Arc::clone(&wanted.borrow_and_update());
        match compile(rules).await {
            Ok(other) if other.is_empty() || other.revision() == set.revision() => {}
            Ok(_) if changed >= BEGUN_ANEW => {
                tracing::warn!(job = %reporter.plan(), "rules changed again; the range is read to its end under those it has");
            }
            Ok(other) => return other,
            Err(error) => told_broken(&error, reporter),
        }
    }
    std::future::pending().await
}

/// Loads changed rules, the newest wherever several changes came at once.
async fn reload(
    mut wanted: watch::Receiver<Arc<[Arc<Rule>]>>,
    loading: watch::Sender<Arc<RuleSet>>,
    reporter: &Reporter,
) -> Infallible {
    while wanted.changed().await.is_ok() {
        let rules = Arc::clone(&wanted.borrow_and_update());
        match compile(rules).await {
            Ok(set) => {
                crash::point("rules.mid_swap");
                reporter.loaded(&set);
                loading.send_replace(set);
            }
            Err(error) => told_broken(&error, reporter),
        }
    }
    std::future::pending().await
}

fn told_broken(error: &JoinError, reporter: &Reporter) {
    tracing::error!(job = %reporter.plan(), %error, "rules could not be compiled; the old ones stay loaded");
}

/// Compiles rules away from the async threads.
async fn compile(rules: Arc<[Arc<Rule>]>) -> Result<Arc<RuleSet>, JoinError> {
    away(move || Arc::new(RuleSet::new(rules.iter().cloned()))).await
}

/// The checkpoint that is further on: of two under different rules, that of this process.
fn newest(kept: Option<Checkpoint>, own: Option<Checkpoint>) -> Option<Checkpoint> {
    match (kept, own) {
        (Some(kept), Some(own)) if kept.rules_revision == own.rules_revision => {
            Some(if own.watermark >= kept.watermark {
                own
            } else {
                kept
            })
        }
        (kept, own) => own.or(kept),
    }
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
