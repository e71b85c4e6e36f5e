//! Rules that change while a job runs.

use std::sync::Arc;

use super::*;

fn with_rules(plan: &Plan, rules: &[(&str, &str)]) -> Plan {
    let rules = rules
        .iter()
        .map(|(name, verb)| a_rule(name, verb, "Tamper"));
    Plan {
        rules: rules.collect(),
        ..plan.clone()
    }
}

fn found_by(server: &Server, rule: &str) -> usize {
    let alerts = server.alerts();
    let named = |alert: &&serde_json::Value| alert["rule"]["name"] == format!("security/{rule}");
    alerts.iter().filter(named).count()
}

#[tokio::test(start_paused = true)]
async fn a_new_rule_does_not_look_at_late_documents_from_before_it_came() {
    let server = Server::new();
    let stream = Plan {
        range: Range::Streaming { start: at(-7200) },
        ..a_plan()
    };
    let old = with_rules(&stream, &[("old", "create")]);
    let both = with_rules(&stream, &[("old", "create"), ("new", "create")]);
    let mut operator = Operator::start(&server, std::slice::from_ref(&old));
    let up_to = |time| {
        move |progress: &Progress| {
            let done = progress.checkpoint.as_ref();
            done.is_some_and(|done| done.watermark >= time)
        }
    };
    operator.until(&old, up_to(at(60))).await;
    operator.plans.send_replace([both.clone()].into());
    let known = |progress: &Progress| {
        let done = progress.checkpoint.as_ref();
        done.is_some_and(|done| done.active_from.contains_key("security/new"))
    };
    let came = operator
        .until(&both, known)
        .await
        .checkpoint
        .expect("just seen")
        .active_from["security/new"];
    assert!((at(60)..=at(90)).contains(&came), "{came}");
    operator.until(&both, up_to(at(200))).await;
    let found = |late| {
        move |progress: &Progress| {
            let done = progress.checkpoint.as_ref();
            done.is_some_and(|done| done.counts.alerts_late == late)
        }
    };
    // Both are late; the new rule was there when the second one happened.
    server.add_event(at(-600), "create");
    server.add_event(at(150), "create");
    operator.until(&both, found(3)).await;
    assert_eq!((found_by(&server, "old"), found_by(&server, "new")), (2, 1));
    // It is the same after a restart, and after the rule was away.
    let resumed = Plan {
        resume: operator.checkpoint(&both),
        ..both.clone()
    };
    operator.kill().await;
    let mut operator = Operator::start(&server, std::slice::from_ref(&resumed));
    operator
        .until(&both, |progress| progress.state == State::Running)
        .await;
    operator.plans.send_replace([old.clone()].into());
    tokio::time::sleep(Duration::from_secs(60)).await;
    operator.plans.send_replace([both.clone()].into());
    tokio::time::sleep(Duration::from_secs(60)).await;
    server.add_event(at(-900), "create");
    server.add_event(at(160), "create");
    operator.until(&both, found(6)).await;
    assert_eq!((found_by(&server, "old"), found_by(&server, "new")), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_deleted_and_made_again_passes_over_nothing() {
    let server = Server::with_events(3_000);
    let plan = Plan {
        range: Range::Streaming { start: at(-3600) },
        ..a_plan()
    };
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    for _ in 0..40 {
        operator.plans.send_replace([with_rules(&plan, &[])].into());
        tokio::time::sleep(Duration::from_millis(7)).await;
        operator.plans.send_replace([plan.clone()].into());
        tokio::time::sleep(Duration::from_millis(11)).await;
    }
    let all = |progress: &Progress| progress.counts.events_read >= 3_000;
    operator.until(&plan, all).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.alerts().len(), 3_000);
}

/// A static plan over so many events that its rules can be changed in the middle.
async fn in_the_middle(server: &Server, plan: &Plan) -> Operator {
    let mut operator = Operator::start(server, std::slice::from_ref(plan));
    wait_for_the_middle(&mut operator, plan).await;
    operator
}

async fn wait_for_the_middle(operator: &mut Operator, plan: &Plan) {
    let revision = RuleSet::new(plan.rules.iter().cloned())
        .revision()
        .to_owned();
    let middle = |progress: &Progress| {
        progress.checkpoint.as_ref().is_some_and(|done| {
            done.rules_revision.as_ref() == Some(&revision) && done.watermark < at(0)
        })
    };
    operator.until(plan, middle).await;
}

#[tokio::test(start_paused = true)]
async fn changed_rules_begin_a_static_range_anew() {
    let server = Server::with_events(3_500);
    let first = with_rules(&a_plan(), &[("first", "create")]);
    let second = with_rules(&a_plan(), &[("first", "create"), ("second", "create")]);
    let mut operator = in_the_middle(&server, &first).await;
    operator.plans.send_replace([second.clone()].into());
    let progress = operator.until_complete(&second).await;
    assert_eq!(found_by(&server, "second"), 3_500);
    assert_eq!(found_by(&server, "first"), 3_500);
    assert_eq!(progress.counts.events_read, 3_500);
    assert_eq!(
        progress.checkpoint.and_then(|done| done.rules_revision),
        Some(progress.rules_revision)
    );
}

#[tokio::test(start_paused = true)]
async fn a_static_range_begins_anew_after_a_restart_with_other_rules() {
    let server = Server::with_events(3_500);
    let first = with_rules(&a_plan(), &[("first", "create")]);
    let operator = in_the_middle(&server, &first).await;
    let resume = operator.checkpoint(&first);
    operator.kill().await;
    let second = Plan {
        resume,
        ..with_rules(&a_plan(), &[("second", "create")])
    };
    let mut operator = Operator::start(&server, std::slice::from_ref(&second));
    operator.until_complete(&second).await;
    assert_eq!(found_by(&server, "second"), 3_500);
}

#[tokio::test(start_paused = true)]
async fn rules_that_change_again_and_again_do_not_keep_a_static_range_from_its_end() {
    let server = Server::with_events(3_500);
    let plans: Vec<Plan> = ["zero", "one", "two", "three", "four"]
        .map(|name| with_rules(&a_plan(), &[(name, "create")]))
        .into();
    let mut operator = in_the_middle(&server, &plans[0]).await;
    for plan in &plans[1..=3] {
        operator.plans.send_replace([plan.clone()].into());
        wait_for_the_middle(&mut operator, plan).await;
    }
    operator.plans.send_replace([plans[4].clone()].into());
    let progress = operator.until_complete(&plans[4]).await;
    let held = RuleSet::new(plans[3].rules.iter().cloned());
    assert_eq!(progress.rules_revision, held.revision());
    assert_eq!(
        (found_by(&server, "three"), found_by(&server, "four")),
        (3_500, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_static_range_goes_on_with_its_rules_where_all_are_gone() {
    let server = Server::with_events(3_500);
    let plan = with_rules(&a_plan(), &[("first", "create")]);
    let mut operator = in_the_middle(&server, &plan).await;
    let none = Plan {
        rules: Arc::new([]),
        ..plan
    };
    operator.plans.send_replace([none.clone()].into());
    operator.until_complete(&none).await;
    assert_eq!(found_by(&server, "first"), 3_500);
}
