use serde_json::json;

use super::*;

fn pod(containers: Value) -> Value {
    json!({"spec": {"containers": containers}})
}

#[test]
fn a_named_container_is_completed_with_the_one_of_the_answer() {
    let body = pod(json!([{"name": "a", "image": "new"}]));
    let answer = pod(json!([
        {"name": "b", "image": "other", "securityContext": {"privileged": true}},
        {"name": "a", "image": "new", "securityContext": {"privileged": true}},
    ]));
    let expected = pod(json!([
        {"name": "a", "image": "new", "securityContext": {"privileged": true}},
    ]));
    assert_eq!(asked(&body, Some(&answer)), Some(expected));
}

#[test]
fn a_patch_that_names_no_container_asks_for_none() {
    let body = json!({"metadata": {"labels": {"a": "b"}}});
    let answer = pod(json!([{"name": "a", "securityContext": {"privileged": true}}]));
    assert_eq!(asked(&body, Some(&answer)), None);
}

#[test]
fn what_is_asked_for_stays_and_lists_of_texts_are_joined() {
    let security = |value: Value| pod(json!([{"name": "a", "securityContext": value}]));
    let body = security(json!({"privileged": false, "capabilities": {"add": ["NET_RAW"]}}));
    let answer = security(json!({"privileged": true, "capabilities": {"add": ["SYS_ADMIN"]}}));
    let expected =
        security(json!({"privileged": false, "capabilities": {"add": ["NET_RAW", "SYS_ADMIN"]}}));
    assert_eq!(asked(&body, Some(&answer)), Some(expected));
}

#[test]
fn a_container_that_is_deleted_asks_for_nothing() {
    let body = pod(json!([{"$patch": "delete", "name": "a"}]));
    let answer = pod(json!([{"name": "b"}]));
    assert_eq!(asked(&body, Some(&answer)), Some(pod(json!([]))));
}

#[test]
fn a_directive_does_not_hide_a_container_of_a_merge_patch() {
    let body = pod(json!([
        {"$patch": "delete", "name": "a", "securityContext": {"privileged": true}},
    ]));
    let answer = pod(json!([{"name": "a", "securityContext": {"privileged": true}}]));
    assert_eq!(asked(&body, Some(&answer)), None);
}

#[test]
fn operations_build_the_tree_that_they_name() {
    for (operations, expected) in [
        (
            json!([{"op": "add", "path": "/spec/containers/0/securityContext/privileged", "value": true}]),
            pod(json!([{"securityContext": {"privileged": true}}])),
        ),
        (
            json!([
                {"op": "add", "path": "/spec/volumes/-", "value": {"name": "a"}},
                {"op": "add", "path": "/spec/volumes/-", "value": {"name": "b"}},
            ]),
            json!({"spec": {"volumes": [{"name": "a"}, {"name": "b"}]}}),
        ),
        (
            json!([
                {"op": "add", "path": "/spec", "value": {"containers": [{"name": "a"}]}},
                {"op": "replace", "path": "/spec/containers/0/image", "value": "x"},
                {"op": "add", "path": "/spec/containers/-", "value": {"name": "b"}},
            ]),
            pod(json!([{"name": "a", "image": "x"}, {"name": "b"}])),
        ),
        (
            json!([{"op": "add", "path": "/data/0", "value": "x"}]),
            json!({"data": {"0": "x"}}),
        ),
        (
            json!([{"op": "replace", "path": "", "value": {"spec": {}}}]),
            json!({"spec": {}}),
        ),
        (
            json!([{"op": "add", "path": "/metadata/labels/a~1b~0c", "value": "x"}]),
            json!({"metadata": {"labels": {"a/b~c": "x"}}}),
        ),
        (
            json!([
                {"op": "add", "path": "/data/x", "value": "1"},
                {"op": "remove", "path": "/data/x"},
                {"op": "test", "path": "/data/y", "value": "1"},
                {"path": "/data/z", "value": "1"},
                "odd",
            ]),
            json!({"data": {}}),
        ),
    ] {
        assert_eq!(asked(&operations, None), Some(expected), "{operations}");
    }
}

#[test]
fn an_operation_on_a_container_is_completed_with_the_one_in_its_place() {
    let operations = json!([{"op": "replace", "path": "/spec/containers/1/image", "value": "new"}]);
    let answer = pod(json!([
        {"name": "a"},
        {"name": "b", "image": "new", "securityContext": {"privileged": true}},
    ]));
    let expected = pod(json!([
        {"name": "b", "image": "new", "securityContext": {"privileged": true}},
    ]));
    assert_eq!(asked(&operations, Some(&answer)), Some(expected));
}

#[test]
fn a_copied_value_is_that_of_the_answer() {
    let operations = json!([
        {"op": "copy", "from": "/spec/containers/0", "path": "/spec/containers/-"},
    ]);
    assert!(copies(&operations));
    let answer = pod(json!([{"name": "a"}, {"name": "b", "image": "x"}]));
    let expected = pod(json!([{"name": "b", "image": "x"}]));
    assert_eq!(asked(&operations, Some(&answer)), Some(expected));
}
