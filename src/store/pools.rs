//! From which pools the devices have had their addresses: as with numbers, what a manager has seen does not change.

use std::path::Path;

use super::{
    Store, StoreError,
    database::{self, Database},
    lock::Lock,
};

const KEY: &str = "address-pools";

impl Store {
    /// As it was last kept, in the words of who kept it. Blocks; for the start.
    ///
    /// # Errors
    /// The disk's.
    pub fn address_pools(&self) -> Result<Option<String>, StoreError> {
        let path = self.folder.join(database::CONFIG.file);
        let connection = database::reader(&path)?;
        database::meta(&connection, KEY).map_err(|error| StoreError::sqlite(&path, &error))
    }

    /// Blocks; for the start.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_address_pools(&self, pools: String) -> Result<(), StoreError> {
        let keep = move |database: &mut Database| {
            database::set_meta(&database.connection, KEY, pools).map_err(|error| database.failed(&error))
        };
        self.config.call(keep).wait()
    }
}

/// The next start of the daemon gives all devices addresses of whatever pools there are. False: they have none yet.
///
/// # Errors
/// A daemon runs; there is no store; the disk's.
pub fn forget_address_pools(folder: &Path) -> Result<bool, StoreError> {
    let _lock = Lock::take(folder)?;
    let (database, _) = Database::open(folder, &database::CONFIG)?;
    let forgotten = database.connection.execute("DELETE FROM meta WHERE key = ?1", [KEY]);
    Ok(forgotten.map_err(|error| database.failed(&error))? > 0)
}
