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
use crate::{model::Time, yang::Kind};

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

    /// Sets a leaf of a device that is named as its module does, `["asset", "tag"]`, with the key behind the name of a list:
    /// `["software", "firmware", "version"]`. Or takes it away, and the entry that has nothing else then. Containers and
    /// entries on the way come by themselves.
    ///
    /// # Errors
    /// unknown-element: there is no such leaf; data-missing: no such device; invalid-value; operation-not-supported: not a
    /// leaf of configuration, a key, inside a choice, or inside a list that has not one key.
    pub fn set(&mut self, device: &str, leaf: &[&str], value: Option<&str>) -> Result<(), Error> {
        let part = &self.datastore.part;
        let path = self.path(leaf)?;
        let at = || node_path(&part.schema, part.list, device, &path);
        let leaf = path.last().map_or(part.list, |step| step.node);
        let mut stage = Stage::new(part, &*self.datastore.rows, &mut self.overlay);
        let mut draft = stage.draft(device)?;
        if !draft.exists() {
            return Err(Error::new(Tag::DataMissing, "no such device in running").at(at()));
        }
        match value {
            None => {
                draft.remove(&path);
                let entry = path.iter().rposition(|step| !step.keys.is_empty());
                if let Some(entry) = entry.map(|at| &path[..=at])
                    && draft.is_bare(entry)
                {
                    draft.remove(entry);
                }
            }
            Some(text) => {
                let value = part.schema.canonical(leaf, text).map_err(|refused| {
                    let mut error = Error::new(Tag::InvalidValue, refused.message).at(at());
                    error.app_tag = refused.app_tag;
                    error.info(Info::BadElement(part.schema[leaf].name.clone()))
                })?;
                for end in 1..path.len() {
                    let by_itself =
                        matches!(part.schema[path[end - 1].node].kind, Kind::Presence | Kind::List);
                    if by_itself && !draft.holds(&path[..end]) {
                        draft.set(&path[..end], Item::Node);
                    }
                }
                draft.set(&path, Item::Leaf(value));
            }
        }
        stage.put(device.to_owned(), draft.entry)
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

    /// The steps to a leaf below an entry.
    fn path(&self, leaf: &[&str]) -> Result<Path, Error> {
        let schema = &self.datastore.part.schema;
        let unknown = || Error::new(Tag::UnknownElement, format!("there is no leaf {}", leaf.join("/")));
        let mut path = Path::new();
        let mut above = self.datastore.part.list;
        let mut names = leaf.iter();
        while let Some(name) = names.next() {
            let id = schema.member(Some(above), name).ok_or_else(unknown)?;
            let node = &schema[id];
            let unsupported = || {
                Error::new(Tag::OperationNotSupported, "not a leaf that is set this way").at(schema.path(id))
            };
            let is_last = names.len() == 0;
            let mut step = Step::new(id);
            match (node.kind, &node.keys[..]) {
                (Kind::Container | Kind::Presence, _) if !is_last => {}
                (Kind::Leaf, _) if is_last && !node.is_key && node.config => {}
                (Kind::List, [key]) if names.len() > 1 => {
                    let text = names.next().ok_or_else(unknown)?;
                    let value = schema.canonical(*key, text).map_err(|refused| {
                        Error::new(Tag::InvalidValue, refused.message).at(schema.path(*key))
                    })?;
                    step.keys = Box::new([value]);
                }
                _ => return Err(unsupported()),
            }
            if !node.cases.is_empty() {
                return Err(unsupported());
            }
            path.push(step);
            above = id;
        }
        Ok(path)
    }
}
