use serde_json::Value;

use super::*;
use crate::detect::{chance::Chance, json};

mod random;

/// What is wanted in these tests.
const PATHS: [&[&str]; 8] = [
    &["a"],
    &["b"],
    &["a", "b"],
    &["a", "b", "c"],
    &["long name of a member"],
    &["long name of a member", "a"],
    &["d", "a.b/c"],
    &["ü"],
];

/// How many of these paths are also wanted whole.
const WHOLE: usize = 2;

/// All that is found at a path: texts, whether there is an object, and the value whole.
type Found = Vec<(Vec<String>, bool, Value)>;

/// Finds the same in two ways.
struct Comparison {
    plan: Plan,
    nodes: Vec<NodeId>,
    leaves: Leaves,
}

impl Comparison {
    fn new() -> Self {
        let mut plan = Plan::new(|name| name.starts_with("k."));
        let nodes = PATHS.map(|path| plan.node(path)).to_vec();
        for (number, node) in nodes.iter().enumerate() {
            plan.node_mut(*node).is_wanted = true;
            plan.node_mut(*node).is_whole = number < WHOLE;
        }
        plan.node_mut(nodes[1]).may_be_folded = true;
        Self {
            plan,
            nodes,
            leaves: Leaves::default(),
        }
    }

    fn by_reading(&mut self, source: &[u8]) -> Option<Found> {
        let text = std::str::from_utf8(source).ok()?;
        let text = read(text, &self.plan, &mut self.leaves).ok()?;
        let of_node = |(number, node): (usize, &NodeId)| {
            let texts = self.leaves.texts(*node, text);
            let whole = match number < WHOLE {
                true => serde_json::from_str(&text[self.leaves.whole(*node)]).unwrap_or_default(),
                false => Value::Null,
            };
            (
                texts.map(str::to_owned).collect(),
                self.leaves.is_object(*node),
                whole,
            )
        };
        Some(self.nodes.iter().enumerate().map(of_node).collect())
    }

    /// Compares both ways; tells whether the document was read.
    fn compare(&mut self, source: &[u8]) -> bool {
        let found = self.by_reading(source);
        let shown = String::from_utf8_lossy(source);
        assert!(found.is_none() || found == by_parsing(source), "{shown}");
        found.is_some()
    }
}

fn by_parsing(source: &[u8]) -> Option<Found> {
    let value = json::parse(source).ok()?;
    let of_path = |(number, path): (usize, &&[&str])| {
        let (mut texts, mut is_object) = (Vec::new(), false);
        json::walk(&value, path, &mut |end| {
            is_object |= end.is_object();
            texts.extend(json::text(end).map(|text| text.into_owned()));
        });
        let whole = value.get(path[0]).filter(|_| number < WHOLE);
        (texts, is_object, whole.cloned().unwrap_or_default())
    };
    Some(PATHS.iter().enumerate().map(of_path).collect())
}

/// How many documents of some seeds are read, and how many are valid.
fn compare_random(seeds: std::ops::Range<u64>) -> (usize, usize) {
    let mut comparison = Comparison::new();
    let (mut read, mut valid) = (0, 0);
    for seed in seeds {
        let source = random::document(&mut Chance::new(seed));
        let is_read = comparison.compare(&source);
        read += usize::from(is_read);
        valid += usize::from(is_read || json::parse(&source).is_ok());
    }
    (read, valid)
}

#[test]
fn what_is_read_is_what_the_parser_finds() {
    let (read, valid) = compare_random(0..100_000);
    assert!(
        read > 30_000 && valid - read > 1_000,
        "{read} of {valid} show little"
    );
}

#[test]
#[ignore = "takes minutes; run it after a change of the reader"]
fn what_is_read_is_what_the_parser_finds_ten_million_times() {
    let (read, valid) = compare_random(100_000..10_100_000);
    println!("{read} read, {valid} valid");
}

