use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> Result<String, String> {
    let field = Field::parse(text).map_err(|error| error.to_string())?;
    Ok(field.to_string())
}

#[test]
fn known_fields_have_one_canonical_name() {
    for (text, expected) in [
        ("verb", "verb"),
        ("objectRef.resource", "objectRef.resource"),
        ("impersonatedUser", "impersonatedUser"),
        ("annotations[\"a.b/c\"]", "annotations[\"a.b/c\"]"),
        ("annotations['a.b/c']", "annotations[\"a.b/c\"]"),
        ("annotations.a.b/c", "annotations[\"a.b/c\"]"),
        ("annotations[\"plain\"]", "annotations.plain"),
        ("user.extra[\"x.io/y\"]", "user.extra[\"x.io/y\"]"),
        (
            "requestObject.metadata.labels.app.kubernetes.io/name",
            "requestObject.metadata.labels[\"app.kubernetes.io/name\"]",
        ),
        ("requestObject[\"spec\"].x", "requestObject.spec.x"),
        (
            "requestObject.data[\"tls.crt\"]",
            "requestObject.data[\"tls.crt\"]",
        ),
        ("responseStatus.details.name", "responseStatus.details.name"),
        ("request.path", "request.path"),
        ("request.query.fieldManager", "request.query.fieldManager"),
        ("podSpec", "podSpec"),
        ("podSpec.allContainers.image", "podSpec.allContainers.image"),
    ] {
        assert_eq!(canonical(text).as_deref(), Ok(expected));
    }
}

#[test]
fn an_unknown_field_is_told_with_what_was_meant() {
    for (text, expected) in [
        (
            "objectref.resource",
            r#"unknown field "objectref.resource"; did you mean "objectRef.resource"?"#,
        ),
        (
            "user.name",
            r#"unknown field "user.name"; did you mean "user.username"?"#,
        ),
        (
            "objectRef.kind",
            r#"unknown field "objectRef.kind"; did you mean "objectRef.uid"?"#,
        ),
        (
            "sourceIP",
            r#"unknown field "sourceIP"; did you mean "sourceIPs"?"#,
        ),
        (
            "request.uri",
            r#"unknown field "request.uri"; did you mean "request.path"?"#,
        ),
        ("verb.x", r#"unknown field "verb.x""#),
        (
            "decision.x",
            r#"unknown field "decision.x"; did you mean "decision"?"#,
        ),
        (
            "completely.different",
            r#"unknown field "completely.different""#,
        ),
    ] {
        assert_eq!(canonical(text), Err(expected.to_owned()));
    }
}

#[test]
fn a_text_that_is_no_path_is_told_why() {
    for (text, problem) in [
        ("", "a key is empty"),
        ("user..username", "a key is empty"),
        ("verb.", "a key is empty"),
        (
            "user username",
            "a key with ' ' must stand in brackets and quotes, as in annotations[\"a.b/c\"]",
        ),
        (
            "requestObject.spec.containers[0].image",
            "a path goes through lists by itself, so it has no indices",
        ),
        (
            "annotations[a]",
            "a bracket must hold a quoted key, as in annotations[\"a.b/c\"]",
        ),
        ("annotations[\"a", "the quote \" is not closed"),
        ("annotations[\"a\"", "the bracket is not closed"),
        (
            "annotations[\"a\"]b",
            "a closing bracket must be followed by \".\" or \"[\"",
        ),
    ] {
        let expected = format!("\"{text}\" is not a field path: {problem}");
        assert_eq!(canonical(text), Err(expected));
    }
}

#[test]
fn a_field_in_an_element_is_named_by_its_list() {
    let list = Field::parse("podSpec.allContainers").expect("a known list");
    let name = |text| Field::parse_in_element(&list, text).map(|field| field.to_string());
    assert_eq!(
        name("securityContext.privileged").as_deref(),
        Ok("podSpec.allContainers.securityContext.privileged")
    );
    assert_eq!(name(".").as_deref(), Ok("podSpec.allContainers"));
    assert!(matches!(name("a[0]"), Err(FieldError::Syntax { .. })));
}

#[test]
fn a_label_is_one_key_in_an_element_too() {
    let labels = Field::parse("requestObject.metadata.labels").expect("a known list");
    let label = Field::parse_in_element(&labels, "app.kubernetes.io/name").expect("a path");
    assert_eq!(
        label.to_string(),
        "requestObject.metadata.labels[\"app.kubernetes.io/name\"]"
    );
}

#[test]
fn a_field_names_the_members_it_needs() {
    for (text, expected) in [
        ("objectRef.resource", vec!["objectRef"]),
        ("annotations[\"a.b\"]", vec!["annotations"]),
        ("requestObject.spec.hostNetwork", vec!["requestObject"]),
        (
            "podSpec.hostNetwork",
            vec!["objectRef", "requestObject", "responseObject", "verb"],
        ),
        (
            "request.command",
            vec!["objectRef", "requestObject", "requestURI"],
        ),
        ("source.ip", vec!["sourceIPs"]),
        ("actor.username", vec!["impersonatedUser", "user"]),
    ] {
        let field = Field::parse(text).expect("a known field");
        assert_eq!(field.sources(), expected, "{text}");
    }
}

#[test]
fn only_what_can_be_several_is_a_list() {
    let is_list = |text| Field::parse(text).expect("a known field").is_list();
    let lists = [
        "user.groups",
        "sourceIPs",
        "podSpec.allContainers",
        "request.query.command",
    ];
    assert!(lists.into_iter().all(is_list));
    let single = [
        "verb",
        "user.username",
        "objectRef",
        "request.path",
        "decision",
    ];
    assert!(!single.into_iter().any(is_list));
}

#[test]
fn payloads_are_secret() {
    let is_secret = |text| Field::parse(text).expect("a known field").is_secret();
    let secret = [
        "requestObject.data[\"tls.crt\"]",
        "requestObject.stringData.password",
        "responseObject.status.token",
        "podSpec.allContainers.env.value",
        "request.query.token",
    ];
    assert!(secret.into_iter().all(is_secret));
    let open = [
        "requestObject.spec.volumes.secret.secretName",
        "user.username",
        "podSpec.hostPID",
    ];
    assert!(!open.into_iter().any(is_secret));
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Field::parse(&text);
    }

    #[test]
    fn a_canonical_name_means_the_same_field(
        text in r#"(annotations|user\.extra|requestObject|podSpec|request\.query)((\.[a-z/]{1,4})|(\["[a-z./ ]{1,6}"\])){1,4}"#
    ) {
        if let Ok(field) = Field::parse(&text) {
            prop_assert_eq!(Field::parse(&field.to_string()), Ok(field));
        }
    }
}
