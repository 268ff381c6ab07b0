//! One SQLite file: opened, checked, brought to this version's schema, and set aside when it is beyond use.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, config::DbConfig};

use super::{StoreError, migrate};
use crate::model::Time;

/// What sets the two files apart.
#[derive(Debug)]
pub(super) struct Kind {
    pub file: &'static str,
    /// SQLite's application_id, so that no other program's database is taken for ours.
    application: i32,
    /// `FULL`: a commit survives a power cut. `NORMAL`: it survives kill -9.
    synchronous: &'static str,
    /// In order; the schema version is how many have been taken.
    steps: &'static [&'static str],
}

pub(super) const CONFIG: Kind = Kind {
    file: "config.db",
    application: 0x6662_6366,
    synchronous: "FULL",
    steps: &[include_str!("schema/config-1.sql"), include_str!("schema/config-2.sql")],
};

pub(super) const STATE: Kind = Kind {
    file: "state.db",
    application: 0x6662_7374,
    synchronous: "NORMAL",
    steps: &[include_str!("schema/state-1.sql"), include_str!("schema/state-2.sql")],
};

/// The connection that writes a file, the only one that does.
#[derive(Debug)]
pub(super) struct Database {
    pub connection: Connection,
    pub path: PathBuf,
    kind: &'static Kind,
    /// The connection leads nowhere: the old file is given up, a new one could not be made yet.
    detached: bool,
}

impl Database {
    /// Opens or makes the file with mode 0600; true if it was made.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`Newer`](StoreError::Newer), [`Foreign`](StoreError::Foreign) and whatever the disk
    /// says; the file is as it was before.
    pub fn open(folder: &Path, kind: &'static Kind) -> Result<(Database, bool), StoreError> {
        let path = folder.join(kind.file);
        regular(&path)?;
        restrict(&path).map_err(|error| StoreError::io(&path, &error))?;
        let failed = |error| StoreError::sqlite(&path, &error);
        let mut connection = connect(&path).map_err(failed)?;
        let empty = is_empty(&connection).map_err(failed)?;
        if !empty && application(&connection).map_err(failed)? != kind.application {
            return Err(StoreError::Foreign { path });
        }
        configure(&connection, kind).map_err(failed)?;
        if empty {
            // Before there is a table, so that a crash never leaves tables that seem to be somebody else's.
            connection.pragma_update(None, "application_id", kind.application).map_err(failed)?;
        }
        migrate::run(&mut connection, &path, kind.steps, empty)?;
        if empty {
            sync_folder(folder).map_err(|error| StoreError::io(folder, &error))?;
        }
        Ok((Database { connection, path, kind, detached: false }, empty))
    }

    /// Moves the file away as `FILE.WHY-TIME` and begins a new one; returns where the old one is now.
    ///
    /// # Errors
    /// Only the disk's. The next [`attach`](Database::attach) goes on where this stopped.
    pub fn replace(&mut self, why: &str, now: Time) -> Result<PathBuf, StoreError> {
        self.detached = true;
        self.connection = Connection::open_in_memory().map_err(|error| self.failed(&error))?;
        let aside = set_aside(&self.path, why, now).map_err(|error| StoreError::io(&self.path, &error))?;
        self.attach()?;
        Ok(aside)
    }

    /// Opens the file again after a [`replace`](Database::replace) that did not come to its end.
    pub fn attach(&mut self) -> Result<(), StoreError> {
        if self.detached {
            let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
            *self = Database::open(&folder, self.kind)?.0;
        }
        Ok(())
    }

    pub fn failed(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }
}

