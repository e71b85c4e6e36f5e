//! K8sCop: detection rules for Kubernetes audit logs, as Kubernetes resources.
//!
//! Two loops meet at one pure function:
//!
//! ```text
//!  K8sCopRule, AnalysisJob                                                  .status
//!         │  controller/watch                                                  ▲  controller/writer
//!         ▼                                                                    │
//!    controller/index ──► desired(index, progress, now) ──► Desired { rules, plans, statuses }
//!                                    ▲  pure                     │ plans
//!                                    │ progress                  ▼
//!                                    └────────────── pipeline/supervisor     (diff: start, replace, stop)
//!                                                                │ one pipeline per plan
//!  Elasticsearch ─► fetch ─► detect ─► push ─► Elasticsearch
//! ```
//!
//! The folders are layers, and an arrow of use points only downward:
//!
//! | layer | folder | holds |
//! |---|---|---|
//! | 0 | [`detect`] | events, rules, rule sets, alerts: pure and synchronous |
//! | 1 | [`pipeline`] | windows, plans, the stages, the supervisor, and the ports they need |
//! | 2 | [`elastic`], [`local`] | adapters behind the ports |
//! | 2 | [`api`] | the custom resources and their conversion to rules and plans |
//! | 3 | [`controller`] | watch, index, `desired`, statuses, their one writer |
//! | 4 | [`command`], [`cli`], [`server`], [`metrics`], [`telemetry`] | composition |

pub mod api;
pub mod cli;
pub mod command;
pub mod controller;
pub mod detect;
pub mod elastic;
pub mod exit;
pub mod local;
pub mod metrics;
pub mod pipeline;
pub mod server;
pub mod telemetry;
pub mod terminal;
