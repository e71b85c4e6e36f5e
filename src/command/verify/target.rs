//! What is verified: a job by flags, or one out of a cluster.

use std::collections::BTreeMap;

use anyhow::bail;
use jiff::Timestamp;

use super::{LAG, TENANT, VerifyArgs, analyze, cluster, verdict::Owner};
use crate::{
    api::job::{Mode, PushdownMode},
    command::{
        job::{Pace, Span},
        rules,
    },
    pipeline::{
        plan::{Plan, PlanId, Range},
        window::Window,
    },
};

/// What is verified.
pub(super) struct Target {
    /// How the span is read.
    pub(super) plan: Plan,
    /// The span.
    pub(super) span: Window,
    /// Whose alerts they are.
    pub(super) owner: Owner,
}

/// What the arguments name.
pub(super) fn target(args: &VerifyArgs, now: Timestamp) -> anyhow::Result<Target> {
    match args.manifests.is_empty() {
        true => by_flags(args, now),
        false => cluster::target(args, now),
    }
}

fn by_flags(args: &VerifyArgs, now: Timestamp) -> anyhow::Result<Target> {
    let id = PlanId {
        namespace: args.tenant.clone().unwrap_or_else(|| TENANT.to_owned()),
        name: args
            .job_name
            .clone()
            .unwrap_or_else(|| analyze::JOB.to_owned()),
        uid: String::new(),
    };
    let pace = Pace {
        mode: Mode::Static,
        fetch_delay: 1,
        // What must exist is found out from all events.
        pushdown: PushdownMode::Never,
    };
    let rules = rules::load(&args.job.rules)?.into();
    let span = Span {
        now: now - LAG,
        ..args.job.span(now)
    };
    let plan = args.job.plan(id, pace, rules, span)?;
    let Range::Static { start, end } = plan.range else {
        bail!("a span without an end cannot be verified")
    };
    let owner = Owner {
        tenant: plan.id.namespace.clone(),
        job: plan.id.name.clone(),
        since: BTreeMap::new(),
    };
    Ok(Target {
        plan,
        span: Window { start, end },
        owner,
    })
}
