//! The custom resources of the group `k8scop.io`: their shape, their definitions for a cluster,
//! and their conversion to rules and plans. The conversion is the validation: the operator, the
//! command line and the tests call the same one. No clients, no clock.

pub mod convert;
pub mod crds;
mod input;
pub mod job;
pub mod manifest;
pub mod problem;
pub mod rule;
pub mod status;
mod validation;

/// API group of both kinds.
pub const GROUP: &str = "k8scop.io";

/// API version of both kinds, as a manifest says it.
pub const API_VERSION: &str = "k8scop.io/v1alpha1";
