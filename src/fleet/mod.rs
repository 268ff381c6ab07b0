//! The state of all devices: columns in blocks of 1,024 consecutive device numbers.
//!
//! The number is SNMP index, SQLite rowid and order of all lists, so "the next device" is the next place in a block.
//! Each block has one lock; readers hold it for a block at a time, [`Fleet::absorb`] for the reports that touch it.
//!
//! Locks are taken in the order names, children, block, journal or adapter; a reader inside a block may ask for names and
//! other blocks (all reads are recursive), a writer inside a block asks for nothing but journal and outbox, which ask
//! for nothing; nor do the boot instants that wait to be shown.

mod absorb;
mod adapters;
mod bits;
mod block;
mod boot;
mod clock;
mod enrol;
mod managed;
mod names;
mod presence;
mod resolve;
mod restore;
mod revision;
mod row;
mod scope;
mod settings;
mod texts;
mod unit;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
};

pub use absorb::{Absorbed, Resolved};
pub use adapters::{Adapter, AdapterState, Adapters, Status};
pub use block::Traffic;
pub use enrol::{FleetFull, Identity};
pub use restore::{DeviceState, PointState, StoredValue};
pub use revision::Change;
pub use row::{Point, PointValue, Row, write_integer};
pub use scope::Scope;
pub use settings::{Begin, Commit, Op, Order, Phase, Setting, SettingState};
pub use walk::{Has, Which};

use bits::BlockBits;
use block::{BLOCKS, Block, Columns, place};
use names::Names;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use settings::Outbox;

use crate::{journal::Journal, model::*};

pub struct Fleet {
    profiles: Profiles,
    adapters: Adapters,
    journal: Journal,
    blocks: Box<[OnceLock<Block>]>,
    live: BlockBits,
    missing: BlockBits,
    /// Blocks in which settings are wanted or reported.
    configured: BlockBits,
    /// Blocks with settings that ended otherwise than wanted.
    unmet: BlockBits,
    outbox: Outbox,
    names: Names,
    /// The highest number ever given.
    highest: AtomicU32,
    /// No change is marked with fewer seconds any more.
    revision: AtomicU32,
    /// A hash of how devices are asked.
    asked_by: AtomicU32,
    /// What the store kept, until a start is through.
    remembered: Mutex<Vec<(DeviceNumber, Change)>>,
    /// What has changed and is to be announced; `None`: nobody is told of that.
    changed: Mutex<Option<Vec<DeviceNumber>>>,
    by_presence: [AtomicU32; 8],
    scopes: RwLock<Vec<Arc<Scope>>>,
    /// Milliseconds by which the clock has been set since the start. Boot instants are kept as if it had not been.
    clock_set: AtomicI64,
    /// When that was last; nobody's silence counts from before.
    clock_set_at: AtomicU64,
    /// Those that have moved; see [`boot`].
    boots: Mutex<BTreeMap<DeviceNumber, Time>>,
    /// (parent, child): who becomes unreachable with whom.
    children: Mutex<BTreeSet<(DeviceNumber, DeviceNumber)>>,
    /// (parent, child): whose manager named a parent that has no number yet.
    awaited: Mutex<BTreeSet<(String, DeviceNumber)>>,
}

/// How many devices are in which presence; live ones only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    by_presence: [u32; 8],
    /// Numbers given so far, retired ones included.
    pub numbers_used: u32,
}

impl Counts {
    pub fn of(&self, presence: Presence) -> u32 {
        self.by_presence[presence as usize]
    }

    pub fn devices(&self) -> u32 {
        self.by_presence.iter().sum()
    }

    pub fn missing(&self) -> u32 {
        self.of(Presence::Lost) + self.of(Presence::Unreachable)
    }
}

impl Fleet {
    /// An empty fleet whose journal goes on after event `last_event`.
    pub fn new(profiles: Profiles, last_event: u64) -> Self {
        Fleet {
            profiles,
            adapters: Adapters::default(),
            journal: Journal::new(last_event),
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
            live: BlockBits::default(),
            missing: BlockBits::default(),
            configured: BlockBits::default(),
            unmet: BlockBits::default(),
            outbox: Outbox::default(),
            names: Names::default(),
            highest: AtomicU32::new(0),
            revision: AtomicU32::new(0),
            asked_by: AtomicU32::new(0),
            remembered: Mutex::default(),
            changed: Mutex::default(),
            by_presence: Default::default(),
            scopes: RwLock::default(),
            clock_set: AtomicI64::new(0),
            clock_set_at: AtomicU64::new(0),
            boots: Mutex::default(),
            children: Mutex::default(),
            awaited: Mutex::default(),
        }
    }

