//! The proxy, before a server of a few lines.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, channel::Channel, combinators::BoxBody};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use k8scop_testbed::faults::{Act, Answer, Items, On, Proxy, Watched, bad_weather};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

/// A server that tells what it received, and sends three events to who watches.
struct Server {
    url: String,
    received: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let service = service_fn(move |request| answer(request, sender.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Server { url, received }
    }

    /// The bodies of the requests that reached the server.
    fn received(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(
    request: Request<Incoming>,
    received: mpsc::UnboundedSender<String>,
) -> Result<Response<Body>, Infallible> {
    let watched = request.uri().query() == Some("watch=true");
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("it comes whole").to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    let items = body.lines().step_by(2).map(|line| {
        let action: Value = serde_json::from_str(line).unwrap_or_default();
        json!({"create": {"_id": action["create"]["_id"], "status": 201}})
    });
    let items: Vec<_> = items.collect();
    received.send(body).expect("the test goes on");
    if watched {
        let (mut sender, body) = Channel::new(1);
        tokio::spawn(async move {
            for number in 0..3 {
                let event = format!("{{\"n\":{number}}}\n");
                sender.send_data(Bytes::from(event)).await.expect("read");
            }
            std::future::pending::<()>().await;
        });
        return Ok(Response::new(body.boxed()));
    }
    let told = json!({"path": head.uri.path(), "items": items, "_shards": {"failed": 0}});
    let body = Full::new(Bytes::from(told.to_string())).boxed();
    Ok(Response::new(body))
}

async fn proxy(rules: impl IntoIterator<Item = (On, Act)>) -> (Server, Proxy) {
    let server = Server::start().await;
    let proxy = Proxy::before_search(&server.url).await.expect("it starts");
    for (on, act) in rules {
        proxy.rule(on, act);
    }
    (server, proxy)
}

async fn post(proxy: &Proxy, path: &str, body: &str) -> reqwest::Result<reqwest::Response> {
    let request = reqwest::Client::new().post(format!("{}{path}", proxy.url()));
    request.body(body.to_owned()).send().await
}

async fn told(proxy: &Proxy) -> reqwest::Result<Value> {
    post(proxy, "/x", "body").await?.json().await
}

#[tokio::test]
async fn without_a_rule_everything_is_passed_on_and_written_down() {
    let (mut server, proxy) = proxy([]).await;
    let answer = post(&proxy, "/a/_search?q=1", "body")
        .await
        .expect("it comes");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["path"], "/a/_search");
    assert_eq!(server.received(), ["body"]);
    let [exchange] = &proxy.journal()[..] else {
        panic!("{:?}", proxy.journal())
    };
    assert_eq!(exchange.path, "/a/_search");
    assert_eq!((exchange.status, exchange.fault), (Some(200), None));
}

#[tokio::test]
async fn a_request_is_refused_before_or_after_it_was_done() {
    let rules = [
        (On::any("*").nth(0), Act::Refuse),
        (On::any("*").nth(1), Act::LoseAnswer),
        (On::any("*").nth(2), Act::too_many_requests(7)),
        (On::any("*").nth(3), Act::DoneBut(Answer::html(502))),
    ];
    let (mut server, proxy) = proxy(rules).await;
    assert!(post(&proxy, "/x", "0").await.is_err());
    assert!(server.received().is_empty());
    assert!(post(&proxy, "/x", "1").await.is_err());
    assert_eq!(server.received(), ["1"]);
    let answer = post(&proxy, "/x", "2").await.expect("it comes");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().expect("a value"))
    );
    assert!(server.received().is_empty());
    let answer = post(&proxy, "/x", "3").await.expect("it comes");
    assert_eq!(answer.status(), 502);
    assert_eq!(server.received(), ["3"]);
    let faults: Vec<_> = proxy.journal().iter().map(|it| it.fault).collect();
    let expected = ["refuse", "lose answer", "429", "done, but another answer"];
    assert_eq!(faults, expected.map(Some));
    assert_eq!(proxy.count("429"), 1);
}

#[tokio::test]
async fn an_answer_is_cut_short_with_and_without_a_reset() {
    let rules = [
        (On::any("*").nth(0), Act::Truncate(5)),
        (On::any("*").nth(1), Act::Cut(5)),
        (On::any("*").nth(2), Act::Drip(7, Duration::from_millis(1))),
    ];
    let (_server, proxy) = proxy(rules).await;
    let answer = post(&proxy, "/x", "").await.expect("it comes");
    assert_eq!(answer.text().await.expect("whole as HTTP").len(), 5);
    let answer = post(&proxy, "/x", "").await.expect("its head comes");
    assert!(answer.text().await.is_err());
    assert_eq!(told(&proxy).await.expect("in pieces")["path"], "/x");
}

