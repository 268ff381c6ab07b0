//! Reads the TOML files that people write, and says *everything* that is wrong with one: with line, what is expected,
//! what is allowed, and the nearest name.
//!
//! A [`Section`] is a table that knows its place in the file; [`Section::key`] gives an [`Entry`], whose readers return
//! `None` where the key is absent or wrong. What was wrong has then been noted; reading goes on, so that one run shows
//! all problems. [`Section::finish`] reports the keys that nobody asked for.
//!
//! ```
//! let text = "lisen = \"127.0.0.1:1161\"\ntimeout = 5";
//! let read = fleetbridge::file::read("agent.toml", text, |top| {
//!     let listen = top.key("listen").str();
//!     let timeout = top.key("timeout").duration(0..=60_000);
//!     (listen.map(str::to_owned), timeout)
//! });
//! let lines: Vec<_> = read.problems.iter().map(ToString::to_string).collect();
//! assert_eq!(lines[0], "agent.toml:1: unknown key `lisen`; did you mean `listen`? allowed: listen, timeout");
//! assert_eq!(lines[1], "agent.toml:2: `timeout` must be a duration, for example \"5m\"; found the integer 5");
//! ```

mod diagnostic;
mod entry;
mod section;
mod units;

use std::{io::Read, path::Path};

use toml::de::{DeTable, DeValue};

pub use diagnostic::{Diagnostic, Severity, has_errors, nearest};
pub use entry::Entry;
pub use section::Section;
pub use units::{parse_bytes, parse_duration, write_duration};

use crate::secret;
use diagnostic::Context;

/// A file above this size, in bytes, is not read.
pub const MAX_SIZE: u64 = 1 << 20;

/// What came out of a file. `value` may be incomplete while `problems` has errors: look at
/// [`into_result`](Outcome::into_result).
#[derive(Debug)]
pub struct Outcome<T> {
    pub value: Option<T>,
    /// In the order of lines; notes and warnings among errors.
    pub problems: Vec<Diagnostic>,
}

impl<T> Outcome<T> {
    /// The value with its warnings and notes.
    ///
    /// # Errors
    /// All problems, if one of them is an error.
    pub fn into_result(self) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        match self.value {
            Some(value) if !has_errors(&self.problems) => Ok((value, self.problems)),
            _ => Err(self.problems),
        }
    }
}

/// Reads a file's text into memory.
///
/// # Errors
/// It cannot be read, is over [`MAX_SIZE`] or is not UTF-8.
pub fn load(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display().to_string();
    let whole_file = |message: String, help: &str| Diagnostic::whole_file(&name, message, help);
    let file = secret::open_regular(path)
        .map_err(|error| whole_file(format!("cannot be read: {error}"), "check the path and its rights"))?;
    let mut bytes = Vec::new();
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| whole_file(format!("cannot be read: {error}"), ""))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(whole_file(format!("is larger than {} KiB", MAX_SIZE / 1024), "is this the right file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        Diagnostic { line: line as u32, ..whole_file("is not UTF-8".to_owned(), "save it as UTF-8") }
    })
}

/// Parses `text` and lets `build` read it; `name` stands before each problem. The top section is finished here.
pub fn read<T>(name: &str, text: &str, build: impl FnOnce(&mut Section<'_>) -> T) -> Outcome<T> {
    let context = Context::new(name, text);
    if text.len() as u64 > MAX_SIZE {
        let message = format!("is larger than {} KiB", MAX_SIZE / 1024);
        return Outcome { value: None, problems: vec![Diagnostic::whole_file(name, message, "")] };
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            context.error(at, format!("not TOML: {}", error.message()), "");
        }
        return Outcome { value: None, problems: context.into_problems() };
    }
    let mut top = Section::top(root.get_ref(), &context);
    let value = build(&mut top);
    top.finish();
    Outcome { value: Some(value), problems: context.into_problems() }
}

/// A number for what a file says: comments, white space and the order of keys do not change it. 0 if it is not TOML.
pub fn fingerprint(text: &str) -> u64 {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    match DeTable::parse(text) {
        Ok(root) => hash.table(root.get_ref()),
        Err(_) => return 0,
    }
    hash.0
}

/// FNV-1a: stable for ever, unlike the standard library's hasher.
struct Hash(u64);

