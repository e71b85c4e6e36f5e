//! The built-in rules beside the same in Sigma, for rsigma-eval.

use std::{fs, path::Path, sync::Arc};

use k8scop::detect::{
    rule::{Rule, RuleIdentity},
    ruleset::RuleSet,
};
use serde_json::Value;

use crate::{
    engines::Rsigma,
    race::{self, Events},
};

/// The built-in rules in Sigma, by name.
const SIGMA: &str = include_str!("pack.sigma.yaml");

pub fn compare(events: Events<'_>) {
    race::table(
        "Detection beside rsigma-eval, the built-in rules",
        ["rules", "its"],
        &["matches"],
    );
    let rules = rules();
    let set = RuleSet::new(rules.iter().cloned());
    let key = |number: usize| rules[number].key().to_owned();
    let numbered = rules
        .iter()
        .enumerate()
        .fold(SIGMA.to_owned(), |sigma, (number, rule)| {
            let (_, name) = rule.key().split_once('/').expect("a key has a namespace");
            let title = format!("title: {name}\n");
            assert!(sigma.contains(&title), "{name} is not there in Sigma");
            sigma.replace(&title, &format!("title: \"{number}\"\n"))
        });
    let engine = Rsigma::from_sigma(&numbered);
    let (figures, matches) = events.first(4_000).race(&set, key, &engine, 20.0);
    figures.row(&rules.len().to_string(), &[&matches]);
}

fn rules() -> Vec<Arc<Rule>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/rules");
    let files = fs::read_dir(folder).expect("the rules are there");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("it is a file").path())
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| fs::read_to_string(path).expect("it is text"));
    let objects = texts.map(|text| serde_saphyr::from_str(&text).expect("it is YAML"));
    let rules = objects.filter(|object: &Value| object["kind"] == "K8sCopRule");
    rules.map(|object| Arc::new(rule(&object))).collect()
}

fn rule(object: &Value) -> Rule {
    let definition = serde_json::from_value(object["spec"].clone());
    let identity = RuleIdentity {
        namespace: "k8scop".to_owned(),
        name: object["metadata"]["name"]
            .as_str()
            .expect("it has a name")
            .to_owned(),
        uid: String::new(),
    };
    Rule::new(identity, &definition.expect("it is a rule")).expect("the rule is right")
}
