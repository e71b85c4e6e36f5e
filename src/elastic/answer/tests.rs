use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PAGE: &str = r#"{"pit_id":"v2","took":3,"timed_out":false,"_shards":{"total":3,"successful":3,"skipped":1,"failed":0},
"hits":{"total":{"value":7,"relation":"eq"},"max_score":null,"hits":[
{"_index":"logstash-a","_id":"1","_score":null,"_source": {"verb":"get"} ,"sort":["2026-11-23T07:40:00.000Z",1]},
{"_index":"logstash-b","_id":"q\"2","_source":{"verb":"list"},"sort":[1795419600000000001,4294967296]},
{"_index":"logstash-b","_id":"3","sort":[null,5]}]},
"aggregations":{"census":{"buckets":[
{"key_as_string":"2026-11-23T07:40:00.000Z","key":1795419600000,"doc_count":5,"sequence":{"value":12.0}},
{"key":1795419900000,"doc_count":65538,"sequence":{"value":4.294967297E9}}]}}}"#;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn reason(result: Result<Page, Fault>) -> (FaultReason, Remedy) {
    let fault = result.expect_err("page is refused");
    (fault.reason, fault.remedy)
}

#[test]
fn a_page_is_read_with_its_documents_as_they_were_stored() {
    let document = |index: &str, id: &str, time: Option<&str>, source: &'static str| Document {
        index: index.to_owned(),
        id: id.to_owned(),
        time: time.map(str::to_owned),
        source: Bytes::from_static(source.as_bytes()),
        is_rebuilt: false,
    };
    let expected = Page {
        documents: vec![
            document(
                "logstash-a",
                "1",
                Some("2026-11-23T07:40:00.000Z"),
                r#"{"verb":"get"}"#,
            ),
            document(
                "logstash-b",
                "q\"2",
                Some("2026-11-23T07:40:00.000000001Z"),
                r#"{"verb":"list"}"#,
            ),
            document("logstash-b", "3", None, "null"),
        ],
        last_sort: Some(vec![Value::Null, json!(5)]),
        total: Some(7),
        view: Some("v2".to_owned()),
        shards: 3,
        skipped: 1,
        census: Some(Census(BTreeMap::from([
            (Bucket(5_984_732), Mark::new(5, 12)),
            (Bucket(5_984_733), Mark::new(2, 1)),
        ]))),
    };
    assert_eq!(page(&bytes(PAGE), 3, 0), Ok(expected));
}

#[test]
fn a_document_is_a_slice_of_its_answer() {
    let body = bytes(PAGE);
    let read = page(&body, 3, 0).expect("page is read");
    assert!(
        body.as_ptr_range()
            .contains(&read.documents[0].source.as_ptr())
    );
}

