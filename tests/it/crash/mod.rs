//! The process dies at every point where it could matter, in the middle of its work, and a new one
//! goes on: every alert is found, none twice, and no watermark was ahead of what was written.
//!
//! Each point is tried with jobs that end and jobs that follow, at its first and at its third
//! passing, on both servers. A run in which the process does not die there has failed.

mod kill;
mod provocation;
mod run;

use k8scop_testbed::Flavor;
use tokio::task::LocalSet;

use provocation::Provocation;
use run::{Case, die_and_go_on};

/// Dies at a point in every way, all ways side by side, and tells of each that went wrong.
async fn matrix(flavor: Flavor, point: &'static str, provocation: Provocation) {
    let ways = [(false, 1), (false, 3), (true, 1), (true, 3)];
    let cases = ways.map(|(streaming, passing)| Case {
        flavor,
        point,
        provocation,
        streaming,
        passing,
    });
    let side_by_side = LocalSet::new();
    let runs = cases.map(|case| side_by_side.spawn_local(die_and_go_on(case)));
    let verdicts = side_by_side
        .run_until(futures::future::join_all(runs))
        .await;
    let mut failed = Vec::new();
    for (case, verdict) in cases.iter().zip(verdicts) {
        match verdict {
            Ok(found) => println!("{case}: {found} alerts, none lost, none doubled"),
            Err(_) => failed.push(case.to_string()),
        }
    }
    assert!(failed.is_empty(), "failed, see above: {failed:#?}");
}

#[test]
fn the_program_that_users_build_cannot_be_told_to_die() {
    let features = |edges: &str| {
        let flags = ["tree", "--offline", "--locked", "--package", "k8scop"];
        let output = std::process::Command::new(env!("CARGO"))
            .args(flags)
            .args([
                "--edges",
                edges,
                "--format",
                "{p} [{f}]",
                "--invert",
                "fail",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        let tree = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
        assert!(tree.starts_with("fail "), "{tree}");
        tree.contains("failpoints") || tree.contains("crash-points")
    };
    assert!(!features("normal"));
    assert!(features("normal,dev"));
}

/// A test for each point and server.
macro_rules! points {
    ($($test:ident: $point:literal, $provocation:ident;)*) => {
        points!(@ elasticsearch_9 Elasticsearch9 $($test $point $provocation)*);
        points!(@ opensearch_3 OpenSearch3 $($test $point $provocation)*);
    };
    (@ $module:ident $flavor:ident $($test:ident $point:literal $provocation:ident)*) => {
        mod $module {
            use super::{Flavor, Provocation, matrix};
            $(#[tokio::test]
            async fn $test() {
                matrix(Flavor::$flavor, $point, Provocation::$provocation).await;
            })*
        }
    };
}

points! {
    fetch_after_open_pit: "fetch.after_open_pit", Nothing;
    fetch_after_page: "fetch.after_page", Nothing;
    match_mid_page: "match.mid_page", Nothing;
    push_before_bulk: "push.before_bulk", Nothing;
    push_after_send_before_read: "push.after_send_before_read", Nothing;
    push_after_ack: "push.after_ack", Nothing;
    push_after_409_before_verify: "push.after_409_before_verify", HalfOfTheAlertsExist;
    commit_before: "commit.before", Nothing;
    commit_after_before_next: "commit.after_before_next", Nothing;
    sweep_before_ledger: "sweep.before_ledger", LateDocuments;
    rules_mid_swap: "rules.mid_swap", EditedRule;
    lease_after_acquire: "lease.after_acquire", LostLeases;
    shutdown_mid_drain: "shutdown.mid_drain", Termination;
}
