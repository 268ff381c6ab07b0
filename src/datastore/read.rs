//! Reading: one device by a seek, all of them in short chunks in the order of their numbers.

use super::{
    Datastore,
    error::{Error, Tag},
    rows::Row,
};
use crate::model::DeviceNumber;

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
        if source == Source::Running {
            return Ok(row);
        }
        let state = self.state.lock();
        let edited = state.candidate.cleared || state.candidate.entries.contains_key(name);
        if !edited {
            return Ok(row);
        }
        let number = row.as_ref().map_or(0, |row| row.number);
        let running = row.map(|row| self.part.document(name, &row.config)).transpose()?;
        let applied = state.candidate.apply(&self.part.schema, self.part.list, name, running);
        // What was deleted under an edit is told at commit; until then it is not there.
        Ok(applied.ok().flatten().map(|document| Row {
            number,
            name: name.to_owned(),
            config: document.write(&self.part.schema, self.part.list, name),
        }))
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
            if source == Source::Running {
                visit(&row);
            } else if let Some(row) = self.candidate_row(row)? {
                visit(&row);
            }
        }
        Ok(match (next, source) {
            (Some(number), _) => Some(Cursor::After(number)),
            (None, Source::Running) => None,
            (None, Source::Candidate) => Some(Cursor::New(String::new())),
        })
    }

    fn candidate_row(&self, row: Row) -> Result<Option<Row>, Error> {
        let state = self.state.lock();
        if !state.candidate.cleared && !state.candidate.entries.contains_key(&row.name) {
            return Ok(Some(row));
        }
        let running = self.part.document(&row.name, &row.config)?;
        let applied = state.candidate.apply(&self.part.schema, self.part.list, &row.name, Some(running));
        Ok(applied.ok().flatten().map(|document| Row {
            config: document.write(&self.part.schema, self.part.list, &row.name),
            ..row
        }))
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
            let entries = state.candidate.entries.range::<str, _>(behind);
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
                errors.extend(self.part.validate(&row.config));
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
        keep: impl FnMut(crate::yang::NodeId) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        super::write_xml(&self.part.schema, self.part.list, &row.config, keep, out).map_err(|damaged| {
            Error::new(Tag::OperationFailed, format!("the stored row of {} does not fit the schema: {damaged}", row.name))
        })
    }
}
