use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::local::{hostile, plain, shown::Shown};

/// Gives a few bytes at a time, is interrupted now and then, and may end in an error.
struct Halting<'t> {
    bytes: &'t [u8],
    gives: usize,
    calls: usize,
    ends_well: bool,
}

impl Read for Halting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.bytes.is_empty() && !self.ends_well {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let gives = self.gives.min(self.bytes.len()).min(buffer.len());
        self.bytes.read(&mut buffer[..gives])
    }
}

/// What the splitting byte by byte shows.
fn plainly(stream: &[u8], ends_well: bool) -> Shown {
    let mut shown = Shown::default();
    plain::visit(stream, ends_well, &mut shown);
    shown
}

/// What a reader holds, and whether it ended well.
fn collect(reader: impl Read, is_live: bool, size: usize) -> (Shown, bool) {
    let mut blocks = Blocks::with_size(reader, is_live, size);
    let (mut block, mut collector) = (Block::default(), Shown::default());
    let ended = loop {
        match blocks.read(&mut block) {
            Ok(true) => block.visit(&mut collector),
            ended => break ended,
        }
    };
    (collector, ended.is_ok())
}

/// The documents of a text as `line: text`.
fn split(text: &str) -> Vec<String> {
    let (documents, _) = collect(text.as_bytes(), false, 16);
    let documents = documents.documents.iter();
    documents
        .map(|(line, text)| format!("{line}: {}", String::from_utf8_lossy(text).trim_end()))
        .collect()
}

#[test]
fn each_line_is_a_document() {
    assert_eq!(
        split("{\"a\":1}\n\n{\"b\":{}}"),
        ["1: {\"a\":1}", "3: {\"b\":{}}"]
    );
}

#[test]
fn a_document_may_span_lines() {
    assert_eq!(
        split("{\n  \"a\": [\n    {}\n  ]\n}\n{\"b\":1}\n"),
        ["1: {\n  \"a\": [\n    {}\n  ]\n}", "6: {\"b\":1}"]
    );
}

#[test]
fn the_elements_of_an_array_are_documents() {
    assert_eq!(
        split("[{\"a\":1},{\"b\":2}]\n"),
        ["1: {\"a\":1}", "1: {\"b\":2}"]
    );
    assert_eq!(
        split("[\n  {\"a\":1},\n  {\"b\":2}\n]\n"),
        ["2: {\"a\":1}", "3: {\"b\":2}"]
    );
}

