//! What is staged in candidate, for people.

use super::{Datastore, document::Item, path::node_path};

/// `fleetbridge candidate show`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub editors: Vec<String>,
    /// All other devices are removed.
    pub cleared: bool,
    pub staged: Vec<Staged>,
    /// More is staged than is shown.
    pub more: bool,
}

/// One staged edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    pub device: String,
    /// XPath of a leaf or entry; empty for the device as a whole.
    pub path: String,
    /// `create`, `delete` or `replace` of a device; `set` or `delete` below it.
    pub operation: &'static str,
    /// Empty for a secret.
    pub value: String,
}

impl Datastore {
    /// Up to `limit` staged edits.
    pub fn show_candidate(&self, limit: usize) -> Shown {
        let state = self.state.lock();
        let mut shown =
            Shown { editors: state.editors.clone(), cleared: state.candidate.cleared, ..Shown::default() };
        for (name, entry) in state.candidate.entries() {
            let whole = match (entry.fresh, entry.make) {
                (true, false) => Some("delete"),
                (true, true) => Some("replace"),
                (false, true) => Some("create"),
                (false, false) => None,
            };
            let whole = whole.map(|operation| Staged {
                device: name.clone(),
                path: String::new(),
                operation,
                value: String::new(),
            });
            let edits = entry.edits.iter().map(|(path, edit)| {
                let secret = path.last().is_some_and(|step| self.part.schema[step.node].secret);
                Staged {
                    device: name.clone(),
                    path: node_path(&self.part.schema, self.part.list, name, path),
                    operation: if edit.new.is_some() { "set" } else { "delete" },
                    value: match &edit.new {
                        Some(Item::Leaf(value)) if !secret => value.as_str().to_owned(),
                        _ => String::new(),
                    },
                }
            });
            for staged in whole.into_iter().chain(edits) {
                if shown.staged.len() >= limit {
                    shown.more = true;
                    return shown;
                }
                shown.staged.push(staged);
            }
        }
        shown
    }
}
