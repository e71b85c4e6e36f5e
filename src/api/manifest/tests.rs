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
        ["11:21: spec.selections[0].all[0].inn: unknown key; did you mean \"in\"?"]
    );
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    assert_eq!(
        told(&RULE.replace("Medium", "Critcal")),
        [
            "7:3: spec.severity: must be Informational, Low, Medium, High or Critical, not \
             \"Critcal\"; did you mean \"Critical\"?"
        ]
    );
}

#[test]
fn a_text_that_is_not_yaml_is_a_problem_with_its_place_and_remedy() {
    for (text, finding) in [
        (
            "kind: K8sCopRule\nspec: [\n",
            "2:7: yaml: unclosed bracket '['; close it, or quote the text",
        ),
        (
            "a:\n\t- b\n",
            "2:2: yaml: tabs disallowed within this context (block indentation); indent with spaces",
        ),
        (
            "a: b: c\n",
            "1:5: yaml: mapping values are not allowed in this context; quote a text that holds a colon and a space, and check the indentation",
        ),
        (
            "message: {user} did\n",
            "1:17: yaml: while parsing a block mapping, did not find expected key; check the indentation, and quote a text that begins with a brace or a quote",
        ),
    ] {
        assert_eq!(told(text), [finding]);
    }
}

#[test]
fn other_kinds_and_versions_are_named() {
    assert_eq!(
        told("apiVersion: v1\nkind: Pod\n---\nname: x\n---\nkind: k8scoprule\n---\n- a\n"),
        [
            "2:1: kind: must be K8sCopRule or AnalysisJob, not \"Pod\"",
            "4:1: kind: must be given: K8sCopRule or AnalysisJob",
            "6:1: kind: must be K8sCopRule or AnalysisJob, not \"k8scoprule\"; did you mean \"K8sCopRule\"?",
            "8:1: document: must be a mapping with apiVersion, kind, metadata and spec",
        ]
    );
    assert_eq!(
        told(&JOB.replace("v1alpha1", "v2").replace("{name: prod}", "{}")),
        [
            "2:1: apiVersion: must be k8scop.io/v1alpha1, not \"k8scop.io/v2\"",
            "4:1: metadata.name: must be given: the name of the resource",
        ]
    );
    assert_eq!(
        told("kind: K8sCopRule\n"),
        [
            "1:1: apiVersion: must be given: k8scop.io/v1alpha1",
            "1:1: metadata.name: must be given: the name of the resource",
            "1:1: spec: must be given",
        ]
    );
}

#[test]
fn a_misspelt_key_is_reported_once_with_the_key_that_is_meant() {
    for (right, wrong, finding) in [
        (
            "spec:",
            "specs:",
            "5:1: specs: unknown key; did you mean \"spec\"?",
        ),
        (
            "spec:",
            "sepc:",
            "5:1: sepc: unknown key; did you mean \"spec\"?",
        ),
        (
            "metadata:",
            "metdata:",
            "4:1: metdata: unknown key; did you mean \"metadata\"?",
        ),
        (
            "apiVersion:",
            "apiversion:",
            "2:1: apiversion: unknown key; did you mean \"apiVersion\"?",
        ),
        (
            "kind:",
            "Kind:",
            "3:1: Kind: unknown key; did you mean \"kind\"?",
        ),
        (
            "{name:",
            "{nmae:",
            "4:12: metadata.nmae: unknown key; did you mean \"name\"?",
        ),
        (
            "selections:",
            "selction:",
            "8:3: spec.selction: unknown key; did you mean \"selections\"?",
        ),
    ] {
        assert_eq!(told(&RULE.replacen(right, wrong, 1)), [finding]);
    }
    let extra = format!("{RULE}data: {{}}\n");
    assert_eq!(
        told(&extra),
        ["12:1: data: unknown key; known are apiVersion, kind, metadata, spec, status"]
    );
}

#[test]
fn a_file_without_a_document_is_a_problem() {
    for text in ["", "\n", "# nothing yet\n", "---\n---\n# nothing\n"] {
        assert_eq!(
            told(text),
            [
                "1:1: file: the file holds no manifest; write a K8sCopRule or an AnalysisJob, or remove the file"
            ],
            "{text:?}"
        );
    }
}

#[test]
fn a_key_that_is_there_twice_is_named_with_its_second_place() {
    let twice = RULE.replace(
        "  severity: Medium\n",
        "  severity: Medium\n  severity: Low\n",
    );
    assert_eq!(
        told(&twice),
        ["8:3: yaml: the key \"severity\" is there twice; remove one of the two"]
    );
}

#[test]
fn many_documents_are_read_and_too_many_are_refused_in_plain_words() {
    let document = "---\nkind: Pod\n";
    assert_eq!(
        Node::documents(&document.repeat(1025)).map(|found| found.len()),
        Ok(1025)
    );
    let (_, message) =
        Node::documents(&document.repeat(syntax::DOCUMENTS + 1)).expect_err("there are too many");
    assert_eq!(message, "more than 50000 documents in one file; split it");
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