#[tokio::test]
async fn an_answer_is_changed_in_its_json() {
    let rules = [
        (On::any("*").nth(0), Act::timed_out()),
        (On::any("*").nth(1), Act::shard_failed()),
    ];
    let (_server, proxy) = proxy(rules).await;
    assert_eq!(told(&proxy).await.expect("JSON")["timed_out"], true);
    assert_eq!(told(&proxy).await.expect("JSON")["_shards"]["failed"], 1);
    assert_eq!(told(&proxy).await.expect("JSON")["_shards"]["failed"], 0);
}

#[tokio::test]
async fn what_hangs_is_told_as_unanswered() {
    let (mut server, proxy) = proxy([(On::any("*"), Act::Hang)]).await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), told(&proxy)).await;
    assert!(waiting.is_err());
    assert_eq!(proxy.journal()[0].status, None);
    proxy.clear();
    told(&proxy).await.expect("it comes");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn one_item_of_a_bulk_is_refused_and_the_others_are_written() {
    let (mut server, proxy) = proxy([(On::post("*/_bulk"), Act::Items(Items::nth(1, 429)))]).await;
    let bulk = "{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"b\"}}\n{}\n";
    let answer = post(&proxy, "/_bulk", bulk).await.expect("it comes");
    let answer: Value = answer.json().await.expect("JSON");
    let statuses = [0, 1].map(|n| answer["items"][n]["create"]["status"].clone());
    assert_eq!(statuses, [json!(201), json!(429)]);
    assert!(!server.received()[0].contains("\"b\""));
}

/// The first events of a watch, and whether it then ended well, badly or not at all.
async fn events(proxy: &Proxy) -> (Vec<String>, &'static str) {
    let url = format!("{}/w?watch=true", proxy.url());
    let mut answer = reqwest::get(url).await.expect("it comes");
    let mut events = String::new();
    let end = loop {
        match tokio::time::timeout(Duration::from_millis(300), answer.chunk()).await {
            Err(_) => break "open",
            Ok(Err(_)) => break "reset",
            Ok(Ok(None)) => break "ended",
            Ok(Ok(Some(chunk))) => events += &String::from_utf8_lossy(&chunk),
        }
    };
    (events.lines().map(str::to_owned).collect(), end)
}

#[tokio::test]
async fn a_watch_is_tampered_with_event_by_event() {
    let on = |n| On::watch("/w").nth(n);
    let (_server, proxy) = proxy([
        (on(0), Act::Watch(Watched::CutAt(1))),
        (on(1), Act::Watch(Watched::Swallow(1))),
        (on(2), Act::Watch(Watched::Double(2))),
        (on(3), Act::Watch(Watched::SilentFrom(0))),
        (on(4), Act::Watch(Watched::ExpireAt(2))),
        (
            on(5),
            Act::Watch(Watched::HoldBack(0, Duration::from_millis(20))),
        ),
    ])
    .await;
    let event = |n| format!("{{\"n\":{n}}}");
    assert_eq!(events(&proxy).await, (vec![event(0)], "reset"));
    assert_eq!(events(&proxy).await, (vec![event(0), event(2)], "open"));
    let doubled = vec![event(0), event(1), event(2), event(2)];
    assert_eq!(events(&proxy).await, (doubled, "open"));
    assert_eq!(events(&proxy).await, (vec![], "open"));
    let (expired, end) = events(&proxy).await;
    assert!(expired[2].contains("\"code\":410"), "{expired:?}");
    assert_eq!((expired.len(), end), (3, "ended"));
    let all = vec![event(0), event(1), event(2)];
    assert_eq!(events(&proxy).await, (all.clone(), "open"));
    assert_eq!(events(&proxy).await, (all, "open"));
}

#[tokio::test]
async fn bad_weather_has_many_kinds_of_faults() {
    let (_server, proxy) = proxy([]).await;
    bad_weather(&proxy, 0.9);
    proxy.seed(3);
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..300 {
        let path = ["/x/_search", "/_bulk"][number % 2];
        let request = reqwest::Client::new().post(format!("{}{path}", proxy.url()));
        let bulk = "{\"create\":{\"_id\":\"a\"}}\n{}\n";
        requests.spawn(request.body(bulk).send());
    }
    // Most of them fail, as they should.
    requests.join_all().await;
    let journal = proxy.journal();
    let kinds: std::collections::BTreeSet<_> = journal.iter().filter_map(|it| it.fault).collect();
    assert!(kinds.len() >= 15, "{kinds:?}");
}
