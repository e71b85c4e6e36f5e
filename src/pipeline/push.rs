//! The last stage: brings alerts to the sink and moves the checkpoint, which nothing else does.
//!
//! Several requests are in flight, taken from the lanes in turn. A page is acknowledged when each
//! of its alerts is in the sink by the sink's own word, alert by alert.

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::pipeline::{
    board::{Place, Reporter},
    crash,
    cursor::{Cursor, PageLost},
    detect::Found,
    item::Item,
    lane::{Batch, Lanes, Load, Settled},
    link::Link,
    ports::{Fault, Outcome, Remedy},
    throttle::Throttle,
    ticket::{Receipt, Tally, Ticket},
};

/// What the stage is made of.
pub struct Push {
    /// The servers.
    pub link: Arc<Link>,
    /// Prefix of the alerts' indices.
    pub index: String,
    /// Where pages with their alerts come from.
    pub found: mpsc::Receiver<Found>,
    /// Where news of windows and pages come from.
    pub receipts: mpsc::UnboundedReceiver<Receipt>,
    /// The account of windows.
    pub cursor: Cursor,
    /// Where progress goes.
    pub reporter: Reporter,
    /// How long it goes on after being told to stop.
    pub drain: Duration,
}

/// Pushes until every window is settled; after being told to stop, until the drain time is over.
pub async fn run(stage: Push, stop: CancellationToken) -> Result<(), PageLost> {
    let pusher = Pusher {
        prefix: stage.index.as_str().into(),
        stage,
        lanes: Lanes::default(),
        throttle: Throttle::default(),
        pages: HashMap::new(),
        taken: 0,
        requests: FuturesUnordered::new(),
    };
    pusher.push_all(stop).await
}

/// A page whose alerts are under way.
struct OpenPage {
    ticket: Ticket,
    tally: Tally,
    outstanding: usize,
}

/// A request and what came of it.
struct Answered {
    batch: Batch,
    answer: Result<Vec<Outcome>, Fault>,
}

struct Pusher {
    stage: Push,
    prefix: Arc<str>,
    lanes: Lanes,
    throttle: Throttle,
    pages: HashMap<u64, OpenPage>,
    taken: u64,
    requests: FuturesUnordered<BoxFuture<'static, Answered>>,
}

impl Pusher {
    async fn push_all(mut self, stop: CancellationToken) -> Result<(), PageLost> {
        let drain = self.stage.drain;
        let drained = async {
            stop.cancelled().await;
            crash::point("shutdown.mid_drain");
            tokio::time::sleep(drain).await;
        };
        tokio::pin!(drained);
        let mut more_pages = true;
        loop {
            self.send_batches();
            // With a request to spare, whatever is still queued belongs to lanes that wait.
            let is_free = self.requests.len() < self.throttle.allowed();
            let wake = self.lanes.wake().filter(|_| is_free);
            let has_room = self.lanes.has_room();
            tokio::select! {
                // Receipts before pages: a window is announced before its pages arrive.
                biased;
                () = &mut drained => return Ok(()),
                receipt = self.stage.receipts.recv() => match receipt {
                    Some(receipt) => self.note(receipt)?,
                    // Nobody reads any more and every ticket is settled.
                    None => return Ok(()),
                },
                Some(answered) = self.requests.next() => self.settle(answered),
                found = self.stage.found.recv(), if more_pages && has_room => match found {
                    Some(found) => self.accept(found),
                    None => more_pages = false,
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    fn send_batches(&mut self) {
        while self.requests.len() < self.throttle.allowed() {
            let Some(batch) = self.lanes.take(Instant::now()) else {
                return;
            };
            let link = Arc::clone(&self.stage.link);
            self.requests.push(Box::pin(async move {
                let answer = send(&link, &batch).await;
                Answered { batch, answer }
            }));
        }
    }

    fn accept(&mut self, found: Found) {
        let Found {
            alerts,
            tally,
            ticket,
        } = found;
        if alerts.is_empty() {
            ticket.ack(tally);
            return;
        }
        self.taken += 1;
        let page = self.taken;
        let outstanding = alerts.len();
        for alert in alerts {
            self.lanes.push(Item::new(page, &self.prefix, alert));
        }
        let open = OpenPage {
            ticket,
            tally,
            outstanding,
        };
        self.pages.insert(page, open);
    }

    fn settle(&mut self, answered: Answered) {
        let Answered { batch, answer } = answered;
        let name = batch.lane.to_string();
        let settled = self.lanes.answered(batch, answer, Instant::now());
        match settled.load {
            Load::Good => self.throttle.good(),
            Load::Overloaded => self.throttle.overloaded(),
            Load::Unknown => {}
        }
        self.report(name, &settled);
        for (page, is_new) in settled.acked {
            self.ack(page, is_new);
        }
    }

    fn report(&self, lane: String, settled: &Settled) {
        let Settled {
            acked,
            waiting,
            passed,
            retried,
            rejected,
            taken,
            quarantined,
            load: _,
        } = settled;
        let created = acked.iter().filter(|(_, is_new)| *is_new).count() as u64;
        self.stage.reporter.count(|totals| {
            totals.alerts_created += created;
            totals.alerts_duplicate += acked.len() as u64 - created;
            totals.alerts_retried += retried;
            totals.alerts_rejected += rejected;
            totals.alerts_taken += taken;
            totals.alerts_quarantined += quarantined;
        });
        let job = self.stage.reporter.plan();
        if *taken > 0 {
            tracing::warn!(%job, alerts = taken, "another document holds the id of an alert: it is written under one of its own");
        }
        if *quarantined > 0 {
            tracing::warn!(%job, alerts = quarantined, "alert index refuses alerts: they are kept in the quarantine index");
        }
        if *passed {
            self.stage.reporter.passed(&Place::Lane(lane));
        }
        for (lane, fault) in waiting {
            let place = Place::Lane(lane.to_string());
            self.stage.reporter.waiting(place, fault);
        }
    }

    fn ack(&mut self, page: u64, is_new: bool) {
        let open = self
            .pages
            .get_mut(&page)
            .expect("a page stays until its last alert is acknowledged");
        open.outstanding -= 1;
        if is_new {
            open.tally.created += 1;
        } else {
            open.tally.duplicate += 1;
        }
        if open.outstanding == 0
            && let Some(done) = self.pages.remove(&page)
        {
            done.ticket.ack(done.tally);
            crash::point("push.after_ack");
        }
    }

    fn note(&mut self, receipt: Receipt) -> Result<(), PageLost> {
        let commit = self.stage.cursor.take(receipt)?;
        self.stage.reporter.counted(self.stage.cursor.counts());
        if let Some(commit) = commit {
            self.stage.reporter.committed(commit);
        }
        Ok(())
    }
}

/// Sends one batch. A fault that asks for another connection, of the request or of one alert, gives
/// up this one.
async fn send(link: &Link, batch: &Batch) -> Result<Vec<Outcome>, Fault> {
    let ends = link.ends().await?;
    crash::point("push.before_bulk");
    let answer = ends.sink.push(&batch.alerts()).await;
    let reconnect = |fault: &Fault| fault.remedy == Remedy::Reconnect;
    let asks = match &answer {
        Ok(outcomes) => outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Retry(fault) if reconnect(fault))),
        Err(fault) => reconnect(fault),
    };
    if asks {
        link.give_up(&ends).await;
    }
    answer
}
