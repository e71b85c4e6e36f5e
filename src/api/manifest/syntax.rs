//! Errors of the YAML parser, in the words of whoever wrote the file.

use serde_saphyr::{Error, budget::BudgetBreach};

/// The most documents of one file.
pub(super) const DOCUMENTS: usize = 50_000;
/// The most values of one file: texts, lists and mappings.
pub(super) const VALUES: usize = 4_000_000;
/// The deepest nesting.
pub(super) const DEPTH: usize = 64;

/// Parts of the parser's messages, each with what to do.
const REMEDIES: [(&str, &str); 6] = [
    ("tabs disallowed", "; indent with spaces"),
    (
        "mapping values are not allowed",
        "; quote a text that holds a colon and a space, and check the indentation",
    ),
    (
        "did not find expected key",
        "; check the indentation, and quote a text that begins with a brace or a quote",
    ),
    ("unexpected character", "; quote a text that begins with it"),
    ("unclosed bracket", "; close it, or quote the text"),
    ("unclosed quote", "; close it"),
];

/// The problem and its remedy.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key \"{key}\" is there twice; remove one of the two")
        }
        Error::DuplicateMappingKey { key: None, .. } => {
            "a key is there twice; remove one of the two".to_owned()
        }
        Error::Budget { breach, .. } => limit(breach),
        other => {
            let message = other.to_string();
            let message = without_place(&message);
            format!("{message}{}", remedy(message))
        }
    }
}

/// The remedy for the commonest mistakes, as the end of the message.
fn remedy(message: &str) -> &'static str {
    let known = |(part, remedy): &(&str, &'static str)| message.contains(part).then_some(*remedy);
    REMEDIES.iter().find_map(known).unwrap_or_default()
}

fn limit(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Documents { .. } => {
            format!("more than {DOCUMENTS} documents in one file; split it")
        }
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            format!("more than {VALUES} values in one file; split it")
        }
        BudgetBreach::Depth { .. } => format!("nested more than {DEPTH} levels deep"),
        _ => "the file is too large; split it, and write out what its aliases repeat".to_owned(),
    }
}

/// A message without the place at its end: a finding has its own.
fn without_place(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .filter(|(_, place)| place.contains("column"))
        .map_or(message, |(message, _)| message)
}
