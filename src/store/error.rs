//! What can go wrong with the store, in words that say what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{ErrorCode, ffi::SQLITE_ERROR};

/// Cloned to every writer whose rows were in the same transaction.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{} is in use by another fleetbridge{}; stop that one, or give this one its own [store] path", path.display(), by(*pid))]
    Locked { pid: Option<u32>, path: PathBuf },
    #[error("cannot use {}: {reason}; look at [store] path, and at who owns it", path.display())]
    Io { path: PathBuf, reason: String },
    #[error("{} was written by a newer fleetbridge (schema {found}, this one knows {known}); install the newer one again; or, if the upgrade left it, put back {}.v{known}.backup and leave the file numbers that is there: devices that were learned since then get new numbers, and none gets the number of another", path.display(), path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{} is not a fleetbridge database; set another [store] path", path.display())]
    Foreign { path: PathBuf },
    #[error("{} is {what}, and only a file of its own is used; move it away, or set another [store] path", path.display())]
    NoFile { path: PathBuf, what: &'static str },
    #[error("{} is damaged ({reason}); it holds the device numbers, so nothing is begun anew: put back your copy of it and delete {}-wal, or save what can still be read: \"Copies, and a damaged config.db\" in the README", path.display(), path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} is missing or empty, and the files state.db and numbers beside it were written with one that held the device numbers: put back your copy of it, or move both away to number all devices anew", path.display())]
    Forgotten { path: PathBuf },
    #[error("{} is a copy or was saved from damage: {what}", path.display())]
    Incomplete { path: PathBuf, what: String },
    #[error("{}: no space left ({reason}); what is in memory is served, and writing goes on when there is space", path.display())]
    Full { path: PathBuf, reason: String },
    #[error("{} cannot be written: {reason}", path.display())]
    ReadOnly { path: PathBuf, reason: String },
    #[error("{} is held by another program, such as sqlite3: {reason}", path.display())]
    Busy { path: PathBuf, reason: String },
    #[error("{}: {reason}", path.display())]
    Sqlite { path: PathBuf, reason: String },
    /// A number, name or identity that somebody has already; nothing of that call was written.
    #[error("already given: {reason}")]
    Conflict { reason: String },
    #[error("no device has number {0}")]
    NoDevice(u32),
    #[error("all numbers of {what} are given")]
    Exhausted { what: &'static str },
    /// A record names a profile that was not given to `load_devices`, or the numbers of hashes and profiles differ.
    #[error("profile {0} has no number in the store")]
    UnknownProfile(u32),
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path, reason: error.to_string() }
            }
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path, reason: error.to_string() },
            _ => StoreError::Io { path, reason: error.to_string() },
        }
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::Error;
        let (path, reason) = (path.to_owned(), error.to_string());
        match error {
            // What stands there is nothing that we would write.
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => return StoreError::Damaged { path, reason },
            // Our statements have no errors, so a table or a column is missing.
            Error::SqlInputError { error, .. } | Error::SqliteFailure(error, _)
                if error.extended_code == SQLITE_ERROR =>
            {
                return StoreError::Damaged { path, reason };
            }
            _ => {}
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { path, reason },
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path, reason },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { path, reason }
            }
            Some(ErrorCode::ConstraintViolation) => StoreError::Conflict { reason },
            _ => StoreError::Sqlite { path, reason },
        }
    }

    /// The disk's or the file's fault: it may pass, and the same write may then succeed.
    pub fn is_storage(&self) -> bool {
        matches!(
            self,
            StoreError::Io { .. }
                | StoreError::Damaged { .. }
                | StoreError::Full { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Busy { .. }
                | StoreError::Sqlite { .. }
        )
    }
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
