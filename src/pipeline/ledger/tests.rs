use proptest::prelude::*;

use super::*;

/// A document as a source holds it: when it happened, and its sequence number.
type Stored = (i64, u64);

/// A quarter of an hour of documents, with sequence numbers as one shard gives them.
fn documents() -> impl Strategy<Value = Vec<Stored>> {
    prop::collection::vec(0..900_i64, 0..40)
        .prop_map(|seconds| seconds.into_iter().zip(0..).collect())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn span(from: i64, to: i64) -> Window {
    Window {
        start: at(from),
        end: at(to),
    }
}

fn census(documents: &[Stored], span: Window) -> Census {
    let mut census = Census::default();
    for &(second, sequence) in documents {
        if span.start <= at(second) && at(second) < span.end {
            let mark = census.0.entry(Bucket::of(at(second))).or_default();
            *mark = mark.and(Mark::new(1, sequence));
        }
    }
    census
}

fn read(documents: &[Stored], cuts: &[i64]) -> Ledger {
    let mut ledger = Ledger::default();
    for cut in cuts.windows(2) {
        ledger.read(&census(documents, span(cut[0], cut[1])));
    }
    ledger
}

fn whole() -> Window {
    span(0, 900)
}

proptest! {
    #[test]
    fn a_span_has_the_same_marks_however_it_was_cut(
        documents in documents(),
        mut cuts in prop::collection::vec(0..900_i64, 0..6),
    ) {
        cuts.extend([0, 900]);
        cuts.sort_unstable();
        prop_assert_eq!(read(&documents, &cuts), read(&documents, &[0, 900]));
    }

    #[test]
    fn what_did_not_change_does_not_differ(documents in documents(), end in 1..900_i64) {
        let ledger = read(&documents, &[0, end]);
        let now = census(&documents, span(0, end));
        prop_assert_eq!(ledger.differing(span(0, end), &now), []);
    }

    #[test]
    fn every_document_that_is_added_removed_or_overwritten_is_noticed(
        documents in documents(),
        place in any::<prop::sample::Index>(),
        second in 0..900_i64,
        change in 0..3_u8,
    ) {
        let ledger = read(&documents, &[0, 900]);
        let mut changed = documents.clone();
        // The next number that the shard gives.
        let sequence = documents.len() as u64 + 7;
        let second = match (change, documents.is_empty()) {
            (0, _) | (_, true) => {
                changed.push((second, sequence));
                second
            }
            (1, false) => changed.remove(place.index(documents.len())).0,
            (_, false) => {
                let overwritten = &mut changed[place.index(documents.len())];
                overwritten.1 = sequence;
                overwritten.0
            }
        };
        let expected = [Bucket::of(at(second))];
        prop_assert_eq!(ledger.differing(whole(), &census(&changed, whole())), expected);
    }

    #[test]
    fn a_bucket_that_was_read_again_differs_no_more_whatever_was_read_meanwhile(
        old in documents(),
        late in documents(),
        reached in 300..900_i64,
    ) {
        let mut all = old.clone();
        all.extend(late.iter().map(|&(second, sequence)| (second, sequence + 1000)));
        let mut ledger = read(&old, &[0, reached]);
        let now = census(&all, span(0, reached));
        let differing = ledger.differing(span(0, reached), &now);
        let before: Vec<Mark> = differing.iter().map(|&bucket| ledger.mark(bucket)).collect();
        ledger.read(&census(&all, span(reached, 900)));
        for (bucket, before) in differing.into_iter().zip(before) {
            ledger.replace(bucket, before, now.mark(bucket));
        }
        prop_assert_eq!(ledger.differing(whole(), &census(&all, whole())), []);
    }

    #[test]
    fn a_ledger_comes_back_from_its_text(
        marks in prop::collection::btree_map(0..290_i64, (any::<u16>(), 1..u32::MAX), 0..290),
        first in -1000..6_000_000_i64,
    ) {
        let marks = marks.into_iter().map(|(number, (documents, sequence))| {
            (Bucket(first + number), Mark { documents, sequence })
        });
        let ledger = Ledger { marks: marks.collect() };
        let text = ledger.to_text();
        prop_assert!(text.len() <= 2_400, "{}", text.len());
        prop_assert_eq!(Ledger::from_text(&text), ledger);
    }

    #[test]
    fn a_broken_text_is_an_empty_ledger_or_another_one_but_no_failure(text in ".{0,60}") {
        let ledger = Ledger::from_text(&text);
        prop_assert_eq!(Ledger::from_text(&ledger.to_text()), ledger);
    }
}

#[test]
fn a_text_that_breaks_off_says_nothing() {
    let text = read(&[(1, 1), (400, 2)], &[0, 900]).to_text();
    assert_eq!(
        Ledger::from_text(&text[..text.len() - 4]),
        Ledger::default()
    );
}

#[test]
fn a_day_and_a_bucket_are_kept_behind_a_position() {
    let day = 86_400;
    let mut ledger = Ledger::default();
    for second in (-2 * day..=0).step_by(300) {
        ledger.read(&census(&[(second, 1)], span(second, second + 300)));
    }
    ledger.forget_before(at(0));
    let (first, last) = (
        ledger.marks.first_key_value(),
        ledger.marks.last_key_value(),
    );
    assert_eq!(
        first.map(|(bucket, _)| *bucket),
        Some(Bucket::of(at(-day - 300)))
    );
    assert_eq!(last.map(|(bucket, _)| *bucket), Some(Bucket::of(at(0))));
    assert!(
        ledger.to_text().len() <= 2_400,
        "{}",
        ledger.to_text().len()
    );
}

#[test]
fn of_a_longer_ledger_the_latest_day_is_told() {
    let mut ledger = read(&[(0, 1), (40 * 86_400, 2)], &[0, 41 * 86_400]);
    let told = Ledger::from_text(&ledger.to_text());
    ledger.forget_before(at(40 * 86_400));
    assert_eq!(told, ledger);
}

#[test]
fn the_documents_beside_those_that_were_read_are_counted_also_where_marks_wrap_around() {
    let bucket = Bucket(1);
    let beside =
        |all: u64, read| Census([(bucket, Mark::new(all, 0))].into()).documents_beside(read);
    assert_eq!(beside(10, 10), 0);
    assert_eq!(beside(10, 3), 7);
    assert_eq!(beside(70_000, 7_000), 63_000);
    assert_eq!(beside(70_000, 70_000), 0);
    assert_eq!(Census::default().documents_beside(0), 0);
}
