//! What outlives the process: two SQLite files in one folder, both in WAL mode, and a text; all of mode 0600.
//!
//! | file | holds | durable |
//! |---|---|---|
//! | `config.db` | device numbers, names and identities; numbers of profiles, points, settings, adapters; running, with its commits, their inverses and their audit | synchronous=FULL: a write that was acknowledged survives a power cut |
//! | `numbers` | which numbers were given, of devices, events, profiles, points, settings, adapters ([`ledger`]) | synced before anybody can see them |
//! | `state.db` | the last telemetry of each device ([`row`]), where its settings stand, the newest million events, how far trap targets are | synchronous=NORMAL: an acknowledged batch survives kill -9; a power cut may cost the last seconds |
//! | `lock` | the holder's pid | held by flock(2) for the life of the process |
//!
//! Beside them SQLite's own `-wal` and `-shm`, `FILE.vN.backup` (the copy that a migration saved first) and
//! `state.db.damaged-TIME`.
//!
//! **kill -9 at any moment** leaves both files at the end of some transaction. A device is in `config.db` before any
//! manager can see its number ([`Store::learn`]), so numbers, names and identities never change; telemetry is at most one
//! [`Store::flush`] old; rows and events of one flush stand or fall together, so an event and the state that it tells of
//! never disagree. Event numbers are promised by `config.db` and `numbers` in advance, and a start goes on behind the
//! promise: so none is given twice, be `state.db` lost or an event told that could not be written. A clean stop takes back
//! what was promised and not given ([`Store::settle_events`]), so that only a crash leaves a gap in the numbers.
//!
//! **A config.db that was put back from a copy, or saved from damage**, takes from `numbers` the names and numbers that it
//! does not know, and device numbers go on above the highest that was given. What `state.db` has of devices that nobody
//! knows any more is dropped at that start; nothing in it is believed of numbers.
//!
//! **A disk that fails** (full, read-only, broken): the write returns an error, nothing of it is done, and it may be
//! tried again; the first error in a minute is logged, all are counted in `stats.store.errors`. A damaged `state.db` is
//! moved aside and begun anew; a damaged `config.db` is refused, because numbers would be lost, and so is one that is
//! missing while its `state.db` is there. [`inspect`] finds what would be refused without changing anything.
//!
//! ```text
//! learn, retire, bind ──▶ thread config.db: many calls, one commit
//! datastore::Rows::write ─▶ thread config.db: one commit of running, one transaction
//! flush ────────────────▶ thread state.db: one batch, one commit ──▶ (every 4,096 events) thread config.db
//! load_*, events, Rows ─▶ a reading connection on the caller's thread
//! ```

mod database;
mod devices;
mod error;
mod ledger;
mod lock;
mod migrate;
mod numbers;
mod pools;
pub mod row;
mod running;
mod settings;
mod telemetry;
mod told;
mod writer;

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

pub use error::StoreError;
pub use numbers::edited;
pub use pools::{forget_address_pools, kept_address_pools};
pub use telemetry::{Batch, Flushed, Loaded};
pub use writer::{Pending, Trouble};

use self::{
    database::Database,
    ledger::Ledger,
    lock::Lock,
    telemetry::{Found, Marks},
    writer::Writer,
};
use crate::{model::Time, stats::Stats};

/// The open store. Dropping it waits for all writes under way, then lets go of the lock.
#[derive(Debug)]
pub struct Store {
    // Fields are dropped in this order: state's last jobs may need config, and the lock goes last.
    state: Writer,
    config: Arc<Writer>,
    marks: Arc<Marks>,
    /// Written by config.db's thread alone, before it commits.
    ledger: Arc<Mutex<Ledger>>,
    learning: Arc<devices::Queue>,
    /// The stored ids of the profiles that `load_devices` was given.
    profiles: Mutex<Arc<[u32]>>,
    /// Connections to config.db that only read, while nobody uses them.
    readers: Mutex<Vec<rusqlite::Connection>>,
    stats: Arc<Stats>,
    folder: PathBuf,
    _lock: Lock,
}

/// A store and what was found in it.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// One of the files is new: the start is cold (coldStart, not warmStart).
    pub cold: bool,
    /// No event above this number has been given: where the journal goes on.
    pub last_event: u64,
    /// Where a damaged or foreign `state.db` was moved to; its telemetry is gone.
    pub set_aside: Option<PathBuf>,
}

