//! From which pools the devices have had their addresses: as with numbers, what a manager has seen does not change.

use std::path::Path;

use super::{
    Store, StoreError,
    database::{self, Database},
    devices,
    lock::Lock,
};
use crate::model::DeviceNumber;

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

/// What a store has kept, and its highest device number; for a daemon that does not run. `None`: there is nothing, or it
/// cannot be read, and its opening will say why.
pub fn kept_address_pools(folder: &Path) -> Option<(String, DeviceNumber)> {
    let connection = database::spectator(&folder.join(database::CONFIG.file)).ok()??;
    let pools = database::meta(&connection, KEY).ok()??;
    Some((pools, devices::max_number(&connection).ok()?))
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
