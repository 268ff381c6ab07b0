//! Where a node stands below its list entry, and how that is written.

use crate::yang::{NodeId, Schema, Value};

/// Steps below an entry of the list. The order is that of the schema, then of keys; what is below a path follows it
/// without a gap.
pub type Path = Vec<Step>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    pub node: NodeId,
    /// Values of the keys of a list entry; the value of a leaf-list entry; else nothing.
    pub keys: Box<[Value]>,
}

impl Step {
    pub fn new(node: NodeId) -> Step {
        Step { node, keys: Box::default() }
    }
}

/// An entry of a list as XPath with the names of modules for prefixes: `/fleetbridge:fleet/fleetbridge:device[fleetbridge:name='x']`.
pub fn entry_path(schema: &Schema, list: NodeId, key: &str) -> String {
    let mut out = schema_path(schema, list);
    if let Some(&name) = schema[list].keys.first() {
        push_predicate(schema, name, key, &mut out);
    }
    out
}

/// A node below an entry as XPath.
pub fn node_path(schema: &Schema, list: NodeId, key: &str, path: &[Step]) -> String {
    let mut out = entry_path(schema, list, key);
    for step in path {
        push_step(schema, step, &mut out);
    }
    out
}

/// One step of it; keys that are not known are left out.
pub(super) fn push_step(schema: &Schema, step: &Step, out: &mut String) {
    push_name(schema, step.node, out);
    let keys = &schema[step.node].keys;
    match (&keys[..], &step.keys[..]) {
        ([], [value]) => push_quoted("[.=", value.as_str(), out),
        _ => {
            for (key, value) in keys.iter().zip(&step.keys) {
                push_predicate(schema, *key, value.as_str(), out);
            }
        }
    }
}

fn push_name(schema: &Schema, node: NodeId, out: &mut String) {
    out.push('/');
    out.push_str(&schema.module_at(node).name);
    out.push(':');
    out.push_str(&schema[node].name);
}

fn push_predicate(schema: &Schema, key: NodeId, value: &str, out: &mut String) {
    push_quoted(&format!("[{}:{}=", schema.module_at(key).name, schema[key].name), value, out);
}

fn push_quoted(head: &str, value: &str, out: &mut String) {
    let quote = if value.contains('\'') { '"' } else { '\'' };
    out.push_str(head);
    out.push(quote);
    out.push_str(value);
    out.push(quote);
    out.push(']');
}

/// A node of the schema as XPath without keys.
pub fn schema_path(schema: &Schema, node: NodeId) -> String {
    let mut out = schema[node].parent.map_or(String::new(), |parent| schema_path(schema, parent));
    push_name(schema, node, &mut out);
    out
}

/// The path that libyang gives (prefixes only where the module changes) with a prefix at each step and key.
pub(super) fn qualified(path: &str) -> String {
    let mut out = String::with_capacity(path.len() * 2);
    let mut module = "";
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        out.push(c);
        match c {
            '/' | '[' => {
                let end = rest.find(['/', '[', '=', ']']).unwrap_or(rest.len());
                let (name, tail) = rest.split_at(end);
                rest = tail;
                let positional = name == "." || name.bytes().all(|c| c.is_ascii_digit());
                if let Some((prefix, _)) = name.split_once(':')
                    && c == '/'
                {
                    module = prefix;
                } else if !positional && !name.contains(':') && !module.is_empty() {
                    out.push_str(module);
                    out.push(':');
                }
                out.push_str(name);
            }
            '\'' | '"' => {
                let end = rest.find(c).map_or(rest.len(), |end| end + 1);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            _ => {}
        }
    }
    out
}

/// The modules whose names stand in a path for prefixes, with their namespaces: what a rpc-error has to declare.
pub fn namespaces<'a>(schema: &'a Schema, path: &str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut quote = None;
    for piece in path.split_inclusive(['/', '[', ':', '\'', '"']) {
        let (name, last) = piece.split_at(piece.len().saturating_sub(1));
        match (quote, last) {
            (None, "'" | "\"") => quote = Some(last),
            (Some(open), _) if open == last => quote = None,
            (None, ":") => {
                if let Some(module) = schema.module(name)
                    && !found.contains(&(module.name.as_str(), module.namespace.as_str()))
                {
                    found.push((&module.name, &module.namespace));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_gets_its_prefix() {
        assert_eq!(
            qualified("/a:fleet/device[name='x/y[1]']/settings/b:tasmota/tele-period"),
            "/a:fleet/a:device[a:name='x/y[1]']/a:settings/b:tasmota/b:tele-period"
        );
        assert_eq!(qualified("/a:fleet/group[.=\"it's\"]"), "/a:fleet/a:group[.=\"it's\"]");
        assert_eq!(qualified(""), "");
    }
}
