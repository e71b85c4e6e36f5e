//! Which requests a rule is for.

use hyper::{HeaderMap, Method, Uri};

/// Requests by method, path and turn. `*` in a path stands for anything, also for nothing and for
/// slashes. The query does not count.
#[derive(Clone, Debug)]
pub struct On {
    method: Option<Method>,
    path: String,
    watching: bool,
    without: Option<(&'static str, String)>,
    turn: Turn,
}

/// Which of the requests that fit.
#[derive(Clone, Debug)]
enum Turn {
    /// Those from the first to before the second, counted from 0.
    Between(usize, usize),
    /// Each with this probability.
    Chance(f64),
}

impl On {
    /// Requests of any method.
    pub fn any(path: &str) -> On {
        On {
            method: None,
            path: path.to_owned(),
            watching: false,
            without: None,
            turn: Turn::Between(0, usize::MAX),
        }
    }

    /// Requests to read, but no watches.
    pub fn get(path: &str) -> On {
        On::method(Method::GET, path)
    }

    /// Watches of Kubernetes objects.
    pub fn watch(path: &str) -> On {
        On {
            watching: true,
            ..On::get(path)
        }
    }

    pub fn post(path: &str) -> On {
        On::method(Method::POST, path)
    }

    pub fn put(path: &str) -> On {
        On::method(Method::PUT, path)
    }

    pub fn patch(path: &str) -> On {
        On::method(Method::PATCH, path)
    }

    pub fn delete(path: &str) -> On {
        On::method(Method::DELETE, path)
    }

    fn method(method: Method, path: &str) -> On {
        On {
            method: Some(method),
            ..On::any(path)
        }
    }

    /// Only the n-th of them, counted from 0.
    pub fn nth(self, n: usize) -> On {
        self.between(n, n + 1)
    }

    /// Only the first n of them.
    pub fn first(self, n: usize) -> On {
        self.between(0, n)
    }

    /// All but the first n of them.
    pub fn after(self, n: usize) -> On {
        self.between(n, usize::MAX)
    }

    /// Those from number `start` to before number `end`.
    pub fn between(mut self, start: usize, end: usize) -> On {
        self.turn = Turn::Between(start, end);
        self
    }

    /// Each with this probability, from 0 to 1.
    pub fn chance(mut self, probability: f64) -> On {
        self.turn = Turn::Chance(probability);
        self
    }

    /// Only those that have not this value in a header.
    pub fn unless(mut self, header: &'static str, value: &str) -> On {
        self.without = Some((header, value.to_owned()));
        self
    }

    /// Whether a request is one of these, whatever its turn.
    pub(super) fn fits(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
        if let Some((name, value)) = &self.without
            && headers.get(*name).is_some_and(|found| found == value)
        {
            return false;
        }
        let asked = self.method.as_ref().is_none_or(|wanted| wanted == method);
        let watching = is_watch(uri);
        let kind = self.method.is_none() || self.watching == watching;
        asked && kind && matches(&self.path, uri.path())
    }

    /// Whether it is the turn of the request that is the n-th of those that fit.
    pub(super) fn is_turn(&self, nth: usize, random: &mut fastrand::Rng) -> bool {
        match self.turn {
            Turn::Between(start, end) => (start..end).contains(&nth),
            Turn::Chance(probability) => random.f64() < probability,
        }
    }
}

/// Whether a request to the API server opens a watch.
pub(super) fn is_watch(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair == "watch=true" || pair == "watch=1")
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{AUTHORIZATION, HeaderValue};

    use super::*;

    fn fits(on: &On, method: Method, uri: &str) -> bool {
        on.fits(
            &method,
            &uri.parse().expect("it is a URI"),
            &HeaderMap::new(),
        )
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("/_bulk", "/_bulk", true),
            ("/_bulk", "/x/_bulk", false),
            ("*/_bulk", "/x/_bulk", true),
            ("*/_bulk", "/_bulk", true),
            ("/logs-*/_search*", "/logs-1/_search/scroll", true),
            ("/logs-*/_search", "/logs-1/_search/scroll", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_request_is_told_by_method_and_path_and_a_watch_by_its_query() {
        let bulk = On::post("*/_bulk");
        assert!(fits(&bulk, Method::POST, "/alerts/_bulk?refresh=true"));
        assert!(!fits(&bulk, Method::GET, "/alerts/_bulk"));
        let (read, watch) = (On::get("*/rules"), On::watch("*/rules"));
        assert!(fits(&read, Method::GET, "/apis/rules?limit=5"));
        assert!(!fits(&read, Method::GET, "/apis/rules?watch=true"));
        assert!(fits(&watch, Method::GET, "/apis/rules?a=b&watch=true"));
        assert!(fits(&On::any("*"), Method::GET, "/apis/rules?watch=1"));
    }

    #[test]
    fn a_request_is_told_by_what_a_header_has_not() {
        let stranger = On::any("*").unless("authorization", "me");
        let uri = "/".parse().expect("it is a URI");
        let fits = |value: &'static str| {
            let headers = [(AUTHORIZATION, HeaderValue::from_static(value))];
            stranger.fits(&Method::GET, &uri, &headers.into_iter().collect())
        };
        assert!(!fits("me") && fits("you"));
        assert!(stranger.fits(&Method::GET, &uri, &HeaderMap::new()));
    }

    #[test]
    fn turns_are_counted_from_zero() {
        let mut random = fastrand::Rng::with_seed(1);
        let turns = |on: On, random: &mut _| -> Vec<usize> {
            (0..4).filter(|n| on.is_turn(*n, random)).collect()
        };
        assert_eq!(turns(On::any("*"), &mut random), [0, 1, 2, 3]);
        assert_eq!(turns(On::any("*").nth(2), &mut random), [2]);
        assert_eq!(turns(On::any("*").first(2), &mut random), [0, 1]);
        assert_eq!(turns(On::any("*").after(3), &mut random), [3]);
        assert!(turns(On::any("*").chance(0.0), &mut random).is_empty());
        assert_eq!(turns(On::any("*").chance(1.0), &mut random), [0, 1, 2, 3]);
    }
}
