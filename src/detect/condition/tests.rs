use super::*;

const NAMES: [&str; 4] = ["exec", "system", "filter_node", "filter_probe"];

fn parsed(text: &str) -> Condition {
    Condition::parse(text, &NAMES).expect("valid condition")
}

fn refused(text: &str) -> String {
    Condition::parse(text, &NAMES)
        .expect_err("the condition must be refused")
        .to_string()
}

#[test]
fn not_binds_tighter_than_and_and_and_tighter_than_or() {
    assert_eq!(
        parsed("exec and not system or filter_node"),
        parsed("((exec) and (not system)) or filter_node")
    );
    assert_ne!(
        parsed("exec and (system or filter_node)"),
        parsed("exec and system or filter_node")
    );
}

#[test]
fn quantities_speak_of_all_selections_that_their_group_names() {
    assert_eq!(
        parsed("1 of filter_*"),
        parsed("filter_node or filter_probe")
    );
    assert_eq!(
        parsed("all of filter_*"),
        parsed("filter_node and filter_probe")
    );
    assert_eq!(parsed("all of them"), Condition::all(4));
    assert_eq!(parsed("1 of exec"), parsed("exec"));
    assert_eq!(parsed("1 of exec*"), parsed("exec"));
    assert_eq!(
        parsed("exec and not 1 of filter_*"),
        parsed("exec and not (filter_node or filter_probe)")
    );
}

#[test]
fn every_assignment_gives_what_boolean_algebra_gives() {
    let condition = parsed("exec and not (system or 1 of filter_*)");
    for bits in 0..16_u32 {
        let on = |index: usize| bits & (1 << index) != 0;
        let expected = on(0) && !(on(1) || on(2) || on(3));
        let truth = |index| Truth::unless_gap(on(index), || None);
        let holds = condition.truth(&mut { truth }).is_true();
        assert_eq!(holds, expected, "{bits:04b}");
    }
}

#[test]
fn errors_name_the_column_and_what_may_have_been_meant() {
    let errors = [
        "",
        "exec and",
        "exec andd system",
        "exec system",
        "(exec or system",
        "exec)",
        "exce",
        "NOT exec",
        "not exec and filter_prob",
        "2 of filter_*",
        "1 filter_*",
        "1 of",
        "1 of nothing*",
        "exec AND system",
        "exec and of",
        "()",
    ]
    .map(|text| format!("{text:?}: {}", refused(text)));
    insta::assert_snapshot!(errors.join("\n"), @r###"
    "": expected a selection, "not", "(", "1 of" or "all of" at column 1, found the end
    "exec and": expected a selection, "not", "(", "1 of" or "all of" at column 9, found the end
    "exec andd system": expected "and", "or" or the end at column 6, found "andd"
    "exec system": expected "and", "or" or the end at column 6, found "system"
    "(exec or system": expected ")" at column 16, found the end
    "exec)": expected "and", "or" or the end at column 5, found ")"
    "exce": unknown selection "exce" at column 1; did you mean "exec"?
    "NOT exec": unknown selection "NOT" at column 1; did you mean "not"?
    "not exec and filter_prob": unknown selection "filter_prob" at column 14; did you mean "filter_probe"?
    "2 of filter_*": expected "1 of" or "all of" at column 1, found "2"
    "1 filter_*": expected "of" at column 3, found "filter_*"
    "1 of": expected a selection, the beginning of names with "*", or "them" at column 5, found the end
    "1 of nothing*": unknown selection "nothing*" at column 6
    "exec AND system": expected "and", "or" or the end at column 6, found "AND"
    "exec and of": expected a selection, "not", "(", "1 of" or "all of" at column 10, found "of"
    "()": expected a selection, "not", "(", "1 of" or "all of" at column 2, found ")"
    "###);
}

#[test]
fn length_and_depth_are_bounded() {
    let nested = |depth| format!("{}exec{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::parse(&nested(32), &NAMES).is_ok());
    assert_eq!(refused(&nested(33)), "nesting deeper than 32 at column 33");
    assert_eq!(
        refused(&format!("{}exec", "not ".repeat(200))),
        "nesting deeper than 32 at column 129"
    );
    assert_eq!(
        refused(&"x".repeat(1025)),
        "condition is 1025 characters long; 1024 are allowed"
    );
}

#[test]
fn the_cause_is_the_first_selection_that_decides() {
    let cause = |text: &str, holding: &[usize]| {
        parsed(text).cause(&mut |index: usize| Truth::unless_gap(holding.contains(&index), || None))
    };
    assert_eq!(cause("exec and not system", &[]), Some(Cause::Fails(0)));
    assert_eq!(cause("exec and not system", &[0, 1]), Some(Cause::Holds(1)));
    assert_eq!(cause("exec or system", &[1]), Some(Cause::Holds(1)));
    assert_eq!(cause("not 1 of filter_*", &[3]), Some(Cause::Holds(3)));
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_condition_or_a_short_error(text in r"(?s)[a-z_*() 1and]{0,80}|.{0,40}") {
            if let Err(error) = Condition::parse(&text, &NAMES) {
                prop_assert!(error.to_string().chars().count() <= 256);
            }
        }
    }
}