impl Store {
    /// Opens the store in a folder, which is made (0700) if need be, and takes its lock. `now` names files that are moved
    /// aside.
    ///
    /// # Errors
    /// Another process holds it; a file is damaged, not ours or of a newer version; config.db is missing beside its
    /// state.db; the disk's.
    pub fn open(folder: &Path, now: Time, stats: Arc<Stats>) -> Result<Opened, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| StoreError::io(folder, &error))?;
        let lock = Lock::take(folder)?;
        telemetry::refuse_forgotten(folder)?;
        let (mut config, fresh) = Database::open(folder, &database::CONFIG)?;
        let mut ledger = Ledger::open(folder)?;
        numbers::agree(&mut config, &mut ledger, fresh)?;
        let Found { database: state, marks, anew, set_aside } = Marks::open(&config, &mut ledger, now)?;
        let last_event = marks.last.load(std::sync::atomic::Ordering::Relaxed);
        let store = Store {
            state: Writer::start(state, stats.clone())?,
            config: Arc::new(Writer::start(config, stats.clone())?),
            marks: Arc::new(marks),
            ledger: Arc::new(Mutex::new(ledger)),
            learning: Arc::default(),
            profiles: Mutex::new(Arc::new([])),
            readers: Mutex::default(),
            stats,
            folder: folder.to_owned(),
            _lock: lock,
        };
        Ok(Opened { store, cold: fresh || anew, last_event, set_aside })
    }

    /// What the disk said to the last write of each file, if it failed; tells of this store for ever.
    pub fn troubles(&self) -> [Trouble; 2] {
        [self.config.trouble.clone(), self.state.trouble.clone()]
    }
}

/// What [`Store::open`] would refuse of the files in a folder, and damage. Changes nothing; not for a store that is open.
pub fn inspect(folder: &Path) -> Vec<StoreError> {
    let config = database::inspect(folder, &database::CONFIG);
    let state = database::inspect(folder, &database::STATE);
    [
        database::regular_file(&folder.join(lock::FILE)),
        telemetry::refuse_forgotten(folder),
        config.and_then(|found| found.map_or(Ok(()), |config| numbers::inspect(folder, &config))),
        state.and_then(|found| found.map_or(Ok(()), |state| telemetry::inspect(folder, &state))),
        ledger::inspect(folder),
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fleet::DeviceState,
        journal::{Event, EventKind},
    };

    fn batch(rows: u32, event: u64) -> Batch {
        let mut batch = Batch::default();
        for number in 1..=rows {
            batch.push(number, |out| row::encode_state(&DeviceState::default(), out));
        }
        batch.events.push(Event { number: event, time: Time(1), kind: EventKind::Started { cold: true } });
        batch
    }

    fn limit_pages(store: &Store, pages: u32) {
        let limit = move |database: &mut Database| {
            database
                .connection
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .map_err(|error| database.failed(&error))
        };
        store.state.call(limit).wait().unwrap();
    }

    #[test]
    fn a_full_file_takes_nothing_by_halves_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let stats = Arc::new(Stats::default());
        let store = Store::open(folder.path(), Time(1), stats.clone()).unwrap().store;
        store.flush(batch(10, 1)).wait().unwrap();
        limit_pages(&store, 8);
        for _ in 0..3 {
            let error = store.flush(batch(100_000, 2)).wait().unwrap_err();
            assert!(matches!(error, StoreError::Full { .. }), "{error}");
        }
        assert_eq!(stats.store.errors.value(), 3);
        assert_eq!(store.events(0, 9).unwrap().len(), 1, "neither rows nor events of the refused batch");
        assert_eq!(store.load_state(|_, _| ()).unwrap().rows, 10);
        store.flush(batch(10, 2)).wait().unwrap();
        limit_pages(&store, 1 << 20);
        store.flush(batch(100_000, 3)).wait().unwrap();
        assert_eq!(store.load_state(|_, _| ()).unwrap().rows, 100_000);
        assert_eq!(store.events(0, 9).unwrap().len(), 3);
    }

    #[test]
    fn old_events_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Time(1), Arc::default()).unwrap().store;
        assert_eq!(store.last_flush().unwrap(), Time::NEVER);
        let before = crate::clock::now();
        for number in [1, 2, 1_000_001] {
            store.flush(batch(0, number)).wait().unwrap();
        }
        assert!((before..=crate::clock::now()).contains(&store.last_flush().unwrap()));
        let numbers: Vec<_> = store.events(0, 9).unwrap().iter().map(|event| event.number).collect();
        assert_eq!(numbers, [2, 1_000_001]);
    }
}
