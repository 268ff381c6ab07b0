//! From what is staged to one commit: what differs, whether it is valid, what the audit says, what others are told.

use std::{collections::HashMap, fmt};

use ring::hmac;

use super::{
    Part,
    document::{Document, Item},
    error::{Error, Info, Tag},
    overlay::Overlay,
    path::{Path, Step, entry_path, node_path, qualified, schema_path},
    rows::{Audit, Change, Face, Numbered, Rows, Written},
};
use crate::{
    model::DeviceNumber,
    yang::{Format, NodeId, Schema, Value, Violation},
};

const CHUNK: usize = 1024;
const MOST_ERRORS: usize = 100;

/// A change of running, for those who act on it: the fleet, the way down, notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    pub commit: u64,
    pub user: String,
    pub face: Face,
    pub session: u32,
    /// It is a confirmed commit, or one that is undone with it.
    pub confirming: bool,
    /// A confirmed commit that was not confirmed is undone.
    pub rolled_back: bool,
    pub devices: Vec<DeviceDelta>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDelta {
    pub name: String,
    pub number: DeviceNumber,
    /// It was in running before; it is in running now.
    pub was: bool,
    pub is: bool,
    /// Its number is new (no unit was ever heard), it is back in service, or it has been retired.
    pub numbered: Numbered,
    /// The pinned profile, else the only one that it has settings of, as of now.
    pub profile: Option<String>,
    /// What is different; of a device that has left running nothing: all of it is gone.
    pub nodes: Vec<NodeDelta>,
}

/// A node that appeared, changed or went. Its debug output is without values: there are secrets among them.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeDelta {
    pub path: Path,
    pub old: Option<Item>,
    pub new: Option<Item>,
}

impl NodeDelta {
    /// The leaf or entry that it is about.
    pub fn node(&self) -> Option<NodeId> {
        self.path.last().map(|step| step.node)
    }

    /// Names from the entry down, if it is a leaf: a setting is `["settings", PROFILE, NAME]`; keys stand behind the name of
    /// a list, `["software", "firmware", "version"]`.
    pub fn leaf<'a>(&'a self, schema: &'a Schema) -> Option<Vec<&'a str>> {
        let is_leaf = matches!(self.old.as_ref().or(self.new.as_ref()), Some(Item::Leaf(_)));
        let names = |step: &'a Step| {
            std::iter::once(schema[step.node].name.as_str()).chain(step.keys.iter().map(Value::as_str))
        };
        is_leaf.then(|| self.path.iter().flat_map(names).collect())
    }
}

impl fmt::Debug for NodeDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.path.iter().map(|step| step.node).collect();
        f.debug_struct("NodeDelta").field("nodes", &nodes).finish_non_exhaustive()
    }
}

/// A valid commit before it is written.
#[derive(Default)]
pub(super) struct Plan {
    pub changes: Vec<Change>,
    pub nodes: Vec<Vec<NodeDelta>>,
    pub audit: Vec<Audit>,
}

impl Part {
    /// Works out what a commit of the overlay changes; only what is touched is read and validated.
    ///
    /// # Errors
    /// All that is wrong with the entries touched.
    pub(super) fn plan(
        &self,
        rows: &dyn Rows,
        overlay: &Overlay,
        audit_key: &hmac::Key,
    ) -> Result<Plan, Vec<Error>> {
        let mut plan = self.plan_entries(rows, overlay, overlay.entries().keys(), audit_key)?;
        if overlay.cleared {
            self.plan_rest(rows, overlay, &mut plan)?;
        }
        let errors = self.check_aliases(rows, &plan)?;
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }

