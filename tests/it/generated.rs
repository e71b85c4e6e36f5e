//! Everything that is made from the code or from the chart, and committed: `make generate` writes
//! it, and these tests compare it byte for byte.

mod reference;

use std::{env, fs, path::Path};

use k8scop::{
    api::{crds::crds, rule::K8sCopRule},
    cli,
    command::builtin::MANIFESTS,
};

use crate::chart::helm::Helm;

/// Writes the file, or where nobody asked for that, compares it.
fn write_or_compare(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(file, text).expect("a generated file can be written");
    } else {
        let committed = fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == text,
            "{path} is not what the code makes: run `make generate`"
        );
    }
}

#[test]
fn the_definitions_are_those_of_the_code() {
    for (name, text) in crds() {
        write_or_compare(&format!("crds/{name}"), &text);
        write_or_compare(&format!("charts/k8scop/files/crds/{name}"), &text);
    }
}

#[test]
fn the_reference_of_the_resources_is_made_of_their_schemas() {
    let definitions: Vec<_> = crds()
        .iter()
        .map(|(_, text)| serde_saphyr::from_str(text).expect("a definition is YAML"))
        .collect();
    write_or_compare("docs/api.md", &reference::markdown(&definitions));
}

#[test]
fn the_reference_of_the_command_line_is_what_the_program_says() {
    write_or_compare("docs/cli.md", &cli::reference());
}

/// The base is the chart as it is, for people without Helm: only Helm's own marks are left out.
#[tokio::test]
async fn the_base_is_rendered_from_the_chart() {
    let values = "crds.install=false,elasticsearch.url=http://elasticsearch:9200";
    let rendered = Helm::offline().template(&["--set", values]).await;
    let marks = [
        "app.kubernetes.io/managed-by: Helm",
        "helm.sh/chart: ",
        "# Source: ",
    ];
    let is_mark = |line: &&str| marks.iter().any(|mark| line.trim_start().starts_with(mark));
    let base: String = rendered
        .expect("the chart renders")
        .lines()
        .filter(|line| !is_mark(line))
        .map(|line| format!("{line}\n"))
        .collect();
    write_or_compare("manifests/base/k8scop.yaml", &base);
}

#[test]
fn the_readme_lists_the_built_in_rules() {
    const BEGIN: &str = "<!-- built-in rules -->\n";
    const END: &str = "<!-- end -->";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(file).expect("the README is there");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the list");
    let (_, after) = rest.split_once(END).expect("the list has an end");
    let mut list = "| rule | severity | category | finds |\n|---|---|---|---|\n".to_owned();
    for (_, manifest) in MANIFESTS {
        let rule: K8sCopRule = serde_saphyr::from_str(manifest).expect("a rule is YAML");
        let name = rule.metadata.name.expect("a rule has a name");
        let rule = rule.spec.0;
        let row = format!(
            "| [{name}](manifests/rules/{name}.yaml) | {:?} | {} | {} |\n",
            rule.severity, rule.category, rule.title
        );
        list.push_str(&row);
    }
    write_or_compare("README.md", &format!("{before}{BEGIN}{list}{END}{after}"));
}
