//! Brings a file to this version's schema, one step after the other, after a copy of it has been saved.

use std::{fs, path::Path};

use rusqlite::{Connection, TransactionBehavior};

use super::{StoreError, database};

/// Takes the steps that the file has not taken yet; `PRAGMA user_version` counts them. Each is one transaction, so a
/// crash leaves the file before or after it.
///
/// # Errors
/// The file has taken more steps than there are; no copy can be saved; a step fails (the file stays as it was).
pub(super) fn run(
    connection: &mut Connection,
    path: &Path,
    steps: &[&str],
    empty: bool,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::sqlite(path, &error);
    let (version, known) = (known_version(connection, path, steps)?, steps.len() as u32);
    if version < known && !empty {
        save_copy(connection, path, version)?;
        tracing::info!(file = %path.display(), from = version, to = known, "the schema is brought up to date; a copy has been saved");
    }
    for (taken, step) in steps.iter().enumerate().skip(version as usize) {
        let mut take = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", taken as u32 + 1)?;
            transaction.commit()
        };
        take().map_err(failed)?;
    }
    Ok(())
}

/// How many steps the file has taken.
///
/// # Errors
/// More than there are.
pub(super) fn known_version(connection: &Connection, path: &Path, steps: &[&str]) -> Result<u32, StoreError> {
    let found: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| StoreError::sqlite(path, &error))?;
    let known = steps.len() as u32;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Writes `FILE.vVERSION.backup`, whole or not at all.
fn save_copy(connection: &Connection, path: &Path, version: u32) -> Result<(), StoreError> {
    let copy = database::with_suffix(path, &format!(".v{version}.backup"));
    let part = database::with_suffix(&copy, ".part");
    let failed = |error| StoreError::io(&copy, &error);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    database::restrict(&part).map_err(failed)?;
    connection
        .execute("VACUUM INTO ?1", [part.to_string_lossy()])
        .map_err(|error| StoreError::sqlite(&copy, &error))?;
    let finish = || {
        fs::File::open(&part)?.sync_all()?;
        fs::rename(&part, &copy)?;
        database::sync_folder(path.parent().unwrap_or(Path::new(".")))
    };
    finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const V1: &str = "CREATE TABLE t (a); INSERT INTO t VALUES (1)";
    const V2: &str = "ALTER TABLE t ADD COLUMN b DEFAULT 2";

    fn version(path: &Path) -> u32 {
        Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_copy_is_saved_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut connection = Connection::open(&path).unwrap();
        run(&mut connection, &path, &[V1], true).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing to copy");

        // A copy that a crash cut short is in the way of nobody.
        fs::write(folder.path().join("x.db.v1.backup.part"), "half").unwrap();
        run(&mut connection, &path, &[V1, V2], false).unwrap();
        let sum: i64 = connection.query_row("SELECT a + b FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!((sum, version(&path)), (3, 2));
        let copy = folder.path().join("x.db.v1.backup");
        assert_eq!(version(&copy), 1);
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_failing_step_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut connection = Connection::open(&path).unwrap();
        run(&mut connection, &path, &[V1], true).unwrap();
        run(&mut connection, &path, &[V1, "CREATE TABLE u (a); no SQL"], false).unwrap_err();
        assert_eq!(version(&path), 1);
        assert!(connection.prepare("SELECT * FROM u").is_err());
        let newer = run(&mut connection, &path, &[], false).unwrap_err();
        assert!(matches!(newer, StoreError::Newer { found: 1, known: 0, .. }), "{newer}");
    }
}
