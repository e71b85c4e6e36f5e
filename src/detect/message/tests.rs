use super::*;

fn refused(text: &str) -> Vec<String> {
    Message::parse(text, &["pod"])
        .expect_err("the template must be refused")
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn rendered(text: &str) -> String {
    let message = Message::parse(text, &["pod", "gone"]).expect("valid template");
    let verb = Field::parse("verb").expect("known");
    message.render(
        |field| match *field == verb {
            true => vec!["get".to_owned(), "list".to_owned()],
            false => Vec::new(),
        },
        |name| (name == "pod").then(|| "web-0".to_owned()),
    )
}

#[test]
fn variables_are_fields_and_captures_and_a_missing_value_is_a_dash() {
    assert_eq!(
        rendered("{verb} of {pod}: {{{user.username}}} {gone}!"),
        "get, list of web-0: {-} -!"
    );
}

#[test]
fn all_problems_of_a_template_are_named_with_their_columns() {
    assert_eq!(
        refused("{event.foo} {objectRef.nmae} ü} {podd} {"),
        [
            r#"unknown variable "event.foo" at column 2"#,
            r#"unknown variable "objectRef.nmae" at column 14; did you mean "objectRef.name"?"#,
            r#"unopened "}" at column 31; write "}}" for a brace"#,
            r#"unknown variable "podd" at column 34; did you mean "pod"?"#,
            r#"unclosed "{" at column 40; write "{{" for a brace"#,
        ]
    );
}

#[test]
fn no_value_can_push_the_rest_of_a_message_out_of_sight() {
    let message = Message::parse("{verb} by {pod}", &["pod"]).expect("valid template");
    let text = message.render(|_| vec!["x".repeat(5000)], |_| Some("web-0".to_owned()));
    assert_eq!(text, format!("{}… by web-0", "x".repeat(511)));
}

#[test]
fn a_message_is_at_most_1024_characters_long() {
    let message = Message::parse("{verb}{verb}{verb}", &[]).expect("valid template");
    let text = message.render(|_| vec!["ü".repeat(5000)], |_| None);
    assert_eq!(text.chars().count(), 1024);
}
