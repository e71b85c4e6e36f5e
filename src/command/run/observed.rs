//! What the endpoints see of the operator.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    controller::{health::Health, lease::Standing},
    metrics::{self, Observation},
    pipeline::{
        board::{Board, Published},
        plan::Plan,
    },
    server::Observed,
    telemetry,
};

/// Watches that fail for so long may be cured by a fresh start.
const STUCK: Duration = Duration::from_secs(600);

/// The ends of the operator's channels.
pub(super) struct Operator {
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) health: watch::Receiver<Health>,
    pub(super) progress: watch::Receiver<Published>,
    pub(super) plans: watch::Receiver<Arc<[Plan]>>,
    pub(super) board: Board,
    pub(super) stop: CancellationToken,
}

impl Observed for Operator {
    fn stuck(&self) -> Vec<String> {
        let failing = self.health.borrow().failing_for(Instant::now());
        let stuck = failing.filter(|failing| *failing >= STUCK);
        stuck
            .map(|time| format!("watches fail for {} s", time.as_secs()))
            .into_iter()
            .collect()
    }

    fn missing(&self) -> Vec<String> {
        let mut missing = self.health.borrow().obstacles(Instant::now());
        if self.stop.is_cancelled() {
            missing.push("stopping".to_owned());
        }
        match &*self.standing.borrow() {
            Standing::Unopposed | Standing::Leading { .. } => {}
            Standing::Standby { obstacle, .. } => missing.extend(obstacle.clone()),
            Standing::Detached { obstacle, .. } => missing.push(format!("detached: {obstacle}")),
        }
        missing
    }

    fn remark(&self) -> Option<String> {
        match &*self.standing.borrow() {
            Standing::Standby { leader, .. } => Some(match leader {
                Some(leader) => format!("standby: {leader} leads"),
                None => "standby: nobody leads".to_owned(),
            }),
            _ => None,
        }
    }

    fn metrics(&self) -> String {
        let standing = self.standing.borrow().clone();
        let alone = matches!(standing, Standing::Detached { .. });
        let plans = self.plans.borrow().clone();
        let rules = plans.iter().flat_map(|plan| plan.rules.iter());
        metrics::render(Observation {
            leads: standing.leads(),
            detached: standing.leads() && (alone || self.health.borrow().is_refused()),
            dropped_log_lines: telemetry::dropped_lines(),
            rules: self.health.borrow().rules(),
            severities: rules
                .map(|rule| (rule.key().to_owned(), rule.definition().severity))
                .collect(),
            jobs: BTreeMap::clone(&self.progress.borrow()),
            totals: self.board.totals(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::watch::Watch;

    fn operator(health: Health) -> Operator {
        Operator {
            standing: watch::channel(Standing::Unopposed).1,
            health: watch::channel(health).1,
            progress: watch::channel(Published::default()).1,
            plans: watch::channel(Arc::from([])).1,
            board: Board::default(),
            stop: CancellationToken::new(),
        }
    }

    #[test]
    fn an_operator_is_ready_when_its_lists_are_complete_and_until_it_stops() {
        let watches = Watch::over(&[]);
        assert_eq!(operator(Health::new(watches)).missing().len(), 2);

        let operator = operator(Health::default());
        assert_eq!(operator.missing(), Vec::<String>::new());
        operator.stop.cancel();
        assert_eq!(operator.missing(), ["stopping"]);
    }

    fn standing(standing: Standing) -> Operator {
        Operator {
            standing: watch::channel(standing).1,
            ..operator(Health::default())
        }
    }

    #[test]
    fn a_standby_is_ready_and_says_who_leads() {
        let standby = standing(Standing::Standby {
            leader: Some("k8scop-0_1".to_owned()),
            obstacle: None,
        });
        let remark = Some("standby: k8scop-0_1 leads".to_owned());
        assert_eq!((standby.missing(), standby.remark()), (vec![], remark));
        let metrics = standby.metrics();
        assert!(metrics.contains("\nk8scop_leader{} 0\n"), "{metrics}");
    }

    #[test]
    fn who_cannot_renew_the_lease_says_so() {
        let detached = standing(Standing::Detached {
            epoch: 3,
            obstacle: "LeaseForbidden: no".to_owned(),
        });
        assert_eq!(detached.missing(), ["detached: LeaseForbidden: no"]);
        let metrics = detached.metrics();
        assert!(metrics.contains("\nk8scop_detached{} 1\n"), "{metrics}");
    }
}
