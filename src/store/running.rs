//! Running in `config.db`: one row a device, and commits that are one transaction with their audit and their inverse.

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Params, TransactionBehavior, params, types::ValueRef};

use super::{
    Store, StoreError,
    database::{self, Database, meta, set_meta},
    devices::give,
    ledger::Ledger,
};
use crate::{
    datastore::{
        Failed, Record,
        rows::{
            Audit, Change, Commit, CommitState, Committed, Face, Inverse, Kept, Numbered, Owner, Pending,
            Row, Rows, Touched, Written,
        },
    },
    model::{DeviceNumber, MAX_DEVICE_NUMBER, NO_PROFILE, Time},
};

/// So many of the newest commits can be rolled back and are listed.
pub(super) const KEPT_COMMITS: u64 = 100;
/// So many edits stay in the audit, and so many commits.
const KEPT_AUDIT: u64 = 1_000_000;
const KEPT_RECORDS: u64 = 100_000;
/// So many old inverses go with one commit at least, and twice as many as it adds: none pays for a large one, and they
/// do not pile up.
const PRUNED_AT_ONCE: usize = 200;

impl Rows for Store {
    fn load(&self) -> Result<Kept, Failed> {
        self.read(|connection| {
            let last = connection.query_row("SELECT coalesce(max(id), 0) FROM commits", [], unsigned)?;
            let pending = connection
                .query_row("SELECT base, session, persist, deadline FROM confirmed", [], |row| {
                    Ok(Pending {
                        base: row.get::<_, i64>(0)? as u64,
                        session: row.get(1)?,
                        persist: row.get(2)?,
                        deadline: Time(row.get::<_, i64>(3)? as u64),
                    })
                })
                .optional()?;
            let managed = connection.query_row("SELECT count(*) FROM running", [], |row| row.get(0))?;
            Ok(Kept { last, pending, managed, audit_key: meta(connection, "audit-key")?.unwrap_or_default() })
        })
    }

    fn row(&self, name: &str) -> Result<Option<Row>, Failed> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, name, config FROM device JOIN running USING (number) WHERE name = ?1",
                )?
                .query_row([name], row)
                .optional()
        })
    }

    fn rows(&self, after: DeviceNumber, limit: usize) -> Result<Vec<Row>, Failed> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, name, config FROM running JOIN device USING (number) \
                     WHERE number > ?1 ORDER BY number LIMIT ?2",
                )?
                .query_map(params![after, limit as i64], row)?
                .collect()
        })
    }

    fn alias(&self, alias: &str) -> Result<Option<String>, Failed> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT name FROM running JOIN device USING (number) WHERE alias = ?1")?
                .query_row([alias], |row| row.get(0))
                .optional()
        })
    }

    fn write(&self, commit: Commit) -> Result<Written, Failed> {
        let ledger = self.ledger.clone();
        let written = self.config.call(move |database| write(database, &ledger, &commit)).wait();
        written.map_err(|error| Failed(error.to_string()))
    }

    fn commits(&self, limit: usize) -> Result<Vec<Committed>, Failed> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, time, user, face, label, state, devices FROM commits ORDER BY id DESC LIMIT ?1",
                )?
                .query_map([limit.min(KEPT_COMMITS as usize) as i64], committed)?
                .collect()
        })
    }

    fn record(&self, commit: u64, limit: usize) -> Result<Option<Record>, Failed> {
        self.read(|connection| {
            let made = connection
                .prepare_cached(
                    "SELECT user, face, session, address, time, editors FROM commits WHERE id = ?1",
                )?
                .query_row([commit as i64], |row| {
                    let owner = Owner {
                        user: row.get(0)?,
                        face: Face::from_code(row.get(1)?).unwrap_or(Face::System),
                        session: row.get(2)?,
                        address: row.get(3)?,
                    };
                    let editors: String = row.get(5)?;
                    let editors = editors.split_whitespace().map(str::to_owned).collect();
                    Ok(Record { owner, time: Time(row.get::<_, i64>(4)? as u64), editors, edits: Vec::new() })
                })
                .optional()?;
            let Some(record) = made else { return Ok(None) };
            let edits = connection
                .prepare_cached(
                    "SELECT path, operation, value FROM audit WHERE commit_id = ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map(params![commit as i64, limit as i64], |row| {
                    let operation: String = row.get(1)?;
                    let known = Audit::OPERATIONS.into_iter().find(|known| *known == operation);
                    let operation = known.unwrap_or_default();
                    Ok(Audit { path: row.get(0)?, operation, value: row.get(2)? })
                })?
                .collect::<Result<_, _>>()?;
            Ok(Some(Record { edits, ..record }))
        })
    }

    fn inverse(&self, commit: u64) -> Result<Option<Vec<Inverse>>, Failed> {
        self.read(|connection| {
            let pruned = meta::<i64>(connection, "inverse-pruned")?.unwrap_or(0) as u64;
            if commit < pruned {
                return Ok(None);
            }
            // The oldest inverse of each device since then.
            connection
                .prepare_cached(
                    "SELECT name, config FROM (SELECT number, min(commit_id) AS commit_id FROM inverse \
                     WHERE commit_id > ?1 GROUP BY number) JOIN inverse USING (commit_id, number) \
                     JOIN device USING (number) ORDER BY number",
                )?
                .query_map([commit as i64], |row| Ok(Inverse { name: row.get(0)?, config: row.get(1)? }))?
                .collect::<Result<_, _>>()
                .map(Some)
        })
    }

    fn touched(&self) -> Result<Vec<Touched>, Failed> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, newest, face FROM \
                     (SELECT number, max(commit_id) AS newest FROM inverse GROUP BY number) \
                     JOIN commits ON id = newest",
                )?
                .query_map([], |row| {
                    Ok(Touched {
                        device: row.get(0)?,
                        commit: row.get::<_, i64>(1)? as u64,
                        rolled_back: row.get::<_, u8>(2)? == Face::System as u8,
                    })
                })?
                .collect()
        })
    }
}