    pub fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    pub fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    pub fn counts(&self) -> Counts {
        Counts {
            by_presence: std::array::from_fn(|at| self.by_presence[at].load(Ordering::Relaxed)),
            numbers_used: self.highest.load(Ordering::Acquire),
        }
    }

    /// By name, retired ones included.
    pub fn find(&self, name: &str) -> Option<DeviceNumber> {
        self.names
            .by_name(name, |number| self.with(number, |columns, at| columns.name(at) == name) == Some(true))
    }

    /// Runs `view` on a live device under its block's read lock.
    pub fn row<R>(&self, number: DeviceNumber, view: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        let (block, at) = place(number);
        let columns = self.read(block)?;
        if !columns.live.get(at) {
            return None;
        }
        Row::new(self, &columns, number).map(view)
    }

    /// As [`row`](Fleet::row), also for a retired device.
    pub fn row_or_retired<R>(&self, number: DeviceNumber, view: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        let (block, at) = place(number);
        let columns = self.read(block)?;
        if !columns.slots.get(at)?.is_somebody() {
            return None;
        }
        Row::new(self, &columns, number).map(view)
    }

    /// Visits the rows changed since the last call, at most about `most` of them, and takes them as written; the
    /// caller gives back with [`mark_dirty`](Fleet::mark_dirty) what it could not write. Starts at block `*from`,
    /// and sets it to where to go on, 0 at the end.
    pub fn take_dirty(&self, from: &mut usize, most: usize, mut visit: impl FnMut(Row<'_>)) {
        let mut visited = 0;
        let mut block = *from;
        while let Some(next) = self.blocks.get(block) {
            if visited >= most {
                *from = block;
                return;
            }
            block += 1;
            // Of a block whose numbers were passed over there is nothing.
            let Some(next) = next.get() else { continue };
            if next.columns.read_recursive().dirty.is_empty() {
                continue;
            }
            let dirty = std::mem::take(&mut next.columns.write().dirty);
            let columns = next.columns.read_recursive();
            for row in dirty.iter().filter_map(|at| Row::new(self, &columns, next.base + at as u32)) {
                visit(row);
                visited += 1;
            }
        }
        *from = 0;
    }

    /// Makes rows wait for the next flush again.
    pub fn mark_dirty(&self, numbers: impl IntoIterator<Item = DeviceNumber>) {
        for number in numbers {
            let (block, at) = place(number);
            if let Some(block) = self.blocks.get(block).and_then(OnceLock::get) {
                block.columns.write().dirty.set(at, true);
            }
        }
    }

    fn read(&self, block: usize) -> Option<RwLockReadGuard<'_, Columns>> {
        Some(self.blocks.get(block)?.get()?.columns.read_recursive())
    }

    fn with<R>(&self, number: DeviceNumber, view: impl FnOnce(&Columns, usize) -> R) -> Option<R> {
        let (block, at) = place(number);
        let columns = self.read(block)?;
        columns.slots.get(at)?.is_somebody().then(|| view(&columns, at))
    }

    /// Moves a device to another presence in all that is kept of it; the caller holds the block's lock.
    fn set_presence(&self, columns: &mut Columns, number: DeviceNumber, presence: Presence, now: Time) {
        let (block, at) = place(number);
        let former = std::mem::replace(&mut columns.slots[at].presence, presence);
        columns.slots[at].presence_since = now;
        columns.dirty.set(at, true);
        if former != Presence::Retired {
            self.by_presence[former as usize].fetch_sub(1, Ordering::Relaxed);
        }
        if presence != Presence::Retired {
            self.by_presence[presence as usize].fetch_add(1, Ordering::Relaxed);
        }
        if former.is_missing() != presence.is_missing() {
            columns.missing.set(at, presence.is_missing());
            self.missing.set(block, !columns.missing.is_empty());
        }
        let reached = settings::is_reached(presence);
        if reached != settings::is_reached(former) && !columns.settings.cells.is_empty() {
            self.settings_reach(columns, number, reached, now);
        }
        let retired = presence == Presence::Retired;
        if retired != (former == Presence::Retired) {
            columns.live.set(at, !retired);
            self.live.set(block, !columns.live.is_empty());
        }
    }
}
