//! The proxy: listens, asks its rules, passes on, writes down.

use std::{
    future::{Future, poll_fn},
    io,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::{
    act::Act,
    bulk,
    forward::{self, Answered, Body, Received, forward, reset, whole},
    journal::{Exchange, Journal},
    kubeconfig,
    rule::{On, is_watch},
    script::Script,
    tls::Identity,
    watch,
};
use crate::{ControlPlane, http};

/// A proxy in front of one server; it ends, with all its connections, when dropped.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    server: String,
    client: reqwest::Client,
    script: Mutex<Script>,
    journal: Mutex<Journal>,
}

impl Proxy {
    /// A proxy in front of a search server. It speaks plain HTTP.
    pub async fn before_search(url: &str) -> Result<Proxy> {
        Proxy::start(url, None, None).await
    }

    /// A proxy in front of a search server that speaks TLS, and so proves who it is.
    pub async fn before_search_with_tls(url: &str, identity: Identity) -> Result<Proxy> {
        Proxy::start(url, None, Some(identity.acceptor())).await
    }

    /// A proxy in front of an API server. It speaks plain HTTP, and leaves it to the tokens of its
    /// clients what they may do; see [`kubeconfig`](Proxy::kubeconfig).
    pub async fn before_apiserver(cluster: &ControlPlane) -> Result<Proxy> {
        Proxy::start(cluster.url(), Some(cluster.ca_pem()), None).await
    }

