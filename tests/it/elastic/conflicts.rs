//! Alerts whose id is there already, on real servers.

use std::sync::Arc;

use k8scop::{
    detect::alert::Alert,
    pipeline::ports::{AddressedAlert, Outcome},
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    alerts::{alert, push, sink, with},
    seed,
    seed::on_every_server,
};

on_every_server!(
    a_duplicate_is_one_only_if_it_is_the_same_alert,
    an_alert_whose_id_was_taken_stands_once_under_its_own,
    a_rule_that_took_the_name_of_another_alerts_too,
    an_edited_or_remade_rule_alerts_once,
    an_alert_in_quarantine_is_known_again,
);

/// The alert of the same request by a rule with another uid, or another meaning.
fn by_rule(plain: &AddressedAlert, uid: &str, match_hash: &str) -> AddressedAlert {
    let mut changed = Alert::clone(&plain.alert);
    changed.rule_uid = uid.to_owned();
    changed.match_hash = match_hash.to_owned();
    changed.document["k8scop"]["rule"] = json!({"uid": uid, "match_hash": match_hash});
    AddressedAlert::new(plain.index.clone(), Arc::new(changed))
}

fn under_own_id(taken: &AddressedAlert) -> AddressedAlert {
    AddressedAlert::new(taken.index.clone(), Arc::new(taken.alert.with_own_id()))
}

/// Takes an id before its alert comes.
async fn squat(url: &str, index: &str, id: &str, document: Value) {
    seed::call("PUT", url, &format!("{index}/_doc/{id}"), document).await;
}

async fn a_duplicate_is_one_only_if_it_is_the_same_alert(flavor: Flavor) {
    let (url, sink) = sink(flavor, "proven").await;
    sink.prepare().await.expect("template is installed");
    let index = "proven-2026.11.23";
    push(&*sink, &[alert(index, "same")]).await;
    squat(url, index, "empty", json!({})).await;
    let forged = json!({"k8scop": {"fingerprint": "0"}});
    squat(url, index, "forged", forged).await;
    let list = json!({"k8scop": {"fingerprint": ["f".repeat(64)]}});
    squat(url, index, "odd", list).await;
    let alerts = ["same", "empty", "new", "forged", "odd"].map(|id| alert(index, id));
    let expected = [
        Outcome::Duplicate,
        Outcome::Taken,
        Outcome::Created,
        Outcome::Taken,
        Outcome::Taken,
    ];
    assert_eq!(push(&*sink, &alerts).await, expected);
}

async fn an_alert_whose_id_was_taken_stands_once_under_its_own(flavor: Flavor) {
    let (url, sink) = sink(flavor, "squatted").await;
    sink.prepare().await.expect("template is installed");
    let index = "squatted-2026.11.23";
    squat(url, index, "a", json!({"message": "nothing happened"})).await;
    let taken = alert(index, "a");
    let own = under_own_id(&taken);
    for expected in [Outcome::Created, Outcome::Duplicate] {
        let outcomes = push(&*sink, std::slice::from_ref(&taken)).await;
        assert_eq!(outcomes, [Outcome::Taken]);
        assert_eq!(push(&*sink, std::slice::from_ref(&own)).await, [expected]);
    }
    assert_eq!(seed::count(url, index).await, 2);
}

async fn a_rule_that_took_the_name_of_another_alerts_too(flavor: Flavor) {
    let (_, sink) = sink(flavor, "renamed").await;
    sink.prepare().await.expect("template is installed");
    let first = alert("renamed-2026.11.23", "a");
    let other = by_rule(&first, "another", "another");
    let own = under_own_id(&other);
    assert_eq!(push(&*sink, &[first]).await, [Outcome::Created]);
    assert_eq!(push(&*sink, &[other]).await, [Outcome::Taken]);
    assert_eq!(push(&*sink, &[own]).await, [Outcome::Created]);
}

async fn an_edited_or_remade_rule_alerts_once(flavor: Flavor) {
    let (_, sink) = sink(flavor, "edited").await;
    sink.prepare().await.expect("template is installed");
    let first = alert("edited-2026.11.23", "a");
    let edited = by_rule(&first, &first.alert.rule_uid, "another");
    let remade = by_rule(&first, "another", &first.alert.match_hash);
    assert_eq!(push(&*sink, &[first]).await, [Outcome::Created]);
    let expected = [Outcome::Duplicate, Outcome::Duplicate];
    assert_eq!(push(&*sink, &[edited, remade]).await, expected);
}

async fn an_alert_in_quarantine_is_known_again(flavor: Flavor) {
    let (url, sink) = sink(flavor, "kept").await;
    sink.prepare().await.expect("template is installed");
    let index = "kept-quarantine";
    let record = with(index, "a", |document| {
        let whole = document.to_string().repeat(100);
        document["k8scop"]["quarantine"] = json!({"alert": whole, "reason": "too long"});
    });
    for expected in [Outcome::Created, Outcome::Duplicate] {
        assert_eq!(
            push(&*sink, std::slice::from_ref(&record)).await,
            [expected]
        );
    }
    let mapping = seed::call("GET", url, &format!("{index}/_mapping"), Value::Null).await;
    assert_eq!(mapping[index]["mappings"]["_meta"]["managed_by"], "k8scop");
}
