//! The reader alone beside sonic-rs, for the same ten fields.

use k8scop::detect::document::Document;
use sonic_rs::PointerTree;

use crate::{
    measure::{Race, at_least, row, table},
    walk::Walk,
};

/// Fields that rules ask for most. Not every event has each.
const FIELDS: [&str; 10] = [
    "requestURI",
    "verb",
    "user.username",
    "userAgent",
    "objectRef.resource",
    "objectRef.namespace",
    "objectRef.name",
    "objectRef.subresource",
    "responseStatus.code",
    "stageTimestamp",
];

pub fn compare(documents: &[Document]) {
    table(
        "The reader alone beside sonic-rs, ten fields",
        &[
            "reader",
            "events/s",
            "K8sCop's events/s",
            "times as fast",
            "target",
            "met",
        ],
    );
    let mut tree = PointerTree::new();
    for field in FIELDS {
        tree.add_path(&field.split('.').collect::<Vec<_>>());
    }
    let mut walk = Walk::new(&FIELDS);
    for document in documents {
        let mut ours = [const { String::new() }; FIELDS.len()];
        walk.visit(text(document), |field, text| ours[field] = text.to_owned());
        assert_eq!(ours, texts(&document.source, &tree));
    }
    let in_all = |found: &mut dyn FnMut(&Document) -> usize| {
        documents.iter().map(found).sum::<usize>().min(1) * documents.len()
    };
    let race = Race::run(vec![
        Box::new(|| in_all(&mut |it| found(&it.source, &tree))),
        Box::new(|| in_all(&mut |it| found_checked(&it.source, &tree))),
        Box::new(|| in_all(&mut |it| walk.find(text(it)))),
    ]);
    let [ratio, target, met] = at_least(race.ratio(2, 0), 2.0, "×");
    row(&[
        "sonic-rs 0.5, `get_many_unchecked`",
        &race.rate(0),
        &race.rate(2),
        &ratio,
        &target,
        &met,
    ]);
    row(&[
        "sonic-rs 0.5, `get_many`, which checks what it passes",
        &race.rate(1),
        &race.rate(2),
        &format!("**{:.2}×**", race.ratio(2, 1)),
        "",
        "",
    ]);
}

fn text(document: &Document) -> &str {
    str::from_utf8(&document.source).expect("an event is UTF-8")
}

fn found(source: &[u8], tree: &PointerTree) -> usize {
    // SAFETY: the events are generated, and valid JSON.
    let values = unsafe { sonic_rs::get_many_unchecked(source, tree) };
    values.expect("an event is JSON").iter().flatten().count()
}

fn found_checked(source: &[u8], tree: &PointerTree) -> usize {
    let values = sonic_rs::get_many(source, tree);
    values.expect("an event is JSON").iter().flatten().count()
}

/// The texts of all fields, empty where there is none.
fn texts(source: &[u8], tree: &PointerTree) -> [String; FIELDS.len()] {
    // SAFETY: the events are generated, and valid JSON.
    let values = unsafe { sonic_rs::get_many_unchecked(source, tree) };
    let mut values = values.expect("an event is JSON").into_iter();
    std::array::from_fn(|_| match values.next().flatten() {
        Some(value) => {
            let value: serde_json::Value =
                serde_json::from_str(value.as_raw_str()).expect("a value is JSON");
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        }
        None => String::new(),
    })
}
