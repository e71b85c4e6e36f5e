//! The status of a job as a cluster holds it: as text, and replaced only by who has seen the
//! version that is replaced.

use crate::pipeline::progress::Checkpoint;

/// Most bytes that a checkpoint may take.
const LARGEST: usize = 4096;

/// One version of a status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    number: u64,
    /// Number of the leader who wrote it.
    epoch: u64,
    checkpoint: Option<String>,
}

impl Version {
    /// The checkpoint that it tells.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let text = self.checkpoint.as_deref()?;
        Some(serde_json::from_str(text).expect("it was written as JSON"))
    }
}

/// The newest version of a status.
#[derive(Debug, Default)]
pub struct Status {
    newest: Version,
}

/// Somebody wrote in between.
#[derive(Debug)]
struct Conflict;

impl Status {
    pub fn read(&self) -> Version {
        self.newest.clone()
    }

    /// Loses what it holds, as a backup without statuses does.
    pub fn lose(&mut self) {
        self.newest.number += 1;
        self.newest.checkpoint = None;
    }

    fn replace(&mut self, seen: u64, epoch: u64, checkpoint: String) -> Result<(), Conflict> {
        if seen != self.newest.number {
            return Err(Conflict);
        }
        self.newest = Version {
            number: seen + 1,
            epoch,
            checkpoint: Some(checkpoint),
        };
        Ok(())
    }
}

/// Who writes the status, as one of several leaders after one another.
#[derive(Debug)]
pub struct Writer {
    epoch: u64,
    seen: Version,
}

/// What came of an attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    Written,
    /// There is something further already, or somebody was faster: to be tried again some time.
    Unwritten,
    /// There is a later leader.
    Superseded,
}

impl Writer {
    /// A leader after all others, who signs what there is before beginning with it.
    pub fn new(epoch: u64, status: &mut Status) -> Self {
        status.newest.number += 1;
        status.newest.epoch = epoch;
        Self {
            epoch,
            seen: status.read(),
        }
    }

    /// Sees the newest version.
    pub fn look(&mut self, status: &Status) {
        self.seen = status.read();
    }

    /// Writes a checkpoint in place of the version that was seen last, unless that is further.
    pub fn write(&self, status: &mut Status, checkpoint: &Checkpoint) -> Writing {
        if self.seen.epoch > self.epoch {
            return Writing::Superseded;
        }
        let seen = self.seen.checkpoint();
        if seen.is_some_and(|seen| seen.watermark > checkpoint.watermark) {
            return Writing::Unwritten;
        }
        let text = serde_json::to_string(checkpoint).expect("it can be written as JSON");
        assert!(
            text.len() <= LARGEST,
            "a checkpoint of {} bytes",
            text.len()
        );
        match status.replace(self.seen.number, self.epoch, text) {
            Ok(()) => Writing::Written,
            Err(Conflict) => Writing::Unwritten,
        }
    }
}
