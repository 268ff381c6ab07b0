//! What the devices said and what happened: written behind in batches, read back at the start.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    Store, StoreError,
    database::{self, Database},
    devices,
    ledger::{self, Ledger, MOST_EVENTS},
    row,
    writer::{Pending, Writer},
};
use crate::{
    clock,
    fleet::DeviceState,
    journal::Event,
    model::{DeviceNumber, Time},
};

/// The newest events are kept, so many of them.
const EVENTS_KEPT: u64 = 1_000_000;

/// In state.db's meta: when the last batch was written.
const WRITTEN: &str = "written";

/// So many event numbers are promised at a time; a crash leaves a gap of so many at most.
const EVENTS_RESERVED: u64 = 4096;

/// One transaction's worth of changes. Rows lie in one buffer: no allocation a device.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// (device, end of its row in `bytes`).
    rows: Vec<(DeviceNumber, usize)>,
    /// By ascending number.
    pub events: Vec<Event>,
    /// The settings of a device; `None`: it has none any more.
    pub(super) settings: Vec<(DeviceNumber, Option<String>)>,
}

/// A batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// The file was damaged and has been begun anew: mark every device dirty, only this batch is in it.
    pub anew: bool,
}

/// What [`Store::load_state`] or [`Store::load_settings`] read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub rows: usize,
    /// Rows that cannot be read; their devices begin without telemetry.
    pub unreadable: usize,
    /// The file was damaged past reading: what was visited is all there is. It has been moved here and begun anew:
    /// mark every device dirty.
    pub set_aside: Option<PathBuf>,
}

impl Batch {
    /// Adds a device; `encode` appends its row and nothing else.
    pub fn push(&mut self, number: DeviceNumber, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.rows.push((number, self.bytes.len()));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.events.is_empty() && self.settings.is_empty()
    }

    /// How many devices it has.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The size of all rows.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// By ascending number, so that the file is written front to back: scattered, a row costs twenty times as much. Of two rows of one device the later one comes later.
    fn sorted(&self) -> Vec<(DeviceNumber, &[u8])> {
        let mut start = 0;
        let row = |&(number, end): &(DeviceNumber, usize)| {
            let row = &self.bytes[start..end];
            start = end;
            (number, row)
        };
        let mut rows: Vec<_> = self.rows.iter().map(row).collect();
        rows.sort_by_key(|&(number, _)| number);
        rows
    }
}

impl Store {
    /// Writes rows and events in one transaction (synchronous=NORMAL): after `Ok` they survive kill -9. Cheapest with
    /// ascending device numbers; some ten thousand rows a batch keep the log small.
    ///
    /// # Errors
    /// The disk's; nothing of the batch is written then: keep the rows dirty, the events undurable, and try again.
    pub fn flush(&self, batch: Batch) -> Pending<Flushed> {
        let (config, ledger) = (self.config.clone(), self.ledger.clone());
        let (marks, stats) = (self.marks.clone(), self.stats.clone());
        self.state.call(move |database| {
            let last = batch.events.last().map_or(0, |event| event.number);
            marks.reserve(&config, ledger, last)?;
            marks.finish(database)?;
            match write(database, &batch) {
                Err(StoreError::Damaged { reason, .. }) => {
                    marks.begin_anew(database, &reason)?;
                    write(database, &batch)?;
                }
                other => other?,
            }
            let anew = marks.unfinished.swap(false, Relaxed);
            marks.last.fetch_max(last, Relaxed);
            stats.store.rows_written.add(batch.rows.len() as u64);
            stats.store.flushes.inc();
            Ok(Flushed { anew })
        })
    }

    /// No event up to this number will be numbered again, written or not.
    pub fn promised_events(&self) -> u64 {
        self.marks.reserved.load(Relaxed)
    }

    /// All events that were told are written: takes back the numbers that are promised and not given, so that the next
    /// start goes on without a gap. For a clean stop, after the last flush.
    ///
    /// # Errors
    /// The disk's; the next start leaves a gap then.
    pub fn settle_events(&self) -> Pending<()> {
        let (marks, ledger) = (self.marks.clone(), self.ledger.clone());
        self.config.call(move |database| {
            let last = marks.last.load(Relaxed);
            ledger.lock().settle_events(last)?;
            promise(database, last)?;
            marks.reserved.store(last, Relaxed);
            Ok(())
        })
    }

