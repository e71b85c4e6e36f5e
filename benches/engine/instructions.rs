//! A fixed piece of work to count the instructions of: a thousand rules over the first so many of
//! 2,000 events, as the argument says. It prints the number of alerts.

#![allow(clippy::print_stdout, reason = "it prints what it found")]

extern crate k8scop_engine as k8scop;

#[path = "../detect/chance.rs"]
mod chance;
#[path = "../detect/events.rs"]
mod events;
#[allow(dead_code, reason = "it is shared; each program uses a part of it")]
#[path = "../detect/product.rs"]
mod product;
#[allow(dead_code, reason = "it is shared; each program uses a part of it")]
#[path = "../detect/rules.rs"]
mod rules;

use k8scop::detect::{analyse::analyse, ruleset::RuleSet};

fn main() {
    let events = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let events: usize = events.expect("the argument is a number of events");
    let documents = events::documents(2_000, 1);
    let set = RuleSet::new(rules::rules(&rules::definitions(1_000, 2)));
    let analysis = analyse(&documents[..events], &set, &product::context());
    println!("{}", analysis.alerts.len());
}