#[test]
fn braces_and_quotes_within_strings_are_text() {
    assert_eq!(
        split(r#"{"a":"}\"{"}{"b":"\\"}"#),
        [r#"1: {"a":"}\"{"}"#, r#"1: {"b":"\\"}"#]
    );
}

#[test]
fn a_broken_document_spoils_nothing_but_itself() {
    assert_eq!(
        split(
            "{\"a\":\"cut off\n{\"b\":1}\n{\"c\":{\n{\"d\":1}\nno json \"at\" all\n{\"e\":1}\n{\"f\":"
        ),
        [
            "1: {\"a\":\"cut off",
            "2: {\"b\":1}",
            "3: {\"c\":{",
            "4: {\"d\":1}",
            "6: {\"e\":1}",
            "7: {\"f\":",
        ]
    );
}

/// A document of so many bytes on three lines.
fn long(bytes: usize) -> String {
    let text = "x".repeat(bytes - "{\n\"a\":\n\"\"}".len());
    format!("{{\n\"a\":\n\"{text}\"}}")
}

#[test]
fn of_a_long_document_only_the_beginning_is_kept_and_nothing_else_is_lost() {
    for length in [KEPT - 1, KEPT, KEPT + 1, KEPT + 5_000, 2 * KEPT + 300] {
        let text = format!("{{}}\n \n{} {{\"b\":1}}\n{{}}", long(length));
        for (size, is_live) in [(1_000, false), (1_000, true), (1 << 20, false)] {
            let reader = Halting {
                bytes: text.as_bytes(),
                gives: 30_000,
                calls: 0,
                ends_well: true,
            };
            let (documents, _) = collect(reader, is_live, size);
            let seen: Vec<_> = documents
                .documents
                .iter()
                .map(|(line, text)| (*line, text.len()))
                .collect();
            assert_eq!(seen, [(1, 2), (3, length.min(KEPT)), (5, 7), (6, 2)]);
        }
    }
}

#[test]
fn a_long_document_that_never_ends_counts_unless_it_is_torn_off() {
    let text = long(KEPT + 70_000);
    for (cut, ends_well) in [(20, true), (20, false), (69_000, true), (69_000, false)] {
        let bytes = &text.as_bytes()[..text.len() - cut];
        let reader = Halting {
            bytes,
            gives: 30_000,
            calls: 0,
            ends_well,
        };
        let (documents, ended_well) = collect(reader, false, 4_000);
        assert_eq!(ended_well, ends_well);
        assert_eq!(documents, plainly(bytes, ends_well));
    }
}

#[test]
fn a_block_takes_bounded_memory_and_gives_it_back() {
    let text = format!("{}\n{}", long(2 * KEPT), "{}\n".repeat(1_000));
    let mut blocks = Blocks::with_size(text.as_bytes(), false, 1_000);
    let mut block = Block::default();
    let mut sizes = Vec::new();
    while blocks.read(&mut block).expect("memory can be read") {
        sizes.push(block.bytes.capacity());
    }
    assert!(sizes[0] <= 2 * (KEPT + 1_000), "{}", sizes[0]);
    assert_eq!(sizes.last(), Some(&1_000));
}

#[test]
fn what_is_whole_of_a_live_input_does_not_wait_for_more() {
    struct Stalled<'t>(&'t [&'t str]);
    impl Read for Stalled<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (next, rest) = self.0.split_first().expect("nobody waits for more");
            self.0 = rest;
            next.as_bytes().read(buffer)
        }
    }
    let pieces = [
        "{\"a\":1}\n{\"b\"",
        ":2}\n",
        " {\"c\":",
        "[]},{",
        "\"d\":4}\n",
    ];
    let mut blocks = Blocks::with_size(Stalled(&pieces), true, 1_000);
    let (mut block, mut collector) = (Block::default(), Shown::default());
    while collector.documents.len() < 4 {
        assert!(blocks.read(&mut block).expect("it can be read"));
        block.visit(&mut collector);
    }
    let lines: Vec<_> = collector.documents.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 3, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// However a stream is read and cut, its documents are those of the splitting byte by byte.
    #[test]
    fn blocks_hold_the_same_documents(
        stream in hostile::stream(),
        size in prop_oneof![1..40_usize, 1..3_000_usize],
        gives in prop_oneof![1..40_usize, 1..3_000_usize],
        is_live: bool,
        ends_well: bool,
    ) {
        let reader = Halting { bytes: &stream, gives, calls: 0, ends_well };
        let (documents, ended_well) = collect(reader, is_live, size);
        prop_assert_eq!(documents, plainly(&stream, ends_well));
        prop_assert_eq!(ended_well, ends_well);
    }

    #[test]
    fn every_json_object_is_found_whole(
        texts in prop::collection::vec(any::<(String, bool)>(), 0..8)
    ) {
        let values: Vec<_> =
            texts.iter().map(|(text, flag)| serde_json::json!({"t": [text], "f": {"g": flag}})).collect();
        for pretty in [false, true] {
            let stream: String = values.iter().map(|value| {
                let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
                text.expect("JSON") + "\n"
            }).collect();
            let found: Vec<Value> = collect(stream.as_bytes(), false, 16).0.documents
                .iter()
                .map(|(_, document)| serde_json::from_slice(document).expect("whole"))
                .collect();
            prop_assert_eq!(&found, &values);
        }
    }
}
