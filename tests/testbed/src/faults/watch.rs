//! Watches of Kubernetes objects that are tampered with, event by event.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use serde_json::json;

use super::forward::{Body, reset};

/// What happens to the events of a watch, which are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The connection is reset instead of the n-th event.
    CutAt(usize),
    /// The n-th event never comes.
    Swallow(usize),
    /// The n-th event comes twice.
    Double(usize),
    /// The n-th event comes late, and so do those after it.
    HoldBack(usize, Duration),
    /// From the n-th event on nothing comes any more, and the connection stays.
    SilentFrom(usize),
    /// Instead of the n-th event the server says 410: what was asked for is too old.
    ExpireAt(usize),
}

impl Watched {
    pub(super) fn name(self) -> &'static str {
        match self {
            Watched::CutAt(_) => "watch cut",
            Watched::Swallow(_) => "event swallowed",
            Watched::Double(_) => "event doubled",
            Watched::HoldBack(..) => "event held back",
            Watched::SilentFrom(_) => "watch silent",
            Watched::ExpireAt(_) => "watch expired",
        }
    }
}

/// Passes the events of a watch on as they come, tampered with if asked.
pub(super) fn events(server: reqwest::Response, watched: Option<Watched>) -> Body {
    let (sender, body) = Channel::new(1);
    tokio::spawn(pass_on(server, sender, watched));
    body.boxed()
}

type Client = Sender<Bytes, std::io::Error>;

async fn pass_on(mut server: reqwest::Response, mut client: Client, watched: Option<Watched>) {
    let mut unread = BytesMut::new();
    let mut number = 0;
    loop {
        match server.chunk().await {
            Ok(Some(chunk)) => unread.extend_from_slice(&chunk),
            Ok(None) => return,
            Err(_) => return client.abort(reset()),
        }
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let event = unread.split_to(end + 1).freeze();
            match fate(watched, number) {
                Fate::Sent(times) => {
                    for _ in 0..times {
                        if client.send_data(event.clone()).await.is_err() {
                            return;
                        }
                    }
                }
                Fate::Late(pause) => {
                    tokio::time::sleep(pause).await;
                    if client.send_data(event).await.is_err() {
                        return;
                    }
                }
                Fate::Cut => return client.abort(reset()),
                // Until the client gives up and its connection is dropped with this task's channel.
                Fate::Silence => return std::future::pending().await,
                Fate::Expired => {
                    let _ = client.send_data(expired()).await;
                    return;
                }
            }
            number += 1;
        }
    }
}

enum Fate {
    Sent(usize),
    Late(Duration),
    Cut,
    Silence,
    Expired,
}

fn fate(watched: Option<Watched>, number: usize) -> Fate {
    match watched {
        Some(Watched::CutAt(n)) if n == number => Fate::Cut,
        Some(Watched::Swallow(n)) if n == number => Fate::Sent(0),
        Some(Watched::Double(n)) if n == number => Fate::Sent(2),
        Some(Watched::HoldBack(n, pause)) if n == number => Fate::Late(pause),
        Some(Watched::SilentFrom(n)) if n == number => Fate::Silence,
        Some(Watched::ExpireAt(n)) if n == number => Fate::Expired,
        _ => Fate::Sent(1),
    }
}

fn expired() -> Bytes {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: canary", "reason": "Expired", "code": 410,
    });
    Bytes::from(format!("{}\n", json!({"type": "ERROR", "object": status})))
}