    /// Visits what was last flushed of each device, by ascending number.
    ///
    /// # Errors
    /// The disk's, if a damaged file can be neither read nor moved aside.
    pub fn load_state(
        &self,
        mut visit: impl FnMut(DeviceNumber, DeviceState<'_>),
    ) -> Result<Loaded, StoreError> {
        let path = self.folder.join(database::STATE.file);
        let mut loaded = Loaded::default();
        let connection = database::reader(&path)?;
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = connection.prepare("SELECT number, row FROM device ORDER BY number")?;
            let mut rows = statement.query([])?;
            let mut former: i64 = 0;
            while let Some(stored) = rows.next()? {
                let number = stored.get(0)?;
                if number <= former {
                    return Err(rusqlite::Error::IntegralValueOutOfRange(0, number));
                }
                former = number;
                match row::decode(stored.get_ref(1)?.as_blob().unwrap_or_default()) {
                    Ok(state) => {
                        visit(stored.get(0)?, state);
                        loaded.rows += 1;
                    }
                    Err(_) => loaded.unreadable += 1,
                }
            }
            Ok(())
        };
        let outcome = read();
        drop(connection);
        loaded.set_aside = self.set_aside_damaged(outcome)?;
        Ok(loaded)
    }

    /// If state.db could not be read to its end, it is begun anew; says where it is now.
    pub(super) fn set_aside_damaged(
        &self,
        outcome: rusqlite::Result<()>,
    ) -> Result<Option<PathBuf>, StoreError> {
        let path = self.folder.join(database::STATE.file);
        match outcome.map_err(|error| StoreError::sqlite(&path, &error)) {
            Ok(()) => Ok(None),
            Err(StoreError::Damaged { reason, .. }) => {
                let marks = self.marks.clone();
                self.state.call(move |database| marks.begin_anew(database, &reason)).wait().map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// When the last [`flush`](Store::flush) was, by the clock as it was then; [`Time::NEVER`]: nobody knows.
    ///
    /// # Errors
    /// The disk's.
    pub fn last_flush(&self) -> Result<Time, StoreError> {
        let path = self.folder.join(database::STATE.file);
        let written: Option<i64> = database::meta(&database::reader(&path)?, WRITTEN)
            .map_err(|error| StoreError::sqlite(&path, &error))?;
        Ok(written.map_or(Time::NEVER, |millis| Time(millis.max(0) as u64)))
    }

    /// At most `most` events after number `after`, oldest first; the oldest kept one comes first if `after` is older.
    /// Events of kinds that this version does not know are left out. Blocks for one short read.
    ///
    /// # Errors
    /// The disk's.
    pub fn events(&self, after: u64, most: usize) -> Result<Vec<Event>, StoreError> {
        let path = self.folder.join(database::STATE.file);
        let read = |connection: Connection| -> rusqlite::Result<Vec<Event>> {
            connection
                .prepare("SELECT number, time, kind FROM event WHERE number > ?1 ORDER BY number LIMIT ?2")?
                .query_map(params![sql(after), sql(most as u64)], |row| {
                    let kind: String = row.get(2)?;
                    let (number, time): (i64, i64) = (row.get(0)?, row.get(1)?);
                    Ok(serde_json::from_str(&kind).ok().map(|kind| Event {
                        number: number as u64,
                        time: Time(time as u64),
                        kind,
                    }))
                })?
                .filter_map(Result::transpose)
                .collect()
        };
        read(database::reader(&path)?).map_err(|error| StoreError::sqlite(&path, &error))
    }
}

/// Ties state.db to its config.db, and event numbers to both.
#[derive(Debug)]
pub(super) struct Marks {
    identity: String,
    /// The newest durable event, at the start the newest that may have been given.
    pub last: AtomicU64,
    /// As written to config.db: no number above has been given.
    reserved: AtomicU64,
    /// The file was moved aside while running, and no flush has told the caller yet.
    unfinished: AtomicBool,
}

/// state.db as it was found.
pub(super) struct Found {
    pub database: Database,
    pub marks: Marks,
    /// It was made just now.
    pub anew: bool,
    pub set_aside: Option<PathBuf>,
}

impl Marks {
    /// Opens state.db beside an open config.db; one that is damaged or belongs to another config.db is moved aside.
    pub fn open(config: &Database, ledger: &mut Ledger, now: Time) -> Result<Found, StoreError> {
        let failed = |error| config.failed(&error);
        let identity: String =
            database::meta(&config.connection, "identity").map_err(failed)?.unwrap_or_default();
        let reserved: i64 =
            database::meta(&config.connection, "events-reserved").map_err(failed)?.unwrap_or_default();
        let reserved = (reserved.max(0) as u64).max(ledger.told().events.unwrap_or(0));
        let marks = Marks {
            identity,
            last: AtomicU64::new(reserved),
            reserved: AtomicU64::new(reserved),
            unfinished: AtomicBool::new(false),
        };
        let folder = config.path.parent().unwrap_or(Path::new("."));

        let mut set_aside = None;
        let mut open = || match Database::open(folder, &database::STATE) {
            Err(StoreError::Damaged { path, reason }) => {
                let aside = database::set_aside(&path, "damaged", now)
                    .map_err(|error| StoreError::io(&path, &error))?;
                tracing::warn!(%reason, moved = %aside.display(), "state.db is damaged; the bridge goes on without old telemetry");
                set_aside = Some(aside);
                Database::open(folder, &database::STATE)
            }
            other => other,
        };
        let mut database = open()?.0;
        let known = devices::max_number(&config.connection).map_err(failed)?;
        let looked = look(&database.connection).and_then(|found| {
            if found.owner.as_deref() == Some(marks.identity.as_str()) {
                // Of a config.db that was put back from a copy nothing else tells what was promised.
                if ledger.told().events.is_none() {
                    marks.last.fetch_max(found.last_event, Relaxed);
                }
                forget(&database.connection, known, marks.last.load(Relaxed))?;
            }
            Ok(found)
        });
        let (anew, unfit) = match looked.map_err(|error| database.failed(&error)) {
            Ok(Looked { owner: Some(owner), .. }) if owner == marks.identity => (false, None),
            Ok(Looked { owner: None, empty: true, .. }) => (true, None),
            Ok(_) => (true, Some(("foreign", "it is not that of config.db".to_owned()))),
            Err(StoreError::Damaged { reason, .. }) => (true, Some(("damaged", reason))),
            Err(error) => return Err(error),
        };
        if let Some((why, reason)) = unfit {
            let aside = database.replace(why, now)?;
            tracing::warn!(%reason, moved = %aside.display(), "state.db cannot be used; the bridge goes on without old telemetry");
            set_aside = Some(aside);
        }
        if anew {
            marks.begin(&mut database)?;
        }
        // It is kept with the next: a start needs no space on the disk.
        ledger.note_events(marks.last.load(Relaxed));
        Ok(Found { database, marks, anew, set_aside })
    }

    /// Moves a damaged file aside and begins a new one.
    fn begin_anew(&self, database: &mut Database, reason: &str) -> Result<PathBuf, StoreError> {
        self.unfinished.store(true, Relaxed);
        let aside = database.replace("damaged", clock::now())?;
        tracing::warn!(reason, moved = %aside.display(), "state.db is damaged; a new one takes what is in memory");
        self.begin(database)?;
        Ok(aside)
    }

    /// Brings a [`begin_anew`](Marks::begin_anew) that the disk cut short to its end.
    fn finish(&self, database: &mut Database) -> Result<(), StoreError> {
        if !self.unfinished.load(Relaxed) {
            return Ok(());
        }
        database.attach()?;
        self.begin(database)
    }

    /// Marks a new file as belonging to this config.db.
    fn begin(&self, database: &mut Database) -> Result<(), StoreError> {
        let last = sql(self.last.load(Relaxed));
        let mut write = || {
            let transaction = database.connection.transaction()?;
            database::set_meta(&transaction, "events-before", last)?;
            database::set_meta(&transaction, "identity", &self.identity)?;
            transaction.commit()
        };
        write().map_err(|error| database.failed(&error))
    }

    /// Before events up to `last` are written, config.db and the ledger must know that their numbers are given.
    fn reserve(&self, config: &Writer, ledger: Arc<Mutex<Ledger>>, last: u64) -> Result<(), StoreError> {
        if last <= self.reserved.load(Relaxed) {
            return Ok(());
        }
        let reserved = last.saturating_add(EVENTS_RESERVED);
        let promise = move |database: &mut Database| {
            let mut ledger = ledger.lock();
            ledger.note_events(reserved);
            ledger.keep()?;
            promise(database, reserved)
        };
        config.call(promise).wait()?;
        self.reserved.store(reserved, Relaxed);
        Ok(())
    }
}

fn promise(database: &Database, reserved: u64) -> Result<(), StoreError> {
    database::set_meta(&database.connection, "events-reserved", sql(reserved))
        .map_err(|error| database.failed(&error))
}

/// A config.db that is missing or empty beside files that know one would number all devices anew.
///
/// # Errors
/// That is so.
pub(super) fn refuse_forgotten(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(database::CONFIG.file);
    let state_identity = || -> Option<String> {
        let state = database::spectator(&folder.join(database::STATE.file)).ok()??;
        database::meta(&state, "identity").ok()?
    };
    let ledger_identity = || ledger::read(&folder.join(ledger::FILE)).ok()??.0.identity;
    match database::spectator(&path) {
        Ok(None) if state_identity().or_else(ledger_identity).is_some() => {
            Err(StoreError::Forgotten { path })
        }
        // What else is wrong shows when it is opened.
        _ => Ok(()),
    }
}

/// What cannot be read in state.db, as far as a start would meet it at once. Changes nothing.
///
/// # Errors
/// [`StoreError::Damaged`]; the disk's.
pub(super) fn inspect(folder: &Path, connection: &Connection) -> Result<(), StoreError> {
    let path = folder.join(database::STATE.file);
    look(connection).map(drop).map_err(|error| StoreError::sqlite(&path, &error))
}

struct Looked {
    /// The identity of its config.db.
    owner: Option<String>,
    empty: bool,
    last_event: u64,
}

fn look(connection: &Connection) -> rusqlite::Result<Looked> {
    let empty = connection.query_row(
        "SELECT NOT EXISTS (SELECT row FROM device) AND NOT EXISTS (SELECT settings FROM setting) \
         AND NOT EXISTS (SELECT kind FROM event)",
        [],
        |row| row.get(0),
    )?;
    Ok(Looked { owner: database::meta(connection, "identity")?, empty, last_event: last_event(connection)? })
}

/// Drops what nobody gave: rows of devices above `known`, because config.db was put back from a copy and who they were is
/// forgotten, or because their number is damaged; and events above `last`.
fn forget(connection: &Connection, known: DeviceNumber, last: u64) -> rusqlite::Result<()> {
    for (table, number, last) in [
        ("device", "number", i64::from(known)),
        ("setting", "device", i64::from(known)),
        ("event", "number", sql(last)),
    ] {
        // Two ranges, because all rows would be visited for one condition.
        connection.execute(&format!("DELETE FROM {table} WHERE {number} < 1"), [])?;
        connection.execute(&format!("DELETE FROM {table} WHERE {number} > ?1"), [last])?;
    }
    Ok(())
}

fn last_event(connection: &Connection) -> rusqlite::Result<u64> {
    let newest: Option<i64> = connection.query_row(
        "SELECT max(number) FROM event WHERE number <= ?1",
        [sql(MOST_EVENTS)],
        |row| row.get(0),
    )?;
    let before: Option<i64> = database::meta(connection, "events-before")?;
    Ok(newest.max(before).unwrap_or(0).max(0) as u64)
}

fn write(database: &mut Database, batch: &Batch) -> Result<(), StoreError> {
    let mut write = || -> rusqlite::Result<()> {
        let transaction = database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut upsert = transaction.prepare_cached("INSERT OR REPLACE INTO device VALUES (?1, ?2)")?;
        for (number, row) in batch.sorted() {
            upsert.execute(params![number, row])?;
        }
        drop(upsert);
        for (device, settings) in &batch.settings {
            match settings {
                Some(settings) => transaction
                    .prepare_cached("INSERT OR REPLACE INTO setting VALUES (?1, ?2)")?
                    .execute(params![device, settings])?,
                None => {
                    transaction.prepare_cached("DELETE FROM setting WHERE device = ?1")?.execute([device])?
                }
            };
        }
        if let Some(last) = batch.events.last() {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3)")?;
            for event in &batch.events {
                let kind = serde_json::to_string(&event.kind).unwrap_or_default();
                insert.execute(params![sql(event.number), sql(event.time.0), kind])?;
            }
            // As many go as have come, so this never takes long.
            transaction
                .prepare_cached("DELETE FROM event WHERE number <= ?1")?
                .execute([sql(last.number.saturating_sub(EVENTS_KEPT))])?;
        }
        database::set_meta(&transaction, WRITTEN, sql(clock::now().0))?;
        transaction.commit()
    };
    write().map_err(|error| database.failed(&error))
}

/// SQLite's integers are signed; none of ours comes near the 63rd bit.
fn sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
