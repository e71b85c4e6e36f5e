//! The reference of the custom resources, as Markdown, from their schemas.

use std::fmt::Write as _;

use serde_json::Value;

const HEAD: &str = "\
# Custom resources

Generated from the code; `kubectl explain k8scoprule.spec --recursive` prints the same. A field \
marked **required** must be given. `[]` stands for each element of a list.
";

/// One page over all definitions.
pub fn markdown(definitions: &[Value]) -> String {
    let mut page = HEAD.to_owned();
    for definition in definitions {
        let spec = &definition["spec"];
        let version = &spec["versions"][0];
        let schema = &version["schema"]["openAPIV3Schema"];
        let kind = text(&spec["names"]["kind"]);
        let group = text(&spec["group"]);
        let api = text(&version["name"]);
        let about = text(&schema["description"]);
        write!(page, "\n## {kind}\n\n`{group}/{api}`. {about}\n")
            .expect("a string takes everything");
        for part in ["spec", "status"] {
            page.push_str("\n| field | type | what it says |\n|---|---|---|\n");
            rows(part, &schema["properties"][part], &mut page);
        }
    }
    page
}

fn rows(path: &str, schema: &Value, page: &mut String) {
    let required: Vec<_> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, property) in properties {
        let path = format!("{path}.{name}");
        let must = if required.iter().any(|other| *other == name) {
            "**required.** "
        } else {
            ""
        };
        let about = text(&property["description"])
            .replace('\n', " ")
            .replace('|', "\\|");
        let bounds = bounds(property);
        writeln!(
            page,
            "| `{path}` | {} | {must}{about}{bounds} |",
            kind(property)
        )
        .expect("a string takes everything");
        rows(&path, property, page);
        rows(&format!("{path}[]"), &property["items"], page);
    }
}

fn kind(property: &Value) -> String {
    match text(&property["type"]) {
        "array" => format!("list of {}", kind(&property["items"])),
        "integer" => "whole number".to_owned(),
        "string" if property["format"] == "date-time" => "time, RFC 3339".to_owned(),
        other => other.to_owned(),
    }
}

fn bounds(property: &Value) -> String {
    let mut said = Vec::new();
    if let Some(values) = property["enum"].as_array() {
        let values: Vec<_> = values
            .iter()
            .map(|value| format!("`{}`", text(value)))
            .collect();
        said.push(format!("one of {}", values.join(", ")));
    }
    for (key, words) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("maxLength", "characters: at most"),
        ("maxItems", "entries: at most"),
    ] {
        if let Some(number) = property[key].as_f64() {
            said.push(format!("{words} {number}"));
        }
    }
    match &property["default"] {
        Value::Null | Value::Object(_) | Value::Array(_) => {}
        value => said.push(format!("default `{}`", value.to_string().trim_matches('"'))),
    }
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({})", said.join("; "))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
