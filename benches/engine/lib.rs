//! The detection layer of K8sCop as a package of its own: the same source, built without Kubernetes
//! and Elasticsearch.

#![allow(dead_code, reason = "other layers of the product use the rest")]

#[path = "../../src/detect/mod.rs"]
pub mod detect;