    /// Whether these entries of the overlay are valid, each by itself; who else has an alias is seen at commit.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(super) fn test<'a>(
        &self,
        rows: &dyn Rows,
        overlay: &Overlay,
        names: impl Iterator<Item = &'a String>,
        audit_key: &hmac::Key,
    ) -> Result<(), Vec<Error>> {
        self.plan_entries(rows, overlay, names, audit_key).map(drop)
    }

    fn plan_entries<'a>(
        &self,
        rows: &dyn Rows,
        overlay: &Overlay,
        names: impl Iterator<Item = &'a String>,
        audit_key: &hmac::Key,
    ) -> Result<Plan, Vec<Error>> {
        let mut plan = Plan::default();
        let mut errors = Vec::new();
        for name in names {
            let row = rows.row(name)?;
            let before = row.as_ref().map(|row| self.document(name, &row.config)).transpose()?;
            let lost: Vec<Path> = match (&before, overlay.entries().get(name)) {
                (Some(before), Some(entry)) => entry.overwritten(before).cloned().collect(),
                _ => Vec::new(),
            };
            let after = overlay.apply(&self.schema, self.list, name, before.clone(), &mut errors);
            let own_parent = after.as_ref().is_some_and(|after| self.is_own_parent(name, after));
            let changes = self.add(&mut plan, name, before, after, audit_key);
            if changes {
                if own_parent {
                    errors.push(self.own_parent(name));
                }
                plan.audit.extend(lost.iter().map(|path| Audit {
                    path: node_path(&self.schema, self.list, name, path),
                    operation: "overwrite",
                    value: None,
                }));
                let after = plan.changes.last().and_then(|change| change.after.as_deref());
                errors.extend(after.into_iter().flat_map(|after| self.validate(name, after)));
            }
            if errors.len() >= MOST_ERRORS {
                break;
            }
        }
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }

    /// Everything that is not in a cleared overlay goes.
    fn plan_rest(&self, rows: &dyn Rows, overlay: &Overlay, plan: &mut Plan) -> Result<(), Error> {
        let path = self.top.map_or(String::new(), |top| schema_path(&self.schema, top));
        plan.audit.insert(0, Audit { path, operation: "replace", value: None });
        let mut after = 0;
        loop {
            let chunk = rows.rows(after, CHUNK)?;
            let Some(last) = chunk.last() else { return Ok(()) };
            after = last.number;
            for row in chunk {
                if !overlay.entries().contains_key(&row.name) {
                    plan.changes.push(Change {
                        name: row.name,
                        was: true,
                        after: None,
                        alias: None,
                        profile: None,
                    });
                    plan.nodes.push(Vec::new());
                }
            }
        }
    }

    /// Adds a device if it changes.
    pub(super) fn add(
        &self,
        plan: &mut Plan,
        name: &str,
        before: Option<Document>,
        after: Option<Document>,
        audit_key: &hmac::Key,
    ) -> bool {
        if before == after {
            return false;
        }
        let empty = Document::default();
        let nodes: Vec<NodeDelta> = match &after {
            Some(after) => before.as_ref().unwrap_or(&empty).differences(after),
            None => Vec::new(),
        };
        self.tell(&mut plan.audit, name, before.is_some(), after.is_some(), &nodes, audit_key);
        if let (Some(before), Some(after)) = (&before, &after) {
            self.tell_unknown(&mut plan.audit, name, before, after);
        }
        let leaf =
            |node: Option<NodeId>| node.and_then(|node| after.as_ref()?.value(node)).map(str::to_owned);
        plan.changes.push(Change {
            name: name.to_owned(),
            was: before.is_some(),
            alias: leaf(self.alias),
            profile: leaf(self.profile).or_else(|| self.only_profile(after.as_ref()?)),
            after: after.as_ref().map(|after| after.write(&self.schema, self.list, name)),
        });
        plan.nodes.push(nodes);
        true
    }

    /// The profile of which there are settings, if there is just one.
    fn only_profile(&self, document: &Document) -> Option<String> {
        let settings = [Step::new(self.settings?)];
        let mut profiles = document.below(&settings).filter(|(path, _)| path.len() == 2);
        let (path, _) = profiles.next()?;
        profiles.next().is_none().then(|| self.schema[path[1].node].name.clone())
    }

    /// What goes though the schema does not know it, because what it stood in goes.
    fn tell_unknown(&self, audit: &mut Vec<Audit>, name: &str, before: &Document, after: &Document) {
        let stays: Vec<_> = after.unknown(&self.schema).collect();
        for gone in before.unknown(&self.schema).filter(|unknown| !stays.contains(unknown)) {
            let (parent, member) = gone;
            let path = node_path(&self.schema, self.list, name, parent);
            audit.push(Audit { path: format!("{path}/{member}"), operation: "delete", value: None });
        }
    }

    fn tell(
        &self,
        audit: &mut Vec<Audit>,
        name: &str,
        was: bool,
        is: bool,
        nodes: &[NodeDelta],
        key: &hmac::Key,
    ) {
        if was != is {
            let path = entry_path(&self.schema, self.list, name);
            audit.push(Audit { path, operation: if is { "create" } else { "delete" }, value: None });
        }
        for node in nodes {
            let secret = node.node().is_some_and(|id| self.schema[id].secret);
            let value = match &node.new {
                Some(Item::Leaf(value)) if secret => Some(keyed_hash(key, value.as_str())),
                Some(Item::Leaf(value)) => Some(value.as_str().to_owned()),
                _ => None,
            };
            let operation = match (&node.old, &node.new) {
                (None, _) => "create",
                (_, None) => "delete",
                _ => "merge",
            };
            audit.push(Audit {
                path: node_path(&self.schema, self.list, name, &node.path),
                operation,
                value,
            });
        }
    }

    /// Checks one row, but for what the schema does not know.
    pub(super) fn validate(&self, name: &str, config: &str) -> Vec<Error> {
        let errors = self.check(config);
        if errors.is_empty() {
            return errors;
        }
        match self.document(name, config) {
            Ok(document) if document.unknown(&self.schema).next().is_some() => {
                self.check(&document.write_known(&self.schema, self.list, name))
            }
            _ => errors,
        }
    }

    /// As libyang sees it: a tree of one device.
    fn check(&self, config: &str) -> Vec<Error> {
        let tree = format!("{}{config}{}", self.wrap.0, self.wrap.1);
        let violations = self.schema.validate(&tree, Format::Json).err().unwrap_or_default();
        violations.into_iter().map(refused).collect()
    }

    fn is_own_parent(&self, name: &str, document: &Document) -> bool {
        self.parent.and_then(|parent| document.value(parent)) == Some(name)
    }

    fn own_parent(&self, name: &str) -> Error {
        let path: Path = self.parent.into_iter().map(Step::new).collect();
        Error::new(Tag::InvalidValue, format!("{name} cannot be its own parent")).at(node_path(
            &self.schema,
            self.list,
            name,
            &path,
        ))
    }

    /// `unique "alias"` (RFC 7950 7.8.3), which no tree of one device can tell.
    fn check_aliases(&self, rows: &dyn Rows, plan: &Plan) -> Result<Vec<Error>, Error> {
        let by_name: HashMap<&str, &Change> =
            plan.changes.iter().map(|change| (change.name.as_str(), change)).collect();
        let mut holders: HashMap<&str, &str> = HashMap::new();
        let mut errors = Vec::new();
        for change in &plan.changes {
            let Some(alias) = change.alias.as_deref() else { continue };
            let mut other = holders.insert(alias, &change.name).map(str::to_owned);
            if other.is_none() {
                // Who gives it up in the same commit is not in the way.
                other = rows.alias(alias)?.filter(|name| {
                    let stays =
                        by_name.get(name.as_str()).is_none_or(|held| held.alias.as_deref() == Some(alias));
                    *name != change.name && stays
                });
            }
            if let Some(other) = other {
                let node = |name: &str| {
                    let path: Path = self.alias.into_iter().map(Step::new).collect();
                    node_path(&self.schema, self.list, name, &path)
                };
                errors.push(
                    Error::new(Tag::OperationFailed, format!("{other} has the alias of {}", change.name))
                        .app_tag("data-not-unique")
                        .at(entry_path(&self.schema, self.list, &change.name))
                        .info(Info::NonUnique(node(&other)))
                        .info(Info::NonUnique(node(&change.name))),
                );
            }
        }
        Ok(errors)
    }
}

