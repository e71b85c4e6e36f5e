//! What is refused of an `AnalysisJob`, and in which words: once as the CEL rules that the API
//! server checks, once as functions for everybody else.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};
use url::Url;

use crate::detect::{alert::index::CATEGORY, layout::PathError};

/// What a time must look like.
const TIME: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
    T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?\
    (Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// What the index of a source must look like.
const SOURCE_INDEX: &str = "^[a-z0-9][a-z0-9._-]*[*]?$";

/// What the index of a sink must look like, `{category}` replaced by a letter.
const SINK_INDEX: &str = "^[a-z0-9][a-z0-9._-]*$";

pub(super) const TIME_MESSAGE: &str =
    "must be RFC 3339 with a zone, for example 2026-11-23T07:00:00Z";
pub(super) const START_REQUIRED: &str = "must be given when `mode` is 'Static'";
pub(super) const END_FORBIDDEN: &str = "must not be given when `mode` is 'Streaming'";
pub(super) const START_BEFORE_END: &str = "must be before `endTime`";
pub(super) const SOURCE_INDEX_MESSAGE: &str = "must be one index name in lower case that begins \
     with a letter or digit, and may end in '*'";
pub(super) const SINK_INDEX_MESSAGE: &str = "must be the beginning of an index name in lower \
     case, and may hold '{category}' once";
pub(super) const SOURCE_CONTAINS_SINK: &str =
    "must not match the alert indices of `sink`: the job would read its own alerts";
pub(super) const LAYOUT_WITH_PATH: &str =
    "must be Auto where `source.layoutPath` is given; remove one of them";
const HTTPS_ONLY: &str = "must start with https://";
const NO_CREDENTIALS: &str = "must not contain credentials; use `credentialsSecretRef`";
const NO_QUERY: &str = "must not contain a query or fragment";
const ORIGIN_ONLY: &str = "must be an origin without a path, for example https://es.example:9200";
const IMMUTABLE: &str = "must not be changed; create a new AnalysisJob";

/// Whether a text is a time in RFC 3339 with a zone, as far as its shape tells.
pub(super) fn is_time(text: &str) -> bool {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| shape(TIME));
    SHAPE.is_match(text)
}

/// Whether a text is an index or a prefix pattern that a source may name.
pub(super) fn is_source_index(text: &str) -> bool {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| shape(SOURCE_INDEX));
    SHAPE.is_match(text)
}

/// Whether a text is a prefix of alert indices.
pub(super) fn is_sink_index(text: &str) -> bool {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| shape(SINK_INDEX));
    SHAPE.is_match(&text.replacen(CATEGORY, "c", 1))
}

/// Whether a source pattern may match an alert index: the job would read its own alerts.
pub(super) fn source_contains_sink(source: &str, sink: &str) -> bool {
    let head = sink.split('{').next().unwrap_or(sink);
    let begins_like_alerts = match sink.contains('{') {
        true => source.starts_with(head),
        false => source
            .strip_prefix(head)
            .is_some_and(|rest| rest.starts_with('-')),
    };
    let wildcard_holds = source
        .strip_suffix('*')
        .is_some_and(|stem| head.starts_with(stem));
    begins_like_alerts || wildcard_holds
}

/// The origin that a URL names, without a slash at its end; or why it names none.
pub(super) fn origin(text: &str) -> Result<String, &'static str> {
    if !text.starts_with("https://") {
        return Err(HTTPS_ONLY);
    }
    if text.contains('@') {
        return Err(NO_CREDENTIALS);
    }
    if text.contains(['?', '#']) {
        return Err(NO_QUERY);
    }
    match Url::parse(text) {
        Ok(url) if url.path() == "/" => Ok(url.origin().ascii_serialization()),
        _ => Err(ORIGIN_ONLY),
    }
}

fn shape(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant")
}

