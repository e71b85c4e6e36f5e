use super::*;

fn told(text: &str) -> Vec<String> {
    let manifest = Manifest::parse(text);
    manifest.findings.iter().map(Finding::to_string).collect()
}

const RULE: &str = "
apiVersion: k8scop.io/v1alpha1
kind: K8sCopRule
metadata: {name: pod-exec}
spec:
  title: Command executed in a pod
  severity: Medium
  selections:
  - name: session
    all:
    - {field: verb, in: [create]}
";

const JOB: &str = "
apiVersion: k8scop.io/v1alpha1
kind: AnalysisJob
metadata: {name: prod}
spec:
  mode: Streaming
  endTime: tomorrow
  source: {index: 'logstash-*'}
";

#[test]
fn several_documents_and_lists_are_read_in_their_order() {
    let item = RULE.trim().replace('\n', "\n    ");
    let text = format!("{JOB}---\n# nothing\n---{RULE}---\nkind: List\nitems:\n  - {item}\n");
    let manifest = Manifest::parse(&text);
    assert_eq!(manifest.findings, []);
    let names = |metadata: &ObjectMeta| metadata.name.clone().unwrap_or_default();
    let rules = manifest.rules.iter().map(|r| names(&r.object().metadata));
    let jobs = manifest.jobs.iter().map(|j| names(&j.object().metadata));
    assert_eq!(
        rules.chain(jobs).collect::<Vec<_>>(),
        ["pod-exec", "pod-exec", "prod"]
    );
}

#[test]
fn an_unknown_key_is_told_with_its_place() {
    assert_eq!(
        told(&RULE.replace("in: [", "inn: [")),
        [
            "11:21: spec.selections[0].all[0].inn: unknown field `inn`, expected one of `field`, \
          `matches`, `matchesAny`, `equals`, `in`, `startsWith`, `startsWithAny`, `endsWith`, \
          `endsWithAny`, `contains`, `containsAny`, `cidr`, `cidrAny`, `exists`, `atLeast`, `atMost`"
        ]
    );
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    assert_eq!(
        told(&RULE.replace("Medium", "Critcal")),
        [
            "7:3: spec.severity: unknown variant `Critcal`, expected one of `Informational`, `Low`, \
          `Medium`, `High`, `Critical`"
        ]
    );
}

#[test]
fn a_text_that_is_no_yaml_is_told_with_its_place() {
    assert_eq!(
        told("kind: K8sCopRule\nspec: [\n"),
        ["2:7: yaml: unclosed bracket '[' at line 2, column 7"]
    );
}

#[test]
fn other_kinds_and_versions_are_named() {
    assert_eq!(
        told("apiVersion: v1\nkind: Pod\n---\nname: x\n"),
        [
            "2:1: kind: must be K8sCopRule or AnalysisJob, not 'Pod'",
            "4:1: kind: must be given: K8sCopRule or AnalysisJob",
        ]
    );
    assert_eq!(
        told(
            &JOB.replace("v1alpha1", "v2")
                .replace("{name: prod}", "{}")
                .replace("spec:", "sepc:")
        ),
        [
            "2:1: apiVersion: must be k8scop.io/v1alpha1",
            "4:1: metadata.name: must be given: the name of the resource",
            "2:1: spec: must be given",
            "5:1: sepc: unknown field, expected one of apiVersion, kind, metadata, spec, status",
        ]
    );
}

#[test]
fn the_problems_of_a_job_are_told_with_their_places() {
    let manifest = Manifest::parse(JOB);
    let findings = manifest.jobs[0].job().expect_err("the job is wrong");
    assert_eq!(
        findings.iter().map(Finding::to_string).collect::<Vec<_>>(),
        [
            "7:3: spec.endTime: must be RFC 3339 with a zone, for example 2026-11-23T07:00:00Z",
            "7:3: spec.endTime: must not be given when `mode` is 'Streaming'",
        ]
    );
}
