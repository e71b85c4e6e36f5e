use super::*;

fn decoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut reader = decode(Box::new(Cursor::new(bytes.to_vec())), false);
    reader
        .read_to_string(&mut text)
        .expect("memory can be read");
    text
}

#[test]
fn plain_documents_stay_as_they_are() {
    for text in [
        "",
        "{\"a\":1}\n{\"b\":1}",
        "{\n\"a\":1}\n",
        "x {}\n",
        "\u{feff}{}\n",
    ] {
        assert_eq!(decoded(text.as_bytes()), text);
    }
}

#[test]
fn a_container_log_is_known_behind_a_torn_line() {
    let log = "torn\"}\n2026-11-01T10:00:01Z stdout P {\"a\":\n2026-11-01T10:00:01Z stdout F 1}\n";
    assert_eq!(decoded(log.as_bytes()), "torn\"}\n\n{\"a\":1}\n");
}

#[test]
fn a_container_log_may_be_utf_16() {
    let log = "\u{feff}2026-11-01T10:00:01Z stdout F {}\r\n2026-11-01T10:00:01Z stdout F {}\r\n";
    let bytes: Vec<u8> = log.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = decoded(&bytes);
    assert_eq!(text.lines().nth(1), Some("{}"), "{text}");
}

#[test]
fn what_was_read_before_an_error_is_given_first() {
    let reader = Cursor::new(b"{}".to_vec()).chain(Ending(Some(io::Error::other("broken"))));
    let mut reader = decode(Box::new(reader), true);
    let mut text = Vec::new();
    let error = reader.read_to_end(&mut text).expect_err("it is broken");
    assert_eq!(
        (text, error.to_string()),
        (b"{}".to_vec(), "broken".to_owned())
    );
}

#[test]
fn of_a_live_input_no_more_than_needed_is_awaited() {
    for (head, is_enough) in [
        ("{\"kind\":", false),
        ("{\"kind\":\"Event\"}\n", true),
        ("2026-11-01T10:00:01Z stdout F {\n", true),
        ("{\n  \"kind\": \"List\",\n", false),
        ("{\n  \"kind\": \"List\",\n  \"items\": [\n", true),
        ("{\n  \"kind\": \"Event\"\n}\n", true),
    ] {
        assert_eq!(shows_format(head.as_bytes()), is_enough, "{head}");
    }
}