impl Store {
    /// Reads on the caller's thread, with a connection that was used before if one is free.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failed> {
        const IDLE: usize = 8;
        let path = self.folder.join(database::CONFIG.file);
        let told = |error: StoreError| {
            tracing::error!("{error}");
            Failed(error.to_string())
        };
        let idle = self.readers.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => database::reader(&path).map_err(told)?,
        };
        let found = read(&connection).map_err(|error| told(StoreError::sqlite(&path, &error)));
        let mut readers = self.readers.lock();
        if readers.len() < IDLE {
            readers.push(connection);
        }
        found
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { number: row.get(0)?, name: row.get(1)?, config: row.get(2)? })
}

fn committed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Committed> {
    Ok(Committed {
        id: unsigned(row)?,
        time: Time(row.get::<_, i64>(1)? as u64),
        user: row.get(2)?,
        face: Face::from_code(row.get(3)?).unwrap_or(Face::System),
        label: row.get(4)?,
        state: match row.get::<_, u8>(5)? {
            1 => CommitState::Confirming,
            3 => CommitState::RolledBack,
            _ => CommitState::Committed,
        },
        devices: row.get(6)?,
    })
}

fn unsigned(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(0)? as u64)
}

fn write(database: &mut Database, ledger: &Mutex<Ledger>, commit: &Commit) -> Result<Written, StoreError> {
    let path = database.path.clone();
    let failed = |error: rusqlite::Error| StoreError::sqlite(&path, &error);
    let transaction =
        database.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut devices = Vec::with_capacity(commit.changes.len());
    let mut next = ledger.lock().told().devices;
    for change in &commit.changes {
        let numbered = number(&transaction, commit.time, change, next).map_err(failed)?;
        next = next.max(numbered.number);
        if next > MAX_DEVICE_NUMBER {
            return Err(StoreError::Exhausted { what: "devices" });
        }
        devices.push(numbered);
    }
    let id = record(&transaction, commit, &devices).map_err(failed)?;
    give(ledger, next)?;
    transaction.commit().map_err(failed)?;
    Ok(Written { id, devices })
}

/// The number of a device that is changed; a name without one gets the next.
fn number(
    connection: &Connection,
    now: Time,
    change: &Change,
    highest: DeviceNumber,
) -> rusqlite::Result<Numbered> {
    let known = connection
        .prepare_cached("SELECT number, retired, adapter FROM device WHERE name = ?1")?
        .query_row([&change.name], |row| {
            Ok((row.get::<_, u32>(0)?, row.get_ref(1)? != ValueRef::Null, row.get::<_, u32>(2)? == 0))
        })
        .optional()?;
    let mut found = Numbered::default();
    match known {
        None => {
            found = Numbered { number: highest + 1, new: true, ..found };
            if found.number <= MAX_DEVICE_NUMBER {
                run(
                    connection,
                    "INSERT INTO device (number, name, profile, adapter, learned) VALUES (?1, ?2, ?3, 0, ?4)",
                    params![found.number, change.name, profile(connection, change)?, now.0 as i64],
                )?;
            }
        }
        Some((number, retired, unheard)) => {
            found.number = number;
            match &change.after {
                Some(_) if retired => {
                    found.revived = true;
                    run(connection, "UPDATE device SET retired = NULL WHERE number = ?1", [number])?;
                }
                // No unit is behind it, so nothing of it is left.
                None if unheard => {
                    found.retired = true;
                    run(
                        connection,
                        "UPDATE device SET retired = ?2 WHERE number = ?1",
                        params![number, now.0 as i64],
                    )?;
                }
                _ => {}
            }
            if unheard && change.after.is_some() {
                run(
                    connection,
                    "UPDATE device SET profile = ?2 WHERE number = ?1 AND profile <> ?2",
                    params![number, profile(connection, change)?],
                )?;
            }
        }
    }
    Ok(found)
}

