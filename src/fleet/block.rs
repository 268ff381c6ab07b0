//! 1,024 consecutive device numbers: the unit of locking, of streaming and of write-behind.

use parking_lot::RwLock;

use super::{
    bits::Bits,
    boot::Uptimes,
    managed::Managed,
    settings::Settings,
    texts::{TextId, Texts},
    unit::FormerSerials,
};
use crate::model::{AdapterId, Attribute, DeviceNumber, DeviceRecord, PointDef, Presence, Time};

pub(super) const BLOCK: usize = 1024;
pub(super) const BLOCKS: usize = 2048;

/// The block that holds a device, and its place there.
pub(super) fn place(number: DeviceNumber) -> (usize, usize) {
    (number as usize / BLOCK, number as usize % BLOCK)
}

#[derive(Debug)]
pub(super) struct Block {
    /// The number of the device at place 0.
    pub base: DeviceNumber,
    pub columns: RwLock<Columns>,
}

/// What is asked of a device together stands together (`slots`); what is walked alone is a column of its own.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub live: Bits,
    pub missing: Bits,
    /// Said that it goes, and nothing since.
    pub gone: Bits,
    /// Changed since the last flush.
    pub dirty: Bits,
    /// Revised, or new, since scopes were last looked at.
    pub revised: Bits,
    pub slots: Vec<Slot>,
    pub uptimes: Uptimes,
    pub attributes: Vec<[TextId; Attribute::COUNT]>,
    pub former_serials: FormerSerials,
    pub cells: Cells,
    pub settings: Settings,
    pub managed: Managed,
    /// Names and the southbound ids that differ from them; a name never changes, so nothing is ever freed.
    pub names: String,
    pub texts: Texts,
    /// No device here changes presence by silence before this instant.
    pub next_deadline: Time,
}

/// The part of a device that every message touches.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub last_seen: Time,
    pub presence_since: Time,
    /// When the unit booted, as far as it is known.
    pub boot: Time,
    /// What it has sent since the process started.
    pub sent: Traffic,
    /// Where its cells begin.
    pub cells: u32,
    /// What it hangs on as it reports it; see [`Columns::parent`].
    pub reported_parent: DeviceNumber,
    name: u32,
    /// [`SAME_AS_NAME`] or where it begins in `names`.
    southbound_id: u32,
    pub learned_secs: u32,
    /// The revision of its last change; see [`super::revision`].
    pub changed: u32,
    pub profile: u16,
    pub adapter: AdapterId,
    pub presence: Presence,
    name_len: u8,
    id_len: u8,
}

/// Messages that were heard as they were sent, not as a broker kept them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Of topics and payloads.
    pub octets: u64,
    pub messages: u64,
}

const _: () = assert!(size_of::<Slot>() == 72);

const SAME_AS_NAME: u32 = u32::MAX;

/// The values of all points of a block, the points of a device one after the other in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub values: Vec<i64>,
    /// Seconds since the epoch, 0 unknown.
    pub times: Vec<u32>,
    pub flags: Vec<u8>,
    /// How many cells of the block have each flag: a walk skips a block that has none.
    pub with_flag: [u32; 8],
    /// (cell, seconds): counters that went backwards, sorted by cell.
    pub resets: Vec<(u32, u32)>,
}

/// Flags of a cell.
pub(super) mod flag {
    /// A value has come and is good.
    pub const VALUE: u8 = 1;
    /// The last thing that came was no value.
    pub const BAD: u8 = 1 << 1;
    /// VALUE, and it is a number that fits Integer32 and no counter.
    pub const INTEGER: u8 = 1 << 2;
    /// VALUE, and it is a counter.
    pub const COUNTER: u8 = 1 << 3;
    /// `values` holds a text id.
    pub const TEXT: u8 = 1 << 4;
    /// Of a point that is a number and no counter; for ever.
    pub const NUMBER_TYPE: u8 = 1 << 5;
    /// Of a point that is a counter; for ever.
    pub const COUNTER_TYPE: u8 = 1 << 6;
    /// What comes from the profile and not from a value.
    pub const FIXED: u8 = NUMBER_TYPE | COUNTER_TYPE;

    pub fn of_type(ty: crate::model::PointType) -> u8 {
        use crate::model::PointType::*;
        match ty {
            Boolean | Integer | Decimal => NUMBER_TYPE,
            Counter => COUNTER_TYPE,
            Text => 0,
        }
    }
}

impl Block {
    pub fn new(index: usize) -> Self {
        Block { base: (index * BLOCK) as DeviceNumber, columns: RwLock::default() }
    }
}

impl Columns {
    pub fn slot(&self, at: usize) -> Option<&Slot> {
        if self.live.get(at) { self.slots.get(at) } else { None }
    }

