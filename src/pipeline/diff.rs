//! What has to change for the wanted plans to be the running ones: pure.

use std::collections::BTreeMap;

use crate::pipeline::plan::{Plan, PlanId};

/// Changes, each plan in at most one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Plans that do not run yet.
    pub start: Vec<Plan>,
    /// Plans to be drained and started anew in their new form.
    pub replace: Vec<Plan>,
    /// Plans that go on with other rules.
    pub reload: Vec<Plan>,
    /// Plans that are not wanted any more.
    pub stop: Vec<PlanId>,
}

/// Compares what runs with what is wanted. Where an id is wanted twice, the last one counts.
pub fn diff(running: &BTreeMap<PlanId, Plan>, wanted: &[Plan]) -> Diff {
    let wanted: BTreeMap<&PlanId, &Plan> = wanted.iter().map(|plan| (&plan.id, plan)).collect();
    let mut diff = Diff {
        stop: running
            .keys()
            .filter(|id| !wanted.contains_key(id))
            .cloned()
            .collect(),
        ..Diff::default()
    };
    for plan in wanted.into_values() {
        match running.get(&plan.id) {
            None => diff.start.push(plan.clone()),
            Some(old) if !runs_alike(old, plan) => diff.replace.push(plan.clone()),
            Some(old) if old.rules != plan.rules => diff.reload.push(plan.clone()),
            Some(_) => {}
        }
    }
    diff
}

/// Whether nothing but the rules differs. Where an earlier run stopped makes no difference.
fn runs_alike(old: &Plan, new: &Plan) -> bool {
    let Plan {
        id,
        range,
        fetch_delay,
        source,
        sink,
        connection,
        pushdown,
        rules: _,
        resume: _,
    } = old;
    *id == new.id
        && *range == new.range
        && *fetch_delay == new.fetch_delay
        && *source == new.source
        && *sink == new.sink
        && *connection == new.connection
        && *pushdown == new.pushdown
}

/// Whether a checkpoint of the old plan says anything about the new one: the same documents are
/// read, from the same instant on.
pub fn reads_alike(old: &Plan, new: &Plan) -> bool {
    old.range == new.range && old.source == new.source && old.connection == new.connection
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::pipeline::test_support::{a_plan, a_rule};

    fn running(plans: &[Plan]) -> BTreeMap<PlanId, Plan> {
        plans
            .iter()
            .map(|plan| (plan.id.clone(), plan.clone()))
            .collect()
    }

    fn named(name: &str) -> Plan {
        let mut plan = a_plan();
        plan.id.name = name.to_owned();
        plan
    }

    #[test]
    fn each_plan_is_started_replaced_reloaded_stopped_or_left_alone() {
        let (gone, same, slower, edited, new) = (
            named("gone"),
            named("same"),
            named("slower"),
            named("edited"),
            named("new"),
        );
        let running = running(&[gone.clone(), same.clone(), slower.clone(), edited.clone()]);
        let slower = Plan {
            fetch_delay: Duration::from_secs(99),
            ..slower
        };
        let edited = Plan {
            rules: Arc::new([a_rule("other", "get", "Enum")]),
            ..edited
        };
        let expected = Diff {
            start: vec![new.clone()],
            replace: vec![slower.clone()],
            reload: vec![edited.clone()],
            stop: vec![gone.id],
        };
        assert_eq!(diff(&running, &[new, same, slower, edited]), expected);
    }

    #[test]
    fn a_checkpoint_that_moves_changes_nothing() {
        let plan = a_plan();
        let moved = Plan {
            resume: Some(crate::pipeline::progress::Checkpoint {
                watermark: jiff::Timestamp::UNIX_EPOCH,
                counts: Default::default(),
                ..Default::default()
            }),
            ..plan.clone()
        };
        assert_eq!(diff(&running(&[plan]), &[moved]), Diff::default());
    }

    #[test]
    fn a_job_made_again_is_another_one() {
        let old = a_plan();
        let mut new = old.clone();
        new.id.uid = "another".to_owned();
        let expected = Diff {
            start: vec![new.clone()],
            stop: vec![old.id.clone()],
            ..Diff::default()
        };
        assert_eq!(diff(&running(&[old]), &[new]), expected);
    }
}