#[test]
fn a_document_that_is_not_json_is_refused() {
    let mut comparison = Comparison::new();
    let pad = "x".repeat(60);
    for wrong in [
        "",
        " ",
        "[]",
        "1",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{} x",
        "\u{feff}{}",
        "{}\u{c}",
        "{\u{c}}",
        "{,}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{\"a\":1 2}",
        "{\"a\":\"b\" \"c\"}",
        "{\"a\":\"b\":1}",
        "{\"a\":1:2}",
        "{\"a\",\"b\":1}",
        "{\"x\":[1,]}",
        "{\"x\":[,1]}",
        "{\"x\":[1 2]}",
        "{\"x\":[\"a\":1]}",
        "{\"x\":[}",
        "{\"x\":{]}",
        "{\"x\":tru}",
        "{\"x\":truee}",
        "{\"x\":nul}",
        "{\"x\":01}",
        "{\"x\":+1}",
        "{\"x\":1.}",
        "{\"x\":.5}",
        "{\"x\":-}",
        "{\"x\":--1}",
        "{\"x\":NaN}",
        "{\"x\":'a'}",
        "{\"x\":\"\\x\"}",
        "{\"x\":\"\\u12\"}",
        "{\"x\":\"\n\"}",
        "{\"x\":\"\u{0}\"}",
        "{\"x\":\"",
        "{\"x\":\"\\",
        "{\"x\":\"\\\"}",
        "{\\\"x\":1}",
        "{\"x\":1\\}",
    ] {
        for source in [
            wrong.to_owned(),
            wrong.replace("\"x\"", &format!("\"{pad}\"")),
        ] {
            assert!(by_parsing(source.as_bytes()).is_none() || !source.starts_with('{'));
            assert!(!comparison.compare(source.as_bytes()), "{source}");
        }
    }
    assert!(!comparison.compare(b"{\"x\":\"\xff\"}"));
}

#[test]
fn an_ordinary_document_is_read_wherever_its_blocks_begin() {
    let mut comparison = Comparison::new();
    let document =
        r#"{"a":{"b":[{"c":"x\u0026\"y"},{"c":-1.50},3]},"b":null,"d":{"a.b/c":true},"x":[[],{}]}"#;
    for shift in 0..130 {
        let source = format!(r#"{{"x":"{}",{}"#, "y".repeat(shift), &document[1..]);
        assert!(comparison.compare(source.as_bytes()), "{source}");
        let spaced = source
            .replace("\":", "\" \r\n:\t")
            .replace(",\"", " ,\n  \"");
        assert!(comparison.compare(spaced.as_bytes()), "{spaced}");
    }
}

#[test]
fn nesting_is_read_as_deep_as_the_parser_keeps_it() {
    let mut comparison = Comparison::new();
    for (depth, is_read) in [(63, true), (64, false)] {
        let source = format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(comparison.compare(source.as_bytes()), is_read, "{depth}");
        let parsed = json::parse(source.as_bytes()).expect("it is valid");
        let is_kept = serde_json::from_str::<Value>(&source).is_ok_and(|whole| whole == parsed);
        assert_eq!(is_kept, is_read);
    }
}

#[test]
fn what_the_parser_knows_better_is_refused() {
    let mut comparison = Comparison::new();
    for doubtful in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"\u0061":1}"#,
        r#"{"a":{"\u0062":1}}"#,
        r#"{"x":1e3}"#,
        r#"{"x":1e400}"#,
        r#"{"x":"\ud800"}"#,
        r#"{"x":"\ud83d\ude00"}"#,
        r#"{"k.x":1}"#,
        r#"{"b":"{\"a\":1}"}"#,
        r#"{"b":" [1]"}"#,
    ] {
        assert!(!comparison.compare(doubtful.as_bytes()), "{doubtful}");
    }
    for fine in [
        r#"{"x":1,"x":2}"#,
        r#"{"x":{"\u0061":1,"k.x":1}}"#,
        r#"{"b":"a{"}"#,
    ] {
        assert!(comparison.compare(fine.as_bytes()), "{fine}");
    }
}