#[test]
fn a_deep_document_leaves_its_page_whole() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(5_000), "}".repeat(5_000));
    let body = bytes(&PAGE.replace(r#"{"verb":"get"}"#, &deep));
    let read = page(&body, 3, 0).expect("page is read");
    assert_eq!(read.documents.len(), 3);
    assert_eq!(read.documents[0].source, deep);
}

#[test]
fn bytes_that_are_no_text_leave_their_page_whole() {
    let mut body = PAGE.as_bytes().to_vec();
    let at = PAGE.find("get").expect("the word is there");
    body[at] = 0xff;
    let read = page(&Bytes::from(body), 3, 0).expect("page is read");
    assert_eq!(read.documents[0].source, "{\"verb\":\"\u{fffd}et\"}");
}

#[test]
fn an_answer_that_leaves_something_out_is_refused() {
    use FaultReason::*;
    let cases = [
        (
            "\"timed_out\":false",
            "\"timed_out\":true",
            PartialResults,
            Remedy::Retry,
        ),
        (
            "\"failed\":0",
            "\"failed\":1",
            PartialResults,
            Remedy::Retry,
        ),
        (
            "\"successful\":3",
            "\"successful\":2",
            PartialResults,
            Remedy::Retry,
        ),
        (
            "\"failed\":0",
            "\"failed\":1,\"failures\":[{\"shard\":0,\"reason\":{\"type\":\"search_context_missing_exception\"}}]",
            ViewLost,
            Remedy::Reopen,
        ),
        (
            "\"failed\":0",
            "\"failed\":1,\"failures\":[{\"shard\":0,\"reason\":{\"type\":\"circuit_breaking_exception\"}}]",
            PartialResults,
            Remedy::Retry,
        ),
        ("\"total\":3", "\"total\":0", ViewLost, Remedy::Reopen),
        ("\"total\":3", "\"total\":2", ViewLost, Remedy::Reopen),
        (
            "\"took\":3",
            "\"_clusters\":{\"total\":2,\"successful\":1,\"skipped\":1}",
            PartialResults,
            Remedy::Retry,
        ),
        (
            "\"took\":3",
            "\"_clusters\":{\"total\":2,\"successful\":1,\"partial\":1}",
            PartialResults,
            Remedy::Retry,
        ),
        (
            "\"relation\":\"eq\"",
            "\"relation\":\"gte\"",
            ElasticsearchUnavailable,
            Remedy::Retry,
        ),
        (
            "\"hits\":{",
            "\"misses\":{",
            ElasticsearchUnavailable,
            Remedy::Retry,
        ),
    ];
    for (found, put, expected, remedy) in cases {
        let body = bytes(&PAGE.replacen(found, put, 1));
        let read = page(&body, 3, 0).map_err(Fault::from);
        assert_eq!(reason(read), (expected, remedy), "{put}");
    }
}

#[test]
fn an_answer_cut_anywhere_is_never_read_as_a_page() {
    for end in 0..PAGE.len() {
        assert!(page(&bytes(&PAGE[..end]), 3, 0).is_err(), "cut at {end}");
    }
}

#[test]
fn a_view_tells_its_shards_where_the_server_does() {
    let cases = [
        (
            r#"{"id":"e","_shards":{"total":2,"successful":2,"skipped":0,"failed":0}}"#,
            Ok(("e", Some(2))),
        ),
        (r#"{"id":"e"}"#, Ok(("e", None))),
        (
            r#"{"pit_id":"o","_shards":{"total":1,"successful":1,"failed":0},"creation_time":1}"#,
            Ok(("o", Some(1))),
        ),
        (
            r#"{"id":"16LBBAAA","_shards":{"total":0,"successful":0,"failed":0}}"#,
            Err(FaultReason::IndexNotFound),
        ),
        (
            r#"{"id":"e","_shards":{"total":2,"successful":1,"failed":1}}"#,
            Err(FaultReason::PartialResults),
        ),
        (
            r#"{"error":"x"}"#,
            Err(FaultReason::ElasticsearchUnavailable),
        ),
    ];
    for (body, expected) in cases {
        let read = view(&bytes(body)).map_err(|fault| fault.reason);
        let expected = expected.map(|(id, shards)| View {
            id: id.to_owned(),
            shards,
        });
        assert_eq!(read, expected, "{body}");
    }
}

#[test]
fn the_clock_is_the_bound_of_the_range() {
    let body = r#"{"_shards":{"total":1},"aggregations":{"now":{"buckets":[{"key":"*-x","to":1.795419600123E12,"doc_count":0}]}}}"#;
    let time = "2026-11-23T07:40:00.123Z".parse().expect("a timestamp");
    assert_eq!(clock(&bytes(body)), Ok(time));
    let none = clock(&bytes(r#"{"_shards":{"total":0}}"#)).map_err(|fault| fault.reason);
    assert_eq!(none, Err(FaultReason::IndexNotFound));
    let silent = clock(&bytes(r#"{"_shards":{"total":1}}"#)).map_err(|fault| fault.reason);
    assert_eq!(silent, Err(FaultReason::ElasticsearchUnavailable));
}

#[test]
fn a_page_is_cut_as_it_is_parsed() {
    for answer in [
        PAGE.to_owned(),
        PAGE.replace(
            r#""verb":"get""#,
            r#""a":"}\\","b":["\"{\\\"","\ud83d\ude00",1e9]"#,
        ),
        PAGE.replace(
            "\"sort\":[null,5]",
            "\"_ignored\":[\"a\"],\"sort\":[null,5]",
        ),
    ] {
        let body = bytes(&answer);
        assert!(cut::cut(&body, 0).is_some(), "{answer}");
        for time_at in 0..3 {
            assert_eq!(page(&body, 3, time_at), parsed(&body, 3, time_at));
        }
    }
}

#[test]
fn a_page_without_hits_is_cut_too() {
    let empty = r#"{"timed_out":false,"_shards":{"total":3,"successful":3},"hits":{"hits":[ ]}}"#;
    let body = bytes(empty);
    assert!(cut::cut(&body, 0).is_some());
    assert_eq!(page(&body, 3, 0), parsed(&body, 3, 0));
}

#[test]
fn a_hit_that_tells_a_thing_twice_is_refused() {
    for twice in [
        r#""_id":"1","_id":"2""#,
        r#""_id":"1","_source":{},"_source":{}"#,
        r#""_id":"1","\u005fid":"2""#,
        r#""_id":"1","sort":[1],"sort":[2]"#,
    ] {
        let body = bytes(&PAGE.replace(r#""_id":"1""#, twice));
        assert!(page(&body, 3, 0).is_err(), "{twice}");
    }
}

/// Bytes that mean something in an answer.
const MARKS: &[u8] = br#"{}[]",:\ 0n"#;

fn is_broken(document: &Document) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(&document.source).is_err()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_broken_page_is_cut_as_it_is_parsed_unless_a_document_is_broken(
        breaks in proptest::collection::vec((0..PAGE.len(), 0..MARKS.len() + 1, 0..2_usize), 1..4),
        time_at in 0..3_usize,
    ) {
        let mut body = PAGE.as_bytes().to_vec();
        for (at, mark, removed) in breaks {
            let at = at.min(body.len());
            let end = (at + removed).min(body.len());
            body.splice(at..end, MARKS.get(mark).copied());
        }
        let body = Bytes::from(body);
        match (page(&body, 3, time_at), parsed(&body, 3, time_at)) {
            (Ok(cut), Err(_)) => prop_assert!(cut.documents.iter().any(is_broken)),
            (Err(_), Err(_)) => {}
            (cut, parsed) => prop_assert_eq!(cut, parsed),
        }
    }

    #[test]
    fn no_answer_makes_the_readers_panic(body in prop_oneof![
        any::<Vec<u8>>(),
        (0..PAGE.len(), any::<u8>()).prop_map(|(at, byte)| {
            let mut body = PAGE.as_bytes().to_vec();
            body[at] = byte;
            body
        }),
    ]) {
        let body = Bytes::from(body);
        let _ = (page(&body, 1, 0), view(&body), clock(&body));
    }
}
