//! One entry's configuration as a sorted map from path to value: what edits, differences and roll-backs work on. Rows
//! hold it as JSON (RFC 7951).
//!
//! A member that the schema does not know any more (the file of its profile is gone, or has a setting less) is neither
//! shown nor validated, and stays in the row as it is: it is back with the profile.

use std::{collections::BTreeMap, ops::Bound};

use super::{
    json::{Damaged, Scanner, push_string},
    path::{Path, Step},
    plan::NodeDelta,
    walk::read_value,
};
use crate::yang::{Kind, NodeId, Schema, Value};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An entry of a list or leaf-list, or a container with presence.
    Node,
    Leaf(Value),
}

/// What is set below one entry. Containers without presence exist by what is in them; keys are in the steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub(super) items: BTreeMap<Path, Item>,
    unknown: Vec<Unknown>,
}

/// A member that the schema does not know, in its container.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unknown {
    parent: Path,
    name: String,
    json: String,
}

/// What is written at a path.
#[derive(Clone, Copy)]
enum Written<'a> {
    Item(&'a Item),
    /// At a step behind all that the schema knows.
    Unknown(&'a Unknown),
}

const UNKNOWN: NodeId = NodeId(u32::MAX);

impl Document {
    /// Reads a row.
    ///
    /// # Errors
    /// The row does not fit the schema.
    pub fn read(schema: &Schema, list: NodeId, text: &str) -> Result<Document, Damaged> {
        let mut document = Document::default();
        let mut scanner = Scanner::new(text);
        let mut path = Path::new();
        read_members(schema, list, &mut scanner, &mut path, &mut document)?;
        scanner.end()?;
        Ok(document)
    }

    /// The row of an entry: keys first, then in the order of the schema, in each container what that does not know last.
    pub fn write(&self, schema: &Schema, list: NodeId, key: &str) -> String {
        if self.unknown.is_empty() {
            return self.write_known(schema, list, key);
        }
        let unknown: Vec<(Path, &Unknown)> = self
            .there(schema)
            .map(|unknown| ([&unknown.parent[..], &[Step::new(UNKNOWN)]].concat(), unknown))
            .collect();
        let unknown = unknown.iter().map(|(path, unknown)| (&path[..], Written::Unknown(unknown)));
        let items = self.items.iter().map(|(path, item)| (&path[..], Written::Item(item)));
        let mut all: Vec<_> = items.chain(unknown).collect();
        all.sort_by_key(|(path, _)| *path);
        row(schema, list, key, &all)
    }

    /// The row without what the schema does not know.
    pub fn write_known(&self, schema: &Schema, list: NodeId, key: &str) -> String {
        let items = self.items.iter().map(|(path, item)| (&path[..], Written::Item(item)));
        row(schema, list, key, &items.collect::<Vec<_>>())
    }

    /// The places and names of what the schema does not know; what it stands in is there.
    pub fn unknown<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = (&'a Path, &'a str)> {
        self.there(schema).map(|unknown| (&unknown.parent, unknown.name.as_str()))
    }

    fn there<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = &'a Unknown> {
        self.unknown.iter().filter(|unknown| {
            let by_itself = unknown
                .parent
                .last()
                .is_some_and(|step| matches!(schema[step.node].kind, Kind::Presence | Kind::List));
            !by_itself || self.items.contains_key(&unknown.parent)
        })
    }

    pub fn item(&self, path: &[Step]) -> Option<&Item> {
        self.items.get(path)
    }

    /// Something stands at the path or below it.
    pub fn holds(&self, path: &[Step]) -> bool {
        self.below(path).next().is_some()
    }

    /// What stands at a path and below it.
    pub fn below<'a>(&'a self, path: &'a [Step]) -> impl Iterator<Item = (&'a Path, &'a Item)> {
        let range = (Bound::Included(path), Bound::Unbounded);
        self.items.range::<[Step], _>(range).take_while(move |(found, _)| found.starts_with(path))
    }

    /// The value of a leaf that stands directly below the entry.
    pub fn value(&self, leaf: NodeId) -> Option<&str> {
        match self.items.get(&[Step::new(leaf)][..])? {
            Item::Leaf(value) => Some(value.as_str()),
            Item::Node => None,
        }
    }

    /// What is different in `after`.
    pub(super) fn differences(&self, after: &Document) -> Vec<NodeDelta> {
        let mut found = Vec::new();
        let (mut old, mut new) = (self.items.iter().peekable(), after.items.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return found,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            if was.map(|(_, item)| item) != is.map(|(_, item)| item)
                && let Some((path, _)) = was.or(is)
            {
                let item = |found: Option<(&Path, &Item)>| found.map(|(_, item)| item.clone());
                found.push(NodeDelta { path: path.clone(), old: item(was), new: item(is) });
            }
        }
    }
}

