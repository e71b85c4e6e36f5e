//! The checkpoint in a job's status: what it says, who may set it, and which of two is kept.
//!
//! Within the life of a job the watermark that is stored never goes back. Of what a pipeline has
//! done and what is stored the further one is kept; the versions of the objects see to it that
//! nothing is stored that was decided on without knowing what is there.

use jiff::Timestamp;

use crate::{
    api::status::{AnalysisJobStatus, JobCheckpoint},
    pipeline::{
        ledger::Ledger,
        progress::{Checkpoint, Counts},
    },
};

/// Under whose name checkpoints are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The leader and the number of its term; none where there is no election.
    pub elected: Option<(String, i64)>,
}

impl Term {
    fn name(&self) -> (i64, Option<&str>) {
        match &self.elected {
            Some((holder, epoch)) => (*epoch, Some(holder)),
            None => (0, None),
        }
    }
}

/// The checkpoint of one job: what was seen of it in the cluster, and what should be there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Custody {
    stored: Option<JobCheckpoint>,
    /// The furthest that was ever stored.
    furthest: Option<JobCheckpoint>,
    /// What this process last wanted to be stored.
    wanted: Option<JobCheckpoint>,
    /// Whether that bears its own name, not that of an earlier leader.
    signed: bool,
    forged: bool,
}

impl Custody {
    /// Takes in what is stored now; versions must come in their order.
    pub fn see(&mut self, stored: Option<JobCheckpoint>) {
        let wanted = self.wanted.as_ref().filter(|_| self.signed);
        let forged = |stored| is_forged(stored, wanted);
        self.forged = stored.as_ref().is_some_and(forged);
        if !self.forged && place(&stored) >= place(&self.furthest) {
            self.furthest.clone_from(&stored);
        }
        self.stored = stored;
    }

    /// Takes in what this process wants to be stored in this term.
    pub fn want(&mut self, wanted: Option<JobCheckpoint>, term: &Term) {
        let name = |it: &JobCheckpoint| (it.epoch, it.holder.as_deref()) == term.name();
        self.signed = term.elected.is_some() && wanted.as_ref().is_some_and(name);
        self.wanted = wanted;
    }

    /// The epoch of what is stored.
    pub fn epoch(&self) -> i64 {
        self.stored.as_ref().map_or(0, |stored| stored.epoch)
    }

    /// What should be stored when the pipeline of this term has come so far. Without a pipeline
    /// that is what it was.
    pub fn keep(&self, own: Option<&Checkpoint>, term: &Term) -> Option<JobCheckpoint> {
        let Some(own) = own else {
            let unstored = place(&self.wanted) >= place(&self.furthest);
            return if unstored {
                &self.wanted
            } else {
                &self.furthest
            }
            .clone();
        };
        let furthest = self.furthest.as_ref();
        if let Some(furthest) = furthest.filter(|it| it.watermark > own.watermark) {
            return Some(furthest.clone());
        }
        let (epoch, holder) = term.name();
        Some(JobCheckpoint {
            epoch: epoch.max(furthest.map_or(0, |it| it.epoch)),
            ..written(own, holder)
        })
    }

    /// Whether somebody else has changed what is stored: has set it back, or written in our name.
    pub fn is_tampered(&self) -> bool {
        self.forged || place(&self.stored) < place(&self.furthest)
    }
}

/// Whether what is stored bears the name of who wants less, and so cannot be theirs.
fn is_forged(stored: &JobCheckpoint, wanted: Option<&JobCheckpoint>) -> bool {
    wanted.is_some_and(|wanted| {
        (stored.epoch, &stored.holder) == (wanted.epoch, &wanted.holder)
            && stored.rules_revision == wanted.rules_revision
            && stored.watermark > wanted.watermark
    })
}

fn place(checkpoint: &Option<JobCheckpoint>) -> Option<Timestamp> {
    checkpoint.as_ref().map(|checkpoint| checkpoint.watermark)
}

/// The checkpoint as pipelines know it.
pub fn read(checkpoint: &JobCheckpoint) -> Checkpoint {
    let JobCheckpoint {
        watermark,
        epoch: _,
        holder: _,
        documents_read,
        events_read,
        alerts_created,
        alerts_duplicate,
        alerts_late,
        quarantined,
        undecided,
        events_cut_off,
        ledger,
        active_from,
        rules_revision,
    } = checkpoint;
    // Before documents had a count of their own, each counted as one event.
    let (documents, events) = match documents_read {
        Some(documents) => (*documents, *events_read),
        None => (*events_read, events_read - quarantined),
    };
    Checkpoint {
        watermark: *watermark,
        counts: Counts {
            documents_read: documents.unsigned_abs(),
            events_read: events.unsigned_abs(),
            undecided: undecided.unsigned_abs(),
            events_cut_off: events_cut_off.unsigned_abs(),
            alerts_created: alerts_created.unsigned_abs(),
            alerts_duplicate: alerts_duplicate.unsigned_abs(),
            quarantined: quarantined.unsigned_abs(),
            alerts_late: alerts_late.unsigned_abs(),
        },
        ledger: Ledger::from_text(ledger),
        active_from: active_from.clone(),
        rules_revision: rules_revision.clone(),
    }
}

/// The checkpoint that a status holds.
pub fn of_status(status: &AnalysisJobStatus) -> Option<Checkpoint> {
    status.checkpoint.as_ref().map(read)
}

fn written(checkpoint: &Checkpoint, holder: Option<&str>) -> JobCheckpoint {
    let Checkpoint {
        watermark,
        counts,
        ledger,
        active_from,
        rules_revision,
    } = checkpoint;
    JobCheckpoint {
        watermark: *watermark,
        epoch: 0,
        holder: holder.map(str::to_owned),
        documents_read: Some(number(counts.documents_read)),
        events_read: number(counts.events_read),
        alerts_created: number(counts.alerts_created),
        alerts_duplicate: number(counts.alerts_duplicate),
        alerts_late: number(counts.alerts_late),
        quarantined: number(counts.quarantined),
        undecided: number(counts.undecided),
        events_cut_off: number(counts.events_cut_off),
        ledger: ledger.to_text(),
        active_from: active_from.clone(),
        rules_revision: rules_revision.clone(),
    }
}

/// A count as the API has it.
pub fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
