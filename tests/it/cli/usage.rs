use std::{os::unix::fs::symlink, process::Command};

use super::{Ran, run};

#[test]
fn wrong_usage_is_told_on_standard_error_with_status_2() {
    for args in [
        &["scna"][..],
        &["scan", "--fail-on", "terrible"],
        &["check"],
        &[],
    ] {
        let Ran { code, out, err } = run(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}");
        assert!(err.contains("--help"), "{err}");
    }
}

#[test]
fn help_is_data_and_ends_with_examples() {
    for command in ["scan", "analyze", "run", "check", "crds"] {
        let Ran { code, out, err } = run(&[command, "--help"]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{command}");
        let (_, examples) = out.split_once("\nExamples:\n").expect("help has examples");
        assert!(
            examples.contains(&format!("k8scop {command}")),
            "{examples}"
        );
    }
}

#[test]
fn as_a_plugin_of_kubectl_it_speaks_of_kubectl() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plugin = folder.path().join("kubectl-k8scop");
    symlink(env!("CARGO_BIN_EXE_k8scop"), &plugin).expect("a link can be made");
    let output = Command::new(plugin).args(["scan", "--help"]).output();
    let ran = Ran::from(output.expect("the command starts"));
    assert!(
        ran.out.contains("Usage: kubectl k8scop scan"),
        "{}",
        ran.out
    );
}

#[test]
fn the_printed_definitions_are_the_committed_ones() {
    let committed = [
        "crds/k8scop.io_analysisjobs.yaml",
        "crds/k8scop.io_k8scoprules.yaml",
    ]
    .map(|file| std::fs::read_to_string(file).expect("it is committed"))
    .concat();
    assert_eq!(
        run(&["crds"]),
        Ran {
            code: Some(0),
            out: committed,
            err: String::new()
        }
    );
}
