//! Request URIs, led back to what the apiserver routes on.

use std::borrow::Cow;

use memchr::memchr2;
use percent_encoding::percent_decode_str;

/// The path of a request URI: percent-decoded once (`%2F` becomes a slash, as in Go's `URL.Path`),
/// dot segments removed, slashes collapsed, no slash at the end. It always begins with a slash.
///
/// An escape that is none stays as it is; bytes that are no UTF-8 become U+FFFD.
pub(super) fn path(uri: &str) -> Cow<'_, str> {
    let path = split(uri).0;
    if is_clean(path) {
        return Cow::Borrowed(path);
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    Cow::Owned(format!("/{}", segments.join("/")))
}

/// Whether nothing in a path has to be decoded or removed, as in nearly all of them.
fn is_clean(path: &str) -> bool {
    let ends_segment = |pair: &[u8]| pair[0] == b'/' && matches!(pair[1], b'/' | b'.');
    let bytes = path.as_bytes();
    bytes.first() == Some(&b'/')
        && (bytes.len() == 1 || bytes.last() != Some(&b'/'))
        && !bytes.contains(&b'%')
        && !bytes.windows(2).any(ends_segment)
}

/// The decoded values of a query parameter, in their order; empty ones are left out.
pub(super) fn query<'u>(uri: &'u str, name: &str) -> impl Iterator<Item = Cow<'u, str>> {
    split(uri)
        .1
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(move |(key, _)| decode(key) == name)
        .map(|(_, value)| decode(value))
        .filter(|value| !value.is_empty())
}

/// The command of an exec or attach request: its `command` parameters, joined by blanks.
pub(super) fn command(uri: &str) -> Option<String> {
    let words: Vec<_> = query(uri, "command").collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn split(uri: &str) -> (&str, &str) {
    uri.split_once('?').unwrap_or((uri, ""))
}

fn decode(text: &str) -> Cow<'_, str> {
    match memchr2(b'+', b'%', text.as_bytes()) {
        Some(_) => {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8_lossy();
            Cow::Owned(decoded.into_owned())
        }
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_what_the_apiserver_routes_on() {
        for (uri, expected) in [
            ("/api/v1/secrets", "/api/v1/secrets"),
            ("/api/v1/secrets/", "/api/v1/secrets"),
            ("/api/v1/%73ecrets", "/api/v1/secrets"),
            ("/api/v1/%73%65%63rets?limit=500", "/api/v1/secrets"),
            ("//api//v1///secrets", "/api/v1/secrets"),
            ("/api/./v1/./secrets", "/api/v1/secrets"),
            ("/api/v1/pods/../secrets", "/api/v1/secrets"),
            ("/api/v1/pods/%2e%2e/secrets", "/api/v1/secrets"),
            ("/api/v1/pods/%2E./secrets", "/api/v1/secrets"),
            ("/api/v1%2Fsecrets", "/api/v1/secrets"),
            ("/api/v1/pods%2f..%2fsecrets", "/api/v1/secrets"),
            ("/../../api", "/api"),
            ("/api/v1/%2573ecrets", "/api/v1/%73ecrets"),
            ("/api/v1/Secrets", "/api/v1/Secrets"),
            ("/api/v1/secrets#x", "/api/v1/secrets#x"),
            ("/api/v1/%zz/%2", "/api/v1/%zz/%2"),
            ("/a+b", "/a+b"),
            ("/%ff", "/\u{fffd}"),
            ("/?/secrets", "/"),
            ("", "/"),
        ] {
            assert_eq!(path(uri), expected, "{uri}");
        }
    }

    #[test]
    fn a_command_is_whole_wherever_its_words_stand() {
        for (uri, expected) in [
            ("/exec?command=id", Some("id")),
            ("/exec?command=ls&command=-l", Some("ls -l")),
            (
                "/exec?container=c&command=ls&stdin=true&command=-l",
                Some("ls -l"),
            ),
            (
                "/exec?command=cat&command=&command=/etc/shadow",
                Some("cat /etc/shadow"),
            ),
            (
                "/exec?%63ommand=sh&command=-c&command=a+b%20c%26d",
                Some("sh -c a b c&d"),
            ),
            ("/exec?command=a?b=c", Some("a?b=c")),
            ("/exec?command&Command=id", None),
            ("/exec", None),
        ] {
            assert_eq!(command(uri).as_deref(), expected, "{uri}");
        }
    }

    /// A path segment, and ways to write it that mean the same.
    fn disguised() -> impl Strategy<Value = (String, String)> {
        let disguise = prop_oneof![
            Just(""),
            Just("/"),
            Just("./"),
            Just("x/../"),
            Just("%2e/"),
            Just("y%2F%2e%2E/"),
        ];
        let segment = ("[a-z]{1,8}", disguise, any::<u8>());
        segment.prop_map(|(name, disguise, escaped)| {
            let written =
                name.bytes()
                    .enumerate()
                    .map(|(at, byte)| match escaped & (1 << (at % 8)) {
                        0 => char::from(byte).to_string(),
                        _ => format!("%{byte:02x}"),
                    });
            (
                name.clone(),
                format!("{disguise}{}", written.collect::<String>()),
            )
        })
    }

    proptest! {
        #[test]
        fn a_disguise_changes_no_path(segments in proptest::collection::vec(disguised(), 0..6)) {
            let (plain, written): (Vec<_>, Vec<_>) = segments.into_iter().unzip();
            let written = format!("/{}", written.join("/"));
            prop_assert_eq!(path(&written), format!("/{}", plain.join("/")));
        }

        #[test]
        fn a_path_has_no_empty_or_dot_segments(uri in any::<String>()) {
            let path = path(&uri);
            let rest = path.strip_prefix('/').expect("a path begins with a slash");
            prop_assert!(rest.is_empty() || rest.split('/').all(|s| !matches!(s, "" | "." | "..")));
        }

        #[test]
        fn a_query_value_survives_its_encoding(value in "\\PC{1,20}", name in "[a-z]{1,5}") {
            let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
            let uri = format!("/a?x=1&{name}={encoded}&y");
            prop_assert!(query(&uri, &name).any(|decoded| decoded == value));
        }
    }
}
