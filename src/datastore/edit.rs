//! An edit-config applied to what is staged (RFC 6241 7.2; RFC 7950 7.5.8, 7.6.7, 7.7.9, 7.8.6, 7.9.4).

use std::collections::{HashMap, HashSet};

use super::{
    document::Item,
    error::{Error, Info, Tag},
    overlay::Draft,
    path::{Path, Step, node_path, push_step},
    xml::{Element, Operation},
};
use crate::yang::{Kind, NodeId, Schema, Value};

/// Default-operation of a whole edit-config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultOperation {
    #[default]
    Merge,
    Replace,
    None,
}

/// RFC 6241 7.2. Whatever the choice, running never holds half of an edit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestOption {
    /// The entries touched are valid, or nothing is done.
    #[default]
    TestThenSet,
    /// What is staged is checked at commit.
    Set,
    TestOnly,
}

/// RFC 6241 7.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorOption {
    /// The first error ends the edit; nothing of it is done, as with `RollbackOnError`.
    #[default]
    StopOnError,
    /// An entry with an error stays as it was, all others are edited.
    ContinueOnError,
    RollbackOnError,
}

impl DefaultOperation {
    pub(super) fn operation(self) -> Operation {
        match self {
            DefaultOperation::Merge => Operation::Merge,
            DefaultOperation::Replace => Operation::Replace,
            DefaultOperation::None => Operation::None,
        }
    }
}

/// The key of an entry as it was written, canonical.
///
/// # Errors
/// missing-element, invalid-value; bad-attribute for an operation on a key. The path begins with the entry.
pub(super) fn key_of(schema: &Schema, entry: &Element) -> Result<Box<[Value]>, Error> {
    let path = |steps: &[NodeId]| {
        let mut out = String::new();
        steps.iter().for_each(|node| push_step(schema, &Step::new(*node), &mut out));
        out
    };
    schema[entry.node]
        .keys
        .iter()
        .map(|key| {
            let name = &schema[*key].name;
            let bad = Info::BadElement(name.clone());
            let mut given = entry.children.iter().filter(|child| child.node == *key);
            let Some(element) = given.next() else {
                let error = Error::new(Tag::MissingElement, format!("an entry needs its key {name}"));
                return Err(error.at(path(&[entry.node])).info(bad));
            };
            if given.next().is_some() {
                return Err(Error::new(Tag::BadElement, "twice").at(path(&[entry.node])).info(bad));
            }
            if element.operation.is_some() {
                let error = Error::new(Tag::BadAttribute, "a key has no operation of its own");
                let error = error.at(path(&[entry.node, *key]));
                return Err(error.info(Info::BadAttribute("operation".to_owned())).info(bad));
            }
            schema.canonical(*key, &element.text).map_err(|refused| {
                let mut error = Error::new(Tag::InvalidValue, refused.message);
                error.app_tag = refused.app_tag;
                error.at(path(&[entry.node, *key])).info(bad)
            })
        })
        .collect()
}

/// Applies one entry of the list.
///
/// # Errors
/// The first thing that is wrong; the draft is then of no use.
pub(super) fn apply(
    schema: &Schema,
    list: NodeId,
    key: &str,
    element: &Element,
    inherited: Operation,
    draft: &mut Draft,
) -> Result<(), Error> {
    let mut edit = Apply { schema, list, key, draft };
    let operation = element.operation.unwrap_or(inherited);
    let exists = edit.draft.exists();
    edit.check(operation, exists, &[])?;
    match operation {
        Operation::Delete | Operation::Remove => {
            if exists {
                edit.draft.delete();
            }
            return Ok(());
        }
        Operation::Replace => edit.draft.replace(),
        _ => edit.draft.make(),
    }
    edit.children(element, &mut Path::new(), operation)
}

struct Apply<'a> {
    schema: &'a Schema,
    list: NodeId,
    key: &'a str,
    draft: &'a mut Draft,
}