/// Rules about the spec as a whole.
pub(super) fn job() -> Value {
    let order = format!(
        "!has(self.startTime) || !has(self.endTime) || !self.startTime.matches('{TIME}') || \
         !self.endTime.matches('{TIME}') || timestamp(self.startTime) < timestamp(self.endTime)"
    );
    let mut rules = vec![
        required(
            "self.mode != 'Static' || has(self.startTime)",
            ".startTime",
            START_REQUIRED,
        ),
        forbidden(
            "self.mode != 'Streaming' || !has(self.endTime)",
            ".endTime",
            END_FORBIDDEN,
        ),
        invalid(&order, ".startTime", START_BEFORE_END),
        invalid(
            "!self.source.index.endsWith('*') || \
             !self.sink.index.split('{')[0].startsWith(self.source.index.replace('*', ''))",
            ".source.index",
            SOURCE_CONTAINS_SINK,
        ),
        invalid(
            "!self.source.index.startsWith(self.sink.index.contains('{') ? \
             self.sink.index.split('{')[0] : self.sink.index + '-')",
            ".source.index",
            SOURCE_CONTAINS_SINK,
        ),
    ];
    rules.extend(["mode", "source", "sink"].map(|field| {
        immutable(
            &format!("self.{field} == oldSelf.{field}"),
            &format!(".{field}"),
        )
    }));
    rules.extend(["startTime", "endTime"].map(|field| {
        immutable(
            &format!(
                "has(self.{field}) == has(oldSelf.{field}) && \
                 (!has(self.{field}) || self.{field} == oldSelf.{field})"
            ),
            &format!(".{field}"),
        )
    }));
    rules.push(immutable(
        "has(self.elasticsearch) == has(oldSelf.elasticsearch) && \
         (!has(self.elasticsearch) || self.elasticsearch.url == oldSelf.elasticsearch.url)",
        ".elasticsearch",
    ));
    Value::Array(rules)
}

/// Rules about a time.
pub(super) fn time() -> Value {
    json!([{
        "rule": format!("self.matches('{TIME}') && timestamp(self) == timestamp(self)"),
        "message": TIME_MESSAGE,
    }])
}

/// Rules about the index pattern of a source.
pub(super) fn source_index() -> Value {
    json!([{
        "rule": format!("self.matches('{SOURCE_INDEX}')"),
        "message": SOURCE_INDEX_MESSAGE,
    }])
}

/// Rules about the place of the event in a document.
pub(super) fn layout_path() -> Value {
    json!([{
        "rule": "self.matches('^[^.]+([.][^.]+)*$')",
        "message": PathError::Malformed.to_string(),
    }])
}

/// Rules about the prefix of a sink.
pub(super) fn sink_index() -> Value {
    json!([{
        "rule": format!("self.replace('{CATEGORY}', 'c', 1).matches('{SINK_INDEX}')"),
        "message": SINK_INDEX_MESSAGE,
    }])
}

/// Rules about the origin that a job names.
pub(super) fn url() -> Value {
    json!([
        {"rule": "self.startsWith('https://')", "message": HTTPS_ONLY},
        {"rule": "!self.contains('@')", "message": NO_CREDENTIALS},
        {"rule": "!self.contains('?') && !self.contains('#')", "message": NO_QUERY},
        {
            "rule": "self.matches('^[a-z]+://[^/?#]+/?([?#].*)?$') && isURL(self)",
            "message": ORIGIN_ONLY,
        },
    ])
}

/// Schema of a label selector: that of Kubernetes, with bounds, and refusing what the selector
/// could not be read with.
pub(super) fn label_selector(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels with the values that a rule must have.",
                "maxProperties": 32,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "type": "array",
                "description": "Requirements, all of which a rule must meet.",
                "maxItems": 32,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {
                            "type": "string",
                            "description": "Key of the label.",
                            "maxLength": 317,
                        },
                        "operator": {
                            "type": "string",
                            "description": "How the label is related to the values.",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "description": "Values for In and NotIn.",
                            "maxItems": 64,
                            "x-kubernetes-list-type": "atomic",
                            "items": {"type": "string", "maxLength": 63},
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                        "message": "must have `values` with 'In' and 'NotIn', and none with 'Exists' and 'DoesNotExist'",
                    }],
                },
            },
        },
    })
}

fn rule(reason: &str, rule: &str, path: &str, message: &str) -> Value {
    json!({"rule": rule, "fieldPath": path, "reason": reason, "message": message})
}

fn required(condition: &str, path: &str, message: &str) -> Value {
    rule("FieldValueRequired", condition, path, message)
}

fn forbidden(condition: &str, path: &str, message: &str) -> Value {
    rule("FieldValueForbidden", condition, path, message)
}

fn invalid(condition: &str, path: &str, message: &str) -> Value {
    rule("FieldValueInvalid", condition, path, message)
}

fn immutable(condition: &str, path: &str) -> Value {
    forbidden(condition, path, IMMUTABLE)
}
