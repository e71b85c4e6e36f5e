//! Faults of many kinds at once, for tests that run long.

use std::time::Duration;

use super::{
    act::{Act, Items},
    answer::Answer,
    proxy::Proxy,
    rule::On,
};

/// Each search and each write fails with this probability, in every way that a client should get
/// over within seconds.
pub fn bad_weather(proxy: &Proxy, probability: f64) {
    for (on, act) in kinds() {
        let share = probability / KINDS_OF_EACH;
        proxy.rule(on.chance(share), act);
    }
}

/// As [`bad_weather`], and now and then a request is never answered, or refused for who asks.
pub fn worst_weather(proxy: &Proxy, probability: f64) {
    let rare = probability / 50.0;
    proxy.rule(On::any("*").chance(rare), Act::Hang);
    proxy.rule(On::any("*").chance(rare), Act::unauthorized());
    proxy.rule(On::any("*").chance(rare), Act::forbidden());
    proxy.rule(
        On::post("*/_bulk").chance(rare),
        Act::Items(Items::every(5, 403)),
    );
    bad_weather(proxy, probability);
}

/// Faults that can meet one and the same request, about.
const KINDS_OF_EACH: f64 = 15.0;

fn kinds() -> Vec<(On, Act)> {
    let any = || On::any("*");
    let search = || On::post("*/_search*");
    let bulk = || On::post("*/_bulk");
    vec![
        (any(), Act::Refuse),
        (any(), Act::LoseAnswer),
        (any(), Act::Delay(Duration::from_millis(700))),
        (any(), Act::too_many_requests(1)),
        (any(), Act::bad_gateway()),
        (any(), Act::unavailable()),
        (any(), Act::wrong_content_type()),
        (any(), Act::DoneBut(Answer::html(504))),
        (any(), Act::Truncate(100)),
        (any(), Act::Cut(60)),
        (any(), Act::Drip(4_096, Duration::from_millis(1))),
        (search(), Act::timed_out()),
        (search(), Act::shard_failed()),
        (search(), Act::no_shards()),
        (
            search(),
            Act::Answer(Answer::error(404, "search_context_missing_exception")),
        ),
        (
            search(),
            Act::Answer(Answer::error(429, "circuit_breaking_exception")),
        ),
        (bulk(), Act::Items(Items::every(3, 429))),
        (bulk(), Act::Items(Items::every(3, 503).although_done())),
        (bulk(), Act::Items(Items::nth(1, 409))),
        (bulk(), Act::Items(Items::nth(0, 409).although_done())),
        (bulk(), Act::Answer(Answer::error(413, "content_too_long"))),
    ]
}
