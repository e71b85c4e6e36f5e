//! How a run is brought to a point that it would not pass by itself.

use std::time::Duration;

use k8scop_testbed::faults::{Act, On, Proxy};
use serde_json::json;

use super::run::Case;
use crate::support::{eventually, operator::Operator, site::Site, workload::JOBS};

const SOON: Duration = Duration::from_secs(40);

/// What happens besides the work itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provocation {
    Nothing,
    /// The jobs were done before, then half of their alerts and the jobs were deleted.
    HalfOfTheAlertsExist,
    /// Documents come late, while the operator is away.
    LateDocuments,
    /// The rule is edited while the jobs run.
    EditedRule,
    /// Another replica takes the lease, and does not renew it.
    LostLeases,
    /// SIGTERM while alerts are under way.
    Termination,
}

impl Provocation {
    /// Makes everything slow that the jobs could otherwise be done with too soon.
    pub fn slow_down(self, proxy: &Proxy) {
        match self {
            Self::LateDocuments | Self::EditedRule => {
                proxy.rule(
                    On::post("*/_search"),
                    Act::Delay(Duration::from_millis(300)),
                );
            }
            Self::Termination => {
                proxy.rule(On::post("*/_bulk"), Act::Delay(Duration::from_millis(700)));
            }
            Self::Nothing | Self::HalfOfTheAlertsExist | Self::LostLeases => {}
        }
    }

    /// What happens before the process that is to die.
    pub async fn before(self, site: &mut Site) {
        match self {
            Self::HalfOfTheAlertsExist => {
                let operator = site.operator(site.search.url(), "").await;
                site.all_done(&operator).await;
                assert_eq!(operator.stop().await, 0);
                site.delete_every_second_alert().await;
                site.delete_jobs().await;
                site.apply("").await;
            }
            Self::LateDocuments => {
                let proxy = site.proxy().await;
                self.slow_down(&proxy);
                let operator = site.operator(proxy.url(), "").await;
                second_windows(&proxy, site).await;
                assert_eq!(operator.stop().await, 0);
                site.add_late_documents().await;
            }
            _ => {}
        }
    }

    /// What happens while the process runs that is to die.
    pub async fn during(self, site: &Site, case: Case, proxy: &Proxy, operator: &Operator) {
        match self {
            Self::EditedRule => {
                second_windows(proxy, site).await;
                site.apply(", edited").await;
            }
            Self::Termination => {
                let bulks = async || {
                    let journal = proxy.journal();
                    let bulks = journal.iter().filter(|it| it.path.ends_with("/_bulk"));
                    (bulks.count() >= JOBS.len()).then_some(())
                };
                eventually("each job writes", SOON, bulks).await;
                operator.signal("TERM").await;
            }
            Self::LostLeases => {
                for _ in 1..case.passing {
                    steal(site).await;
                }
            }
            Self::Nothing | Self::HalfOfTheAlertsExist | Self::LateDocuments => {}
        }
    }
}

impl Provocation {
    /// What happens between death and going on.
    pub async fn after(self, site: &Site) {
        if self == Self::LostLeases {
            // The lease of a process that died would be respected for a while.
            let delete = ["delete", "lease", "k8scop", "-n", &site.namespace];
            site.admin().ok(&delete).await;
        }
    }
}

/// Waits until each job has read its first window, and begun the next one.
async fn second_windows(proxy: &Proxy, site: &Site) {
    let views = |job: &str| {
        let index = site.source().index(job);
        let open = ["_pit", "_search/point_in_time"].map(|end| format!("/{index}/{end}"));
        let journal = proxy.journal();
        journal.iter().filter(|it| open.contains(&it.path)).count()
    };
    let begun = async || JOBS.iter().all(|job| views(job) >= 2).then_some(());
    eventually("each job reads its second window", SOON, begun).await;
}

/// Waits until the lease is held, and takes it away for a second.
async fn steal(site: &Site) {
    let held = async || {
        let lease = site.admin().get(&site.namespace, "lease", "k8scop").await?;
        let holder = lease["spec"]["holderIdentity"].as_str()?;
        (!holder.is_empty() && holder != "thief").then_some(())
    };
    eventually("the lease is held", SOON, held).await;
    let spec = json!({"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 1}});
    let patch = ["patch", "lease", "k8scop", "--type=merge", "-p"];
    let (namespace, spec) = (["-n", &site.namespace], spec.to_string());
    site.admin()
        .ok(&[&patch[..], &[&spec], &namespace].concat())
        .await;
}
