use std::fs;

use super::{Ran, run, run_with};

const BROKEN: &str = "\
apiVersion: k8scop.io/v1alpha1
kind: K8sCopRule
metadata: {name: broken}
spec:
  title: Broken
  severity: High
  selections:
  - name: any
    all:
    - {field: objectRef.nmae, equals: x}
    - {field: verb, matches: '('}
";

#[test]
fn the_built_in_rules_are_right() {
    let Ran { code, out, err } = run(&["check", "manifests/rules"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(out, "", "{err}");
    assert!(err.ends_with(" tests: 0 problems\n"), "{err}");
}

#[test]
fn every_problem_has_its_line_and_column() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("rule.yaml");
    fs::write(&file, BROKEN).expect("a file can be written");
    let Ran { code, out, err } = run(&["check", &file.to_string_lossy()]);
    assert_eq!(code, Some(1), "{err}");
    let places: Vec<_> = out
        .lines()
        .filter_map(|line| {
            line.strip_prefix(&*file.to_string_lossy())?
                .split(' ')
                .next()
        })
        .collect();
    assert_eq!(places, [":10:8:", ":11:21:"], "{out}");
    assert!(out.contains("did you mean \"objectRef.name\"?"), "{out}");
}

const FORGEABLE: &str = "\
apiVersion: k8scop.io/v1alpha1
kind: K8sCopRule
metadata: {name: forgeable}
spec:
  title: Forgeable
  severity: High
  selections:
  - name: any
    all:
    - {field: verb, equals: create}
  exceptions:
  - name: deployer
    all:
    - {field: userAgent, startsWith: argocd}
  tests:
  - {name: a creation, event: {verb: create}, expect: Match}
";

#[test]
fn a_forgeable_exception_is_a_warning_and_fails_only_where_warnings_are_denied() {
    let ran = run_with(&["check", "-"], FORGEABLE.as_bytes());
    let words = "-:12:5: warning: spec.exceptions[0]: rests on userAgent, which a caller may \
                 choose, and so silences the rule for anybody; say also whose requests are \
                 harmless, by user.username, user.groups or source.ip (ForgeableException)\n";
    assert_eq!(
        ran,
        Ran {
            code: Some(0),
            out: words.to_owned(),
            err: "1 rule, 1 test: 0 problems, 1 warning\n".to_owned()
        }
    );
    let denied = run_with(&["check", "--deny-warnings", "-"], FORGEABLE.as_bytes());
    assert_eq!((denied.code, denied.out), (Some(1), words.to_owned()));
    let named = FORGEABLE.replace(
        "startsWith: argocd}",
        "startsWith: argocd}\n    - {field: user.groups, equals: deployers}",
    );
    let named = run_with(&["check", "--deny-warnings", "-"], named.as_bytes());
    assert_eq!((named.code, named.out.as_str()), (Some(0), ""));
}

#[test]
fn a_warning_says_so_for_programs_too() {
    let Ran { out, .. } = run_with(&["check", "-o", "json", "-"], FORGEABLE.as_bytes());
    let warning: serde_json::Value = serde_json::from_str(&out).expect("the line is JSON");
    assert_eq!(
        (&warning["severity"], &warning["reason"], &warning["place"]),
        (
            &"warning".into(),
            &"ForgeableException".into(),
            &"spec.exceptions[0]".into()
        )
    );
}

#[test]
fn a_rule_that_cannot_be_read_is_counted_and_named_with_the_remedy() {
    let text = BROKEN.replace("  severity: High\n", "  severity: high\n");
    let Ran { code, out, err } = run_with(&["check", "-"], text.as_bytes());
    assert_eq!(code, Some(1));
    assert_eq!(
        out,
        "-:6:3: spec.severity: must be Informational, Low, Medium, High or Critical, not \
         \"high\"; did you mean \"High\"?\n"
    );
    assert_eq!(err, "1 rule, 0 tests: 1 problem\n");
}

#[test]
fn an_empty_file_is_a_problem() {
    let Ran { code, out, err } = run_with(&["check", "-"], b"# nothing yet\n");
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("-:1:1: file: the file holds no manifest"),
        "{out}"
    );
    assert_eq!(err, "0 rules, 0 tests: 1 problem\n");
}

#[test]
fn problems_are_printed_for_programs_too() {
    let Ran { code, out, .. } = run_with(&["check", "-o", "json", "-"], BROKEN.as_bytes());
    assert_eq!(code, Some(1));
    let reasons: Vec<_> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON"))
        .map(|problem| (problem["line"].clone(), problem["reason"].clone()))
        .collect();
    assert_eq!(
        reasons,
        [
            (10.into(), "UnknownField".into()),
            (11.into(), "PatternInvalid".into())
        ]
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error_of_usage() {
    let ran = run(&["check", "no/such.yaml"]);
    let words = "error: cannot read no/such.yaml: No such file or directory (os error 2)\n";
    assert_eq!(
        ran,
        Ran {
            code: Some(2),
            out: String::new(),
            err: words.to_owned()
        }
    );
}
