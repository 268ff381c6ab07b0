//! A reader of the JSON that rows hold (RFC 7951, written by `document`): no copies but for escapes, no tree.

use std::borrow::Cow;

/// The text is not what was written: the row is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged at octet {0}")]
pub struct Damaged(pub usize);

const DEEPEST: usize = 64;

/// A place in the text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner { text, at: 0, depth: 0 }
    }

    /// Another reader at the same place.
    pub fn fork(&self) -> Scanner<'a> {
        Scanner { text: self.text, at: self.at, depth: self.depth }
    }

    pub fn damaged(&self) -> Damaged {
        Damaged(self.at)
    }

    /// The first octet of what comes next.
    pub fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next octet must be this one.
    pub fn eat(&mut self, octet: u8) -> Result<(), Damaged> {
        if self.peek() != octet {
            return Err(self.damaged());
        }
        self.at += 1;
        Ok(())
    }

    /// Calls `member` with each name; it reads the value.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Damaged>,
    ) -> Result<(), Damaged> {
        self.nested(b'{', b'}', |scanner| {
            let name = scanner.string()?;
            scanner.eat(b':')?;
            member(scanner, &name)
        })
    }

    /// Calls `item` at each item; it reads the value.
    pub fn array(&mut self, item: impl FnMut(&mut Self) -> Result<(), Damaged>) -> Result<(), Damaged> {
        self.nested(b'[', b']', item)
    }

    fn nested(
        &mut self,
        open: u8,
        close: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), Damaged>,
    ) -> Result<(), Damaged> {
        self.eat(open)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.damaged());
        }
        if self.peek() != close {
            loop {
                each(self)?;
                if self.peek() != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.eat(close)
    }

    pub fn string(&mut self) -> Result<Cow<'a, str>, Damaged> {
        self.eat(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
                None => return Err(self.damaged()),
            }
        }
        let raw = self.text.get(start..self.at).ok_or(Damaged(start))?;
        self.at += 1;
        if !escaped {
            return Ok(raw.into());
        }
        let quoted = self.text.get(start - 1..self.at).ok_or(Damaged(start))?;
        serde_json::from_str::<String>(quoted).map(Cow::Owned).map_err(|_| Damaged(start))
    }

    /// A number or a literal.
    pub fn bare(&mut self) -> Result<&'a str, Damaged> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.damaged());
        }
        self.at += end;
        Ok(&rest[..end])
    }

    /// Passes over one value.
    pub fn skip(&mut self) -> Result<(), Damaged> {
        match self.peek() {
            b'{' => self.object(|scanner, _| scanner.skip()),
            b'[' => self.array(Scanner::skip),
            b'"' => self.string().map(drop),
            _ => self.bare().map(drop),
        }
    }

    /// One value as it stands.
    pub fn raw(&mut self) -> Result<&'a str, Damaged> {
        let from = self.at;
        self.skip()?;
        Ok(&self.text[from..self.at])
    }

    /// Nothing follows.
    pub fn end(&self) -> Result<(), Damaged> {
        if self.at == self.text.len() { Ok(()) } else { Err(self.damaged()) }
    }
}

/// Appends a string with its quotes.
pub(super) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().is_ok() && scanner.end().is_ok()
    }

    #[test]
    fn reads_what_is_written_and_no_less() {
        assert!(skips(r#"{"a":1,"b":[null],"c":{"d":"e\"\u00e9"},"f":[]}"#));
        for damaged in ["", "{", "{\"a\"", "{\"a\":", "[1,", "\"x", "\"x\\", "{}x", "{\"a\":1}}", "\"\\ü\"x"]
        {
            assert!(!skips(damaged), "{damaged}");
        }
        assert!(!skips(&"[".repeat(100)));
        let mut text = String::new();
        push_string("a\"b\\c\n\u{1}é", &mut text);
        assert_eq!(Scanner::new(&text).string().unwrap(), "a\"b\\c\n\u{1}é");
    }
}
