//! XML as NETCONF wants it: UTF-8, namespaces, no document type (RFC 6241 section 3), all of it bounded. Comments and
//! processing instructions are passed over.
//!
//! quick-xml finds where tags, text and comments begin and end; names, attributes, namespaces, references and
//! characters are checked here, so that what was read is well-formed and keeps to Namespaces in XML 1.0.

mod reader;
mod scan;
mod tree;

use std::{borrow::Cow, fmt::Write as _};

use crate::{datastore::escaped, yang::is_yang};

pub use self::{
    reader::{Attribute, Event, Name, Reader, Tag},
    tree::{Element, Fragment, OwnedAttribute},
};

/// Elements within elements.
pub const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 64;
const MAX_NAME: usize = 256;
/// Bytes of a start tag.
const MAX_TAG: usize = 65_536;
/// Namespace declarations in scope.
const MAX_BINDINGS: usize = 128;
/// Bytes that are read into a tree, which costs a multiple of them.
const MAX_TREE: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("{what}, at byte {at}")]
    Malformed { what: Cow<'static, str>, at: usize },
    #[error("more than {limit} {what}")]
    TooBig { what: &'static str, limit: usize },
}

impl XmlError {
    fn malformed(what: impl Into<Cow<'static, str>>, at: usize) -> Self {
        XmlError::Malformed { what: what.into(), at }
    }
}

/// Appends text with markup escaped, also `>`, so that no `]]>` comes about.
pub fn escape(text: &str, out: &mut String) {
    escaped(text, |piece| out.push_str(piece));
}

/// Appends a value to stand between double quotes.
pub fn escape_attribute(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A bare one would be read as a space.
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c if !is_yang(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
