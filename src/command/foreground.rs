//! One plan that runs while a person waits for it.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{display::Display, signals};
use crate::pipeline::{
    board::Published,
    plan::{Plan, PlanId},
    ports::{Connector, FaultReason},
    progress::{Progress, State},
    settings::Settings,
    supervisor::Supervisor,
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All is done.
    Complete,
    /// A signal came.
    Stopped,
    /// Something stands in the way that waiting does not mend, or not soon enough.
    Hopeless(FaultReason, String),
}

/// Who is told of the progress of a run.
pub trait Attendant {
    /// What was done so far, in words.
    fn words(&self, progress: &Progress) -> String;

    /// Takes note of a progress; of the last one too, after everything has ended.
    fn note(&mut self, _progress: &Progress) {}
}

/// What is to run.
pub struct Foreground {
    /// The plan.
    pub plan: Plan,
    /// The way to its servers.
    pub connector: Arc<dyn Connector>,
    /// What holds for the run.
    pub settings: Settings,
    /// How long a fault that may pass is waited for; `None` is without end.
    pub patience: Option<Duration>,
}

/// Works until done or told to stop by a first signal; a second one aborts with these words.
pub fn work<T, F: Future<Output = anyhow::Result<T>>>(
    aborted: &'static str,
    work: impl FnOnce(CancellationToken) -> F,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::select! {
            result = work(stop.clone()) => result,
            signal = signals::await_abort(stop) => {
                signal.context("cannot listen to signals")?;
                Err(anyhow!(aborted))
            }
        }
    });
    runtime.shutdown_background();
    result
}

impl Foreground {
    /// Runs the plan to its end or to the stop; gives the last progress.
    pub async fn run(
        self,
        stop: CancellationToken,
        display: &mut Display,
        attendant: &mut dyn Attendant,
    ) -> anyhow::Result<(Ending, Option<Progress>)> {
        let supervisor = Supervisor::new(self.connector, self.settings);
        let (_plans, wanted) = watch::channel(Arc::from([self.plan.clone()]));
        let (published, mut progress) = watch::channel(Published::default());
        let done = stop.child_token();
        let running = tokio::spawn(supervisor.run(wanted, published, done.clone()));
        let mut attending = Attending {
            id: &self.plan.id,
            patience: self.patience,
            stuck: None,
            display,
            attendant,
        };
        let ending = attending.attend(&mut progress, &stop).await;
        if ending == Ending::Stopped {
            display.say(
                "stopping: what is under way is brought to its end; press Ctrl-C again to abort",
            );
        }
        done.cancel();
        running.await.context("the pipeline broke")?;
        let last = progress.borrow().get(&self.plan.id).cloned();
        if let Some(last) = &last {
            attendant.note(last);
        }
        Ok((ending, last))
    }
}

struct Attending<'a> {
    id: &'a PlanId,
    patience: Option<Duration>,
    /// When the patience with a fault ends.
    stuck: Option<Instant>,
    display: &'a mut Display,
    attendant: &'a mut dyn Attendant,
}

impl Attending<'_> {
    /// Shows progress until there is no more.
    async fn attend(
        &mut self,
        published: &mut watch::Receiver<Published>,
        stop: &CancellationToken,
    ) -> Ending {
        loop {
            let progress = published.borrow_and_update().get(self.id).cloned();
            if let Some(ending) = progress.and_then(|progress| self.see(&progress)) {
                return ending;
            }
            let patience = sleep_until(self.stuck.unwrap_or_else(Instant::now));
            tokio::select! {
                () = stop.cancelled() => return Ending::Stopped,
                changed = published.changed() => if changed.is_err() { return Ending::Stopped },
                () = patience, if self.stuck.is_some() => {}
            }
        }
    }

    fn see(&mut self, progress: &Progress) -> Option<Ending> {
        let now = Instant::now();
        let words = self.attendant.words(progress);
        self.display.progress(progress, &words, now);
        self.attendant.note(progress);
        match &progress.state {
            State::Complete => Some(Ending::Complete),
            State::Waiting { reason, message } => {
                let until = self.patience.map(|patience| now + patience);
                self.stuck = self.stuck.or(until);
                let hopeless = !passes(*reason) || self.stuck.is_some_and(|until| until <= now);
                hopeless.then(|| Ending::Hopeless(*reason, message.clone()))
            }
            State::Starting | State::Running => {
                self.stuck = None;
                None
            }
        }
    }
}

/// Whether it helps to wait. The operator waits for whatever somebody may mend; a person at a
/// terminal mends the command line.
pub fn passes(reason: FaultReason) -> bool {
    match reason {
        FaultReason::ElasticsearchUnavailable
        | FaultReason::TooManyRequests
        | FaultReason::PartialResults
        | FaultReason::ViewLost
        | FaultReason::SinkBlocked
        | FaultReason::SinkRejecting => true,
        FaultReason::AuthFailed
        | FaultReason::Forbidden
        | FaultReason::IndexNotFound
        | FaultReason::TimestampFieldInvalid
        | FaultReason::SinkNotDeterministic
        | FaultReason::SinkTemplateMissing
        | FaultReason::OriginNotAllowed
        | FaultReason::SecretInvalid
        | FaultReason::TlsFailed
        | FaultReason::NotElasticsearch
        | FaultReason::NoRules
        | FaultReason::PipelineFailed => false,
    }
}
