//! A visitor for tests that keeps what it is shown.

use serde_json::{Map, Value};

use super::{block::Visitor, plain};

/// What an input holds, each with the number of its line.
#[derive(Debug, Default, PartialEq)]
pub struct Shown {
    /// Documents, whole or not.
    pub documents: Vec<(u64, Vec<u8>)>,
    /// Lines that are no documents.
    pub texts: Vec<(u64, Vec<u8>)>,
}

impl Shown {
    /// What the splitting byte by byte shows of a text.
    pub fn of(text: &str) -> Self {
        let mut shown = Self::default();
        plain::visit(text.as_bytes(), true, &mut shown);
        shown
    }
}

impl Visitor for Shown {
    fn glance(&mut self, line: &str) -> Option<bool> {
        serde_json::from_str::<Map<String, Value>>(line).ok()?;
        Some(false)
    }

    fn document(&mut self, line: u64, source: &[u8]) {
        self.documents.push((line, source.to_vec()));
    }

    fn text(&mut self, line: u64, text: &[u8]) {
        self.texts.push((line, text.to_vec()));
    }
}
