//! The rules of a proxy, and whose turn it is.

use hyper::{HeaderMap, Method, Uri};

use super::{act::Act, rule::On};

/// Rules in their order. The same seed and the same requests give the same faults.
pub(super) struct Script {
    rules: Vec<Rule>,
    random: fastrand::Rng,
}

struct Rule {
    on: On,
    act: Act,
    seen: usize,
}

impl Script {
    pub(super) fn new() -> Script {
        Script {
            rules: Vec::new(),
            random: fastrand::Rng::with_seed(0),
        }
    }

    pub(super) fn seed(&mut self, seed: u64) {
        self.random.seed(seed);
    }

    pub(super) fn add(&mut self, on: On, act: Act) {
        self.rules.push(Rule { on, act, seen: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What happens to a request: what the first rule says that it fits and whose turn it is. All
    /// rules that it fits count it.
    pub(super) fn act(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Act> {
        let mut act = None;
        for rule in &mut self.rules {
            if rule.on.fits(method, uri, headers) {
                let turn = rule.on.is_turn(rule.seen, &mut self.random);
                rule.seen += 1;
                if turn && act.is_none() {
                    act = Some(rule.act.clone());
                }
            }
        }
        act
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(script: &mut Script, requests: usize) -> Vec<&'static str> {
        let uri = "/_bulk".parse().expect("it is a URI");
        (0..requests)
            .map(|_| script.act(&Method::POST, &uri, &HeaderMap::new()))
            .map(|act| act.map_or("", |act| act.name()))
            .collect()
    }

    #[test]
    fn the_first_rule_in_turn_decides_and_each_rule_counts_for_itself() {
        let mut script = Script::new();
        script.add(On::post("*/_bulk").nth(1), Act::LoseAnswer);
        script.add(On::post("*/_bulk").first(3), Act::Refuse);
        let expected = ["refuse", "lose answer", "refuse", ""];
        assert_eq!(names(&mut script, 4), expected);
    }

    #[test]
    fn a_seed_repeats_what_happened() {
        let run = |seed| {
            let mut script = Script::new();
            script.seed(seed);
            script.add(On::any("*").chance(0.3), Act::Refuse);
            names(&mut script, 50)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
