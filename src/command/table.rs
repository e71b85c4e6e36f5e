//! Columns of text in kubectl's manner: upper-case headings, no lines, three blanks between.
//!
//! The first rows decide the widths; later ones are written as they come, so that a table may be
//! of any length.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::terminal;

/// So many rows are held back to measure the columns.
const MEASURED: usize = 256;
const GAP: usize = 3;

/// One field of a row. Its text is harmless to print.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A field; what could deceive a reader is escaped, and an empty one is shown as `-`.
    pub fn new(text: &str) -> Self {
        let text = if text.is_empty() {
            "-".into()
        } else {
            terminal::escape(text)
        };
        Self {
            text: text.into_owned(),
            style: Style::new(),
        }
    }

    /// The same field in a style, which is shown only by a coloured table.
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

/// A table that is written while its rows come in.
pub struct Table {
    coloured: bool,
    held: Vec<Vec<Cell>>,
    widths: Option<Vec<usize>>,
}

impl Table {
    /// An empty table. Its headings are printed with its first row: without rows it is silent.
    pub fn new(headings: &[&str], coloured: bool) -> Self {
        let headings = headings.iter().map(|heading| Cell::new(heading)).collect();
        Self {
            coloured,
            held: vec![headings],
            widths: None,
        }
    }

    /// Adds a row, with as many cells as there are headings.
    pub fn push(&mut self, row: Vec<Cell>, out: &mut impl Write) -> io::Result<()> {
        match &self.widths {
            Some(widths) => write_row(&row, widths, self.coloured, out),
            None => {
                self.held.push(row);
                if self.held.len() > MEASURED {
                    self.release(out)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Writes what is still held back.
    pub fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        if self.held.len() > 1 {
            self.release(out)
        } else {
            Ok(())
        }
    }

    fn release(&mut self, out: &mut impl Write) -> io::Result<()> {
        let rows = std::mem::take(&mut self.held);
        let columns = rows.first().map_or(0, Vec::len);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                rows.iter()
                    .map(|row| row[column].width())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &rows {
            write_row(row, &widths, self.coloured, out)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

fn write_row(
    row: &[Cell],
    widths: &[usize],
    coloured: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
        if coloured {
            write!(out, "{}{}{:#}", cell.style, cell.text, cell.style)?;
        } else {
            write!(out, "{}", cell.text)?;
        }
        if at + 1 < row.len() {
            let blanks = width.saturating_sub(cell.width()) + GAP;
            write!(out, "{:blanks$}", "")?;
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(rows: &[[&str; 2]], coloured: bool) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&["NAME", "AGE"], coloured);
        let bold = Style::new().bold();
        for [name, age] in rows {
            let row = vec![Cell::new(name).styled(bold), Cell::new(age)];
            table.push(row, &mut out).expect("memory can be written");
        }
        table.finish(&mut out).expect("memory can be written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            printed(&[["ユーザー", "1d"], ["x", ""]], false),
            "NAME       AGE\nユーザー   1d\nx          -\n"
        );
    }

    #[test]
    fn a_table_without_rows_is_silent() {
        assert_eq!(printed(&[], false), "");
    }

    #[test]
    fn colours_do_not_shift_columns() {
        assert_eq!(
            printed(&[["x", "1d"]], true),
            "NAME   AGE\n\u{1b}[1mx\u{1b}[0m      1d\n"
        );
    }

    #[test]
    fn a_long_table_is_written_while_it_grows() {
        let mut out = Vec::new();
        let mut table = Table::new(&["NAME", "AGE"], false);
        for _ in 0..MEASURED {
            table
                .push(vec![Cell::new("x"), Cell::new("1d")], &mut out)
                .expect("memory");
        }
        let written = out.len();
        table
            .push(
                vec![Cell::new("longer than all"), Cell::new("1d")],
                &mut out,
            )
            .expect("memory");
        assert_eq!(&out[written..], b"longer than all   1d\n");
    }
}
