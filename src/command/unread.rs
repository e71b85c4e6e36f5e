//! Reasons for which a span counts as not read, although all that could be read was.

use crate::pipeline::progress::{Counts, Progress};

/// What keeps a run from having read its span; `counts` are those of the run.
pub fn obstacle(progress: &Progress, counts: &Counts) -> Option<String> {
    if let Some(first) = progress.degraded.first() {
        let others = progress.degraded_count.saturating_sub(1);
        let others = match others {
            0 => String::new(),
            many => format!(" (and {many} more indices)"),
        };
        return Some(format!(
            "index {} could not be read{others}: {}",
            first.index, first.message
        ));
    }
    let first = progress.rejected.first();
    (counts.events_read + progress.left_out == 0 && counts.quarantined > 0).then(|| {
        format!(
            "none of {} documents holds an audit event{}; name what holds them with --index or \
             --filter, or the place of the event with --layout-path",
            counts.documents_read.max(counts.quarantined),
            first.map_or_else(String::new, |document| format!(": {}", document.reason)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::progress::{Degraded, Rejected, State};

    fn progress() -> Progress {
        Progress {
            rejected: vec![Rejected {
                index: "logs".to_owned(),
                id: "1".to_owned(),
                reason: "document is not valid JSON".to_owned(),
            }],
            ..Progress::new(State::Complete)
        }
    }

    fn counts(events_read: u64, quarantined: u64) -> Counts {
        Counts {
            documents_read: events_read + quarantined,
            events_read,
            quarantined,
            ..Counts::default()
        }
    }

    #[test]
    fn documents_without_a_single_event_are_an_obstacle() {
        let words = obstacle(&progress(), &counts(0, 3)).expect("nothing was read");
        let expected = "none of 3 documents holds an audit event: document is not valid JSON; ";
        assert!(words.starts_with(expected), "{words}");
        assert_eq!(obstacle(&progress(), &counts(1, 3)), None);
        assert_eq!(obstacle(&progress(), &counts(0, 0)), None);
    }

    #[test]
    fn an_index_that_could_not_be_read_is_an_obstacle() {
        let degraded = Degraded {
            index: "logs-2".to_owned(),
            message: "it is closed; open it".to_owned(),
        };
        let progress = Progress {
            degraded: vec![degraded],
            degraded_count: 3,
            ..progress()
        };
        let words = "index logs-2 could not be read (and 2 more indices): it is closed; open it";
        assert_eq!(obstacle(&progress, &counts(9, 0)).as_deref(), Some(words));
    }
}
