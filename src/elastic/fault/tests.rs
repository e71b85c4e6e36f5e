use bytes::Bytes;
use elasticsearch::http::headers::HeaderValue;
use serde_json::json;

use super::*;

fn answer(status: u16, kind: &str) -> Answer {
    let body = json!({
        "error": {"root_cause": [{"type": kind, "reason": "canary"}], "type": "wrapper_exception", "reason": "canary"},
        "status": status,
    });
    Answer {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    }
}

#[test]
fn each_refusal_has_a_reason_and_a_remedy() {
    use FaultReason as Reason;
    use Operation::*;
    let rows = [
        (
            ReadPage,
            401,
            "security_exception",
            Reason::AuthFailed,
            Remedy::Reconnect,
        ),
        (
            ReadPage,
            403,
            "security_exception",
            Reason::Forbidden,
            Remedy::Reconnect,
        ),
        (
            OpenView,
            404,
            "index_not_found_exception",
            Reason::IndexNotFound,
            Remedy::Retry,
        ),
        (
            ReadPage,
            404,
            "index_not_found_exception",
            Reason::IndexNotFound,
            Remedy::Reopen,
        ),
        (
            ReadPage,
            404,
            "search_context_missing_exception",
            Reason::ViewLost,
            Remedy::Reopen,
        ),
        (
            ReadPage,
            503,
            "no_shard_available_action_exception",
            Reason::ViewLost,
            Remedy::Reopen,
        ),
        (
            ReadPage,
            429,
            "es_rejected_execution_exception",
            Reason::TooManyRequests,
            Remedy::Retry,
        ),
        (
            ReadPage,
            500,
            "circuit_breaking_exception",
            Reason::TooManyRequests,
            Remedy::Retry,
        ),
        (
            ReadPage,
            400,
            "query_shard_exception",
            Reason::TimestampFieldInvalid,
            Remedy::Reopen,
        ),
        (
            OpenView,
            400,
            "query_shard_exception",
            Reason::TimestampFieldInvalid,
            Remedy::Retry,
        ),
        (
            ReadPage,
            413,
            "anything",
            Reason::ElasticsearchUnavailable,
            Remedy::Retry,
        ),
        (
            OpenView,
            503,
            "cluster_block_exception",
            Reason::ElasticsearchUnavailable,
            Remedy::Retry,
        ),
        (
            Write,
            503,
            "cluster_block_exception",
            Reason::ElasticsearchUnavailable,
            Remedy::Retry,
        ),
        (
            Write,
            403,
            "cluster_block_exception",
            Reason::SinkBlocked,
            Remedy::Retry,
        ),
        (
            Write,
            429,
            "cluster_block_exception",
            Reason::SinkBlocked,
            Remedy::Retry,
        ),
        (
            Write,
            429,
            "es_rejected_execution_exception",
            Reason::TooManyRequests,
            Remedy::Retry,
        ),
        (
            Write,
            400,
            "illegal_argument_exception",
            Reason::SinkRejecting,
            Remedy::Shrink,
        ),
        (
            Write,
            413,
            "anything",
            Reason::SinkRejecting,
            Remedy::Shrink,
        ),
        (
            Template,
            500,
            "anything",
            Reason::ElasticsearchUnavailable,
            Remedy::Retry,
        ),
    ];
    for (operation, status, kind, reason, remedy) in rows {
        let fault = refused(operation, &answer(status, kind));
        assert_eq!(
            (fault.reason, fault.remedy),
            (reason, remedy),
            "{operation:?} {status} {kind}"
        );
        assert!(!fault.message.contains("canary"), "{fault}");
        assert!(fault.message.len() <= 256, "{fault}");
    }
}

#[test]
fn a_page_of_a_proxy_says_nothing_about_views_and_documents() {
    let html = |status| Answer {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"<html>canary</html>"),
    };
    let rows = [
        (
            Operation::ReadPage,
            503,
            "server answered 503 when reading the source",
        ),
        (
            Operation::ReadPage,
            400,
            "server answered 400 when reading the source",
        ),
        (
            Operation::Write,
            400,
            "server answered 400 when writing alerts",
        ),
        (
            Operation::Template,
            400,
            "server answered 400 when installing the index template",
        ),
    ];
    for (operation, status, message) in rows {
        assert_eq!(refused(operation, &html(status)), unavailable(message));
    }
}

#[test]
fn the_pause_that_a_server_asks_for_is_bounded() {
    let pause = |text: &'static str| {
        let mut answer = answer(429, "anything");
        answer
            .headers
            .insert(RETRY_AFTER, HeaderValue::from_static(text));
        refused(Operation::Write, &answer).retry_after
    };
    assert_eq!(pause("7"), Some(Duration::from_secs(7)));
    assert_eq!(pause("86400"), Some(LONGEST_PAUSE));
    assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), None);
}

#[test]
fn an_index_that_allows_smaller_pages_only_is_no_wrong_mapping() {
    let body = json!({"error": {"type": "search_phase_execution_exception", "root_cause": [{
        "type": "illegal_argument_exception",
        "reason": "Result window is too large. Change the [index.max_result_window] setting.",
    }]}});
    let answer = Answer {
        status: 400,
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    };
    for operation in [Operation::ReadPage, Operation::OpenView] {
        let fault = refused(operation, &answer);
        assert_eq!(fault.remedy, Remedy::Shrink);
        assert!(fault.message.contains("max_result_window"), "{fault}");
    }
}
