//! How lines become text: aligned tables for people, CSV (RFC 4180), JSON (an array of objects), and JSON lines.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::Cell;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Table,
    Csv,
    /// One array of objects.
    Json,
    /// One object a line (NDJSON).
    Lines,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Table => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Json => "application/json",
            Format::Lines => "application/x-ndjson",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Lines => "lines",
        }
    }
}

/// One report on its way out.
pub(super) struct Rendering {
    format: Format,
    columns: &'static [&'static str],
    /// In characters; of a table.
    widths: Vec<usize>,
    lines: u64,
}

impl Rendering {
    pub fn new(format: Format, columns: &'static [&'static str]) -> Self {
        let widths = columns.iter().map(|column| column.len()).collect();
        Rendering { format, columns, widths, lines: 0 }
    }

    pub fn needs_widths(&self) -> bool {
        self.format == Format::Table
    }

    pub fn measure(&mut self, cells: &[Cell<'_>]) {
        let mut text = String::new();
        for (width, cell) in self.widths.iter_mut().zip(cells) {
            text.clear();
            plain(*cell, &mut text);
            *width = (*width).max(text.chars().count());
        }
    }

    pub fn begin(&self, out: &mut String) {
        match self.format {
            Format::Table => {
                let titles = self.columns.iter().map(|column| column.to_ascii_uppercase().replace('-', " "));
                self.aligned(titles.map(|title| (title, false)), out);
            }
            Format::Csv => {
                out.push_str(&self.columns.join(","));
                out.push_str("\r\n");
            }
            Format::Json => out.push('['),
            Format::Lines => {}
        }
    }

    pub fn line(&mut self, cells: &[Cell<'_>], out: &mut String) {
        match self.format {
            Format::Table => {
                let texts = cells.iter().map(|cell| {
                    let mut text = String::new();
                    plain(*cell, &mut text);
                    (text, matches!(cell, Cell::Number(_)))
                });
                self.aligned(texts, out);
            }
            Format::Csv => {
                for (at, cell) in cells.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    csv(*cell, out);
                }
                out.push_str("\r\n");
            }
            Format::Json => {
                out.push_str(if self.lines == 0 { "\n  " } else { ",\n  " });
                self.object(cells, out);
            }
            Format::Lines => {
                self.object(cells, out);
                out.push('\n');
            }
        }
        self.lines += 1;
    }

    pub fn end(&self, out: &mut String) {
        if self.format == Format::Json {
            out.push_str(if self.lines == 0 { "]\n" } else { "\n]\n" });
        }
    }

    fn aligned(&self, texts: impl Iterator<Item = (String, bool)>, out: &mut String) {
        let begin = out.len();
        for (at, ((text, right), width)) in texts.zip(&self.widths).enumerate() {
            if at > 0 {
                out.push_str("  ");
            }
            let _ = if right { write!(out, "{text:>width$}") } else { write!(out, "{text:<width$}") };
        }
        let kept = begin + out[begin..].trim_end().len();
        out.truncate(kept);
        out.push('\n');
    }

    fn object(&self, cells: &[Cell<'_>], out: &mut String) {
        out.push('{');
        for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let _ = write!(out, "{}\"{column}\": ", if at == 0 { "" } else { ", " });
            json(*cell, out);
        }
        out.push('}');
    }
}

/// For a terminal: a control character, which could steer it, becomes a replacement character.
fn plain(cell: Cell<'_>, out: &mut String) {
    match cell {
        Cell::Text("") | Cell::Unknown => out.push('-'),
        Cell::Text(text) => out.extend(text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c })),
        Cell::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Cell::Instant(time) => {
            let _ = write!(out, "{time}");
        }
    }
}

/// RFC 4180 section 2: quotes around a field that has a comma, a quote or a line break, quotes inside doubled.
fn csv(cell: Cell<'_>, out: &mut String) {
    match cell {
        Cell::Text(text) if text.contains([',', '"', '\r', '\n']) => {
            let _ = write!(out, "\"{}\"", text.replace('"', "\"\""));
        }
        Cell::Text(text) => out.push_str(text),
        Cell::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Cell::Instant(time) if !time.is_never() => {
            let _ = write!(out, "{time}");
        }
        Cell::Instant(_) | Cell::Unknown => {}
    }
}

fn json(cell: Cell<'_>, out: &mut String) {
    match cell {
        Cell::Text(text) => string(text, out),
        Cell::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Cell::Instant(time) if !time.is_never() => {
            let _ = write!(out, "\"{time}\"");
        }
        Cell::Instant(_) | Cell::Unknown => out.push_str("null"),
    }
}

/// RFC 8259 section 7.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    const COLUMNS: &[&str] = &["device", "number", "last-seen", "note"];

    fn text(format: Format, lines: &[[Cell<'_>; 4]]) -> String {
        let mut rendering = Rendering::new(format, COLUMNS);
        lines.iter().for_each(|cells| rendering.measure(cells));
        let mut out = String::new();
        rendering.begin(&mut out);
        lines.iter().for_each(|cells| rendering.line(cells, &mut out));
        rendering.end(&mut out);
        out
    }

    fn lines() -> [[Cell<'static>; 4]; 2] {
        [
            [Cell::Text("plug-1"), Cell::Number(7), Cell::Instant(Time::from_secs(1)), Cell::Text("a,\"b\"")],
            [Cell::Text("süd"), Cell::Number(1234), Cell::Instant(Time::NEVER), Cell::Text("\u{1b}[2J\n")],
        ]
    }

    #[test]
    fn table() {
        assert_eq!(
            text(Format::Table, &lines()),
            "DEVICE  NUMBER  LAST SEEN             NOTE\n\
             plug-1       7  1970-01-01T00:00:01Z  a,\"b\"\n\
             süd       1234  never                 \u{fffd}[2J\u{fffd}\n"
        );
    }

    #[test]
    fn csv_as_rfc_4180() {
        assert_eq!(
            text(Format::Csv, &lines()),
            "device,number,last-seen,note\r\nplug-1,7,1970-01-01T00:00:01Z,\"a,\"\"b\"\"\"\r\nsüd,1234,,\"\u{1b}[2J\n\"\r\n"
        );
    }

    #[test]
    fn json_is_json() {
        let value: serde_json::Value = serde_json::from_str(&text(Format::Json, &lines())).unwrap();
        assert_eq!(value[0]["device"], "plug-1");
        assert_eq!(value[0]["number"], 7);
        assert_eq!(value[1]["last-seen"], serde_json::Value::Null);
        assert_eq!(value[1]["note"], "\u{1b}[2J\n");
        assert_eq!(text(Format::Json, &[]), "[]\n");
        let lines = text(Format::Lines, &lines());
        assert_eq!(lines.lines().count(), 2);
        assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }
}
