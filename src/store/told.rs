//! How far the readers of the journal are: kept with the telemetry, because that costs nothing, and what a power cut takes
//! of it is told again.

use rusqlite::TransactionBehavior;

use super::{
    Store, StoreError,
    database::{self, Database},
    writer::Pending,
};
use crate::journal::Bookmark;

/// Their keys in the `meta` table of state.db begin with it.
const KEY: &str = "told ";

impl Store {
    /// Keeps these, and no others.
    ///
    /// # Errors
    /// The disk's; what was kept stays.
    pub fn keep_bookmarks(&self, bookmarks: Vec<Bookmark>) -> Pending<()> {
        self.state.call(move |database| write(database, &bookmarks).map_err(|error| database.failed(&error)))
    }

    /// What was kept last. Blocks; for the start.
    ///
    /// # Errors
    /// The disk's.
    pub fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        let path = self.folder.join(database::STATE.file);
        let read = |connection: rusqlite::Connection| -> rusqlite::Result<Vec<Bookmark>> {
            connection
                .prepare("SELECT substr(key, 6), value FROM meta WHERE key >= 'told ' AND key < 'told!'")?
                .query_map([], |row| Ok((row.get(0)?, row.get_ref(1)?.as_blob().map(<[u8]>::to_vec))))?
                .filter_map(|row| {
                    let read = |(reader, value): (String, Result<Vec<u8>, _>)| {
                        let value = value.ok()?;
                        let (cursor, state) = value.split_first_chunk()?;
                        let cursor = u64::from_be_bytes(*cursor);
                        Some(Bookmark { reader, cursor, state: state.to_vec() })
                    };
                    row.map(read).transpose()
                })
                .collect()
        };
        read(database::reader(&path)?).map_err(|error| StoreError::sqlite(&path, &error))
    }
}

fn write(database: &mut Database, bookmarks: &[Bookmark]) -> rusqlite::Result<()> {
    let transaction = database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM meta WHERE key >= 'told ' AND key < 'told!'", [])?;
    for Bookmark { reader, cursor, state } in bookmarks {
        let value = [&cursor.to_be_bytes()[..], state].concat();
        database::set_meta(&transaction, &format!("{KEY}{reader}"), value)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    #[test]
    fn bookmarks_outlive_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(folder.path(), Time(1), Default::default()).unwrap().store;
        let mark = |reader: &str, cursor| Bookmark { reader: reader.into(), cursor, state: vec![0, 0, 7] };
        let store = open();
        assert_eq!(store.bookmarks().unwrap(), []);
        store.keep_bookmarks(vec![mark("a 1", 3), mark("b 2c", u64::MAX >> 1)]).wait().unwrap();
        drop(store);
        let store = open();
        assert_eq!(store.bookmarks().unwrap(), [mark("a 1", 3), mark("b 2c", u64::MAX >> 1)]);
        store.keep_bookmarks(vec![mark("b 2c", 9)]).wait().unwrap();
        assert_eq!(store.bookmarks().unwrap(), [mark("b 2c", 9)]);
    }
}
