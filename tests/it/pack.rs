//! The built-in rules: all are right, and each shows what it finds and what it leaves alone.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use jiff::Timestamp;
use k8scop::{
    api::rule::K8sCopRule,
    detect::{
        alert::Alert,
        analyse::analyse,
        context::Context,
        definition::{Existence, Expectation, Predicate, RuleDefinition},
        document::Document,
        layout::Layout,
        lint::lint,
        rule::{Rule, RuleIdentity},
        ruleset::RuleSet,
    },
};
use k8scop_testbed::shared_control_plane;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/rules");

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(file)).expect("the file can be read")
}

/// File name without its ending, and text, of each rule.
pub fn manifests() -> Vec<(String, String)> {
    let mut manifests: Vec<_> = fs::read_dir(FOLDER)
        .expect("the rules are there")
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|name| name.into_string().expect("names are ASCII"))
        .filter(|name| name != "kustomization.yaml")
        .map(|file| {
            let name = file
                .strip_suffix(".yaml")
                .expect("rules are YAML")
                .to_owned();
            (name, read(&file))
        })
        .collect();
    manifests.sort();
    manifests
}

/// Name and definition of each rule.
fn definitions() -> Vec<(String, RuleDefinition)> {
    let parse = |(file, text): (String, String)| {
        let rule: K8sCopRule =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(
            rule.metadata.name.as_deref(),
            Some(&*file),
            "a file is named as its rule"
        );
        assert_eq!(
            rule.metadata.namespace, None,
            "the namespace is the kustomization's"
        );
        (file, rule.spec.0)
    };
    manifests().into_iter().map(parse).collect()
}

fn rule(name: &str, definition: &RuleDefinition) -> Rule {
    let identity = RuleIdentity {
        namespace: "k8scop".to_owned(),
        name: name.to_owned(),
        uid: String::new(),
    };
    Rule::new(identity, definition).unwrap_or_else(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        panic!("{name}:\n{}", lines.join("\n"))
    })
}

/// The alerts that all rules together make of a log, one event a line.
pub fn alerts(log: &str) -> Vec<Alert> {
    let definitions = definitions();
    let rules = definitions
        .iter()
        .map(|(name, definition)| Arc::new(rule(name, definition)));
    let document = |(number, line): (usize, &str)| Document {
        index: "audit.log".to_owned(),
        id: (number + 1).to_string(),
        time: None,
        source: line.to_owned().into(),
        is_rebuilt: false,
    };
    let documents: Vec<_> = log.lines().enumerate().map(document).collect();
    let context = Context {
        tenant: "test".to_owned(),
        job: "test".to_owned(),
        cluster: String::new(),
        layout: Layout::Auto,
        layout_path: None,
        now: Timestamp::UNIX_EPOCH,
    };
    let analysis = analyse(&documents, &RuleSet::new(rules), &context);
    assert_eq!(analysis.quarantined, [], "each line is an audit event");
    analysis.alerts
}

#[test]
fn every_rule_is_right_and_passes_its_own_tests() {
    for (name, definition) in definitions() {
        rule(&name, &definition);
    }
}

/// What the apiserver asks of itself, its start with all roles and bindings included.
#[tokio::test]
async fn an_idle_apiserver_makes_no_alert() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    let log = fs::read_to_string(cluster.audit_log()).expect("the apiserver logs");
    let own: Vec<_> = log
        .lines()
        .filter(|line| is_of_the_apiserver(line))
        .collect();
    assert!(own.len() > 100, "the start is in the log");
    let alerts = alerts(&own.join("\n"));
    let messages: Vec<_> = alerts
        .iter()
        .map(|alert| &alert.document["message"])
        .collect();
    assert_eq!(messages, [] as [&serde_json::Value; 0]);
}

/// Looks at the caller alone: in the bodies of other calls there may be the same name. The last
/// line of a log may be half written.
fn is_of_the_apiserver(line: &str) -> bool {
    let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    event["user"]["username"] == "system:apiserver"
}

#[test]
fn every_rule_shows_a_match_a_near_miss_and_each_exception() {
    for (name, definition) in definitions() {
        let expects = |expectation| {
            definition
                .tests
                .iter()
                .any(|test| test.expect == expectation)
        };
        assert!(
            expects(Expectation::Match),
            "{name} has no test that matches"
        );
        assert!(
            expects(Expectation::NoMatch),
            "{name} has no test that does not match"
        );
        let shown: BTreeSet<_> = definition
            .tests
            .iter()
            .filter_map(|test| test.exception.as_deref())
            .collect();
        let exceptions = definition
            .exceptions
            .iter()
            .map(|exception| &*exception.name)
            .collect();
        assert_eq!(shown, exceptions, "{name}: each exception has a test");
    }
}

#[test]
fn every_rule_tells_what_to_do_with_its_alerts() {
    for (name, definition) in definitions() {
        assert!(
            definition.description.is_some(),
            "{name} has no description"
        );
        assert!(definition.message.is_some(), "{name} has no message");
        assert!(
            !definition.false_positives.is_empty(),
            "{name} has no falsePositives"
        );
        let is_tactic = |tag: &&String| tag.starts_with("attack.") && !tag.starts_with("attack.t1");
        assert!(
            definition.tags.iter().any(|tag| is_tactic(&tag)),
            "{name} has no tactic"
        );
        assert!(!definition.references.is_empty(), "{name} has no reference");
    }
}

#[test]
fn no_rule_looks_at_the_path_as_the_caller_wrote_it() {
    for (name, definition) in definitions() {
        let selections = definition
            .selections
            .iter()
            .flat_map(|s| s.all.iter().chain(&s.any).chain(&s.none));
        let exceptions = definition
            .exceptions
            .iter()
            .flat_map(|e| e.all.iter().chain(&e.any).chain(&e.none));
        for predicate in selections.chain(exceptions) {
            assert_ne!(predicate.field, "requestURI", "{name}");
        }
    }
}

#[test]
fn no_rule_can_be_silenced_by_a_choice_of_its_caller() {
    for (name, definition) in definitions() {
        let rule = rule(&name, &definition);
        assert_eq!(lint(&rule), [], "{name}");
    }
}

#[test]
fn no_exception_holds_for_whoever_impersonates() {
    let is_absent = |predicate: &&Predicate| {
        predicate.field == "impersonatedUser" && predicate.exists == Some(Existence::Absent)
    };
    let mut named = 0;
    for (name, definition) in definitions() {
        for exception in &definition.exceptions {
            let mut all = exception.all.iter();
            if all.any(|predicate| predicate.field == "user.username") {
                let holds = exception.all.iter().any(|it| is_absent(&it));
                assert!(holds, "{name}: {}", exception.name);
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named} exceptions name identities");
}

#[test]
fn the_kustomization_lists_every_rule() {
    let kustomization: serde_json::Value =
        serde_saphyr::from_str(&read("kustomization.yaml")).expect("it is YAML");
    let listed: Vec<_> = kustomization["resources"]
        .as_array()
        .expect("it lists resources")
        .iter()
        .map(|file| file.as_str().expect("a name"))
        .collect();
    let files: Vec<_> = manifests()
        .into_iter()
        .map(|(name, _)| format!("{name}.yaml"))
        .collect();
    assert_eq!(listed, files);
}
