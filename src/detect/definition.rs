//! What a rule says, as its author wrote it: plain data, nothing checked yet.
//!
//! The doc comments of the fields are user text: `kubectl explain k8scoprule.spec` prints them.

mod scale;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use scale::{RequestOutcome, Severity};

/// What to look for in audit events, and what to say when it is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleDefinition {
    /// Title of the alerts, in a few words.
    #[schemars(length(min = 1, max = 256))]
    pub title: String,
    /// What was seen and why it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub description: Option<String>,
    /// How bad a match is: Informational, Low, Medium, High or Critical.
    pub severity: Severity,
    /// Kind of activity, one CamelCase word, for example Enum, Tamper, Secrets or Exec. The index
    /// of the alerts may be chosen by it.
    #[serde(default = "default_category")]
    #[schemars(length(max = 32), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub category: String,
    /// Enabled, or Disabled: a disabled rule is checked but not loaded.
    #[serde(default)]
    pub state: RuleState,
    /// Labels of the detection, for example `attack.execution` or `attack.t1609`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 64)))]
    pub tags: Vec<String>,
    /// Links to further reading; the first is copied into each alert.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 512)))]
    pub references: Vec<String>,
    /// Who or what may cause a harmless match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 256)))]
    pub false_positives: Vec<String>,
    /// Request makes one alert of a request, whatever stages of it were logged; Event makes one
    /// of each logged stage.
    #[serde(default)]
    pub alert_per: AlertPer,
    /// Outcomes of the request that make an alert: Success, Denied (by authentication,
    /// authorization or admission), Failure (any other error) and DryRun. An alert about an
    /// outcome other than Success begins with `denied: `, `failed: ` or `dry run: `, and is one step
    /// less severe if Success is listed too and severityWhen does not say otherwise. Default:
    /// Success; all of them where a selection looks at `outcome`, `decision` or `responseStatus`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub outcomes: Vec<RequestOutcome>,
    /// Severities of special cases: the first whose condition holds replaces `severity`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub severity_when: Vec<SeverityWhen>,
    /// Fields whose values are copied into the alert, below `k8scop.context`, for example
    /// `object.subjects.name`. Fields that may hold secrets are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub context: Vec<String>,
    /// Named groups of predicates about one audit event.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub selections: Vec<Selection>,
    /// Which selections must hold, for example `session and not (system or probe)`. Knows `and`,
    /// `or`, `not`, parentheses, `1 of name*`, `all of name*` and `all of them`. Default: all of
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,
    /// Text of the alert. `{user.username}` stands for a field of the event, `{pod}` for a named
    /// group of a pattern; `{{` and `}}` are literal braces. Default: the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub message: Option<String>,
    /// Known harmless cases: an event that meets one of them makes no alert, and is counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub exceptions: Vec<Exception>,
    /// Sample events with the expected outcome. A rule whose tests fail is not loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tests: Vec<RuleTest>,
}

/// Whether a rule takes part in detection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum RuleState {
    #[default]
    Enabled,
    Disabled,
}

/// What one alert stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum AlertPer {
    #[default]
    Request,
    Event,
}

/// The severity of a special case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeverityWhen {
    /// A condition over the selections of the rule, as in `condition`.
    #[schemars(length(min = 1, max = 1024))]
    pub condition: String,
    /// Severity of the alert where the condition holds.
    pub severity: Severity,
}

/// A named group of predicates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = some_predicate()))]
pub struct Selection {
    /// Name by which the condition speaks of this selection.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z_][A-Za-z0-9_-]*$")
    )]
    pub name: String,
    /// A list field, for example `podSpec.allContainers`. All predicates are then about one and
    /// the same element of it, and name fields within the element. The elements of a map such as
    /// `requestObject.data` are its entries, with the fields `key` and `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub for_each: Option<String>,
    /// Every one of these predicates must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub all: Vec<Predicate>,
    /// At least one of these predicates must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub any: Vec<Predicate>,
    /// None of these predicates may hold; with `forEach`, of the same element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub none: Vec<Predicate>,
}

