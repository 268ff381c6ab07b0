//! Walks a JSON document (RFC 8259) once and notes where the wanted values stand. No tree, no copy, no number goes
//! through binary floating point; depth is bounded, so is the stack.

use super::{
    trie::{Node, Trie},
    value::Raw,
};
use crate::southbound::DecodeError;

/// Where the value for one rule was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub kind: Kind,
    /// Lowest wins; [`NOT_FOUND`] if there was none.
    rank: u16,
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    False,
    True,
    Number,
    /// Without its quotes, and without escapes.
    Text,
    /// Without its quotes; see [`unescape`].
    EscapedText,
    Container,
}

const NOT_FOUND: u16 = u16::MAX;
/// A null counts as found only if no alternative has a value.
const NULL_RANK: u16 = 256;

impl Slot {
    pub const EMPTY: Slot = Slot { kind: Kind::Null, rank: NOT_FOUND, start: 0, end: 0 };

    /// A payload that is one text.
    pub fn whole(payload: &str) -> Slot {
        Slot { kind: Kind::Text, rank: 0, start: 0, end: payload.len() as u32 }
    }

    pub fn found(&self) -> bool {
        self.rank != NOT_FOUND
    }

    /// As it stands in the payload, escapes and all.
    pub fn text<'a>(&self, payload: &'a str) -> &'a str {
        payload.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// The value; `plain` is where escapes are resolved if there are any.
    pub fn raw<'a>(&self, payload: &'a str, plain: &'a mut String) -> Raw<'a> {
        match self.kind {
            Kind::Null => Raw::Null,
            Kind::False => Raw::Bool(false),
            Kind::True => Raw::Bool(true),
            Kind::Number => Raw::Number(self.text(payload)),
            Kind::Text => Raw::Text(self.text(payload)),
            Kind::EscapedText => {
                plain.clear();
                unescape(self.text(payload), plain);
                Raw::Text(plain)
            }
            Kind::Container => Raw::Container,
        }
    }
}

/// Fills `slots` (one for each rule, all empty) from a document.
///
/// # Errors
/// `NotJson`, `TooDeep`.
pub fn scan(payload: &str, trie: &Trie, depth: u8, slots: &mut [Slot]) -> Result<(), DecodeError> {
    let mut scanner = Scanner { bytes: payload.as_bytes(), text: payload, at: 0, trie, slots };
    scanner.value(trie.root(), u32::from(depth))?;
    scanner.space();
    if scanner.at < scanner.bytes.len() { Err(DecodeError::NotJson) } else { Ok(()) }
}

/// Appends a text without its escapes. A surrogate without its other half becomes U+FFFD.
pub fn unescape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        let escape = chars.next().unwrap_or('\\');
        rest = chars.as_str();
        match escape {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let unit = hex4(rest);
                rest = rest.get(4..).unwrap_or("");
                let low = rest.strip_prefix("\\u").map(hex4).filter(|low| (0xdc00..0xe000).contains(low));
                match (unit, low) {
                    (0xd800..0xdc00, Some(low)) => {
                        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        rest = rest.get(6..).unwrap_or("");
                    }
                    _ => out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
            other => out.push(other),
        }
    }
    out.push_str(rest);
}

fn hex4(text: &str) -> u32 {
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xfffd)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    trie: &'a Trie,
    slots: &'a mut [Slot],
}

impl<'a> Scanner<'a> {
    /// One value; `node` is where its place is in the trie, `None` if nothing below is wanted.
    fn value(&mut self, node: Option<&'a Node>, depth: u32) -> Result<(), DecodeError> {
        self.space();
        let start = self.at;
        let (kind, start, end) = match self.peek() {
            b'{' => {
                self.object(node, depth.checked_sub(1).ok_or(DecodeError::TooDeep)?)?;
                (Kind::Container, start, self.at)
            }
            b'[' => {
                self.array(node, depth.checked_sub(1).ok_or(DecodeError::TooDeep)?)?;
                (Kind::Container, start, self.at)
            }
            b'"' => {
                let (escaped, start, end) = self.string()?;
                (if escaped { Kind::EscapedText } else { Kind::Text }, start, end)
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                (Kind::Number, start, self.at)
            }
            b't' => (Kind::True, start, self.word(b"true")?),
            b'f' => (Kind::False, start, self.word(b"false")?),
            b'n' => (Kind::Null, start, self.word(b"null")?),
            _ => return Err(DecodeError::NotJson),
        };
        for leaf in node.map_or(&[][..], |node| &node.leaves) {
            let Some(slot) = self.slots.get_mut(usize::from(leaf.rule)) else { continue };
            let rank = u16::from(leaf.rank) + if kind == Kind::Null { NULL_RANK } else { 0 };
            if rank < slot.rank {
                *slot = Slot { kind, rank, start: start as u32, end: end as u32 };
            }
        }
        Ok(())
    }

