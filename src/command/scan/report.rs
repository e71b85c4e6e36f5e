//! Alerts as a person or a program reads them.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::{
    command::table::{Cell, Table},
    detect::{alert::Alert, definition::Severity},
    terminal,
};

/// How alerts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for reading.
    Table,
    /// The table with namespace, resource, address and the rule's full name.
    Wide,
    /// One alert document a line, without `event.created` and `rule.uuid`, which only a stored
    /// one has.
    Json,
}

/// Prints alerts while they are found.
pub struct Report<W> {
    out: W,
    shape: Shape,
}

enum Shape {
    Table { table: Table, wide: bool },
    Json,
}

impl Report<io::BufWriter<io::StdoutLock<'static>>> {
    /// A report on standard output, coloured where that is a terminal that wants it.
    pub fn on_stdout(format: Format) -> Self {
        let stdout = io::stdout();
        let coloured = stdout.is_terminal()
            && anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        Self::new(io::BufWriter::new(stdout.lock()), format, coloured)
    }
}

impl<W: Write> Report<W> {
    fn new(out: W, format: Format, coloured: bool) -> Self {
        let shape = match format {
            Format::Table => Shape::Table {
                table: Table::new(&HEADINGS, coloured),
                wide: false,
            },
            Format::Wide => Shape::Table {
                table: Table::new(&WIDE_HEADINGS, coloured),
                wide: true,
            },
            Format::Json => Shape::Json,
        };
        Self { out, shape }
    }

    /// Prints one alert.
    pub fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        match &mut self.shape {
            Shape::Table { table, wide: false } => table.push(row(alert), &mut self.out),
            Shape::Table { table, wide: true } => table.push(wide_row(alert), &mut self.out),
            Shape::Json => {
                let json = serde_json::to_string(&alert.document)?;
                writeln!(self.out, "{}", terminal::escape_json(&json))
            }
        }
    }

    /// Prints what was held back until now.
    pub fn finish(mut self) -> io::Result<()> {
        if let Shape::Table { table, .. } = self.shape {
            table.finish(&mut self.out)?;
        }
        self.out.flush()
    }

    /// Hands what is printed to the reader.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

const HEADINGS: [&str; 6] = ["TIME", "SEVERITY", "CATEGORY", "RULE", "USER", "MESSAGE"];

fn row(alert: &Alert) -> Vec<Cell> {
    let name = alert.rule.rsplit('/').next().unwrap_or_default();
    vec![
        time(alert),
        severity(alert),
        Cell::new(&alert.category),
        Cell::new(name),
        user(alert),
        message(alert),
    ]
}

const WIDE_HEADINGS: [&str; 9] = [
    "TIME",
    "SEVERITY",
    "CATEGORY",
    "RULE",
    "USER",
    "SOURCE IP",
    "NAMESPACE",
    "RESOURCE",
    "MESSAGE",
];

fn wide_row(alert: &Alert) -> Vec<Cell> {
    vec![
        time(alert),
        severity(alert),
        Cell::new(&alert.category),
        Cell::new(&alert.rule),
        user(alert),
        Cell::new(text(alert, "/source/ip")),
        Cell::new(text(alert, "/orchestrator/namespace")),
        resource(alert),
        message(alert),
    ]
}

fn time(alert: &Alert) -> Cell {
    let time = alert.time.map(|time| format!("{time:.0}"));
    Cell::new(time.as_deref().unwrap_or_default())
}

fn severity(alert: &Alert) -> Cell {
    Cell::new(&format!("{:?}", alert.severity)).styled(style(alert.severity))
}

/// The user whose rights the request used.
fn user(alert: &Alert) -> Cell {
    match text(alert, "/user/effective/name") {
        "" => Cell::new(text(alert, "/user/name")),
        impersonated => Cell::new(impersonated),
    }
}

fn message(alert: &Alert) -> Cell {
    Cell::new(text(alert, "/message"))
}

/// `pods/web-0`, or the resource alone.
fn resource(alert: &Alert) -> Cell {
    let kind = text(alert, "/orchestrator/resource/type");
    match text(alert, "/orchestrator/resource/name") {
        "" => Cell::new(kind),
        name => Cell::new(&format!("{kind}/{name}")),
    }
}

/// A text of the alert document; empty where there is none.
fn text<'a>(alert: &'a Alert, pointer: &str) -> &'a str {
    alert
        .document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Informational => Style::new(),
    }
}
