//! A writer that goes straight to running: SNMP SET, the command line.

use parking_lot::MutexGuard;

use super::{
    Datastore,
    document::Item,
    error::{Error, Info, Tag},
    overlay::Overlay,
    path::{Path, Step, node_path},
    plan::Delta,
    rows::Owner,
    stage::Stage,
    state::State,
};
use crate::{
    model::Time,
    yang::{Kind, NodeId},
};

/// Staged edits that become one commit, or nothing when dropped. Nobody else writes meanwhile, so it is short: its owner
/// waits for no network, and asks the datastore for nothing but running until it is over.
pub struct Transaction<'a> {
    datastore: &'a Datastore,
    state: MutexGuard<'a, State>,
    owner: Owner,
    overlay: Overlay,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(datastore: &'a Datastore, state: MutexGuard<'a, State>, owner: Owner) -> Self {
        Transaction { datastore, state, owner, overlay: Overlay::default() }
    }

    /// Sets a leaf of a device, or takes it away. Containers on the way come by themselves.
    ///
    /// # Errors
    /// data-missing: no such device; invalid-value; operation-not-supported: not a leaf of configuration, a key, or inside
    /// a list or choice.
    pub fn set(&mut self, device: &str, leaf: NodeId, value: Option<&str>) -> Result<(), Error> {
        let part = &self.datastore.part;
        let unsupported = || {
            Error::new(Tag::OperationNotSupported, "not a leaf that is set this way")
                .at(part.schema.path(leaf))
        };
        let path = self.path(leaf).ok_or_else(unsupported)?;
        let at = || node_path(&part.schema, part.list, device, &path);
        let mut stage = Stage::new(part, &*self.datastore.rows, &mut self.overlay);
        let mut draft = stage.draft(device)?;
        if !draft.exists() {
            return Err(Error::new(Tag::DataMissing, "no such device in running").at(at()));
        }
        match value {
            None => draft.remove(&path),
            Some(text) => {
                let value = part.schema.canonical(leaf, text).map_err(|refused| {
                    let mut error = Error::new(Tag::InvalidValue, refused.message).at(at());
                    error.app_tag = refused.app_tag;
                    error.info(Info::BadElement(part.schema[leaf].name.clone()))
                })?;
                for end in 1..path.len() {
                    if part.schema[path[end - 1].node].kind == Kind::Presence && !draft.holds(&path[..end]) {
                        draft.set(&path[..end], Item::Node);
                    }
                }
                draft.set(&path, Item::Leaf(value));
            }
        }
        stage.put(device.to_owned(), draft.entry)
    }

    /// As [`set`](Transaction::set), of a leaf that is named as its module does: `["asset", "tag"]`.
    ///
    /// # Errors
    /// unknown-element: there is no such leaf; else as [`set`](Transaction::set).
    pub fn set_at(&mut self, device: &str, leaf: &[&str], value: Option<&str>) -> Result<(), Error> {
        let part = &self.datastore.part;
        let found = leaf.iter().try_fold(part.list, |node, step| part.schema.member(Some(node), step));
        match found {
            Some(node) => self.set(device, node, value),
            None => Err(Error::new(Tag::UnknownElement, format!("there is no leaf {}", leaf.join("/")))),
        }
    }

    /// Brings a device into running; one that is there stays as it is.
    ///
    /// # Errors
    /// invalid-value: it cannot be a name.
    pub fn create(&mut self, device: &str) -> Result<(), Error> {
        let part = &self.datastore.part;
        if let Some(key) = part.schema[part.list].keys.first() {
            part.schema.canonical(*key, device).map_err(|refused| {
                let mut error = Error::new(Tag::InvalidValue, refused.message).at(part.schema.path(*key));
                error.app_tag = refused.app_tag;
                error
            })?;
        }
        let mut stage = Stage::new(part, &*self.datastore.rows, &mut self.overlay);
        let mut draft = stage.draft(device)?;
        draft.make();
        stage.put(device.to_owned(), draft.entry)
    }

    /// Takes a device out of running.
    ///
    /// # Errors
    /// data-missing: no such device.
    pub fn delete(&mut self, device: &str) -> Result<(), Error> {
        let part = &self.datastore.part;
        let mut stage = Stage::new(part, &*self.datastore.rows, &mut self.overlay);
        let mut draft = stage.draft(device)?;
        if !draft.exists() {
            let path = super::path::entry_path(&part.schema, part.list, device);
            return Err(Error::new(Tag::DataMissing, "no such device in running").at(path));
        }
        draft.delete();
        stage.put(device.to_owned(), draft.entry)
    }

    /// Validates what is staged without writing it.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn validate(&self) -> Result<(), Vec<Error>> {
        self.datastore.plan(&self.overlay).map(drop)
    }

    /// Writes what is staged as one commit; `None` if nothing changes.
    ///
    /// # Errors
    /// All that is wrong; nothing is written then.
    pub fn commit(mut self, label: Option<String>, now: Time) -> Result<Option<Delta>, Vec<Error>> {
        self.datastore.write(&mut self.state, &self.overlay, &self.owner, label, now)
    }

    /// The path of a leaf below an entry, if neither list nor choice is in between.
    fn path(&self, leaf: NodeId) -> Option<Path> {
        let part = &self.datastore.part;
        let node = &part.schema[leaf];
        if node.kind != Kind::Leaf || node.is_key || !node.config || !node.cases.is_empty() {
            return None;
        }
        let mut path = vec![Step::new(leaf)];
        let mut above = node.parent?;
        while above != part.list {
            let between = &part.schema[above];
            if !matches!(between.kind, Kind::Container | Kind::Presence) || !between.cases.is_empty() {
                return None;
            }
            path.push(Step::new(above));
            above = between.parent?;
        }
        path.reverse();
        Some(path)
    }
}