fn read_members(
    schema: &Schema,
    parent: NodeId,
    scanner: &mut Scanner<'_>,
    path: &mut Path,
    document: &mut Document,
) -> Result<(), Damaged> {
    scanner.object(|scanner, name| {
        let Some(id) = schema.member(Some(parent), name) else {
            let (parent, name, json) = (path.clone(), name.to_owned(), scanner.raw()?.to_owned());
            document.unknown.push(Unknown { parent, name, json });
            return Ok(());
        };
        match schema[id].kind {
            Kind::Leaf if schema[id].is_key => return scanner.skip(),
            Kind::Leaf => {
                path.push(Step::new(id));
                let value = read_value(scanner)?.into_value();
                document.items.insert(path.clone(), Item::Leaf(value));
            }
            Kind::Container | Kind::Presence => {
                path.push(Step::new(id));
                if schema[id].kind == Kind::Presence {
                    document.items.insert(path.clone(), Item::Node);
                }
                read_members(schema, id, scanner, path, document)?;
            }
            Kind::LeafList => {
                return scanner.array(|scanner| {
                    let keys = Box::new([read_value(scanner)?.into_value()]);
                    path.push(Step { node: id, keys });
                    document.items.insert(path.clone(), Item::Node);
                    path.pop();
                    Ok(())
                });
            }
            Kind::List => {
                return scanner.array(|scanner| {
                    let keys = peek_keys(schema, id, scanner)?;
                    path.push(Step { node: id, keys });
                    document.items.insert(path.clone(), Item::Node);
                    read_members(schema, id, scanner, path, document)?;
                    path.pop();
                    Ok(())
                });
            }
            _ => return Err(scanner.damaged()),
        }
        path.pop();
        Ok(())
    })
}

/// The keys of the entry that comes next; the scanner stays before it.
fn peek_keys(schema: &Schema, list: NodeId, scanner: &Scanner<'_>) -> Result<Box<[Value]>, Damaged> {
    let mut ahead = scanner.fork();
    let mut found: Vec<Option<Value>> = vec![None; schema[list].keys.len()];
    ahead.object(|scanner, name| {
        let id = schema.member(Some(list), name);
        match schema[list].keys.iter().position(|key| Some(*key) == id) {
            Some(at) => {
                found[at] = Some(read_value(scanner)?.into_value());
                Ok(())
            }
            None => scanner.skip(),
        }
    })?;
    found.into_iter().collect::<Option<_>>().ok_or(scanner.damaged())
}

fn row(schema: &Schema, list: NodeId, key: &str, entries: &[(&[Step], Written<'_>)]) -> String {
    let mut out = String::from("{");
    if let Some(&name) = schema[list].keys.first() {
        push_string(&schema[name].name, &mut out);
        out.push(':');
        push_string(key, &mut out);
    }
    write_members(schema, entries, 0, true, &mut out);
    out.push('}');
    out
}

/// Writes the members of one object: `entries` share their first `depth` steps, all of them go on.
fn write_members(
    schema: &Schema,
    entries: &[(&[Step], Written<'_>)],
    depth: usize,
    mut comma: bool,
    out: &mut String,
) {
    let mut rest = entries;
    while let Some((first, item)) = rest.first() {
        let Some(step) = first.get(depth) else { return };
        let id = step.node;
        let same = |path: &[Step]| path.get(depth).is_some_and(|other| other.node == id);
        let count = rest.iter().take_while(|(path, _)| same(path)).count();
        let (group, tail) = rest.split_at(count);
        rest = tail;
        if comma {
            out.push(',');
        }
        comma = true;
        if let Written::Unknown(_) = item
            && first.len() == depth + 1
        {
            for (at, (_, written)) in group.iter().enumerate() {
                if let Written::Unknown(Unknown { name, json, .. }) = written {
                    out.push_str(if at > 0 { "," } else { "" });
                    push_string(name, out);
                    out.push(':');
                    out.push_str(json);
                }
            }
            continue;
        }
        push_string(&schema.step(id), out);
        out.push(':');
        match (schema[id].kind, item) {
            (Kind::List, _) => write_entries(schema, group, depth, out),
            (Kind::LeafList, _) => {
                out.push('[');
                for (at, (path, _)) in group.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    path[depth].keys.iter().for_each(|value| push_value(value, out));
                }
                out.push(']');
            }
            (_, Written::Item(Item::Leaf(value))) if first.len() == depth + 1 => push_value(value, out),
            _ => {
                out.push('{');
                let own = usize::from(first.len() == depth + 1);
                write_members(schema, &group[own..], depth + 1, false, out);
                out.push('}');
            }
        }
    }
}

fn write_entries(schema: &Schema, group: &[(&[Step], Written<'_>)], depth: usize, out: &mut String) {
    out.push('[');
    let mut rest = group;
    let mut first = true;
    while let Some((path, _)) = rest.first() {
        let step = &path[depth];
        let count = rest.iter().take_while(|(path, _)| path[depth] == *step).count();
        let (entry, tail) = rest.split_at(count);
        rest = tail;
        if !first {
            out.push(',');
        }
        first = false;
        out.push('{');
        for (at, (key, value)) in schema[step.node].keys.iter().zip(&step.keys).enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_string(&schema[*key].name, out);
            out.push(':');
            push_value(value, out);
        }
        let own = usize::from(path.len() == depth + 1);
        write_members(schema, &entry[own..], depth + 1, true, out);
        out.push('}');
    }
    out.push(']');
}

fn push_value(value: &Value, out: &mut String) {
    match value {
        Value::Bare(text) => out.push_str(text),
        Value::Text(text) => push_string(text, out),
        Value::Empty => out.push_str("[null]"),
    }
}
