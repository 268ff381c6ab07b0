//! XML of data under a subtree filter: what is not selected is not written.
//!
//! Lists and containers whose members are leaves ([`group`]) are enough for all that is served: their leaves are visited
//! once for each condition of the filter, and once to be written, so that nothing is collected.

use super::filter::Selection;

/// The leaves of one node, in order: name and canonical value.
pub type Leaves<'a> = dyn Fn(&mut dyn FnMut(&str, &str)) + 'a;

/// Appends a list entry or container of leaves as far as it is selected. `key`: a leaf that is there whenever something
/// else is; empty for containers.
pub fn group(
    out: &mut Vec<u8>,
    selection: &Selection<'_>,
    (parent, namespace): (&str, &str),
    (name, key): (&str, &str),
    leaves: &Leaves<'_>,
) {
    let mark = out.len();
    let own = if namespace == parent { "" } else { namespace };
    let selected = match selection {
        Selection::None => return,
        Selection::All => {
            start(out, name, own);
            leaves(&mut |name, value| leaf(out, name, value));
            return end(out, name);
        }
        Selection::Some(node) => node.enter(|condition| {
            let mut holds = false;
            leaves(&mut |name, value| {
                holds |= condition.is_on(namespace, name) && condition.value() == value.trim_ascii();
            });
            holds
        }),
    };
    start(out, name, own);
    let empty = out.len();
    let mut wanted = false;
    leaves(&mut |name, value| {
        let chosen = !selected.child(namespace, name).is_none();
        wanted |= chosen;
        if chosen || name == key {
            leaf(out, name, value);
        }
    });
    if out.len() == empty || !wanted {
        return out.truncate(mark);
    }
    end(out, name);
}

/// `<name>`, with its namespace where it is not the one around it (then `namespace` is not empty).
pub fn start(out: &mut Vec<u8>, name: &str, namespace: &str) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    if !namespace.is_empty() {
        out.extend_from_slice(b" xmlns=\"");
        crate::datastore::escape(namespace, out);
        out.push(b'"');
    }
    out.push(b'>');
}

pub fn end(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

pub fn leaf(out: &mut Vec<u8>, name: &str, value: &str) {
    start(out, name, "");
    crate::datastore::escape(value, out);
    end(out, name);
}
