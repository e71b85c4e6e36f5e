//! Faults on the way to the servers: proxies that tamper with requests and answers.

use std::time::Duration;

use k8scop_testbed::faults::{Act, Answer, Items, On, Proxy, Watched};
use tokio::time::sleep;

use super::{dice::Dice, lane::Lane};

/// How many of the requests meet a fault while it lasts.
const SHARE: f64 = 0.5;

/// A kind of fault: its name, the requests it is for, and what happens to them.
type Kind = (&'static str, On, Act);

/// The way to the search server.
pub struct WayToSearch(pub Proxy);

impl Lane for WayToSearch {
    const NAME: &'static str = "way to the search server";

    fn kinds(&self) -> Vec<&'static str> {
        names(&search_kinds())
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        tamper(&self.0, search_kinds(), kind, dice).await;
    }
}

/// The way to the API server.
pub struct WayToCluster(pub Proxy);

impl Lane for WayToCluster {
    const NAME: &'static str = "way to the apiserver";

    fn kinds(&self) -> Vec<&'static str> {
        names(&cluster_kinds())
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        tamper(&self.0, cluster_kinds(), kind, dice).await;
    }
}

async fn tamper(proxy: &Proxy, kinds: Vec<Kind>, name: &str, dice: &mut Dice) {
    let kind = kinds.into_iter().find(|(known, ..)| *known == name);
    let (_, on, act) = kind.expect("the kind is one of this lane's");
    proxy.seed(dice.below(u64::MAX));
    proxy.rule(on.chance(SHARE), act);
    sleep(dice.seconds(1.0..5.0)).await;
    proxy.clear();
}

fn names(kinds: &[Kind]) -> Vec<&'static str> {
    kinds.iter().map(|(name, ..)| *name).collect()
}

fn search_kinds() -> Vec<Kind> {
    let (any, search, bulk) = (On::any("*"), On::post("*_search"), On::post("*_bulk"));
    vec![
        ("bulk done, answer lost", bulk.clone(), Act::LoseAnswer),
        ("connection refused", any.clone(), Act::Refuse),
        (
            "requests slow",
            any.clone(),
            Act::Delay(Duration::from_millis(700)),
        ),
        ("answers cut", any.clone(), Act::Cut(60)),
        ("answers truncated", any.clone(), Act::Truncate(100)),
        ("429 for requests", any.clone(), Act::too_many_requests(1)),
        ("502 in HTML", any.clone(), Act::bad_gateway()),
        ("200 in HTML", any.clone(), Act::wrong_content_type()),
        ("search timed out", search.clone(), Act::timed_out()),
        ("shard failed", search.clone(), Act::shard_failed()),
        ("no shards asked", search.clone(), Act::no_shards()),
        (
            "search context lost",
            search,
            Act::Answer(Answer::error(404, "search_context_missing_exception")),
        ),
        (
            "429 for items",
            bulk.clone(),
            Act::Items(Items::every(3, 429)),
        ),
        (
            "503 for items that are done",
            bulk.clone(),
            Act::Items(Items::every(3, 503).although_done()),
        ),
        (
            "request too large",
            bulk,
            Act::Answer(Answer::error(413, "content_too_long")),
        ),
        ("401 for requests", any, Act::unauthorized()),
    ]
}

fn cluster_kinds() -> Vec<Kind> {
    let watch = || On::watch("*");
    vec![
        ("watch cut", watch(), Act::Watch(Watched::CutAt(0))),
        ("watch expired", watch(), Act::Watch(Watched::ExpireAt(0))),
        (
            "watch event doubled",
            watch(),
            Act::Watch(Watched::Double(0)),
        ),
        (
            "status written, answer lost",
            On::any("*/status"),
            Act::LoseAnswer,
        ),
        ("apiserver resets connections", On::any("*"), Act::Refuse),
        (
            "apiserver overloaded",
            On::any("*"),
            Act::too_many_requests(1),
        ),
    ]
}