/// The stored id of the profile that is pinned, if there is such a profile.
fn profile(connection: &Connection, change: &Change) -> rusqlite::Result<u32> {
    if let Some(name) = &change.profile
        && let Some(id) = find_profile(connection, name)?
    {
        return Ok(id);
    }
    no_profile(connection)
}

fn find_profile(connection: &Connection, name: &str) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached("SELECT id FROM profile WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// The id of [`NO_PROFILE`].
pub(super) fn no_profile(connection: &Connection) -> rusqlite::Result<u32> {
    if let Some(id) = find_profile(connection, NO_PROFILE)? {
        return Ok(id);
    }
    run(connection, "INSERT INTO profile (name, revision, hash) VALUES (?1, '', x'')", [NO_PROFILE])?;
    // The table's check keeps it within 31 bits.
    Ok(connection.last_insert_rowid() as u32)
}

/// Everything else of a commit; returns its id, or the newest if nothing changes.
fn record(connection: &Connection, commit: &Commit, devices: &[Numbered]) -> rusqlite::Result<u64> {
    let state = if commit.pending.is_some() { CommitState::Confirming } else { CommitState::Committed };
    let waiting: Option<i64> = connection
        .prepare_cached("SELECT base FROM confirmed")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let (Some(base), None) = (waiting, &commit.pending) {
        let undone = commit.rolled_back.is_some();
        let end = if undone { CommitState::RolledBack } else { CommitState::Committed };
        run(connection, "UPDATE commits SET state = ?2 WHERE id > ?1", params![base, end as u8])?;
    }
    set_pending(connection, commit.pending.as_ref())?;
    if commit.changes.is_empty() {
        return connection.query_row("SELECT coalesce(max(id), 0) FROM commits", [], unsigned);
    }
    let owner = &commit.owner;
    run(
        connection,
        "INSERT INTO commits (time, user, editors, face, session, address, label, state, devices) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            commit.time.0 as i64,
            owner.user,
            commit.editors.join(" "),
            owner.face as u8,
            owner.session,
            owner.address,
            commit.label,
            state as u8,
            commit.changes.len() as i64
        ],
    )?;
    let id = connection.last_insert_rowid();
    // All aliases are given up before any is taken, so that devices may swap them.
    for (change, device) in commit.changes.iter().zip(devices) {
        if change.was {
            let sql = "UPDATE running SET alias = NULL WHERE number = ?1 AND alias IS NOT ?2";
            run(connection, sql, params![device.number, change.alias])?;
        }
    }
    for (change, device) in commit.changes.iter().zip(devices) {
        run(
            connection,
            "INSERT INTO inverse VALUES (?1, ?2, (SELECT config FROM running WHERE number = ?2))",
            [id, device.number.into()],
        )?;
        match &change.after {
            Some(config) => run(
                connection,
                "INSERT INTO running VALUES (?1, ?2, ?3) \
                 ON CONFLICT (number) DO UPDATE SET alias = excluded.alias, config = excluded.config",
                params![device.number, change.alias, config],
            )?,
            None => run(connection, "DELETE FROM running WHERE number = ?1", [device.number])?,
        }
    }
    for edit in &commit.audit {
        run(
            connection,
            "INSERT INTO audit (commit_id, path, operation, value) VALUES (?1, ?2, ?3, ?4)",
            params![id, edit.path, edit.operation, edit.value],
        )?;
    }
    prune(connection, id as u64, commit)?;
    Ok(id as u64)
}

fn set_pending(connection: &Connection, pending: Option<&Pending>) -> rusqlite::Result<()> {
    match pending {
        None => run(connection, "DELETE FROM confirmed", []),
        Some(pending) => run(
            connection,
            "INSERT OR REPLACE INTO confirmed VALUES (1, ?1, ?2, ?3, ?4)",
            params![pending.base as i64, pending.session, pending.persist, pending.deadline.0 as i64],
        ),
    }
}

fn prune(connection: &Connection, last: u64, commit: &Commit) -> rusqlite::Result<()> {
    // What a confirmed commit may have to restore is kept however many commits follow.
    let limit = last.saturating_sub(KEPT_COMMITS);
    let limit = commit.pending.as_ref().map_or(limit, |pending| limit.min(pending.base)) as i64;
    if meta::<i64>(connection, "inverse-pruned")?.unwrap_or(0) < limit {
        set_meta(connection, "inverse-pruned", limit)?;
    }
    run(
        connection,
        "DELETE FROM inverse WHERE (commit_id, number) IN \
         (SELECT commit_id, number FROM inverse WHERE commit_id <= ?1 LIMIT ?2)",
        params![limit, (2 * commit.changes.len()).max(PRUNED_AT_ONCE) as i64],
    )?;
    let sql = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1";
    run(connection, sql, [KEPT_AUDIT as i64])?;
    run(connection, "DELETE FROM commits WHERE id <= ?1", [last.saturating_sub(KEPT_RECORDS) as i64])
}

fn run(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(values).map(drop)
}
