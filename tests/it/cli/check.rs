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
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.ends_with(" 0 jobs are right, 0 problems\n"), "{err}");
}

#[test]
fn every_problem_is_told_with_its_line_and_column() {
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
