//! Who the devices are: learned in groups, retired, and read back at the start.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    Store, StoreError,
    database::{self, Database},
    ledger::Ledger,
    writer::{Pending, Reply},
};
use crate::model::{DeviceNumber, DeviceRecord, Profiles, Time};

/// So many devices are committed together at most, unless one call brings more.
const GROUP: usize = 1024;

/// Calls that wait for the writer; it takes as many as it can into one transaction.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<VecDeque<Learn>>);

#[derive(Debug)]
struct Learn {
    records: Vec<DeviceRecord>,
    /// The stored ids of all profiles, by `ProfileId`.
    profiles: Arc<[u32]>,
    reply: Reply<()>,
}

impl Store {
    /// Makes devices durable (synchronous=FULL): after `Ok` their numbers and names survive a power cut. One call is
    /// one unit; calls that come while the disk is busy share its next commit.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a number, a name or an identity (adapter, profile, southbound id) is given already;
    /// the disk's. Nothing of this call is written then.
    pub fn learn(&self, records: Vec<DeviceRecord>) -> Pending<()> {
        let (reply, pending) = Pending::new();
        let profiles = self.profiles.lock().clone();
        self.learning.0.lock().push_back(Learn { records, profiles, reply });
        let (queue, ledger) = (self.learning.clone(), self.ledger.clone());
        // Its own outcome is only for the log; every call has its reply.
        drop(self.config.call(move |database| queue.commit_group(database, &ledger)));
        pending
    }

    /// A unit was heard that belongs to a device made ahead (synchronous=FULL): the device, which had neither, gets adapter
    /// and southbound id, and the profile that knows the unit.
    ///
    /// # Errors
    /// [`StoreError::NoDevice`] if there is none, or it has a unit already; [`StoreError::Conflict`] if another device
    /// has that identity; the disk's.
    pub fn claim(&self, record: DeviceRecord) -> Pending<()> {
        let profiles = self.profiles.lock().clone();
        self.config.call(move |database| {
            let index = record.profile.0;
            let profile =
                *profiles.get(usize::from(index)).ok_or(StoreError::UnknownProfile(u32::from(index)))?;
            let southbound_id = (record.southbound_id != record.name).then_some(&record.southbound_id);
            let update = || {
                database
                    .connection
                    .prepare_cached(
                        "UPDATE device SET profile = ?3, adapter = ?4, southbound_id = ?5, retired = NULL \
                         WHERE number = ?1 AND name = ?2 AND adapter = 0",
                    )?
                    .execute(params![record.number, record.name, profile, record.adapter, southbound_id])
            };
            match update().map_err(|error| database.failed(&error))? {
                0 => Err(StoreError::NoDevice(record.number)),
                _ => Ok(()),
            }
        })
    }

    /// Takes a device out of service (synchronous=FULL); its number and name stay its own. Again is no error.
    ///
    /// # Errors
    /// [`StoreError::NoDevice`]; the disk's.
    pub fn retire(&self, number: DeviceNumber, now: Time) -> Pending<()> {
        self.set_retired(number, Some(now))
    }

    /// Takes a retired device into service again (synchronous=FULL).
    ///
    /// # Errors
    /// [`StoreError::NoDevice`]; the disk's.
    pub fn revive(&self, number: DeviceNumber) -> Pending<()> {
        self.set_retired(number, None)
    }

    fn set_retired(&self, number: DeviceNumber, time: Option<Time>) -> Pending<()> {
        self.config.call(move |database| {
            let time = time.map(|time| time.0 as i64);
            let update = || {
                database
                    .connection
                    .prepare_cached(
                        "UPDATE device SET retired = iif(?2 IS NULL, NULL, coalesce(retired, ?2)) WHERE number = ?1",
                    )?
                    .execute(params![number, time])
            };
            match update().map_err(|error| database.failed(&error))? {
                0 => Err(StoreError::NoDevice(number)),
                _ => Ok(()),
            }
        })
    }

    /// Visits all devices in order of their numbers, retired ones included, and remembers `profiles` for
    /// [`learn`](Store::learn): call it once, after [`bind_profiles`](Store::bind_profiles), also with an empty store.
    /// Returns how many there are.
    ///
    /// # Errors
    /// [`StoreError::UnknownProfile`] if a device's profile is not among `profiles`; the disk's.
    pub fn load_devices(
        &self,
        profiles: &Profiles,
        mut visit: impl FnMut(DeviceRecord),
    ) -> Result<usize, StoreError> {
        *self.profiles.lock() = profiles.iter().map(|(_, profile)| profile.stored_id).collect();
        let ids: HashMap<u32, _> = profiles.iter().map(|(id, profile)| (profile.stored_id, id)).collect();
        let path = self.folder.join(database::CONFIG.file);
        let failed = |error| StoreError::sqlite(&path, &error);
        let connection = database::reader(&path)?;
        let mut statement = connection
            .prepare(
                "SELECT number, name, profile, adapter, southbound_id, learned, retired FROM device ORDER BY number",
            )
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            let (stored_id, mut record) = record(row).map_err(failed)?;
            record.profile = *ids.get(&stored_id).ok_or(StoreError::UnknownProfile(stored_id))?;
            visit(record);
            count += 1;
        }
        Ok(count)
    }

    /// No number above this one has been given; 0 before the first.
    pub fn max_number(&self) -> DeviceNumber {
        self.ledger.lock().told().devices
    }
}