    /// Puts a device at its place with an empty cell for each point; what stood there before must have been nothing.
    /// It is to be written: else a start would take it for changed again and again.
    pub fn insert(&mut self, at: usize, record: &DeviceRecord, points: &[PointDef], changed: u32) {
        while self.slots.len() <= at {
            self.slots.push(Slot::nobody());
            self.attributes.push([0; Attribute::COUNT]);
        }
        let name = self.names.len() as u32;
        self.names.push_str(&record.name);
        let southbound_id = if record.southbound_id == record.name {
            SAME_AS_NAME
        } else {
            let start = self.names.len() as u32;
            self.names.push_str(&record.southbound_id);
            start
        };
        let cells = self.cells.grow(points);
        self.slots[at] = Slot {
            last_seen: Time::NEVER,
            presence_since: record.learned,
            boot: Time::NEVER,
            sent: Traffic::default(),
            cells,
            reported_parent: 0,
            name,
            southbound_id,
            learned_secs: record.learned.secs() as u32,
            changed,
            profile: record.profile.0,
            adapter: record.adapter,
            presence: if record.retired { Presence::Retired } else { Presence::NeverSeen },
            name_len: record.name.len() as u8,
            id_len: record.southbound_id.len() as u8,
        };
        // The id that did not fit into a name stays visible to managers.
        if record.southbound_id != record.name {
            let alias = self.texts.acquire(&record.southbound_id);
            self.attributes[at][Attribute::Alias as usize] = alias;
        }
        self.live.set(at, !record.retired);
        self.revised.set(at, true);
        self.dirty.set(at, true);
    }

    /// The name at a place that has ever been given, also of a retired device.
    pub fn name(&self, at: usize) -> &str {
        let Some(slot) = self.slots.get(at) else { return "" };
        &self.names[slot.name as usize..slot.name as usize + usize::from(slot.name_len)]
    }

    pub fn southbound_id(&self, at: usize) -> &str {
        match self.slots.get(at) {
            Some(slot) if slot.southbound_id != SAME_AS_NAME => {
                let start = slot.southbound_id as usize;
                &self.names[start..start + usize::from(slot.id_len)]
            }
            _ => self.name(at),
        }
    }

    /// Gives back what growing took in advance; for a block that is full.
    pub fn shrink(&mut self) {
        self.slots.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.cells.values.shrink_to_fit();
        self.cells.times.shrink_to_fit();
        self.cells.flags.shrink_to_fit();
        self.names.shrink_to_fit();
        self.texts.shrink();
    }
}

impl Slot {
    fn nobody() -> Self {
        Slot {
            last_seen: Time::NEVER,
            presence_since: Time::NEVER,
            boot: Time::NEVER,
            sent: Traffic::default(),
            cells: 0,
            reported_parent: 0,
            name: 0,
            southbound_id: SAME_AS_NAME,
            learned_secs: 0,
            changed: 0,
            profile: 0,
            adapter: 0,
            presence: Presence::Retired,
            name_len: 0,
            id_len: 0,
        }
    }

    /// The boot, else the first sight.
    pub fn up_since(&self) -> Time {
        if self.boot.is_never() { Time::from_secs(u64::from(self.learned_secs)) } else { self.boot }
    }

    /// False for a place whose number was never given.
    pub fn is_somebody(&self) -> bool {
        self.name_len > 0
    }
}

impl Cells {
    fn grow(&mut self, points: &[PointDef]) -> u32 {
        let start = self.values.len();
        self.values.resize(start + points.len(), 0);
        self.times.resize(start + points.len(), 0);
        self.flags.resize(start + points.len(), 0);
        for (cell, point) in (start..).zip(points) {
            self.set_flags(cell, flag::of_type(point.ty));
        }
        start as u32
    }

    /// Sets what a value says of a cell; what its profile says stays.
    pub fn set_value_flags(&mut self, cell: usize, flags: u8) {
        self.set_flags(cell, self.flags[cell] & flag::FIXED | flags);
    }

    fn set_flags(&mut self, cell: usize, flags: u8) {
        let former = std::mem::replace(&mut self.flags[cell], flags);
        let mut changed = former ^ flags;
        while changed != 0 {
            let bit = changed.trailing_zeros() as usize;
            if flags >> bit & 1 == 1 {
                self.with_flag[bit] += 1;
            } else {
                self.with_flag[bit] -= 1;
            }
            changed &= changed - 1;
        }
    }

    /// True if a cell of the block has one of the flags.
    pub fn any(&self, flag: u8) -> bool {
        self.with_flag[flag.trailing_zeros() as usize] > 0
    }

    pub fn reset_secs(&self, cell: u32) -> u32 {
        self.resets.binary_search_by_key(&cell, |reset| reset.0).map_or(0, |at| self.resets[at].1)
    }

    pub fn set_reset(&mut self, cell: u32, secs: u32) {
        match self.resets.binary_search_by_key(&cell, |reset| reset.0) {
            // The clock may have been set back.
            Ok(at) => self.resets[at].1 = self.resets[at].1.max(secs),
            Err(at) => self.resets.insert(at, (cell, secs)),
        }
    }
}
