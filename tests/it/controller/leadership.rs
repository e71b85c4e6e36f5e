//! Who leads, and what becomes of the lease: controllers in this process, each with its own
//! connection, and the real apiserver between them.

use std::time::{Duration, Instant};

use k8scop::controller::lease::Standing;
use serde_json::{Value, json};

use super::{
    job, one_day,
    operator::{Operator, Site},
    running,
};
use crate::support::eventually;

fn leads(standing: &Standing) -> bool {
    matches!(standing, Standing::Leading { .. })
}

fn stands_by(standing: &Standing) -> bool {
    matches!(
        standing,
        Standing::Standby {
            leader: Some(_),
            ..
        }
    )
}

/// A site with a job, its leader and its standby.
async fn two(namespace: &'static str) -> (Site, Operator, Operator) {
    let site = Site::new(namespace).await;
    site.apply(&one_day("past")).await;
    let mut leader = Operator::elected(&site, "a").await;
    leader.stands_where(leads).await;
    leader.plans_where(|plans| plans.len() == 1).await;
    let mut standby = Operator::elected(&site, "b").await;
    standby.stands_where(stands_by).await;
    (site, leader, standby)
}

async fn lease(site: &Site) -> Value {
    site.get("lease", "k8scop").await["spec"].clone()
}

#[tokio::test]
async fn a_standby_does_nothing_and_goes_on_at_once_where_the_leader_stopped() {
    let (site, leader, mut standby) = two("lead-stop").await;
    let obstacles = standby.obstacles_where(|all| all.is_empty()).await;
    assert_eq!((obstacles.len(), standby.plans_now()), (0, vec![]));
    leader.report(&leader.plans_now()[0], running());
    site.wait("analysisjob/past", "jsonpath={.status.eventsRead}=1000")
        .await;
    let first = site.get("analysisjob", "past").await["status"]["checkpoint"].clone();
    assert_eq!(first["epoch"], 1);
    assert_eq!(first["holder"], lease(&site).await["holderIdentity"]);

    let stopped = Instant::now();
    leader.stop().await;
    let plans = standby.plans_where(|plans| plans.len() == 1).await;
    let took = stopped.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(plans[0].resume, running().checkpoint);
    let again = lease(&site).await;
    assert_eq!(again["leaseTransitions"], 2);
    standby.report(&plans[0], running());
    site.wait("analysisjob/past", "jsonpath={.status.checkpoint.epoch}=2")
        .await;
    standby.stop().await;
}

#[tokio::test]
async fn a_leader_that_dies_is_followed_within_twenty_seconds() {
    let (_site, leader, mut standby) = two("lead-dies").await;
    let died = Instant::now();
    drop(leader);
    standby.plans_where(|plans| plans.len() == 1).await;
    let took = died.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    standby.stop().await;
}

#[tokio::test]
async fn a_lease_that_is_deleted_is_made_again_by_its_leader() {
    let (site, leader, standby) = two("lead-deleted").await;
    let holder = lease(&site).await["holderIdentity"].clone();
    site.kubectl(&["delete", "lease", "k8scop"]).await;
    let limit = Duration::from_secs(5);
    let again = eventually("the lease is there again", limit, || async {
        let found = site
            .kubectl(&["get", "lease", "k8scop", "--ignore-not-found", "-o", "json"])
            .await;
        serde_json::from_str::<Value>(&found).ok()
    })
    .await;
    assert_eq!(again["spec"]["holderIdentity"], holder);
    assert_eq!(leader.plans_now().len(), 1);
    assert_eq!(standby.plans_now(), []);
}

#[tokio::test]
async fn a_leader_gives_way_to_a_foreign_holder_and_comes_back_when_that_one_is_silent() {
    let (site, mut leader, standby) = two("lead-foreign").await;
    drop(standby);
    let patch = json!({"spec": {"holderIdentity": "mallory", "leaseTransitions": 7}}).to_string();
    let seized = Instant::now();
    site.kubectl(&["patch", "lease", "k8scop", "--type=merge", "-p", &patch])
        .await;
    leader.plans_where(<[_]>::is_empty).await;
    assert!(seized.elapsed() < Duration::from_secs(10));
    let back = leader.stands_where(leads).await;
    assert_eq!(back, Standing::Leading { epoch: 8 });
    assert!(seized.elapsed() >= Duration::from_secs(15));
    leader.plans_where(|plans| plans.len() == 1).await;
}

#[tokio::test]
async fn without_the_right_to_the_lease_the_leader_goes_on_detached_and_the_standby_stays_one() {
    let (site, mut leader, mut standby) = two("lead-rights").await;
    site.may_not_use("leases").await;
    let forbidden = |words: &str| words.starts_with("LeaseForbidden: leases.coordination.k8s.io");
    let detached = leader
        .stands_where(|it| matches!(it, Standing::Detached { .. }))
        .await;
    let Standing::Detached { epoch: 1, obstacle } = &detached else {
        panic!("{detached:?}")
    };
    assert!(forbidden(obstacle), "{obstacle}");
    let refused = |it: &Standing| matches!(it, Standing::Standby { obstacle: Some(why), .. } if forbidden(why));
    standby.stands_where(refused).await;
    assert_eq!(leader.plans_now().len(), 1);
    leader.report(&leader.plans_now()[0], running());
    site.wait("analysisjob/past", "jsonpath={.status.eventsRead}=1000")
        .await;

    site.may_do_all_it_needs().await;
    leader.stands_where(leads).await;
    standby.stands_where(stands_by).await;
    assert_eq!(standby.plans_now(), []);
}

#[tokio::test]
async fn a_higher_epoch_in_a_checkpoint_makes_a_leader_give_way_and_come_back_above_it() {
    let (site, mut leader, standby) = two("lead-epoch").await;
    drop(standby);
    leader.report(&leader.plans_now()[0], running());
    site.wait("analysisjob/past", "jsonpath={.status.checkpoint.epoch}=1")
        .await;
    site.patch_status("past", &json!({"checkpoint": {"epoch": 41}}))
        .await;
    leader
        .stands_where(|it| *it == Standing::Leading { epoch: 42 })
        .await;
    let plans = leader.plans_where(|plans| plans.len() == 1).await;
    leader.report(&plans[0], running());
    site.wait("analysisjob/past", "jsonpath={.status.checkpoint.epoch}=42")
        .await;
}

#[tokio::test]
async fn nobody_leads_before_knowing_what_there_is() {
    let site = Site::new("lead-gate").await;
    site.apply(&job("prod", json!({}))).await;
    site.may_not_use("analysisjobs").await;
    let mut blind = Operator::elected(&site, "a").await;
    blind.obstacles_where(|all| all.len() == 1).await;
    let mut seeing = Operator::elected(&site, "b").await;
    seeing.obstacles_where(|all| all.len() == 1).await;
    let found = site
        .kubectl(&["get", "lease", "k8scop", "--ignore-not-found"])
        .await;
    assert_eq!(found, "");
    site.may_do_all_it_needs().await;
    let first = tokio::select! {
        _ = blind.stands_where(leads) => blind,
        _ = seeing.stands_where(leads) => seeing,
    };
    assert!(leads(&first.standing_now()));
}