impl Queue {
    fn commit_group(&self, database: &mut Database, ledger: &Mutex<Ledger>) -> Result<(), StoreError> {
        let group = self.take_group();
        if group.is_empty() {
            return Ok(());
        }
        match write_group(database, ledger, &group) {
            Ok(outcomes) => {
                for (learn, outcome) in group.into_iter().zip(outcomes) {
                    let _ = learn.reply.send(outcome);
                }
                Ok(())
            }
            Err(error) => {
                for learn in group {
                    let _ = learn.reply.send(Err(error.clone()));
                }
                Err(error)
            }
        }
    }

    fn take_group(&self) -> Vec<Learn> {
        let mut queue = self.0.lock();
        let (mut count, mut records) = (0, 0);
        for learn in queue.iter() {
            records += learn.records.len();
            if count > 0 && records > GROUP {
                break;
            }
            count += 1;
        }
        queue.drain(..count).collect()
    }
}

/// The highest number in config.db.
pub(super) fn max_number(connection: &Connection) -> rusqlite::Result<DeviceNumber> {
    connection.query_row("SELECT coalesce(max(number), 0) FROM device", [], |row| row.get(0))
}

/// Before a transaction is committed that has device numbers up to this one.
pub(super) fn give(ledger: &Mutex<Ledger>, highest: DeviceNumber) -> Result<(), StoreError> {
    let mut ledger = ledger.lock();
    ledger.note_devices(highest);
    ledger.keep()
}

/// One transaction for the group, one savepoint for each call: a call that conflicts does not spoil the others.
fn write_group(
    database: &mut Database,
    ledger: &Mutex<Ledger>,
    group: &[Learn],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let path = database.path.clone();
    let failed = |error: rusqlite::Error| StoreError::sqlite(&path, &error);
    let mut transaction =
        database.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut outcomes = Vec::with_capacity(group.len());
    for learn in group {
        let mut savepoint = transaction.savepoint().map_err(failed)?;
        let outcome = insert(&savepoint, learn, failed);
        match &outcome {
            Ok(()) => savepoint.commit().map_err(failed)?,
            Err(error) if error.is_storage() => return Err(error.clone()),
            Err(_) => {
                savepoint.rollback().map_err(failed)?;
                savepoint.commit().map_err(failed)?;
            }
        }
        outcomes.push(outcome);
    }
    let written = group.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    let numbers = written.flat_map(|(learn, _)| &learn.records).map(|record| record.number);
    give(ledger, numbers.max().unwrap_or(0))?;
    transaction.commit().map_err(failed)?;
    Ok(outcomes)
}

fn insert(
    connection: &Connection,
    learn: &Learn,
    failed: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO device (number, name, profile, adapter, southbound_id, learned, retired) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, iif(?7, ?6, NULL))",
        )
        .map_err(&failed)?;
    for record in &learn.records {
        let index = record.profile.0;
        let profile =
            *learn.profiles.get(usize::from(index)).ok_or(StoreError::UnknownProfile(u32::from(index)))?;
        let southbound_id = (record.southbound_id != record.name).then_some(&record.southbound_id);
        statement
            .execute(params![
                record.number,
                record.name,
                profile,
                record.adapter,
                southbound_id,
                record.learned.0 as i64,
                record.retired
            ])
            .map_err(&failed)?;
    }
    Ok(())
}

/// The stored id of its profile, and the record without its profile.
fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u32, DeviceRecord)> {
    let name: String = row.get(1)?;
    let southbound_id: Option<String> = row.get(4)?;
    let record = DeviceRecord {
        number: row.get(0)?,
        southbound_id: southbound_id.unwrap_or_else(|| name.clone()),
        name,
        profile: Default::default(),
        adapter: row.get(3)?,
        learned: Time(row.get::<_, i64>(5)?.max(0) as u64),
        retired: row.get_ref(6)? != rusqlite::types::ValueRef::Null,
    };
    Ok((row.get(2)?, record))
}
