//! What is staged: edits of leaves on top of running as it is at any moment. Entries not edited follow running; of an
//! edited entry the leaves that were written win, the others follow too.

use std::collections::BTreeMap;

use super::{
    document::{Document, Item},
    error::{Error, Tag},
    path::{Path, Step, entry_path, node_path},
};
use crate::yang::{NodeId, Schema};

/// Staged edits of one list.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// Whatever of running has no entry here is removed.
    pub cleared: bool,
    entries: BTreeMap<String, Entry>,
    size: usize,
}

/// What is staged of one entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    /// Nothing of what running holds stays: the entry was deleted or replaced.
    pub fresh: bool,
    /// It is made if it is not there.
    pub make: bool,
    pub edits: BTreeMap<Path, Edit>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edit {
    /// What running held when this was first written.
    pub base: Option<Item>,
    pub new: Option<Item>,
}

impl Overlay {
    /// Everything is removed.
    pub fn cleared() -> Overlay {
        Overlay { cleared: true, ..Overlay::default() }
    }

    pub fn is_empty(&self) -> bool {
        !self.cleared && self.entries.is_empty()
    }

    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// How much is staged: entries and leaves.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Puts an entry in the place of another, or of none.
    pub fn put(&mut self, key: String, entry: Option<Entry>) -> Option<Entry> {
        self.size += entry.as_ref().map_or(0, Entry::size);
        let former = match entry {
            Some(entry) => self.entries.insert(key, entry),
            None => self.entries.remove(&key),
        };
        self.size -= former.as_ref().map_or(0, Entry::size);
        former
    }

    /// The entry as it will be, `None` if it will not be. What it, or an entry inside of it, has to be there for and is
    /// not (it was deleted from running after it was edited here) is left out and added to `orphans` as data-missing.
    pub fn apply(
        &self,
        schema: &Schema,
        list: NodeId,
        key: &str,
        running: Option<Document>,
        orphans: &mut Vec<Error>,
    ) -> Option<Document> {
        let running = if self.cleared { None } else { running };
        let Some(entry) = self.entries.get(key) else { return running };
        let missing = |path: String| {
            Error::new(Tag::DataMissing, "it has been deleted from running meanwhile").at(path)
        };
        let mut document = match running.filter(|_| !entry.fresh) {
            Some(document) => document,
            None if entry.make => Document::default(),
            None => {
                if !entry.edits.is_empty() {
                    orphans.push(missing(entry_path(schema, list, key)));
                }
                return None;
            }
        };
        for (path, edit) in &entry.edits {
            match &edit.new {
                None => remove(&mut document, path, |_| ()),
                Some(item) => match missing_parent(schema, &document, path) {
                    None => drop(document.items.insert(path.clone(), item.clone())),
                    Some(gone) => orphans.push(missing(node_path(schema, list, key, gone))),
                },
            }
        }
        Some(document)
    }
}

impl Entry {
    fn size(&self) -> usize {
        1 + self.edits.len()
    }

    /// Leaves that running holds otherwise than when they were edited here, and that this wins over.
    pub fn overwritten<'a>(&'a self, running: &'a Document) -> impl Iterator<Item = &'a Path> {
        self.edits
            .iter()
            .filter(|(path, edit)| running.item(path) != edit.base.as_ref() && edit.new != edit.base)
            .map(|(path, _)| path)
    }
}

/// The first entry or container with presence above the path that does not exist.
fn missing_parent<'a>(schema: &Schema, document: &Document, path: &'a [Step]) -> Option<&'a [Step]> {
    (1..path.len()).map(|end| &path[..end]).find(|above| {
        let exists_by_itself = above.last().is_some_and(|step| {
            matches!(schema[step.node].kind, crate::yang::Kind::List | crate::yang::Kind::Presence)
        });
        exists_by_itself && document.item(above).is_none()
    })
}

/// Removes a path and all below it, telling what stood there.
fn remove(document: &mut Document, path: &[Step], mut gone: impl FnMut(Path)) {
    let doomed: Vec<Path> = document.below(path).map(|(path, _)| path.clone()).collect();
    for path in doomed {
        document.items.remove(&path);
        gone(path);
    }
}

/// One entry while it is edited: what it will be, and the edits that make it so.
#[derive(Debug)]
pub(super) struct Draft {
    pub document: Option<Document>,
    pub entry: Entry,
    running: Option<Document>,
}

impl Draft {
    pub fn new(
        overlay: &Overlay,
        schema: &Schema,
        list: NodeId,
        key: &str,
        running: Option<Document>,
    ) -> Draft {
        let document = overlay.apply(schema, list, key, running.clone(), &mut Vec::new());
        let mut entry = overlay.entries.get(key).cloned().unwrap_or_default();
        if document.is_none() && !entry.fresh {
            // Its edits have lost their device: who makes it again begins anew.
            entry = Entry::default();
        }
        Draft { document, entry, running }
    }

    pub fn exists(&self) -> bool {
        self.document.is_some()
    }

    pub fn make(&mut self) {
        if self.document.is_none() {
            self.document = Some(Document::default());
            self.entry.make = true;
        }
    }

    pub fn delete(&mut self) {
        self.document = None;
        self.entry = Entry { fresh: true, ..Entry::default() };
    }

    pub fn replace(&mut self) {
        self.delete();
        self.make();
    }

    pub fn holds(&self, path: &[Step]) -> bool {
        self.document.as_ref().is_some_and(|document| document.holds(path))
    }

    /// Nothing stands below the path.
    pub fn is_bare(&self, path: &[Step]) -> bool {
        let below = self.document.iter().flat_map(|document| document.below(path));
        below.filter(|(found, _)| found.len() > path.len()).count() == 0
    }

    pub fn set(&mut self, path: &[Step], item: Item) {
        if item == Item::Node && !self.holds(path) {
            // Edits that have lost their entry do not come back with a new one.
            self.entry.edits.retain(|other, edit| edit.new.is_none() || !other.starts_with(path));
        }
        self.record(path, Some(item.clone()));
        if let Some(document) = &mut self.document {
            document.items.insert(path.to_vec(), item);
        }
    }

    pub fn remove(&mut self, path: &[Step]) {
        let mut gone = Vec::new();
        if let Some(document) = &mut self.document {
            remove(document, path, |path| gone.push(path));
        }
        for path in gone {
            self.record(&path, None);
        }
    }

    fn record(&mut self, path: &[Step], new: Option<Item>) {
        let base = self.running.as_ref().and_then(|running| running.item(path)).cloned();
        let edit = self.entry.edits.entry(path.to_vec()).or_insert(Edit { base, new: None });
        edit.new = new;
    }
}
