use serde_json::{Value, json};

use super::{
    facts::{Decisions, Facts, View},
    *,
};
use crate::detect::{
    chance::Chance,
    definition::RuleDefinition,
    event::spelling::spell,
    rule::{Outcome, RuleIdentity},
};

mod layouts;
pub(super) mod random;

pub(super) fn rule(name: &str, definition: &RuleDefinition) -> Option<Arc<Rule>> {
    let identity = RuleIdentity {
        namespace: "test".to_owned(),
        name: name.to_owned(),
        uid: String::new(),
    };
    Rule::new(identity, definition).ok().map(Arc::new)
}

fn random_rules(chance: &mut Chance, count: usize) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    while rules.len() < count {
        let name = format!("{:04}", rules.len());
        rules.extend(rule(&name, &random::rule(chance)));
    }
    rules
}

/// How many rules match the events of some seeds, and how many events are read at a glance. Each
/// event is asked in every way.
fn compare(rules: &RuleSet, seeds: impl Iterator<Item = u64>) -> (usize, usize) {
    let mut matcher = Matcher::new(rules);
    let (mut found, mut glanced) = (0, 0);
    for seed in seeds {
        let source = random::event(&mut Chance::new(seed));
        let event = Event::from_value(source.clone());
        let scanned = rules.matching_by_full_scan(&event);
        assert_eq!(matcher.matching(&event), scanned, "{source}");
        let text = spell(&mut Chance::new(seed), &source);
        if let Some(matching) = matcher.matching_in_part(&text) {
            let expected = with_quiet(rules, &scanned, &event);
            assert_eq!(
                without_exceptions_of_elements(matching),
                without_exceptions_of_elements(expected),
                "{source}"
            );
            glanced += 1;
        }
        found += scanned.len();
    }
    (found, glanced)
}

fn with_quiet<'r>(
    rules: &'r RuleSet,
    matching: &[Decided],
    event: &Event,
) -> Vec<(Decided, Option<Match<'r>>)> {
    let conclude = |&(id, truth): &Decided| {
        let found = rules.rules[id].conclude(truth, event);
        let is_alert = matches!(found.outcome, Outcome::Alert(_));
        ((id, truth), (!is_alert).then_some(found))
    };
    matching.iter().map(conclude).collect()
}

/// Exceptions about elements are left to the event itself.
fn without_exceptions_of_elements<'r>(
    quiet: Vec<(Decided, Option<Match<'r>>)>,
) -> Vec<(Decided, Option<Match<'r>>)> {
    let about_elements = |found: &Match<'_>| {
        let exceptions = found.rule.exceptions();
        exceptions
            .iter()
            .any(|exception| exception.list().is_some())
            && matches!(found.outcome, Outcome::Excepted(_))
    };
    let keep = |(decided, found): (_, Option<Match<'r>>)| {
        (decided, found.filter(|found| !about_elements(found)))
    };
    quiet.into_iter().map(keep).collect()
}

#[test]
fn shared_evaluation_of_a_thousand_rules_equals_the_full_scan_on_ten_thousand_events() {
    let rules = &RuleSet::new(random_rules(&mut Chance::new(1), 1000));
    let found = std::thread::scope(|scope| {
        let halves =
            [0, 1].map(|half| scope.spawn(move || compare(rules, (half..10_000).step_by(2))));
        halves.map(|half| half.join().expect("every way gives the same rules"))
    });
    let [(found, glanced), (more_found, more_glanced)] = found;
    assert!(found + more_found > 100_000, "{found} matches show little");
    assert!(
        glanced + more_glanced > 5_000,
        "{glanced} glances show little"
    );
}

/// With few rules bodies are searched before they are parsed, if they are parsed at all.
#[test]
fn few_rules_about_elements_find_what_the_full_scan_finds() {
    let mut chance = Chance::new(3);
    let (mut found, mut glanced) = (0, 0);
    for set in 0..400 {
        let mut rules = Vec::new();
        while rules.len() < 3 {
            let definition = random::rule(&mut chance);
            if definition.selections.iter().any(|s| s.for_each.is_some()) {
                rules.extend(rule(&rules.len().to_string(), &definition));
            }
        }
        let (more_found, more_glanced) = compare(&RuleSet::new(rules), set * 40..set * 40 + 40);
        (found, glanced) = (found + more_found, glanced + more_glanced);
    }
    assert!(found > 3_000, "{found} matches show little");
    assert!(glanced > 5_000, "{glanced} glances show little");
}