    async fn start(server: &str, ca_pem: Option<&str>, tls: Option<TlsAcceptor>) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no free port for a proxy")?;
        let scheme = ["http", "https"][usize::from(tls.is_some())];
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            server: server.trim_end_matches('/').to_owned(),
            client: http::patient_client(ca_pem)?,
            script: Mutex::new(Script::new()),
            journal: Mutex::default(),
        });
        let serving = tokio::spawn(serve(listener, tls, Arc::clone(&shared)));
        Ok(Proxy {
            url,
            shared,
            serving,
        })
    }

    /// The proxy's own address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a copy of a kubeconfig of the testbed that leads through this proxy.
    pub fn kubeconfig(&self, of: &Path) -> Result<PathBuf> {
        kubeconfig::through(&self.url, of)
    }

    /// Adds a rule after those that are there. A request that is under way is not affected.
    pub fn rule(&self, on: On, act: Act) {
        locked(&self.shared.script).add(on, act);
    }

    /// Forgets all rules: from now on everything is passed on as it is.
    pub fn clear(&self) {
        locked(&self.shared.script).clear();
    }

    /// Begins the row of random numbers that decides over rules with a chance.
    pub fn seed(&self, seed: u64) {
        locked(&self.shared.script).seed(seed);
    }

    /// Everything that was asked, in the order of arrival.
    pub fn journal(&self) -> Vec<Exchange> {
        locked(&self.shared.journal).all()
    }

    /// How often something was done to a request, by the [name](Act::name) of the act.
    pub fn count(&self, act: &str) -> usize {
        let journal = self.journal();
        let done = journal
            .iter()
            .filter(|exchange| exchange.fault == Some(act));
        done.count()
    }

    /// Waits until something was done to `times` requests.
    ///
    /// An error after the limit.
    pub async fn until(&self, act: &str, times: usize, limit: Duration) -> Result<()> {
        let done = async {
            while self.count(act) < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(limit, done)
            .await
            .with_context(|| format!("no {times} × \"{act}\" within {limit:?}"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Dropping the set ends the connections.
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // Nagle's pause would be taken for a slow server.
            let _ = stream.set_nodelay(true);
            connections.spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves a connection; resets it, as a server that dies does, where an answer is not to come.
async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let Some(tls) = tls else {
        let (mut stream, answered) = converse(stream, shared).await;
        let _ = match answered {
            true => stream.shutdown().await,
            false => stream.set_zero_linger(),
        };
        return;
    };
    // A client that does not trust us goes away.
    if let Ok(stream) = tls.accept(stream).await {
        let (mut stream, answered) = converse(stream, shared).await;
        let _ = match answered {
            true => stream.shutdown().await,
            false => stream.get_ref().0.set_zero_linger(),
        };
    }
}

/// Answers what comes; gives the stream back, and whether every answer was given.
async fn converse<Stream>(stream: Stream, shared: Arc<Shared>) -> (Stream, bool)
where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| boxed(handle(Arc::clone(&shared), request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    (connection.into_parts().io.into_inner(), served.is_ok())
}

type Handling = Pin<Box<dyn Future<Output = io::Result<Response<Body>>> + Send>>;

fn boxed(handling: impl Future<Output = io::Result<Response<Body>>> + Send + 'static) -> Handling {
    Box::pin(handling)
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let act = locked(&shared.script).act(&head.method, &head.uri, &head.headers);
    let fault = act.as_ref().map(Act::name);
    let number = locked(&shared.journal).begin(&head.method, &head.uri, fault);
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let watching = is_watch(&head.uri);
    let request = Received {
        method: head.method,
        path_and_query: head
            .uri
            .path_and_query()
            .map_or("/", |it| it.as_str())
            .to_owned(),
        headers: head.headers,
        body,
    };
    let response = match watching {
        true => shared.watch(&request, act).await,
        false => shared.answer(&request, act).await,
    }?;
    locked(&shared.journal).answered(number, response.status().as_u16());
    Ok(response)
}

impl Shared {
    async fn forward(&self, request: &Received) -> io::Result<Answered> {
        forward(&self.client, &self.server, request).await
    }

    /// The server's answer, once all of it is there.
    async fn done(&self, request: &Received) -> io::Result<Response<Bytes>> {
        self.forward(request).await?.whole().await
    }

    async fn answer(&self, request: &Received, act: Option<Act>) -> io::Result<Response<Body>> {
        let body: Box<dyn FnOnce(Bytes) -> Body + Send> = match act {
            None | Some(Act::Watch(_)) => Box::new(whole),
            Some(Act::Refuse) => return Err(reset()),
            Some(Act::Hang) => return std::future::pending().await,
            Some(Act::Answer(answer)) => return Ok(answer.response()),
            Some(Act::LoseAnswer) => {
                self.done(request).await?;
                return Err(reset());
            }
            Some(Act::DoneBut(answer)) => {
                self.done(request).await?;
                return Ok(answer.response());
            }
            Some(Act::Items(items)) => return self.bulk(request, &items).await,
            Some(Act::Delay(pause)) => {
                tokio::time::sleep(pause).await;
                Box::new(whole)
            }
            Some(Act::Truncate(bytes)) => {
                Box::new(move |body: Bytes| whole(body.slice(..bytes.min(body.len()))))
            }
            Some(Act::Cut(bytes)) => Box::new(move |body| forward::cut(body, bytes)),
            Some(Act::Drip(piece, pause)) => {
                Box::new(move |body| forward::drip(body, piece, pause))
            }
            Some(Act::Edit(_, edit)) => Box::new(move |body: Bytes| {
                // What is no JSON is passed on as it is.
                let edited = serde_json::from_slice(&body).map(|mut json| {
                    edit(&mut json);
                    Bytes::from(json.to_string())
                });
                whole(edited.unwrap_or(body))
            }),
        };
        Ok(self.done(request).await?.map(body))
    }

    async fn bulk(
        &self,
        request: &Received,
        items: &super::act::Items,
    ) -> io::Result<Response<Body>> {
        let divided = bulk::divide(&request.body, items);
        if divided.request.is_empty() {
            let answer = divided.complete(None).ok_or_else(reset)?;
            return Ok(super::answer::Answer::json(200, &answer).response());
        }
        let passed_on = Received {
            method: request.method.clone(),
            path_and_query: request.path_and_query.clone(),
            headers: request.headers.clone(),
            body: divided.request.clone(),
        };
        let answer = self.done(&passed_on).await?;
        Ok(answer.map(|body| {
            let completed = divided.complete(Some(&body));
            whole(completed.map_or(body, |json| Bytes::from(json.to_string())))
        }))
    }

    /// Watches are passed on event by event; other acts hit them as any request.
    async fn watch(&self, request: &Received, act: Option<Act>) -> io::Result<Response<Body>> {
        let watched = match act {
            None => None,
            Some(Act::Watch(watched)) => Some(watched),
            Some(Act::Delay(pause)) => {
                tokio::time::sleep(pause).await;
                None
            }
            // The server's answer has no end to wait for.
            Some(Act::LoseAnswer) => return Err(reset()),
            act @ Some(_) => return pin!(self.answer(request, act)).await,
        };
        let (head, server) = self.forward(request).await?.streamed();
        Ok(head.map(|()| watch::events(server, watched)))
    }
}
