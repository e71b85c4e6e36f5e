//! A server of ready-made pages, in the form of Elasticsearch's answers: it costs what sending
//! them costs, and no more.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use k8scop::detect::document::Document;
use serde_json::{Value, json};

/// Documents of a page.
const PAGE: usize = 1_000;

/// The pages of a window, and how often they are told over.
pub struct Pages {
    /// Whole answers, a list for each slice.
    answers: Vec<Vec<Vec<u8>>>,
    documents: usize,
}

impl Pages {
    /// The documents in so many slices, each slice `rounds` times over.
    pub fn new(documents: &[Document], slices: usize, rounds: usize) -> Self {
        let part = documents.len().div_ceil(slices);
        let answers = documents.chunks(part).enumerate().map(|(slice, part)| {
            let pages = part.len().div_ceil(PAGE) * rounds;
            let page = |number: usize| {
                let documents = part.chunks(PAGE).cycle().nth(number).unwrap();
                answer(documents, slice, number)
            };
            (0..pages).map(page).collect()
        });
        Self {
            answers: answers.collect(),
            documents: documents.len() * rounds,
        }
    }

    /// Documents of the whole window.
    pub fn documents(&self) -> usize {
        self.documents
    }

    /// Serves until the process ends; gives the address.
    pub fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages = Arc::new(self);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let pages = Arc::clone(&pages);
                thread::spawn(move || pages.answer_all(connection.unwrap()));
            }
        });
        url
    }

    /// Answers until the client has gone.
    fn answer_all(&self, connection: TcpStream) -> Option<()> {
        connection.set_nodelay(true).ok()?;
        let mut out = connection.try_clone().ok()?;
        let mut calls = BufReader::new(connection);
        loop {
            let (path, body) = call(&mut calls)?;
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            if path.contains("_search") && asked["size"] != 0 {
                out.write_all(self.page(&asked)).ok()?;
            } else {
                out.write_all(&self.other(&path)).ok()?;
            }
        }
    }

    fn page(&self, asked: &Value) -> &[u8] {
        let slice = asked["slice"]["id"].as_u64().unwrap_or_default() as usize;
        // The first sort value of a page's last document is the number of the next page.
        let number = asked["search_after"][0].as_u64().unwrap_or_default() as usize;
        match self.answers[slice].get(number) {
            Some(page) => page,
            None => EMPTY.as_bytes(),
        }
    }

    fn other(&self, path: &str) -> Vec<u8> {
        let shards = json!({"total": 1, "successful": 1, "skipped": 0, "failed": 0});
        http(&if path.contains("_search") {
            let total = json!({"value": self.documents, "relation": "eq"});
            let census = json!({"census": {"buckets": []}});
            json!({"timed_out": false, "_shards": shards, "hits": {"total": total, "hits": []}, "aggregations": census}).to_string()
        } else if path.contains("_field_caps") {
            json!({"fields": {"@timestamp": {"date": {}}, "_seq_no": {"_seq_no": {"aggregatable": true}}}}).to_string()
        } else if path.contains("_pit") {
            json!({"id": "view", "_shards": shards}).to_string()
        } else {
            json!({"version": {"number": "9.5.3"}, "tagline": "You Know, for Search"}).to_string()
        })
    }
}

const EMPTY: &str = concat!(
    "HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\n",
    "content-length: 99\r\n\r\n",
    r#"{"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"hits":[]}} "#
);

/// One call; `None` at the end.
fn call(calls: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut path, mut length) = (String::new(), 0);
    calls.read_line(&mut path).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        calls.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    calls.read_exact(&mut body).ok()?;
    Some((path, body))
}

fn answer(documents: &[Document], slice: usize, number: usize) -> Vec<u8> {
    let hits: Vec<String> = documents
        .iter()
        .map(|document| {
            let source = String::from_utf8_lossy(&document.source);
            let (id, next) = (&document.id, number + 1);
            format!(
                r#"{{"_index":".ds-logs-audit-2026.11.01-000001","_id":"{slice}Zk3{id:0>14}","_score":null,"_source":{source},"sort":[{next},{next}{id:0>5},"2026-11-01T10:00:00.123Z"]}}"#
            )
        })
        .collect();
    http(&format!(
        r#"{{"pit_id":"{}","took":5,"timed_out":false,"_shards":{{"total":1,"successful":1,"skipped":0,"failed":0}},"hits":{{"max_score":null,"hits":[{}]}}}}"#,
        "view".repeat(80),
        hits.join(",")
    ))
}

fn http(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
