//! The operator among servers that fail: whatever happens on the way, the jobs come to their end,
//! and every alert is there, once.

mod cluster;
mod credentials;
mod outage;
mod sink;
mod source;
mod undecided;

use k8scop_testbed::{
    Flavor,
    faults::{Act, On, Proxy},
};

use crate::support::site::{Site, Terms};

/// Terms of static jobs over events that other tests read too.
fn shared(name: &str) -> Terms<'_> {
    Terms {
        name,
        streaming: false,
        own_events: false,
        elect: false,
    }
}

/// Terms of jobs over events of their own.
fn own(name: &str, streaming: bool) -> Terms<'_> {
    Terms {
        streaming,
        own_events: true,
        ..shared(name)
    }
}

/// Lets static jobs run against a server that does all this to them.
async fn survive(flavor: Flavor, name: &str, faults: impl IntoIterator<Item = (On, Act)>) -> Site {
    let mut site = Site::new(flavor, shared(name)).await;
    let proxy = site.proxy().await;
    let mut names = Vec::new();
    for (on, act) in faults {
        names.push(act.name());
        proxy.rule(on, act);
    }
    let operator = site.operator(proxy.url(), "").await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
    for name in names {
        assert!(proxy.count(name) > 0, "{name} was to be done, but was not");
    }
    site
}

/// Each of some faults, to every second of the requests.
fn in_turn(
    on: impl Fn() -> On,
    acts: impl IntoIterator<Item = Act>,
) -> impl Iterator<Item = (On, Act)> {
    let numbered = acts.into_iter().enumerate();
    numbered.map(move |(number, act)| (on().nth(2 * number), act))
}

/// Makes each job read slowly enough to be met in its middle.
fn slow_searches(proxy: &Proxy) {
    let pause = std::time::Duration::from_millis(300);
    proxy.rule(On::post("*/_search"), Act::Delay(pause));
}
