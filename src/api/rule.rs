//! `K8sCopRule`: a detection rule as a Kubernetes resource. Its spec is a [`RuleDefinition`].

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column has its own attributes"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::K8sCopRuleStatus;
use crate::detect::definition::RuleDefinition;

/// Spec of a `K8sCopRule`: the definition of a rule, nothing added.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "k8scop.io",
    version = "v1alpha1",
    kind = "K8sCopRule",
    namespaced,
    status = "K8sCopRuleStatus",
    doc = "A detection rule: what to look for in Kubernetes audit events, and what to say when it is found.",
    derive = "PartialEq",
    shortname = "kcrule",
    category = "k8scop",
    selectable = ".spec.severity",
    selectable = ".spec.category",
    selectable = ".spec.state",
    printcolumn(name = "SEVERITY", type_ = "string", json_path = ".spec.severity"),
    printcolumn(name = "CATEGORY", type_ = "string", json_path = ".spec.category"),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "REASON",
        type_ = "string",
        priority = 1,
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "MATCHES", type_ = "integer", json_path = ".status.matches"),
    printcolumn(
        name = "OBSERVABLE",
        type_ = "string",
        priority = 1,
        description = "False where events do not show what the rule asks about",
        json_path = r#".status.conditions[?(@.type=="Observable")].status"#
    ),
    printcolumn(
        name = "UNDECIDED",
        type_ = "integer",
        priority = 1,
        description = "Events that the rule could not decide",
        json_path = ".status.undecided"
    ),
    printcolumn(
        name = "LAST-MATCH",
        type_ = "date",
        priority = 1,
        json_path = ".status.lastMatchTime"
    ),
    printcolumn(
        name = "USED-BY",
        type_ = "integer",
        priority = 1,
        json_path = ".status.usedBy"
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct K8sCopRuleSpec(pub RuleDefinition);
