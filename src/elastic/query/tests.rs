use super::*;
use crate::{detect::layout::Layout, elastic::request::Body};

fn source() -> SourcePlan {
    SourcePlan {
        index: "logstash-*".to_owned(),
        timestamp_field: "@timestamp".to_owned(),
        layout: Layout::Raw,
        layout_path: None,
        filter: vec![TermFilter {
            field: "origin".to_owned(),
            values: vec!["kubernetes-api-audit".to_owned()],
        }],
    }
}

fn window_query() -> WindowQuery {
    WindowQuery {
        timestamp_field: source().timestamp_field,
        filter: source().filter,
        window: Window {
            start: "2026-11-23T07:40:00Z".parse().expect("a timestamp"),
            end: "2026-11-23T07:41:00.000000001Z"
                .parse()
                .expect("a timestamp"),
        },
        marks: Marks::Sequence,
        pushdown: None,
    }
}

fn first() -> PageQuery<'static> {
    PageQuery {
        reading: Reading::ByTime,
        size: 1000,
        detail: Detail::Whole,
        after: None,
    }
}

/// A call as a person would write it down.
fn told(request: &Request) -> Value {
    let query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let body = match &request.body {
        Body::None => Value::Null,
        Body::Json(value) => value.clone(),
        Body::Lines(lines) => json!(String::from_utf8_lossy(lines)),
    };
    json!({
        "call": format!("{:?} /{}", request.method, request.path),
        "query": query,
        "body": body,
    })
}

#[test]
fn the_clock_is_read_without_touching_documents() {
    insta::assert_json_snapshot!(told(&clock(&source())));
}

#[test]
fn the_mapping_of_the_time_field_is_asked_for() {
    insta::assert_json_snapshot!(told(&mapping(&source())));
}

#[test]
fn documents_are_counted_by_the_filter_of_the_source() {
    let calls = [
        census(&source(), window_query().window, Marks::Sequence),
        census(&source(), window_query().window, Marks::Count),
        without_time(&source()),
    ];
    insta::assert_json_snapshot!(calls.iter().map(told).collect::<Vec<_>>());
}

#[test]
fn views_are_opened_and_closed_in_the_words_of_each_product() {
    let calls = [
        open_view(Dialect::Elasticsearch, &source()),
        close_view(Dialect::Elasticsearch, "id"),
        open_view(Dialect::OpenSearch, &source()),
        close_view(Dialect::OpenSearch, "id"),
        close_scroll("id"),
    ];
    insta::assert_json_snapshot!(calls.iter().map(told).collect::<Vec<_>>());
}

#[test]
fn a_first_page_counts_the_window() {
    insta::assert_json_snapshot!(told(&page(
        Dialect::Elasticsearch,
        "id",
        &window_query(),
        first()
    )));
}

#[test]
fn a_later_page_goes_on_after_the_last_document() {
    let after = [json!("2026-11-23T07:40:00.000Z"), json!(4_294_967_298_i64)];
    let next = PageQuery {
        after: Some(&after),
        ..first()
    };
    insta::assert_json_snapshot!(told(&page(
        Dialect::Elasticsearch,
        "id",
        &window_query(),
        next
    )));
}

#[test]
fn a_slice_is_read_as_it_is_stored_and_counted_apart() {
    let after = [
        json!(7),
        json!(4_294_967_298_i64),
        json!("2026-11-23T07:40:00.000Z"),
    ];
    let calls = [(0, 2, None), (1, 2, Some(&after[..])), (0, 1, None)].map(|(slice, of, after)| {
        let slice = PageQuery {
            reading: Reading::AsStored { slice, of },
            after,
            ..first()
        };
        page(Dialect::Elasticsearch, "id", &window_query(), slice)
    });
    let count = view_census("id", &window_query());
    insta::assert_json_snapshot!(calls.iter().chain([&count]).map(told).collect::<Vec<_>>());
}

#[test]
fn a_page_of_opensearch_is_sorted_by_numbers() {
    let after = [json!(1_795_419_600_000_000_000_i64), json!(7)];
    let next = PageQuery {
        after: Some(&after),
        ..first()
    };
    insta::assert_json_snapshot!(told(&page(
        Dialect::OpenSearch,
        "id",
        &window_query(),
        next
    )));
}

#[test]
fn a_scroll_is_opened_and_continued() {
    let calls = [
        open_scroll(&source(), &window_query(), first()),
        next_scroll("id"),
    ];
    insta::assert_json_snapshot!(calls.iter().map(told).collect::<Vec<_>>());
}

#[test]
fn years_that_have_no_nanoseconds_are_sorted_by_milliseconds() {
    let sorted_by = |start: &str, end: &str| {
        let window = Window {
            start: start.parse().expect("a timestamp"),
            end: end.parse().expect("a timestamp"),
        };
        let query = WindowQuery {
            window,
            ..window_query()
        };
        query.sort(None)["@timestamp"]["numeric_type"].clone()
    };
    for (start, end, expected) in [
        ("1970-01-01T00:00:00Z", "2262-04-11T23:47:16Z", "date_nanos"),
        ("1969-12-31T23:59:59Z", "1970-01-02T00:00:00Z", "date"),
        ("2262-01-01T00:00:00Z", "2263-01-01T00:00:00Z", "date"),
    ] {
        assert_eq!(sorted_by(start, end), expected, "{start} {end}");
    }
}
