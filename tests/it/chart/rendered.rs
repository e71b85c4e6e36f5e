//! What the chart renders, without a cluster.

use std::{collections::BTreeSet, fs, path::Path};

use k8scop::controller::rights::{LEASE_RIGHTS, RIGHTS};
use serde_json::{Value, json};
use tokio::process::Command;

use super::helm::{CHART, Helm, object, objects};

/// The files of `ci/`, each a set of values that people use.
fn scenarios() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHART).join("ci");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|entry| {
            entry
                .expect("the folder can be read")
                .path()
                .display()
                .to_string()
        })
        .collect();
    files.sort();
    files
}

async fn rendered(arguments: &[&str]) -> Vec<Value> {
    objects(
        &Helm::offline()
            .template(arguments)
            .await
            .expect("the chart renders"),
    )
}

async fn scenario(name: &str) -> Vec<Value> {
    let values = format!("{CHART}/ci/{name}-values.yaml");
    rendered(&["--values", &values]).await
}

fn strings(list: &Value) -> Vec<&str> {
    let strings = list.as_array().into_iter().flatten();
    strings
        .map(|value| value.as_str().expect("a string"))
        .collect()
}

fn container(objects: &[Value]) -> &Value {
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
    let template = &deployment.expect("there is a Deployment")["spec"]["template"];
    &template["spec"]["containers"][0]
}

#[tokio::test]
async fn every_scenario_passes_the_strict_lint_and_renders() {
    let scenarios = scenarios();
    assert!(!scenarios.is_empty());
    for values in scenarios {
        let lint = ["lint", "--strict", CHART, "--values", &values];
        Helm::offline().run(&lint).await.expect("the lint passes");
        rendered(&["--values", &values]).await;
    }
}

#[tokio::test]
async fn values_that_mean_nothing_are_refused() {
    for (mistake, complaint) in [
        (
            "replicaCount=2",
            "additional properties 'replicaCount' not allowed",
        ),
        ("replicas=two", "/replicas"),
        (
            "elasticsearch.password=hunter2",
            "additional properties 'password' not allowed",
        ),
        (
            "elasticsearch.url=https://me:secret@es:9200",
            "/elasticsearch/url",
        ),
        ("rbac.scope=Cluster", "/rbac/scope"),
        ("allowedOrigins={http://es:9200}", "/allowedOrigins/0"),
    ] {
        let refusal = Helm::offline()
            .template(&["--set", mistake])
            .await
            .expect_err(mistake);
        assert!(refusal.contains(complaint), "{mistake}: {refusal}");
    }
}

#[tokio::test]
async fn the_role_grants_what_the_controller_uses_and_nothing_else() {
    let used = RIGHTS.map(|right| {
        json!({
            "apiGroups": [right.group],
            "resources": right.resources,
            "verbs": right.verbs,
        })
    });
    let whole_cluster = rendered(&[]).await;
    let granted = &object(&whole_cluster, "ClusterRole", "k8scop")["rules"];
    assert_eq!(*granted, json!(used));
    let namespaces = scenario("namespaces").await;
    let granted = &object(&namespaces, "Role", "k8scop")["rules"];
    assert_eq!(*granted, json!(used));
}

/// Beside what is watched the leader's Lease is the only thing that is read or changed: who leads
/// must be settled by a compare-and-swap on one object, and this is the one kept for that.
#[tokio::test]
async fn the_lease_role_names_the_one_lease() {
    let [create, hold] = LEASE_RIGHTS.map(|right| {
        json!({
            "apiGroups": [right.group],
            "resources": right.resources,
            "verbs": right.verbs,
        })
    });
    for (scenario_name, name) in [("default", "k8scop"), ("everything", "audit")] {
        let objects = scenario(scenario_name).await;
        let role = object(&objects, "Role", &format!("{name}-lease"));
        let mut hold = hold.clone();
        hold["resourceNames"] = json!([name]);
        assert_eq!(role["rules"], json!([create, hold]));
        assert_eq!(role["metadata"]["namespace"], "k8scop");
        let environment = strings_of(&container(&objects)["env"]);
        assert!(environment.contains(&format!("K8SCOP_LEASE_NAME={name}")));
    }
}

/// The variables whose values are given.
fn strings_of(environment: &Value) -> Vec<String> {
    let variables = environment.as_array().into_iter().flatten();
    let given = variables.filter_map(|variable| {
        let (name, value) = (variable["name"].as_str()?, variable["value"].as_str()?);
        Some(format!("{name}={value}"))
    });
    given.collect()
}

