//! One run: work, death, going on, verdict.

use std::{fmt, time::Duration};

use k8scop_testbed::Flavor;

use super::provocation::Provocation;
use crate::support::site::{Site, Terms};

/// How long it may take a process to die on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Where and how the process dies.
#[derive(Clone, Copy)]
pub struct Case {
    pub flavor: Flavor,
    pub point: &'static str,
    pub provocation: Provocation,
    pub streaming: bool,
    /// At which passing of the point.
    pub passing: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match self.flavor {
            Flavor::OpenSearch3 => "opensearch",
            _ => "elasticsearch",
        };
        let mode = ["static", "streaming"][usize::from(self.streaming)];
        write!(f, "{} {mode} {server} passing {}", self.point, self.passing)
    }
}

/// Runs a case; gives the number of alerts.
pub async fn die_and_go_on(case: Case) -> usize {
    let name = case.to_string().replace([' ', '.', '_'], "-");
    let terms = Terms {
        name: &name,
        streaming: case.streaming,
        own_events: case.provocation == Provocation::LateDocuments,
        elect: case.provocation == Provocation::LostLeases,
    };
    let mut site = Site::new(case.flavor, terms).await;
    case.provocation.before(&mut site).await;

    let proxy = site.proxy().await;
    case.provocation.slow_down(&proxy);
    let fault = match case.passing {
        1 => format!("{}=return", case.point),
        n => format!("{}={}*off->return", case.point, n - 1),
    };
    let operator = site.operator(proxy.url(), &fault).await;
    case.provocation
        .during(&site, case, &proxy, &operator)
        .await;
    operator.aborts(&case.to_string(), SOON).await;
    site.nothing_is_missing_before_the_watermarks().await;
    case.provocation.after(&site).await;

    let operator = site.operator(site.search.url(), "").await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0, "{case}");
    site.verdict().await
}
