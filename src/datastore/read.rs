//! Reading: one device by a seek, all of them in short chunks in the order of their numbers.

use super::{
    Datastore,
    error::{Error, Tag},
    json::Damaged,
    rows::Row,
    walk::{Raw, Visit, walk, write_xml},
};
use crate::{
    model::DeviceNumber,
    yang::{Kind, NodeId},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Running,
    Candidate,
}

/// Where a walk goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Behind this number.
    After(DeviceNumber),
    /// Among the devices of candidate that are not in running, behind this name.
    New(String),
}

impl Default for Cursor {
    fn default() -> Self {
        Cursor::After(0)
    }
}

impl Datastore {
    /// One device, its configuration as JSON.
    ///
    /// # Errors
    /// The store's.
    pub fn read(&self, name: &str, source: Source) -> Result<Option<Row>, Error> {
        let row = self.rows.row(name)?;
        match source {
            Source::Running => Ok(row),
            Source::Candidate => self.staged(name.to_owned(), row),
        }
    }

    /// A device of candidate, from its row in running.
    fn staged(&self, name: String, row: Option<Row>) -> Result<Option<Row>, Error> {
        let state = self.state.lock();
        if !state.candidate.cleared && !state.candidate.entries().contains_key(&name) {
            return Ok(row);
        }
        let number = row.as_ref().map_or(0, |row| row.number);
        let running = row.map(|row| self.part.document(&name, &row.config)).transpose()?;
        let (schema, list) = (&self.part.schema, self.part.list);
        // Edits that have lost their entry are told at commit.
        let document = state.candidate.apply(schema, list, &name, running, &mut Vec::new());
        Ok(document.map(|document| Row { number, config: document.write(schema, list, &name), name }))
    }

    /// Visits up to `limit` devices of a datastore; `None` when there are no more. A chunk sees one state of running,
    /// two chunks may see two: [`last_commit`](Datastore::last_commit) tells.
    ///
    /// # Errors
    /// The store's.
    pub fn for_each(
        &self,
        cursor: Cursor,
        limit: usize,
        source: Source,
        mut visit: impl FnMut(&Row),
    ) -> Result<Option<Cursor>, Error> {
        let after = match cursor {
            Cursor::After(number) => number,
            Cursor::New(name) => return self.for_each_new(&name, limit, visit),
        };
        let rows = self.rows.rows(after, limit)?;
        let next = rows.last().map(|row| row.number);
        for row in rows {
            let row = match source {
                Source::Running => Some(row),
                Source::Candidate => self.staged(row.name.clone(), Some(row))?,
            };
            row.iter().for_each(&mut visit);
        }
        Ok(match (next, source) {
            (Some(number), _) => Some(Cursor::After(number)),
            (None, Source::Running) => None,
            (None, Source::Candidate) => Some(Cursor::New(String::new())),
        })
    }

    fn for_each_new(
        &self,
        after: &str,
        limit: usize,
        mut visit: impl FnMut(&Row),
    ) -> Result<Option<Cursor>, Error> {
        let names: Vec<String> = {
            let state = self.state.lock();
            let behind = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
            let entries = state.candidate.entries().range::<str, _>(behind);
            entries.filter(|(_, entry)| entry.make).take(limit).map(|(name, _)| name.clone()).collect()
        };
        for name in &names {
            if self.rows.row(name)?.is_none()
                && let Some(row) = self.read(name, Source::Candidate)?
            {
                visit(&row);
            }
        }
        Ok(names.into_iter().next_back().map(Cursor::New))
    }

    /// Goes through all rows, chunk by chunk.
    pub(super) fn validate_running(&self) -> Result<(), Vec<Error>> {
        let mut cursor = Some(Cursor::default());
        let mut errors: Vec<Error> = Vec::new();
        while let Some(from) = cursor.take() {
            cursor = self.for_each(from, 1024, Source::Running, |row| {
                errors.extend(self.part.validate(&row.name, &row.config));
            })?;
            if errors.len() >= 100 {
                break;
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// A device of running as XML, without the namespace of the container around it.
    ///
    /// # Errors
    /// The row does not fit the schema.
    pub fn write_xml(
        &self,
        row: &Row,
        keep: impl FnMut(NodeId) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let written = write_xml(&self.part.schema, self.part.list, &row.config, keep, out);
        written.map_err(|damaged| unfit(row, damaged))
    }

    /// Visits the leaves of a device's row with their names from the entry down and their values: a setting is
    /// `["settings", PROFILE, NAME]`; the key stands behind the name of a list, `["software", "firmware", "version"]`. Lists
    /// with several keys, or in others, are passed over. Of a member that the schema does not know there is only the name.
    /// For a start, which has to want again what was wanted before.
    ///
    /// # Errors
    /// The row does not fit the schema.
    pub fn leaves(
        &self,
        row: &Row,
        mut visit: impl FnMut(&[&str], Option<(NodeId, &Raw<'_>)>),
    ) -> Result<(), Error> {
        let (schema, list) = (&self.part.schema, self.part.list);
        let mut names = Vec::new();
        // Of the entry of a list: how many names are before its key, and that.
        let mut entry: Option<(usize, String)> = None;
        let walked = walk(schema, list, &row.config, &mut |step| match step {
            Visit::Enter(id) if id == list => true,
            Visit::Enter(id) if schema[id].kind == Kind::List => {
                let enters = entry.is_none() && schema[id].keys.len() == 1;
                if enters {
                    names.push(schema[id].name.as_str());
                    entry = Some((names.len(), String::new()));
                }
                enters
            }
            Visit::Enter(id) => {
                names.push(schema[id].name.as_str());
                true
            }
            Visit::Leaf(id, value) => {
                names.push(schema[id].name.as_str());
                match &mut entry {
                    Some((_, key)) if schema[id].is_key => value.as_str().clone_into(key),
                    Some((at, key)) if schema[id].kind == Kind::Leaf => {
                        visit(&[&names[..*at], &[&**key], &names[*at..]].concat(), Some((id, &value)));
                    }
                    None if schema[id].kind == Kind::Leaf => visit(&names, Some((id, &value))),
                    _ => {}
                }
                names.pop();
                true
            }
            Visit::Leave(id) => {
                if schema[id].kind == Kind::List {
                    entry = None;
                }
                names.pop();
                true
            }
            Visit::Unknown(name) => {
                visit(&[&names[..], &[name]].concat(), None);
                true
            }
        });
        walked.map_err(|damaged| unfit(row, damaged))
    }
}

fn unfit(row: &Row, damaged: Damaged) -> Error {
    let message = format!("the stored row of {} does not fit the schema: {damaged}", row.name);
    Error::new(Tag::OperationFailed, message)
}
