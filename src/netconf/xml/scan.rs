//! Characters, names, references and attributes (XML 1.0 sections 2.2, 2.3, 3.1, 4.1).

use std::borrow::Cow;

use super::{MAX_ATTRIBUTES, MAX_NAME, XmlError};

/// UTF-8 without characters that XML 1.0 does not have.
pub(super) fn text(message: &[u8]) -> Result<&str, XmlError> {
    let text = std::str::from_utf8(message)
        .map_err(|error| XmlError::malformed("not UTF-8", error.valid_up_to()))?;
    let bytes = text.as_bytes();
    // All that is no character is a control character, or U+FFFE or U+FFFF, whose UTF-8 begins so.
    let suspect = |byte: &u8| (*byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || *byte == 0xef;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(suspect).map(|at| from + at) {
        match text[at..].chars().next() {
            Some(c) if !is_char(c) => {
                return Err(XmlError::malformed(format!("the character U+{:04X}", u32::from(c)), at));
            }
            _ => from = at + 1,
        }
    }
    Ok(text)
}

fn is_char(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        c => c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'),
    }
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// What may stand before a document: the byte order mark, and white space, which peers send after the delimiter of the
/// message before.
pub(super) fn is_lead(c: char) -> bool {
    c == '\u{feff}' || is_space(c)
}

/// Splits a qualified name into prefix (empty without one) and local part.
pub(super) fn qualified(name: &str, at: usize) -> Result<(&str, &str), XmlError> {
    if name.len() > MAX_NAME {
        return Err(XmlError::TooBig { what: "bytes of a name", limit: MAX_NAME });
    }
    if is_plain(name) {
        return Ok(("", name));
    }
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) if is_name(prefix) => (prefix, local),
        Some(_) => return Err(XmlError::malformed("not a name", at)),
        None => ("", name),
    };
    if is_name(local) { Ok((prefix, local)) } else { Err(XmlError::malformed("not a name", at)) }
}

/// The most usual of names: ASCII, without a prefix.
fn is_plain(name: &str) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.as_bytes().iter().all(is_char)
}

/// An NCName.
pub(super) fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    match c {
        'A'..='Z' | 'a'..='z' | '_' => true,
        '\u{c0}'..='\u{2ff}' => !matches!(c, '\u{d7}' | '\u{f7}'),
        '\u{370}'..='\u{1fff}' => c != '\u{37e}',
        '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' => true,
        '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' => true,
        '\u{10000}'..='\u{effff}' => true,
        _ => false,
    }
}

fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
}

/// The character that `&name;` stands for. No entity is declared, for there is no document type.
pub(super) fn reference(name: &str, at: usize) -> Result<char, XmlError> {
    let number = match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => match name.strip_prefix('#') {
            Some(number) => number,
            None => return Err(XmlError::malformed(format!("the undeclared entity {name:.32}"), at)),
        },
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    let value = digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(digits);
    value
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .and_then(char::from_u32)
        .filter(|c| is_char(*c))
        .ok_or_else(|| XmlError::malformed("a reference to no character", at))
}

/// Line ends as section 2.11 wants them.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// An attribute as it stands in its tag, its value without references.
pub(super) struct Raw<'a> {
    pub(super) name: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// Reads what follows the name in a tag.
pub(super) fn attributes(mut rest: &str, at: usize) -> Result<Vec<Raw<'_>>, XmlError> {
    let malformed = || XmlError::malformed("not an attribute", at);
    let mut found: Vec<Raw<'_>> = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(found);
        }
        if trimmed.len() == rest.len() {
            return Err(XmlError::malformed("no space before an attribute", at));
        }
        let end = trimmed.find(|c| c == '=' || is_space(c)).ok_or_else(malformed)?;
        let (name, after) = trimmed.split_at(end);
        let after = after.trim_start_matches(is_space).strip_prefix('=').ok_or_else(malformed)?;
        let after = after.trim_start_matches(is_space);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(malformed)?;
        let (raw, after) = after[1..].split_once(quote).ok_or_else(malformed)?;
        if found.iter().any(|other| other.name == name) {
            return Err(XmlError::malformed("an attribute that stands there twice", at));
        }
        if found.len() == MAX_ATTRIBUTES {
            return Err(XmlError::TooBig { what: "attributes of an element", limit: MAX_ATTRIBUTES });
        }
        found.push(Raw { name, value: value(raw, at)? });
        rest = after;
    }
}

/// Normalized as section 3.3.3 wants it.
fn value(raw: &str, at: usize) -> Result<Cow<'_, str>, XmlError> {
    if raw.contains('<') {
        return Err(XmlError::malformed("a < in an attribute", at));
    }
    if !raw.contains(['&', '\t', '\n', '\r']) {
        return Ok(raw.into());
    }
    let raw = lines(raw);
    let mut rest = &*raw;
    let mut value = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('&') {
        value.extend(before.chars().map(space));
        let (name, after) =
            after.split_once(';').ok_or_else(|| XmlError::malformed("a & that begins no reference", at))?;
        value.push(reference(name, at)?);
        rest = after;
    }
    value.extend(rest.chars().map(space));
    Ok(value.into())
}

fn space(c: char) -> char {
    if is_space(c) { ' ' } else { c }
}
