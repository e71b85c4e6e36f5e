use proptest::{collection::vec, prelude::*};

use super::*;

fn at(second: i64) -> Checkpoint {
    Checkpoint {
        watermark: Timestamp::from_second(second).expect("a time"),
        ..Checkpoint::default()
    }
}

fn term(holder: &str, epoch: i64) -> Term {
    Term {
        elected: Some((holder.to_owned(), epoch)),
    }
}

fn stored(second: i64, holder: &str, epoch: i64) -> JobCheckpoint {
    JobCheckpoint {
        epoch,
        ..written(&at(second), Some(holder))
    }
}

fn seconds(checkpoint: &Option<JobCheckpoint>) -> Option<i64> {
    checkpoint.as_ref().map(|it| it.watermark.as_second())
}

/// A job whose checkpoint this process and the cluster agree on.
fn agreed(second: i64) -> Custody {
    let mut custody = Custody::default();
    custody.want(Some(stored(second, "me", 3)), &term("me", 3));
    custody.see(Some(stored(second, "me", 3)));
    custody
}

#[test]
fn a_checkpoint_is_read_as_it_was_written() {
    let checkpoint = Checkpoint {
        counts: Counts {
            documents_read: 6,
            events_read: 1,
            alerts_created: 2,
            alerts_duplicate: 3,
            quarantined: 4,
            alerts_late: 5,
            undecided: 7,
            events_cut_off: 8,
        },
        active_from: [("security/exec".to_owned(), Timestamp::UNIX_EPOCH)].into(),
        rules_revision: Some("r".to_owned()),
        ..at(7)
    };
    assert_eq!(read(&written(&checkpoint, Some("me"))), checkpoint);
}

#[test]
fn a_checkpoint_that_counts_documents_as_events_is_still_read() {
    let stored = serde_json::json!({
        "watermark": "1970-01-01T00:00:07Z", "eventsRead": 10, "quarantined": 3,
    });
    let stored = serde_json::from_value(stored).expect("a checkpoint");
    let counts = Counts {
        documents_read: 10,
        events_read: 7,
        quarantined: 3,
        ..Counts::default()
    };
    assert_eq!(read(&stored), Checkpoint { counts, ..at(7) });
}

#[test]
fn a_new_term_marks_what_it_found() {
    let mut custody = Custody::default();
    custody.see(Some(stored(5, "other", 2)));
    let kept = custody.keep(Some(&at(5)), &term("me", 3));
    assert_eq!(kept, Some(stored(5, "me", 3)));
}

#[test]
fn what_is_stored_wins_if_it_is_further() {
    let mut custody = Custody::default();
    custody.see(Some(stored(5, "other", 2)));
    let kept = custody.keep(Some(&at(4)), &term("me", 3));
    assert_eq!(kept, Some(stored(5, "other", 2)));
    assert!(!custody.is_tampered());
}

#[test]
fn what_was_not_stored_yet_is_kept_when_the_pipeline_rests() {
    let mut custody = agreed(5);
    custody.want(custody.keep(Some(&at(9)), &term("me", 3)), &term("me", 3));
    assert_eq!(seconds(&custody.keep(None, &term("me", 3))), Some(9));
}

#[test]
fn a_checkpoint_that_was_set_back_or_taken_away_is_put_right() {
    for tampered in [
        Some(stored(4, "me", 3)),
        Some(stored(4, "mallory", 0)),
        None,
    ] {
        let mut custody = agreed(5);
        custody.see(tampered);
        assert!(custody.is_tampered());
        assert_eq!(
            seconds(&custody.keep(Some(&at(5)), &term("me", 3))),
            Some(5)
        );
        assert_eq!(seconds(&custody.keep(None, &term("me", 3))), Some(5));
        custody.see(Some(stored(5, "me", 3)));
        assert!(!custody.is_tampered());
    }
}

#[test]
fn a_checkpoint_in_our_name_that_we_did_not_write_is_put_right() {
    let mut custody = agreed(5);
    custody.see(Some(stored(9, "me", 3)));
    assert!(custody.is_tampered());
    let kept = custody.keep(Some(&at(6)), &term("me", 3));
    assert_eq!(kept, Some(stored(6, "me", 3)));
    custody.want(kept.clone(), &term("me", 3));
    custody.see(kept);
    assert!(!custody.is_tampered());
}

proptest! {
    /// Two who both believe to lead, a store that takes what was decided on its latest version.
    #[test]
    fn the_stored_watermark_never_goes_back(
        steps in vec((0..2_usize, 0..3_u8, 0..5_i64), 0..100),
        elected: bool,
    ) {
        let mut store: (u64, Option<JobCheckpoint>) = (0, None);
        let terms = match elected {
            true => [term("a", 1), term("b", 2)],
            false => [Term::default(), Term::default()],
        };
        let mut known = [0_u64; 2];
        let mut done = [0_i64; 2];
        let mut custodies = [Custody::default(), Custody::default()];
        for (who, what, by) in steps {
            match what {
                0 => done[who] += by,
                1 => {
                    custodies[who].see(store.1.clone());
                    known[who] = store.0;
                }
                _ => {
                    let kept = custodies[who].keep(Some(&at(done[who])), &terms[who]);
                    custodies[who].want(kept.clone(), &terms[who]);
                    if known[who] == store.0 {
                        prop_assert!(place(&kept) >= place(&store.1));
                        store = (store.0 + 1, kept);
                    }
                }
            }
            prop_assert!(!custodies[who].is_tampered());
        }
    }
}