#[test]
fn both_ways_say_the_same_of_what_they_find() {
    let rules = RuleSet::new(random_rules(&mut Chance::new(2), 50));
    for seed in 0..200 {
        let source = random::event(&mut Chance::new(seed));
        let event = Event::from_value(source.clone());
        assert_eq!(
            rules.matches(&event),
            rules.matches_by_full_scan(&event),
            "{source}"
        );
    }
}

/// A rule about one field.
pub(super) fn about(name: &str, part: Value) -> Arc<Rule> {
    let mut definition = json!({"title": name, "severity": "Low"});
    for (name, value) in part.as_object().expect("parts of a definition") {
        definition[name] = value.clone();
    }
    let definition = serde_json::from_value(definition).expect("a definition");
    rule(name, &definition).expect("a valid rule")
}

pub(super) fn one(predicate: Value) -> Value {
    json!({"selections": [{"name": "s", "all": [predicate]}]})
}

fn keys(rules: &RuleSet) -> Vec<&str> {
    rules.rules().iter().map(|rule| rule.key()).collect()
}

#[test]
fn a_set_is_ordered_and_holds_each_enabled_rule_once() {
    let get = || one(json!({"field": "verb", "equals": "get"}));
    let mut disabled = get();
    disabled["state"] = json!("Disabled");
    let (a, b) = (about("a", get()), about("b", get()));
    let rules = RuleSet::new([b.clone(), about("c", disabled), a.clone(), b.clone()]);
    assert_eq!(keys(&rules), ["test/a", "test/b"]);
    assert_eq!(rules.len(), 2);
    assert_eq!(rules.revision(), RuleSet::new([a, b]).revision());
}

#[test]
fn the_revision_tells_sets_apart_by_what_their_rules_say() {
    let revision = |verb: &str| {
        let rule = about("a", one(json!({"field": "verb", "equals": verb})));
        RuleSet::new([rule]).revision().to_owned()
    };
    assert_eq!(revision("get"), revision("get"));
    assert_ne!(revision("get"), revision("list"));
    assert_ne!(revision("get"), RuleSet::new([]).revision());
}

/// How many of a set's rules the index names for an event.
fn candidates(rules: &RuleSet, event: Value) -> usize {
    let event = Event::from_value(event);
    let mut decisions = Decisions::new(&rules.programs);
    let facts = Facts::new(View::Event(&event), &rules.programs, &mut decisions);
    let mut candidates = Vec::new();
    let mut room = rules.index.take_room();
    rules.index.candidates(&facts, &mut room, &mut candidates);
    candidates.len()
}

#[test]
fn rules_that_share_a_common_predicate_are_entered_under_their_rare_one() {
    let rules = RuleSet::new((0..100).map(|number| {
        let both = json!([
            {"field": "verb", "equals": "get"},
            {"field": "request.path", "matches": format!("^/api/v1/.*/tool-{number:03}$")},
        ]);
        about(
            &format!("{number:03}"),
            json!({"selections": [{"name": "s", "all": both}]}),
        )
    }));
    let get = |path: &str| json!({"verb": "get", "requestURI": path});
    assert_eq!(candidates(&rules, get("/api/v1/pods")), 0);
    assert_eq!(candidates(&rules, get("/api/v1/pods/tool-042")), 1);
}

#[test]
fn a_rule_about_what_is_missing_is_a_candidate_of_every_event() {
    let rules = RuleSet::new([about(
        "a",
        one(json!({"field": "verb", "exists": "Absent"})),
    )]);
    assert_eq!(candidates(&rules, json!({"verb": "get"})), 1);
    assert_eq!(
        rules.matches(&Event::from_value(json!({"verb": "get"}))),
        []
    );
}