/// A known harmless case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = some_predicate()))]
pub struct Exception {
    /// Name of the exception, under which its uses are counted.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z_][A-Za-z0-9_-]*$")
    )]
    pub name: String,
    /// Why this case is harmless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub reason: Option<String>,
    /// A list field. All predicates are then about one and the same element of it. Where a
    /// selection of the rule is about elements of the same list, each element that it matched
    /// must meet the exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub for_each: Option<String>,
    /// Every one of these predicates must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub all: Vec<Predicate>,
    /// At least one of these predicates must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub any: Vec<Predicate>,
    /// None of these predicates may hold; with `forEach`, of the same element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub none: Vec<Predicate>,
}

/// A statement about one field of the event, with exactly one operator; `atLeast` and `atMost`
/// may stand together.
///
/// Text is compared case-sensitively. Numbers and booleans are compared by their JSON text, so
/// `equals: "true"` holds for `true`. A list field holds when any element does. A field that is
/// missing or empty meets no operator but `exists: Absent`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = one_operator()))]
pub struct Predicate {
    /// Field of the audit event, for example `objectRef.resource`, `request.path` or
    /// `annotations["authorization.k8s.io/decision"]`.
    #[schemars(length(min = 1, max = 256))]
    pub field: String,
    /// Regular expression, not anchored (syntax of the Rust regex crate; `(?i)` ignores case).
    /// Named groups become values of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub matches: Option<String>,
    /// Regular expressions, one of which must match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 1024)))]
    pub matches_any: Vec<String>,
    /// The whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub equals: Option<String>,
    /// Whole values, one of which must be equal.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 1024)))]
    pub is_in: Vec<String>,
    /// Beginning of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub starts_with: Option<String>,
    /// Beginnings, one of which must be the value's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 1024)))]
    pub starts_with_any: Vec<String>,
    /// End of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub ends_with: Option<String>,
    /// Ends, one of which must be the value's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 1024)))]
    pub ends_with_any: Vec<String>,
    /// A part of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub contains: Option<String>,
    /// Parts, one of which must stand in the value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 1024)))]
    pub contains_any: Vec<String>,
    /// Network in CIDR notation that holds the address, for example `10.0.0.0/8` or `fd00::/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub cidr: Option<String>,
    /// Networks, one of which must hold the address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 64)))]
    pub cidr_any: Vec<String>,
    /// Present: the field has a value that is not empty. Absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<Existence>,
    /// The value is a number, and not less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// The value is a number, and not greater than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<i64>,
}

/// Whether a field has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum Existence {
    Present,
    Absent,
}

/// A sample event and what the rule must make of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleTest {
    /// What the test shows.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// An audit event (`audit.k8s.io/v1`), or the part of one that the rule looks at.
    #[schemars(schema_with = "any_object")]
    pub event: serde_json::Value,
    /// Match, NoMatch, Excepted (the rule matches, and one of its exceptions too), or Undecided
    /// (the event lacks what the rule asks about; no alert is made).
    pub expect: Expectation,
    /// The message that the alert must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub message: Option<String>,
    /// The severity that the alert must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The exception that must be met, where `expect` is Excepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub exception: Option<String>,
}

/// What a rule must make of a sample event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum Expectation {
    Match,
    NoMatch,
    Excepted,
    Undecided,
}

fn default_category() -> String {
    "Other".to_owned()
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// What the API server checks of a group of predicates.
fn some_predicate() -> serde_json::Value {
    serde_json::json!([{
        "rule": "(has(self.all) && size(self.all) > 0) || (has(self.any) && size(self.any) > 0) || (has(self.none) && size(self.none) > 0)",
        "message": "at least one predicate is required in `all`, `any` or `none`",
    }])
}

/// What the API server checks of a predicate.
fn one_operator() -> serde_json::Value {
    let operators = [
        "matches",
        "matchesAny",
        "equals",
        "__in__",
        "startsWith",
        "startsWithAny",
        "endsWith",
        "endsWithAny",
        "contains",
        "containsAny",
        "cidr",
        "cidrAny",
        "exists",
    ];
    let held = operators
        .map(|operator| format!("has(self.{operator}), "))
        .concat();
    let range = "has(self.atLeast) || has(self.atMost)";
    serde_json::json!([{
        "rule": format!("[{held}{range}].filter(given, given).size() == 1"),
        "message": "must have exactly one operator, for example `in` or `matches`",
    }])
}
