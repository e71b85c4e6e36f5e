//! Our rules in the language of Sigma, for the engines that read it. JSON is YAML too.

use k8scop::detect::definition::{Existence, Predicate, RuleDefinition};
use serde_json::{Map, Value, json};

/// A Sigma rule that looks for the same; its title is the number of the rule.
pub fn rule(number: usize, definition: &RuleDefinition) -> String {
    let [rare, known] = &definition.selections[..] else {
        panic!("generated rules have two selections")
    };
    let all: Map<_, _> = rare.all.iter().flat_map(items).collect();
    let any: Vec<_> = known
        .any
        .iter()
        .map(|predicate| Value::Object(items(predicate).into_iter().collect()))
        .collect();
    json!({
        "title": number.to_string(),
        "logsource": {"category": "audit"},
        "detection": {"rare": all, "known": any, "condition": "rare and not known"},
        "level": "low",
    })
    .to_string()
}

/// A predicate as fields with modifiers, all of which must hold. Sigma ignores the case of letters
/// unless it is told not to.
fn items(predicate: &Predicate) -> Vec<(String, Value)> {
    let field = &predicate.field;
    let texts = [
        ("|re", &predicate.matches, &predicate.matches_any),
        ("|cased", &predicate.equals, &predicate.is_in),
        (
            "|startswith|cased",
            &predicate.starts_with,
            &predicate.starts_with_any,
        ),
        (
            "|endswith|cased",
            &predicate.ends_with,
            &predicate.ends_with_any,
        ),
        (
            "|contains|cased",
            &predicate.contains,
            &predicate.contains_any,
        ),
        ("|cidr", &predicate.cidr, &predicate.cidr_any),
    ];
    let texts = texts.into_iter().map(|(modifier, one, more)| {
        let values: Vec<_> = one.iter().chain(more).collect();
        (
            modifier,
            if values.is_empty() {
                Value::Null
            } else {
                json!(values)
            },
        )
    });
    let exists = predicate.exists.map(|it| it == Existence::Present);
    let others = [
        ("|exists", json!(exists)),
        ("|gte", json!(predicate.at_least)),
        ("|lte", json!(predicate.at_most)),
    ];
    texts
        .chain(others)
        .filter(|(_, value)| !value.is_null())
        .map(|(modifier, value)| (format!("{field}{modifier}"), value))
        .collect()
}
