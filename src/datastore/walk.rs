//! Through a row without building anything from it: for answers, filters, and XML at hundreds of megabytes a second.

use std::borrow::Cow;

use super::json::{Damaged, Scanner};
use crate::yang::{Base, Kind, NodeId, Schema, Value, is_yang};

/// A step of a [`walk`].
#[derive(Debug)]
pub enum Visit<'a> {
    /// A container or an entry of a list begins; answered with `false` it is passed over and not left.
    Enter(NodeId),
    Leave(NodeId),
    /// A leaf or an entry of a leaf-list.
    Leaf(NodeId, Raw<'a>),
    /// A member that the schema does not know.
    Unknown(&'a str),
}

/// Goes through a row in its order, the entry itself first. Keys are leaves and come first.
///
/// # Errors
/// The row does not fit the schema; what was visited stands.
pub fn walk(
    schema: &Schema,
    list: NodeId,
    text: &str,
    visit: &mut dyn FnMut(Visit<'_>) -> bool,
) -> Result<(), Damaged> {
    let mut scanner = Scanner::new(text);
    walk_inner(schema, list, &mut scanner, visit)?;
    scanner.end()
}

fn walk_inner(
    schema: &Schema,
    node: NodeId,
    scanner: &mut Scanner<'_>,
    visit: &mut dyn FnMut(Visit<'_>) -> bool,
) -> Result<(), Damaged> {
    if !visit(Visit::Enter(node)) {
        return scanner.skip();
    }
    scanner.object(|scanner, name| {
        let Some(id) = schema.member(Some(node), name) else {
            visit(Visit::Unknown(name));
            return scanner.skip();
        };
        match schema[id].kind {
            Kind::Leaf => {
                let value = read_value(scanner)?;
                visit(Visit::Leaf(id, value));
                Ok(())
            }
            Kind::LeafList => scanner.array(|scanner| {
                let value = read_value(scanner)?;
                visit(Visit::Leaf(id, value));
                Ok(())
            }),
            Kind::List => scanner.array(|scanner| walk_inner(schema, id, scanner, visit)),
            _ => walk_inner(schema, id, scanner, visit),
        }
    })?;
    visit(Visit::Leave(node));
    Ok(())
}

/// Appends a row as XML: the element of the entry, which stands in a parent of the same namespace. Nodes that `keep`
/// refuses are left out; keys are always there.
///
/// # Errors
/// The row does not fit the schema.
pub fn write_xml(
    schema: &Schema,
    list: NodeId,
    text: &str,
    mut keep: impl FnMut(NodeId) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), Damaged> {
    walk(schema, list, text, &mut |visit| match visit {
        Visit::Enter(id) => {
            let kept = id == list || keep(id);
            if kept {
                open(schema, id, out);
                out.push(b'>');
            }
            kept
        }
        Visit::Leave(id) => {
            close(schema, id, out);
            true
        }
        Visit::Leaf(id, value) => {
            if schema[id].is_key || keep(id) {
                write_leaf(schema, id, value.as_str(), out);
            }
            true
        }
        Visit::Unknown(_) => true,
    })
}

/// Appends one leaf as XML.
pub fn write_leaf(schema: &Schema, id: NodeId, value: &str, out: &mut Vec<u8>) {
    open(schema, id, out);
    // An identity is spelt module:name in JSON; in XML the prefix has to be declared (RFC 7950 9.10.3).
    if matches!(schema[id].base, Some(Base::Identity | Base::Union))
        && let Some((module, _)) = value.split_once(':')
        && let Some(module) = schema.module(module)
    {
        out.extend_from_slice(b" xmlns:");
        out.extend_from_slice(module.name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(&module.namespace, out);
        out.push(b'"');
    }
    out.push(b'>');
    escape(value, out);
    close(schema, id, out);
}

/// `<name`, with the namespace where it is not the parent's.
fn open(schema: &Schema, id: NodeId, out: &mut Vec<u8>) {
    let node = &schema[id];
    out.push(b'<');
    out.extend_from_slice(node.name.as_bytes());
    if node.parent.is_none_or(|parent| schema[parent].module != node.module) {
        out.extend_from_slice(b" xmlns=\"");
        escape(&schema.modules()[node.module].namespace, out);
        out.push(b'"');
    }
}

fn close(schema: &Schema, id: NodeId, out: &mut Vec<u8>) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(schema[id].name.as_bytes());
    out.push(b'>');
}

/// Appends text to stand in XML, between tags or double quotes; see [`escaped`].
pub fn escape(text: &str, out: &mut Vec<u8>) {
    escaped(text, |piece| out.extend_from_slice(piece.as_bytes()));
}

/// Gives text piece by piece with `<`, `>`, `&` and `"` escaped, and the return that XML parsers would turn into a line feed.
/// What neither XML nor YANG allows, as devices may send it, becomes U+FFFD.
pub fn escaped(text: &str, mut put: impl FnMut(&str)) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|octet| {
        // Characters from U+F000 on begin with the last ones.
        matches!(octet, b'<' | b'>' | b'&' | b'"' | 0..=8 | 0x0b..=0x1f | 0xef..)
    }) {
        let (plain, tail) = rest.split_at(at);
        put(plain);
        let Some(c) = tail.chars().next() else { return };
        let (this, next) = tail.split_at(c.len_utf8());
        put(match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '"' => "&quot;",
            '\r' => "&#13;",
            c if !is_yang(c) => "\u{fffd}",
            _ => this,
        });
        rest = next;
    }
    put(rest);
}

/// A leaf's value in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    Bare(&'a str),
    Text(Cow<'a, str>),
    Empty,
}

impl Raw<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Raw::Bare(text) => text,
            Raw::Text(text) => text,
            Raw::Empty => "",
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Raw::Bare(text) => Value::Bare(text.into()),
            Raw::Text(text) => Value::Text(text.into()),
            Raw::Empty => Value::Empty,
        }
    }
}

pub(super) fn read_value<'a>(scanner: &mut Scanner<'a>) -> Result<Raw<'a>, Damaged> {
    match scanner.peek() {
        b'"' => Ok(Raw::Text(scanner.string()?)),
        b'[' => {
            scanner.array(|scanner| scanner.bare().map(drop))?;
            Ok(Raw::Empty)
        }
        _ => Ok(Raw::Bare(scanner.bare()?)),
    }
}
