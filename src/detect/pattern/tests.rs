use super::*;

fn refusal(pattern: &str) -> (Reason, String) {
    let error = Pattern::parse(pattern).expect_err("the pattern must be refused");
    (error.reason(), error.to_string())
}

#[test]
fn what_is_wrong_with_a_pattern_is_said_in_words_and_columns() {
    let refusals: Vec<_> = [
        "(",
        "ab(?=x)",
        r"(a)\1",
        "a**{",
        r"\p{Nonsense}",
        "[z-a]",
        "ü[",
    ]
    .map(refusal)
    .into_iter()
    .map(|(reason, words)| format!("{}: {words}", reason.as_str()))
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r###"
    PatternInvalid: unclosed group at column 1
    PatternInvalid: look-around is not supported (column 3)
    PatternInvalid: backreferences are not supported (column 4)
    PatternInvalid: unclosed counted repetition at column 4
    PatternInvalid: unicode property not found at column 1
    PatternInvalid: invalid character class range, the start must be <= the end at column 2
    PatternInvalid: unclosed character class at column 2
    "###);
}

#[test]
fn a_pattern_that_would_grow_too_large_is_refused() {
    let expected = (
        Reason::PatternTooComplex,
        "compiled size exceeds 1 MiB; use fewer or smaller repetitions".to_owned(),
    );
    assert_eq!(refusal("a{5}{5}{5}{5}{5}{5}{5}"), expected);
    assert_eq!(refusal(r"\w{1000}{1000}"), expected);
    assert_eq!(refusal(r"(?:a?){1000}{1000}"), expected);
}

#[test]
fn a_pattern_nested_too_deeply_is_refused() {
    let deep = format!("{}a{}", "(".repeat(300), ")".repeat(300));
    assert_eq!(
        refusal(&deep),
        (
            Reason::PatternTooComplex,
            "nesting deeper than 50".to_owned()
        )
    );
}

#[test]
fn a_pattern_that_matches_every_value_is_refused() {
    for pattern in ["", ".*", "^.*$", "(?s).*", ".?", "(foo)?", "a|", r"\b|^"] {
        assert_eq!(
            refusal(pattern).0,
            Reason::PatternMatchesEverything,
            "{pattern}"
        );
    }
    for pattern in [".", ".+", "^a*b", r"\bfoo\b", "^(default)?$", "^[a-z]*$"] {
        assert!(Pattern::parse(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn a_pattern_is_at_most_a_kibibyte_long() {
    assert!(Pattern::parse(&"a".repeat(1024)).is_ok());
    assert_eq!(refusal(&"a".repeat(1025)).0, Reason::LimitExceeded);
}

#[test]
fn only_the_first_64_kib_of_a_value_are_searched_and_no_character_is_split() {
    let pattern = Pattern::parse("x").expect("valid");
    let before = "ü".repeat(32 * 1024 - 1);
    assert!(pattern.is_match(&format!("{before}xü")));
    assert!(!pattern.is_match(&format!("{before}aüx")));
}

#[test]
fn named_groups_are_captured_from_the_first_match() {
    let pattern = Pattern::parse("/pods/(?<pod>[^/]+)/(?<sub>exec)?").expect("valid");
    assert_eq!(
        pattern.captures("/pods/web-0/log /pods/b/exec"),
        [("pod", "web-0")]
    );
    assert_eq!(pattern.captures("/nodes"), []);
}

#[test]
fn required_literals_are_found_wherever_they_stand() {
    let required = |text: &str| {
        let pattern = Pattern::parse(text).expect("valid");
        let sets = pattern.literals().iter().map(|set| {
            let words: Vec<_> = set.iter().map(|l| l.escape_ascii().to_string()).collect();
            format!("{{{}}}", words.join(" "))
        });
        format!("{text}: {}", sets.collect::<Vec<_>>().join(" "))
    };
    let found = [
        "/pods/[^/]+/exec",
        "^/api/v1/namespaces/[^/]+/secrets$",
        "[a-z]+:node-proxier:[a-z]+",
        "(nmap|masscan|zmap)",
        "(?i)id",
        "[ab]+(xy|z)?[ab]+",
        r"\d+(abc|[a-z]*)\w+",
        r"[^\s\S]",
    ]
    .map(required);
    insta::assert_snapshot!(found.join("\n"), @r###"
    /pods/[^/]+/exec: {/pods/} {/exec}
    ^/api/v1/namespaces/[^/]+/secrets$: {/api/v1/namespaces/} {/secrets}
    [a-z]+:node-proxier:[a-z]+: {:node-proxier:}
    (nmap|masscan|zmap): {nmap masscan zmap}
    (?i)id: {ID Id iD id} {D d}
    [ab]+(xy|z)?[ab]+: {a b} {xya xyb za zb a b}
    \d+(abc|[a-z]*)\w+: 
    [^\s\S]: {}
    "###);
}
