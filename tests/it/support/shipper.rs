//! Ships an apiserver's audit log into a search server, as Fluent Bit would.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, SeekFrom},
    task::JoinHandle,
};

use super::search::Search;

/// Follows an audit log from its present end; stops when dropped.
pub struct Shipper(JoinHandle<()>);

impl Shipper {
    /// Ships into daily indices `<prefix>-yyyy.MM.dd`, with `@timestamp` as shippers add it.
    pub async fn follow(audit_log: PathBuf, search: Search, prefix: &'static str) -> Shipper {
        let mut file = File::open(&audit_log)
            .await
            .expect("the audit log is there");
        file.seek(SeekFrom::End(0))
            .await
            .expect("the audit log has an end");
        search.prepare(prefix).await;
        Shipper(tokio::spawn(async move {
            let mut unread = Vec::new();
            loop {
                file.read_to_end(&mut unread)
                    .await
                    .expect("the audit log can be read");
                let whole = unread
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1);
                let documents: Vec<_> = unread[..whole]
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .map(|line| (None, stamped(line)))
                    .collect();
                unread.drain(..whole);
                if let Some((_, first)) = documents.first() {
                    let day = first["@timestamp"].as_str().expect("it is stamped")[..10]
                        .replace('-', ".");
                    search.index(&format!("{prefix}-{day}"), &documents).await;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }))
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn stamped(line: &[u8]) -> Value {
    let mut event: Value = serde_json::from_slice(line).expect("the apiserver writes JSON");
    event["@timestamp"] = event["stageTimestamp"].clone();
    event
}