/// What [`Database::open`] would refuse, and pages that are damaged. Changes nothing; a file that is not there is fine. Gives
/// one of this version to be looked into further.
///
/// # Errors
/// As those of [`Database::open`].
pub(super) fn inspect(folder: &Path, kind: &Kind) -> Result<Option<Connection>, StoreError> {
    let path = folder.join(kind.file);
    let failed = |error| StoreError::sqlite(&path, &error);
    let Some(connection) = spectator(&path)? else { return Ok(None) };
    if is_empty(&connection).map_err(failed)? {
        return Ok(None);
    }
    if application(&connection).map_err(failed)? != kind.application {
        return Err(StoreError::Foreign { path });
    }
    let version = migrate::known_version(&connection, &path, kind.steps)?;
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    match found == "ok" {
        true => Ok((version as usize == kind.steps.len()).then_some(connection)),
        false => Err(StoreError::Damaged { path, reason: found }),
    }
}

/// A connection that only reads and leaves no trace, for files that nobody may have open. `None`: there is no file, or
/// nothing in it.
///
/// # Errors
/// The disk's.
pub(super) fn spectator(path: &Path) -> Result<Option<Connection>, StoreError> {
    regular(path)?;
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let log = with_suffix(path, "-wal");
    if length(path) == 0 && length(&log) == 0 {
        return Ok(None);
    }
    let failed = |error| StoreError::sqlite(path, &error);
    // SQLite's own error does not say why.
    File::open(path).map_err(|error| StoreError::io(path, &error))?;
    let connection = if length(&log) == 0 {
        // Nothing is in a log, so none need be looked for, which would make one.
        let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
    } else {
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    };
    connection.map(Some).map_err(failed)
}

/// A second connection that only reads, for the calling thread.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = connect(path)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|error| StoreError::sqlite(path, &error))
}

/// The value of a key in the file's `meta` table.
pub(super) fn meta<T: rusqlite::types::FromSql>(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn set_meta(
    connection: &Connection,
    key: &str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?
        .execute(rusqlite::params![key, value])
        .map(|_| ())
}

/// Renames a database and its log out of the way as `FILE.WHY-TIME`.
pub(super) fn set_aside(path: &Path, why: &str, now: Time) -> io::Result<PathBuf> {
    let stamp = now.to_string().replace([':', '-'], "");
    let first = with_suffix(path, &format!(".{why}-{stamp}"));
    let aside = (2..100)
        .map(|count| with_suffix(&first, &format!("-{count}")))
        .fold(first.clone(), |free, next| if free.exists() { next } else { free });
    // The log first: it must never be found beside a new file. The shared index is made anew from it.
    let _ = fs::rename(with_suffix(path, "-wal"), with_suffix(&aside, "-wal"));
    let _ = fs::remove_file(with_suffix(path, "-shm"));
    fs::rename(path, &aside)?;
    Ok(aside)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes the file if need be and takes it from group and others. SQLite gives `-wal` and `-shm` the mode of the file.
pub(super) fn restrict(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let private = Permissions::from_mode(0o600);
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(private.clone())?;
    }
    for log in [with_suffix(path, "-wal"), with_suffix(path, "-shm")] {
        match fs::set_permissions(log, private.clone()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a database and its logs are files, as far as they are there: through a symbolic link the mode of some other file
/// would change, a FIFO would wait for ever.
fn regular(path: &Path) -> Result<(), StoreError> {
    ["", "-wal", "-shm", "-journal"].iter().try_for_each(|suffix| regular_file(&with_suffix(path, suffix)))
}

/// # Errors
/// Something is there that is no regular file.
pub(super) fn regular_file(path: &Path) -> Result<(), StoreError> {
    let what = match fs::symlink_metadata(path).map(|file| file.file_type()) {
        Ok(found) if found.is_symlink() => "a symbolic link",
        Ok(found) if !found.is_file() => "no regular file",
        _ => return Ok(()),
    };
    Err(StoreError::NoFile { path: path.to_owned(), what })
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Somebody may look in with the sqlite3 tool.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Else a plan depends on what is bound, and a statement is prepared anew each time that it is used.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn application(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

fn configure(connection: &Connection, kind: &Kind) -> rusqlite::Result<()> {
    // Page and cache are of SQLite's own sizes (4 KiB, 2 MiB): measured with a million devices, larger ones gain nothing.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", kind.synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A log that one large flush has grown is cut again.
    connection.pragma_update(None, "journal_size_limit", 16 << 20)
}