#[tokio::test]
async fn replicas_are_spread_over_nodes_and_not_all_taken_away_at_once() {
    let two = rendered(&[]).await;
    let deployment = object(&two, "Deployment", "k8scop");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let affinity = &deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
    let spread = &affinity["preferredDuringSchedulingIgnoredDuringExecution"][0];
    let selector = &deployment["spec"]["selector"];
    assert_eq!(spread["podAffinityTerm"]["labelSelector"], *selector);
    let budget = object(&two, "PodDisruptionBudget", "k8scop");
    assert_eq!(
        budget["spec"],
        json!({"maxUnavailable": 1, "selector": selector})
    );

    let one = rendered(&["--set", "replicas=1"]).await;
    let deployment = object(&one, "Deployment", "k8scop");
    let affinity = &deployment["spec"]["template"]["spec"]["affinity"];
    assert_eq!(*affinity, Value::Null);
    assert!(one.iter().all(|it| it["kind"] != "PodDisruptionBudget"));
}

/// An unknown flag, or a value that a flag does not take, comes before the help.
#[tokio::test]
async fn the_operator_understands_its_arguments_in_every_scenario() {
    for values in scenarios() {
        let objects = rendered(&["--values", &values]).await;
        let container = container(&objects);
        let variables = container["env"].as_array().into_iter().flatten();
        let variables = variables.map(|variable| {
            let name = variable["name"].as_str().expect("a variable has a name");
            (name, variable["value"].as_str().unwrap_or("from-a-secret"))
        });
        let output = Command::new(env!("CARGO_BIN_EXE_k8scop"))
            .args(strings(&container["args"]))
            .arg("--help")
            .env_clear()
            .envs(variables)
            .output()
            .await
            .expect("the binary starts");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{values}: {complaint}");
    }
}

#[tokio::test]
async fn rights_in_some_namespaces_leave_the_cluster_alone() {
    let objects = scenario("namespaces").await;
    let placed: BTreeSet<_> = objects
        .iter()
        .filter(|object| {
            object["kind"]
                .as_str()
                .is_some_and(|kind| kind.contains("Role"))
        })
        .map(|object| {
            let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let place = &object["metadata"];
            format!(
                "{} {}/{}",
                of(&object["kind"]),
                of(&place["namespace"]),
                of(&place["name"])
            )
        })
        .collect();
    let expected = [
        "Role k8scop/k8scop-lease",
        "Role team-a/k8scop",
        "Role team-a/k8scop-credentials",
        "Role team-b/k8scop",
        "Role team-b/k8scop-credentials",
        "RoleBinding k8scop/k8scop-lease",
        "RoleBinding team-a/k8scop",
        "RoleBinding team-a/k8scop-credentials",
        "RoleBinding team-b/k8scop",
        "RoleBinding team-b/k8scop-credentials",
    ];
    assert_eq!(placed, expected.map(str::to_owned).into());
    assert!(strings(&container(&objects)["args"]).contains(&"--watch-namespaces=team-a,team-b"));
}

#[tokio::test]
async fn only_named_secrets_can_be_read() {
    let objects = scenario("namespaces").await;
    let credentials = objects.iter().filter(|object| {
        object["kind"] == "Role" && object["metadata"]["name"] == "k8scop-credentials"
    });
    let rules: Vec<_> = credentials.map(|role| &role["rules"]).collect();
    let named = |secrets: &[&str]| json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get"]}]);
    assert_eq!(rules, [&named(&["es"]), &named(&["es", "es-archive"])]);
}

#[tokio::test]
async fn credentials_reach_the_operator_as_files_and_an_api_key_replaces_the_password() {
    let basic = scenario("basic-auth").await;
    let arguments = strings(&container(&basic)["args"]);
    assert!(
        arguments.contains(&"--elasticsearch-password-file=/etc/k8scop/elasticsearch/password")
    );
    assert!(arguments.contains(&"--elasticsearch-ca-file=/etc/k8scop/elasticsearch/ca.crt"));

    let api_key = scenario("api-key").await;
    let arguments = strings(&container(&api_key)["args"]);
    assert!(arguments.contains(&"--elasticsearch-api-key-file=/etc/k8scop/elasticsearch/api-key"));
    let environment = container(&api_key)["env"].to_string();
    assert!(
        !environment.contains("ELASTICSEARCH_USERNAME"),
        "{environment}"
    );
}

#[tokio::test]
async fn definitions_stay_unless_the_user_says_otherwise() {
    let kept = |objects: &[Value]| {
        let definitions = objects
            .iter()
            .filter(|o| o["kind"] == "CustomResourceDefinition");
        let policy =
            |crd: &Value| crd["metadata"]["annotations"]["helm.sh/resource-policy"].clone();
        definitions.map(policy).collect::<Vec<_>>()
    };
    assert_eq!(
        kept(&scenario("default").await),
        [json!("keep"), json!("keep")]
    );
    assert_eq!(
        kept(&scenario("everything").await),
        [Value::Null, Value::Null]
    );
    assert_eq!(kept(&scenario("namespaces").await), [] as [Value; 0]);
}