impl Hash {
    fn table(&mut self, table: &DeTable<'_>) {
        self.add(b"{");
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.get_ref().cmp(b.get_ref()));
        for (key, value) in entries {
            self.add(key.get_ref().as_bytes());
            self.value(value.get_ref());
        }
        self.add(b"}");
    }

    fn value(&mut self, value: &DeValue<'_>) {
        match value {
            DeValue::String(text) => self.add(text.as_bytes()),
            DeValue::Integer(number) => self.add(number.to_string().as_bytes()),
            DeValue::Float(number) => self.add(number.as_str().as_bytes()),
            DeValue::Boolean(value) => self.add(if *value { b"true" } else { b"false" }),
            DeValue::Datetime(date) => self.add(date.to_string().as_bytes()),
            DeValue::Array(items) => {
                self.add(b"[");
                items.iter().for_each(|item| self.value(item.get_ref()));
                self.add(b"]");
            }
            DeValue::Table(table) => self.table(table),
        }
    }

    /// With a byte after it that no text has, so that two texts are not one.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let read = read("x.toml", text, |top| {
            top.required("name").str();
            top.key("port").integer(1..=65_535u16);
            top.key("wait").duration(1000..=3_600_000);
            top.key("size").bytes(0..=1 << 20);
            top.key("level").one_of(&["info", "debug"]);
            top.key("on").bool();
            top.key("factor").decimal();
            top.key("words").strings();
            if let Some(mut table) = top.key("snmp").table() {
                table.key("listen").strings();
                table.key("communities").strings();
                table.finish();
            }
            for mut table in top.key("mqtt").tables() {
                table.required("url").str();
                table.finish();
            }
        });
        read.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_file_has_none() {
        let text = "name = 'a'\nport = 1883\nwait = '5m'\nsize = '256KiB'\nlevel = 'info'\non = true\nfactor = 0.5\n\
                    words = ['a']\n[snmp]\nlisten = []\n[[mqtt]]\nurl = 'mqtt://h'\n[[mqtt]]\nurl = 'x'\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn all_problems_are_found_with_their_lines() {
        let text = "port = 70000\nwait = '5 minutes'\nsize = 'big'\nlevel = 'inf'\non = 'yes'\nfactor = 'x'\n\
                    words = [1, 'a', true]\n[snmp]\nlisen = []\n[[mqtt]]\nurll = 'mqtt://h'\n";
        assert_eq!(
            problems(text),
            [
                "x.toml:1: `name` is missing; example: name = \"...\"",
                "x.toml:1: `port` must be an integer from 1 to 65535; found the integer 70000",
                "x.toml:2: `wait` must be a duration, for example \"5m\"; found the text \"5 minutes\"; units are ms, s, m, h, d",
                "x.toml:3: `size` must be a size, for example \"256KiB\"; found the text \"big\"; units are B, KiB, MiB, GiB",
                "x.toml:4: `level` cannot be \"inf\"; did you mean `info`? allowed: info, debug",
                "x.toml:5: `on` must be true or false; found the text \"yes\"; write it without quotes: true",
                "x.toml:6: `factor` must be a number, for example 0.1; found the text \"x\"",
                "x.toml:7: an item of `words` must be a text in quotes; found the integer 1",
                "x.toml:7: an item of `words` must be a text in quotes; found the boolean true",
                "x.toml:9: unknown key `lisen` in [snmp]; did you mean `listen`? allowed: communities, listen",
                "x.toml:10: `url` is missing in [[mqtt]]; example: url = \"...\"",
                "x.toml:11: unknown key `urll` in [[mqtt]]; did you mean `url`? allowed: url",
            ]
        );
    }

    #[test]
    fn syntax_errors_have_a_line() {
        let found = problems("name = 'a'\nport = = 3\n");
        assert!(found[0].starts_with("x.toml:2: not TOML: "), "{found:?}");
        assert_eq!(problems("a = 1\na = 2\n").len(), 1);
    }

    #[test]
    fn wrong_containers() {
        assert_eq!(
            problems("name = 'a'\nsnmp = 3\nmqtt = 'x'\nwords = 'w'\n"),
            [
                "x.toml:2: `snmp` must be a table, written [snmp]; found the integer 3",
                "x.toml:3: `mqtt` must be tables, each written [[mqtt]]; found the text \"x\"",
                "x.toml:4: `words` must be a list of texts, for example [\"a\", \"b\"]; found the text \"w\"",
            ]
        );
    }

    #[test]
    fn files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.toml");
        std::fs::write(&path, vec![b'#'; MAX_SIZE as usize + 1]).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("is larger than 1024 KiB"));
        std::fs::write(&path, b"a = 1\nb = '\xff'\n").unwrap();
        assert!(load(&path).unwrap_err().to_string().ends_with("big.toml:2: is not UTF-8; save it as UTF-8"));
        std::fs::write(&path, b"a = 1\n").unwrap();
        assert_eq!(load(&path).unwrap(), "a = 1\n");
        assert!(load(&folder.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
    }
}
