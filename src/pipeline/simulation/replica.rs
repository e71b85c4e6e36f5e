//! An operator that leads, or believes so: it may be away for a while without knowing it.

use std::sync::Arc;

use fastrand::Rng;
use jiff::Timestamp;
use tokio::sync::watch;

use super::truth::Violation;
use crate::pipeline::{
    board::Board,
    plan::Plan,
    ports::Connector,
    progress::Checkpoint,
    test_support::{Bug, Buggy, Operator, Server, Status, Writer, Writing},
};

/// One of the operators of a life.
pub struct Replica {
    pub operator: Operator,
    writer: Writer,
    gate: watch::Sender<bool>,
    /// Where it stood when it was looked at last, and under which rules.
    last: Option<(Option<String>, Timestamp)>,
}

impl Replica {
    /// Begins where the status stands.
    pub fn start(
        server: &Server,
        bug: Option<Bug>,
        plan: &Plan,
        epoch: u64,
        status: &mut Status,
    ) -> Self {
        let (gate, open) = watch::channel(true);
        let server: Arc<dyn Connector> = Arc::new(server.behind(open));
        let connector = match bug {
            Some(bug) => Arc::new(Buggy {
                connector: server,
                bug,
            }),
            None => server,
        };
        let plan = Plan {
            resume: status.read().checkpoint(),
            ..plan.clone()
        };
        Self {
            operator: Operator::start_with(connector, &[plan]),
            writer: Writer::new(epoch, status),
            gate,
            last: None,
        }
    }

    /// Stops hearing and being heard.
    pub fn leave(&self) {
        self.gate.send_replace(false);
    }

    /// Goes on as if nothing had happened.
    pub fn come_back(&self) {
        self.gate.send_replace(true);
    }

    /// The last commit; under the same rules, none is before an earlier one (I4).
    pub fn checkpoint(&mut self, plan: &Plan) -> Result<Option<Checkpoint>, Violation> {
        let Some(reached) = self.operator.checkpoint(plan) else {
            return Ok(None);
        };
        let now = (reached.rules_revision.clone(), reached.watermark);
        match self.last.replace(now) {
            Some((rules, before))
                if rules == reached.rules_revision && before > reached.watermark =>
            {
                let now = reached.watermark;
                let violation = format!("I4: the watermark went back from {before} to {now}");
                Err(Violation(violation))
            }
            _ => Ok(Some(reached)),
        }
    }

    /// Tries to write a checkpoint, maybe without having seen what was written lately.
    pub fn write(&mut self, rng: &mut Rng, status: &mut Status, reached: &Checkpoint) -> Writing {
        if rng.u32(0..4) > 0 {
            self.writer.look(status);
        }
        self.writer.write(status, reached)
    }

    /// Dies, in the middle of whatever it does; gives how often its pipeline broke.
    pub async fn die(self) -> u64 {
        let board = self.operator.board.clone();
        self.operator.kill().await;
        restarts(&board)
    }

    /// Ends in an orderly way; gives how often its pipeline broke.
    pub async fn end(mut self, plan: &Plan, status: &mut Status) -> u64 {
        let board = self.operator.board.clone();
        self.operator.shut_down().await;
        if let Some(reached) = board.checkpoint(plan) {
            self.writer.look(status);
            self.writer.write(status, &reached);
        }
        restarts(&board)
    }
}

fn restarts(board: &Board) -> u64 {
    board.totals().values().map(|totals| totals.restarts).sum()
}