    fn object(&mut self, node: Option<&'a Node>, depth: u32) -> Result<(), DecodeError> {
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != b'"' {
                return Err(DecodeError::NotJson);
            }
            let (escaped, start, end) = self.string()?;
            let child = node.and_then(|node| self.child(node, escaped, start, end));
            self.space();
            if !self.take(b':') {
                return Err(DecodeError::NotJson);
            }
            self.value(child, depth)?;
            self.space();
            if self.take(b',') {
                continue;
            }
            return if self.take(b'}') { Ok(()) } else { Err(DecodeError::NotJson) };
        }
    }

    fn array(&mut self, node: Option<&'a Node>, depth: u32) -> Result<(), DecodeError> {
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        let mut index = 0u32;
        loop {
            let mut digits = [0; 10];
            let child = node.and_then(|node| self.trie.child(node, decimal(index, &mut digits)));
            self.value(child, depth)?;
            index = index.saturating_add(1);
            self.space();
            if self.take(b',') {
                continue;
            }
            return if self.take(b']') { Ok(()) } else { Err(DecodeError::NotJson) };
        }
    }

    fn child(&self, node: &'a Node, escaped: bool, start: usize, end: usize) -> Option<&'a Node> {
        let key = self.text.get(start..end)?;
        if !escaped {
            return self.trie.child(node, key);
        }
        // Rare: the only allocation of a walk.
        let mut plain = String::new();
        unescape(key, &mut plain);
        self.trie.child(node, &plain)
    }

    /// At the opening quote; gives whether there are escapes, and what is between the quotes.
    fn string(&mut self) -> Result<(bool, usize, usize), DecodeError> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += match self.bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => match self.bytes.get(at + 2..at + 6) {
                            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => 6,
                            _ => return Err(DecodeError::NotJson),
                        },
                        _ => return Err(DecodeError::NotJson),
                    };
                }
                Some(byte) if *byte >= 0x20 => at += 1,
                _ => return Err(DecodeError::NotJson),
            }
        }
        self.at = at + 1;
        Ok((escaped, start, at))
    }

    fn number(&mut self) -> Result<(), DecodeError> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(DecodeError::NotJson) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<usize, DecodeError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(DecodeError::NotJson);
        }
        self.at += word.len();
        Ok(self.at)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The next byte; 0, which no JSON text has, at the end.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == byte;
        self.at += usize::from(is);
        is
    }
}

fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 || at == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[at..]).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{path::Path, trie::Leaf},
        *,
    };

    fn find(payload: &str, paths: &[&str]) -> Result<Vec<String>, DecodeError> {
        let paths: Vec<Path> = paths.iter().map(|text| Path::parse(text).unwrap()).collect();
        let leaves: Vec<_> =
            paths.iter().enumerate().map(|(at, path)| (path, Leaf { rule: at as u16, rank: 0 })).collect();
        let trie = Trie::new(&leaves).unwrap();
        let mut slots = vec![Slot::EMPTY; paths.len()];
        scan(payload, &trie, 32, &mut slots)?;
        Ok(slots
            .iter()
            .map(|slot| if slot.found() { slot.text(payload).to_owned() } else { "-".into() })
            .collect())
    }

    #[test]
    fn wanted_values_are_found() {
        let payload =
            r#" {"a": {"b": [1, -2.50e3, "x"], "c": true}, "s\u0031": "t\"u", "n": null, "z": {"a": 9}} "#;
        assert_eq!(
            find(payload, &["/a/b/1", "/a/c", "/s1", "/n", "/missing", "/a/b/2", "/*/a"]).unwrap(),
            ["-2.50e3", "true", "t\\\"u", "null", "-", "x", "9"]
        );
        assert_eq!(find(r#"{"a":1,"a":2}"#, &["/a"]).unwrap(), ["1"], "the first of equal keys counts");
        assert_eq!(find("21.5", &[""]).unwrap(), ["21.5"]);
    }

    #[test]
    fn what_is_no_json() {
        for bad in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "tru",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "{} {}",
            "'a'",
            "NaN",
            "-",
            "\"\u{1}\"",
            "[1 2]",
            "{\"a\" 1}",
            "\u{feff}{}",
        ] {
            assert_eq!(find(bad, &["/a"]), Err(DecodeError::NotJson), "{bad:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(find(&nested(32), &["/a"]).is_ok());
        assert_eq!(find(&nested(33), &["/a"]), Err(DecodeError::TooDeep));
        assert_eq!(find(&"[".repeat(100_000), &["/a"]), Err(DecodeError::TooDeep));
    }

    #[test]
    fn escapes() {
        let mut out = String::new();
        unescape(r#"a\n\t\"\\\/\u00e4\ud83d\ude00\ud83dx\ude00"#, &mut out);
        assert_eq!(out, "a\n\t\"\\/\u{e4}\u{1f600}\u{fffd}x\u{fffd}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The oracle is serde_json.
        #[test]
        fn the_same_documents_are_json(text in r#"[\[\]{}:, "\\a0-2.eE+\-ntrufls\n]{0,24}"#) {
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(find(&text, &["/a"]).is_ok(), expected, "{}", text);
        }

        #[test]
        fn strings_unescape_alike(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let mut out = String::new();
            unescape(&json[1..json.len() - 1], &mut out);
            prop_assert_eq!(out, text);
        }
    }
}
