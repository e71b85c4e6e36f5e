use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::{
    detect::alert::{Alert, fixture::an_alert},
    pipeline::ports::AddressedAlert,
};

const INDEX: &str = "alerts-2026.11.01";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("it is in range")
}

/// The alert number `number`, found in a document of this second.
fn alert(number: u8, second: i64) -> AddressedAlert {
    let alert = Alert {
        id: format!("{number:040x}"),
        rule: "shop/read".to_owned(),
        time: Some(at(second)),
        source_time: Some(at(second)),
        fingerprint: format!("{number:064x}"),
        rule_uid: "uid".to_owned(),
        match_hash: "hash".to_owned(),
        document: json!({}),
        ..an_alert()
    };
    AddressedAlert::new(INDEX.to_owned(), Arc::new(alert))
}

fn id(number: u8) -> AlertId {
    AlertId::parse(&format!("{number:040x}")).expect("40 digits")
}

/// What the sink holds of that alert when all is right.
fn stored(number: u8) -> StoredAlert {
    StoredAlert {
        index: INDEX.to_owned(),
        id: format!("{number:040x}"),
        fingerprint: format!("{number:064x}"),
        rule: "shop/read".to_owned(),
        rule_uid: "uid".to_owned(),
        match_hash: "hash".to_owned(),
        job: "prod".to_owned(),
        tenant: "shop".to_owned(),
        ..StoredAlert::default()
    }
}

fn verdict(alerts: &[AddressedAlert], since: BTreeMap<String, Timestamp>) -> Verdict {
    let mut expected = Expected::default();
    alerts.iter().for_each(|alert| expected.add(alert));
    let owner = Owner {
        tenant: "shop".to_owned(),
        job: "prod".to_owned(),
        since,
    };
    Verdict::new(expected, owner)
}

#[test]
fn an_alert_is_told_by_its_fingerprint_and_its_rule() {
    let mut verdict = verdict(&[alert(1, 10)], BTreeMap::new());
    let other = |change: fn(&mut StoredAlert)| {
        let mut stored = stored(1);
        change(&mut stored);
        stored
    };
    let cases = [
        (stored(1), Standing::Whole),
        (other(|it| it.reduced = true), Standing::Reduced),
        (other(|it| it.fingerprint = "f".repeat(64)), Standing::Taken),
        (other(|it| it.fingerprint.clear()), Standing::Taken),
        // A rule that was made again, and one that was edited.
        (other(|it| it.rule_uid = "new".into()), Standing::Whole),
        (other(|it| it.match_hash = "new".into()), Standing::Whole),
        (
            other(|it| {
                it.rule_uid = "new".into();
                it.match_hash = "new".into();
            }),
            Standing::Taken,
        ),
    ];
    for (stored, expected) in cases {
        assert_eq!(
            verdict.in_place(id(1), Some(&stored)),
            expected,
            "{stored:?}"
        );
    }
    assert_eq!(verdict.in_place(id(1), None), Standing::Absent);
}

#[test]
fn an_alert_of_the_span_stands_in_one_place_only() {
    let mut verdict = verdict(&[alert(1, 10), alert(2, 20)], BTreeMap::new());
    let own = verdict
        .expected()
        .get(id(2))
        .map(|alert| alert.own_id(id(2)));
    let own = own.expect("it is expected").to_string();
    verdict.under_own_id(id(2), Some(&stored(2)));
    let elsewhere = StoredAlert {
        index: "alerts-2026.11.02".to_owned(),
        ..stored(1)
    };
    let copy = StoredAlert {
        id: "a copy".to_owned(),
        ..stored(1)
    };
    let moved = StoredAlert {
        id: own,
        ..stored(2)
    };
    for listed in [stored(1), elsewhere.clone(), copy.clone(), moved] {
        verdict.listed(listed);
    }
    assert_eq!(verdict.duplicate, [elsewhere, copy]);
    assert_eq!((verdict.foreign.len(), verdict.tally().moved), (0, 1));
}

#[test]
fn an_own_id_beside_the_right_one_is_a_double() {
    let mut verdict = verdict(&[alert(1, 10)], BTreeMap::new());
    verdict.in_place(id(1), Some(&stored(1)));
    let own = verdict
        .expected()
        .get(id(1))
        .map(|alert| alert.own_id(id(1)));
    let twice = StoredAlert {
        id: own.expect("it is expected").to_string(),
        ..stored(1)
    };
    verdict.listed(twice.clone());
    assert_eq!(
        (verdict.duplicate.as_slice(), verdict.is_good()),
        (&[twice][..], false)
    );
}

#[test]
fn what_nobody_expects_is_foreign_if_it_is_of_the_job() {
    let mut verdict = verdict(&[], BTreeMap::new());
    let of_another_job = StoredAlert {
        job: "other".to_owned(),
        ..stored(2)
    };
    let of_another_tenant = StoredAlert {
        tenant: "other".to_owned(),
        ..stored(3)
    };
    for listed in [stored(1), of_another_job, of_another_tenant] {
        verdict.listed(listed);
    }
    assert_eq!(verdict.foreign, [stored(1)]);
    verdict.begin_listing();
    assert!(verdict.is_good());
}

#[test]
fn from_before_its_rule_an_alert_may_be_there_but_need_not() {
    let since = BTreeMap::from([("shop/read".to_owned(), at(20))]);
    let both = [alert(1, 10), alert(2, 20), alert(3, 10), alert(3, 30)];
    let mut verdict = verdict(&both, since);
    for number in 1..=3 {
        verdict.nowhere(id(number));
    }
    // The third was found in a document from after too.
    assert_eq!(verdict.missing, [id(2), id(3)]);
    assert_eq!((verdict.count(), verdict.tally().excused), (2, 1));
    verdict.listed(stored(1));
    assert!(verdict.foreign.is_empty());
}