impl Plan {
    /// What others are told, still without numbers; takes the nodes.
    pub fn devices(&mut self) -> Vec<DeviceDelta> {
        self.changes
            .iter()
            .zip(std::mem::take(&mut self.nodes))
            .map(|(change, nodes)| DeviceDelta {
                name: change.name.clone(),
                number: 0,
                was: change.was,
                is: change.after.is_some(),
                numbered: Numbered::default(),
                profile: change.profile.clone(),
                nodes,
            })
            .collect()
    }
}

impl Delta {
    pub(super) fn number(&mut self, written: &Written) {
        self.commit = written.id;
        for (device, numbered) in self.devices.iter_mut().zip(&written.devices) {
            device.number = numbered.number;
            device.numbered = *numbered;
        }
    }
}

/// What stands for a secret: the same for the same text, and of no use to who does not have the key.
fn keyed_hash(key: &hmac::Key, text: &str) -> String {
    let tag = hmac::sign(key, text.as_bytes());
    let hex: String = tag.as_ref().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    format!("hmac-sha256:{hex}")
}

/// libyang's finding with the tag of RFC 7950 15 or, where that says nothing, RFC 6241's.
fn refused(violation: Violation) -> Error {
    let tag = match violation.app_tag.as_deref() {
        Some("instance-required" | "missing-choice" | "missing-instance") => Tag::DataMissing,
        Some("data-not-unique" | "too-many-elements" | "too-few-elements" | "must-violation") => {
            Tag::OperationFailed
        }
        _ if violation.message.starts_with("Mandatory node") => Tag::DataMissing,
        _ => Tag::InvalidValue,
    };
    let mut error = Error::new(tag, violation.message).at(qualified(&violation.path));
    error.app_tag = violation.app_tag;
    error
}
