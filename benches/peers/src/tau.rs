//! Our rules in the language of tau-engine.

use k8scop::detect::definition::{Existence, Predicate, RuleDefinition};
use serde_json::{Map, Value, json};

/// Whether tau can say it: `not` of what is missing is missing there, so that absence has no words.
pub fn can_say(definition: &RuleDefinition) -> bool {
    let mut predicates = definition.selections.iter().flat_map(|it| &it.all);
    predicates.all(|predicate| predicate.exists != Some(Existence::Absent))
}

/// A rule of tau that looks for the same.
pub fn rule(definition: &RuleDefinition) -> String {
    let [rare, known] = &definition.selections[..] else {
        panic!("generated rules have two selections")
    };
    let mut detection = Map::new();
    let mut name = |test: Value| {
        let name = format!("p{}", detection.len());
        detection.insert(name.clone(), test);
        name
    };
    let all: Vec<_> = rare.all.iter().flat_map(tests).map(&mut name).collect();
    let any: Vec<_> = known.any.iter().flat_map(tests).map(&mut name).collect();
    let condition = format!("{} and not ({})", all.join(" and "), any.join(" or "));
    detection.insert("condition".to_owned(), Value::String(condition));
    json!({"detection": detection, "true_positives": [], "true_negatives": []}).to_string()
}

/// A predicate as tests, all of which must hold.
fn tests(predicate: &Predicate) -> Vec<Value> {
    let all = |one: &Option<String>, more: &[String]| -> Vec<String> {
        one.iter().chain(more).cloned().collect()
    };
    let of = |texts: Vec<String>, write: &dyn Fn(&str) -> String| -> Vec<Value> {
        let values: Vec<_> = texts.iter().map(|text| write(text)).collect();
        if values.is_empty() {
            Vec::new()
        } else {
            vec![json!(values)]
        }
    };
    let mut tests = of(all(&predicate.matches, &predicate.matches_any), &|it| {
        format!("?{it}")
    });
    tests.extend(of(all(&predicate.equals, &predicate.is_in), &|it| {
        format!("'{it}'")
    }));
    tests.extend(of(
        all(&predicate.starts_with, &predicate.starts_with_any),
        &|it| format!("{it}*"),
    ));
    tests.extend(of(
        all(&predicate.ends_with, &predicate.ends_with_any),
        &|it| format!("*{it}"),
    ));
    tests.extend(of(
        all(&predicate.contains, &predicate.contains_any),
        &|it| format!("*{it}*"),
    ));
    tests.extend(of(
        all(&predicate.cidr, &predicate.cidr_any),
        &start_of_network,
    ));
    tests.extend(predicate.at_least.map(|least| json!(format!(">={least}"))));
    tests.extend(predicate.at_most.map(|most| json!(format!("<={most}"))));
    tests.extend(predicate.exists.map(|_| json!("*")));
    tests
        .into_iter()
        .map(|test| within(&predicate.field, test))
        .collect()
}

/// Networks of whole bytes are beginnings of addresses.
fn start_of_network(network: &str) -> String {
    let (address, bits) = network.split_once('/').expect("a network has a length");
    let bytes: usize = bits.parse::<usize>().expect("the length is a number") / 8;
    let parts: Vec<_> = address.split('.').take(bytes).collect();
    format!("{}.*", parts.join("."))
}

/// A test of a field. What stands within the elements of a list is nested.
fn within(field: &str, test: Value) -> Value {
    match field.split_once(".containers.") {
        Some((start, rest)) => json!({format!("{start}.containers"): {rest: test}}),
        None => json!({field: test}),
    }
}
