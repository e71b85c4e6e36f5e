//! A static job where the server leaves out what no rule could match, beside a bare reader of
//! everything and the same job without that.

use std::{fs, time::Instant};

use crate::{
    analysis::Analysis,
    backfill::{self, SLICES, fill, watch},
    measure::{median, row, table, thousands},
    search::Search,
    variable,
};

const ROUNDS: usize = 3;
const INDEX: &str = "pushdown-events";

/// Rules that could match about three events in a hundred, and do match one in five hundred.
const NARROW: &str = r#"
{"apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule", "metadata": {"name": "secrets"}, "spec": {
  "title": "Secrets read", "severity": "Medium", "condition": "read and not node",
  "selections": [
    {"name": "read", "all": [
      {"field": "verb", "in": ["get", "list", "watch"]},
      {"field": "objectRef.resource", "equals": "secrets"}]},
    {"name": "node", "all": [{"field": "user.username", "startsWith": "system:node:"}]}]}}
---
{"apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule", "metadata": {"name": "bindings"}, "spec": {
  "title": "Binding made", "severity": "High", "selections": [{"name": "write", "all": [
    {"field": "verb", "in": ["create", "update", "patch"]},
    {"field": "objectRef.resource", "in": ["rolebindings", "clusterrolebindings"]}]}]}}
---
{"apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule", "metadata": {"name": "lists"}, "spec": {
  "title": "Listed by a person", "severity": "Low", "selections": [{"name": "list", "all": [
    {"field": "verb", "equals": "list"},
    {"field": "objectRef.resource", "in": ["pods", "nodes", "configmaps"]},
    {"field": "userAgent", "startsWith": "kubectl/"}]}]}}
"#;

/// What a run gave.
struct Ran {
    seconds: f64,
    alerts: u64,
    words: String,
}

pub async fn run() {
    let count = variable("EVENTS", 1_000_000) as usize;
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    fs::write(&rules, NARROW).unwrap();
    let search = Search::start().await;
    fill(&search, INDEX, true, count).await;
    let (mut bare, mut with, mut without) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ratios, mut words) = (Vec::new(), String::new());
    for round in 0..=ROUNDS {
        let started = Instant::now();
        assert_eq!(search.read(INDEX, SLICES).await, count);
        let reader = started.elapsed().as_secs_f64();
        let on = analyse(&search, &rules, "auto", round).await;
        let off = analyse(&search, &rules, "never", round).await;
        assert_eq!(on.alerts, off.alerts);
        println!(
            "round {round}: reader {reader:.2} s, job {:.2} s, without pushdown {:.2} s, {} alerts",
            on.seconds, off.seconds, on.alerts
        );
        // The first round warms the server up.
        if round > 0 {
            bare.push(count as f64 / reader);
            with.push(count as f64 / on.seconds);
            without.push(count as f64 / off.seconds);
            ratios.push(reader / on.seconds);
        }
        words = on.words;
    }
    println!("\nThe last job with pushdown said: {words}");
    let title = format!("{} events, 3 rules", thousands(count as f64));
    table(&title, &["what", "events/s", "times the bare reader"]);
    let reader = median(bare);
    row(&["bare reader of all", &thousands(reader), "1.0"]);
    let slower = median(without);
    let share = format!("{:.1}", slower / reader);
    row(&["static job, pushdown never", &thousands(slower), &share]);
    let ratio = format!("{:.1}", median(ratios));
    row(&[
        "static job, pushdown auto",
        &thousands(median(with)),
        &ratio,
    ]);
    search.delete(INDEX).await;
}

async fn analyse(search: &Search, rules: &std::path::Path, pushdown: &str, round: usize) -> Ran {
    let sink = format!("narrow-{pushdown}-{round}-{}", std::process::id());
    let mut arguments = backfill::arguments("pushdown", &sink).to_vec();
    arguments.extend(["--pushdown", pushdown]);
    let started = Instant::now();
    let job = Analysis::start(search.url(), rules, &arguments);
    let watching = tokio::task::spawn_blocking(move || watch(job));
    let (_, words) = watching.await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let found = format!("{sink}-*");
    let alerts = search.count(&found).await;
    search.delete(&found).await;
    Ran {
        seconds,
        alerts,
        words,
    }
}