impl Apply<'_> {
    fn children(&mut self, parent: &Element, path: &mut Path, inherited: Operation) -> Result<(), Error> {
        self.check_siblings(parent, path)?;
        for child in &parent.children {
            if !self.schema[child.node].is_key {
                self.node(child, path, child.operation.unwrap_or(inherited))?;
            }
        }
        Ok(())
    }

    /// `path` is that of the parent, also afterwards.
    fn node(&mut self, element: &Element, path: &mut Path, operation: Operation) -> Result<(), Error> {
        let kind = self.schema[element.node].kind;
        let keys = match kind {
            Kind::List => key_of(self.schema, element).map_err(|error| error.below(&self.place(path)))?,
            Kind::LeafList => Box::new([self.value(element, path)?]),
            _ => Box::default(),
        };
        path.push(Step { node: element.node, keys });
        let done = self.at(element, kind, path, operation);
        path.pop();
        done
    }

    fn at(
        &mut self,
        element: &Element,
        kind: Kind,
        path: &mut Path,
        operation: Operation,
    ) -> Result<(), Error> {
        let exists = self.draft.holds(path);
        // A container without presence always exists, for all who only pass through it.
        let passes = kind == Kind::Container && operation == Operation::None;
        self.check(operation, exists || passes, path)?;
        match operation {
            Operation::Delete | Operation::Remove => {
                self.draft.remove(path);
                return Ok(());
            }
            Operation::None => {}
            _ => {
                if operation == Operation::Replace && !matches!(kind, Kind::Leaf | Kind::LeafList) {
                    self.draft.remove(path);
                }
                self.leave_other_cases(element.node, path);
                match kind {
                    Kind::Leaf => {
                        let value = self.value(element, path)?;
                        self.draft.set(path, Item::Leaf(value));
                    }
                    Kind::Container => {}
                    // An entry that is only passed through is not made again if it is gone at commit.
                    Kind::List | Kind::Presence if self.draft.holds(path) => {}
                    _ => self.draft.set(path, Item::Node),
                }
            }
        }
        if matches!(kind, Kind::Leaf | Kind::LeafList) {
            return Ok(());
        }
        self.children(element, path, operation)
    }

    fn check(&self, operation: Operation, exists: bool, path: &[Step]) -> Result<(), Error> {
        let (tag, message) = match operation {
            Operation::Create if exists => (Tag::DataExists, "it exists already"),
            Operation::Delete | Operation::None if !exists => (Tag::DataMissing, "it does not exist"),
            _ => return Ok(()),
        };
        let name = path.last().map_or(self.list, |step| step.node);
        Err(self.error(tag, message, path).info(Info::BadElement(self.schema[name].name.clone())))
    }

    /// Nothing but entries may stand twice, and of a choice only one case (RFC 7950 8.3.1).
    fn check_siblings(&self, parent: &Element, path: &[Step]) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut taken = HashMap::new();
        for child in &parent.children {
            let node = &self.schema[child.node];
            let repeats = matches!(node.kind, Kind::List | Kind::LeafList);
            let mut fine = repeats || seen.insert(child.node);
            // What is there to be deleted takes no case.
            if !matches!(child.operation, Some(Operation::Delete | Operation::Remove)) {
                fine &= node.cases.iter().all(|(choice, case)| taken.entry(*choice).or_insert(*case) == case);
            }
            if !fine {
                let error = self.error(Tag::BadElement, "twice, or of two cases of one choice", path);
                return Err(error.info(Info::BadElement(node.name.clone())));
            }
        }
        Ok(())
    }

    /// What is set in one case removes the others (RFC 7950 7.9).
    fn leave_other_cases(&mut self, node: NodeId, path: &mut Path) {
        if self.schema[node].cases.is_empty() {
            return;
        }
        let Some(own) = path.pop() else { return };
        let depth = path.len();
        let others: Vec<Path> = match &self.draft.document {
            Some(document) => document
                .below(path)
                .filter(|(found, _)| {
                    found.get(depth).is_some_and(|step| conflict(self.schema, step.node, node))
                })
                .map(|(found, _)| found.clone())
                .collect(),
            None => Vec::new(),
        };
        for other in others {
            self.draft.remove(&other);
        }
        path.push(own);
    }

    fn value(&self, element: &Element, path: &[Step]) -> Result<Value, Error> {
        self.schema.canonical(element.node, &element.text).map_err(|refused| {
            let mut full = path.to_vec();
            if full.last().is_none_or(|step| step.node != element.node) {
                full.push(Step::new(element.node));
            }
            let mut error = self.error(Tag::InvalidValue, &refused.message, &full);
            error.app_tag = refused.app_tag;
            error.info(Info::BadElement(self.schema[element.node].name.clone()))
        })
    }

    fn error(&self, tag: Tag, message: &str, path: &[Step]) -> Error {
        Error::new(tag, message).at(self.place(path))
    }

    fn place(&self, path: &[Step]) -> String {
        node_path(self.schema, self.list, self.key, path)
    }
}

/// Both are of one choice, and not of the same case.
fn conflict(schema: &Schema, a: NodeId, b: NodeId) -> bool {
    schema[a]
        .cases
        .iter()
        .any(|(choice, case)| schema[b].cases.iter().any(|(other, taken)| choice == other && case != taken))
}
