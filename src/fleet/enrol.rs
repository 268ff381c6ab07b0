//! Giving numbers and names: drafted here, made durable by the store, and only then inserted and seen.

use std::{collections::HashSet, sync::atomic::Ordering};

use super::{
    Begin, Fleet,
    block::{BLOCK, Block, place},
};
use crate::{
    journal::EventKind,
    model::{
        AdapterId, DeviceNumber, DeviceRecord, MAX_DEVICE_NUMBER, Presence, ProfileId, Time, name_from_id,
    },
};

/// How an adapter knows a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    pub adapter: AdapterId,
    pub profile: ProfileId,
    pub id: String,
}

/// All 2,097,151 numbers have been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {MAX_DEVICE_NUMBER} device numbers have been given; no further device can be learned")]
pub struct FleetFull;

impl Fleet {
    /// Records with the next free numbers and unique names for identities that have none yet; changes nothing.
    /// Only one task at a time drafts, has the store write, and inserts. What does not fit is left out.
    ///
    /// # Errors
    /// Not one number is left.
    pub fn draft(&self, wanted: &[Identity], now: Time) -> Result<Vec<DeviceRecord>, FleetFull> {
        let mut number = self.highest.load(Ordering::Acquire);
        let mut records: Vec<DeviceRecord> = Vec::with_capacity(wanted.len());
        let mut names = HashSet::new();
        let mut identities = HashSet::new();
        for identity in wanted {
            let known = self.resolve(identity.adapter, identity.profile, &identity.id).is_some();
            if known || !identities.insert(identity) {
                continue;
            }
            if number >= MAX_DEVICE_NUMBER {
                return if records.is_empty() { Err(FleetFull) } else { Ok(records) };
            }
            number += 1;
            let name = self.free_name(identity, &names);
            names.insert(name.clone());
            records.push(DeviceRecord {
                number,
                name,
                profile: identity.profile,
                adapter: identity.adapter,
                southbound_id: identity.id.clone(),
                learned: now,
                retired: false,
            });
        }
        Ok(records)
    }

    /// The device that a manager made for a unit before it was heard: of the name that the unit would get, without a unit,
    /// and of its profile or of none. One that was taken out of running again before its unit came is retired, and its name
    /// still its own. As it will be once the unit has it.
    pub fn made_ahead(&self, identity: &Identity) -> Option<DeviceRecord> {
        let name = name_from_id(&identity.id);
        let number = self.find(&name)?;
        self.row_or_retired(number, |row| {
            let fits = row.profile_id() == identity.profile || row.profile().is_unknown();
            (row.adapter() == 0 && fits).then(|| DeviceRecord {
                number,
                name: name.clone().into_owned(),
                profile: identity.profile,
                adapter: identity.adapter,
                southbound_id: identity.id.clone(),
                learned: row.learned(),
                retired: false,
            })
        })?
    }

    /// A device that was made ahead is to be of another profile; of one that has its unit nothing changes. What is
    /// wanted of the former profile's settings is given up.
    pub fn prepare(&self, number: DeviceNumber, profile: ProfileId, now: Time) {
        let ahead = self.row(number, |row| {
            (row.adapter() == 0 && row.profile_id() != profile).then(|| DeviceRecord {
                number,
                name: row.name().to_owned(),
                profile,
                adapter: 0,
                southbound_id: row.name().to_owned(),
                learned: row.learned(),
                retired: false,
            })
        });
        let Some(record) = ahead.flatten() else { return };
        self.reconcile(number, &[], (0, false), Begin::Write, now);
        let (index, at) = place(number);
        let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { return };
        let points = &self.profiles[profile].points;
        block.columns.write().insert(at, &record, points, self.revision(now));
        self.names.insert_identity(number, (0, profile, &record.name));
    }

    /// Gives a device that was made ahead its unit. The store has written it already.
    pub fn claim(&self, record: &DeviceRecord, now: Time) {
        let (index, at) = place(record.number);
        let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { return };
        let mut columns = block.columns.write();
        let retired = !columns.live.get(at);
        columns.insert(at, record, &self.profiles[record.profile].points, self.revision(now));
        if retired {
            self.by_presence[Presence::NeverSeen as usize].fetch_add(1, Ordering::Relaxed);
            self.live.set(index, true);
        }
        self.set_presence(&mut columns, record.number, Presence::NeverSeen, now);
        drop(columns);
        let identity = (record.adapter, record.profile, record.southbound_id.as_str());
        self.names.insert_identity(record.number, identity);
        if let Some(adapter) = self.adapters.find(record.adapter) {
            adapter.devices.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Shows devices that the store holds. Records of one start are given in ascending order of number.
    pub fn insert(&self, records: &[DeviceRecord]) {
        for record in records {
            let (index, at) = place(record.number);
            if record.number == 0 || record.number > MAX_DEVICE_NUMBER {
                continue;
            }
            if at == 0
                && index > 0
                && let Some(full) = self.blocks[index - 1].get()
            {
                full.columns.write().shrink();
            }
            let block = self.blocks[index].get_or_init(|| Block::new(index));
            let points = &self.profiles[record.profile].points;
            let mut columns = block.columns.write();
            // At a start all are as learned now, until what the store kept of them says otherwise.
            columns.insert(at, record, points, self.revision(record.learned));
            if !record.retired {
                self.by_presence[Presence::NeverSeen as usize].fetch_add(1, Ordering::Relaxed);
                self.live.set(index, true);
            }
            drop(columns);
            self.names.insert(
                record.number,
                &record.name,
                (record.adapter, record.profile, &record.southbound_id),
            );
            self.highest.fetch_max(record.number, Ordering::AcqRel);
            if !record.retired
                && let Some(adapter) = self.adapters.find(record.adapter)
            {
                adapter.devices.fetch_add(1, Ordering::Relaxed);
            }
        }
        if self.is_awaited() {
            records.iter().for_each(|record| self.meet(&record.name, record.number, record.learned));
        }
    }

    /// Tells the journal that these devices were learned.
    pub fn announce(&self, records: &[DeviceRecord], now: Time) {
        for record in records {
            self.journal.append(now, EventKind::DeviceLearned { device: record.number });
        }
    }

    /// Numbers up to this one have been given: makes room for so many devices, before a start inserts them.
    pub fn reserve(&self, highest: DeviceNumber) {
        self.names.reserve(highest as usize);
        self.numbered(highest);
    }

    /// Numbers up to this one have been given: none of them is drafted any more.
    pub fn numbered(&self, highest: DeviceNumber) {
        self.highest.fetch_max(highest, Ordering::AcqRel);
    }

    /// Takes a device out of all lists; its number and name stay its own. The store has written it already.
    /// False if it is not live.
    pub fn retire(&self, number: DeviceNumber, now: Time) -> bool {
        if !self.set_retired(number, true, now) {
            return false;
        }
        self.journal.append(now, EventKind::DeviceRetired { device: number });
        // Nothing hangs on it any more: its children are judged by their own silence.
        self.tell_children(number, false, now);
        self.revise_children(number, now);
        true
    }

    /// Brings a retired device back under its number. The store has written it already. It is told as a return, so that a
    /// manager that knows it as lost learns that it is not.
    pub fn revive(&self, number: DeviceNumber, now: Time) -> bool {
        if !self.set_retired(number, false, now) {
            return false;
        }
        self.journal.append(now, EventKind::DeviceReturned { device: number, was: Presence::Retired });
        self.revise_children(number, now);
        true
    }

    fn set_retired(&self, number: DeviceNumber, retire: bool, now: Time) -> bool {
        let (index, at) = place(number);
        let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { return false };
        let mut columns = block.columns.write();
        let known = columns.slots.get(at).is_some_and(|slot| slot.is_somebody());
        if !known || columns.live.get(at) != retire {
            return false;
        }
        let presence = if retire { Presence::Retired } else { Presence::NeverSeen };
        self.set_presence(&mut columns, number, presence, now);
        columns.revise(at, self.revision(now));
        let adapter = columns.slots[at].adapter;
        drop(columns);
        if let Some(adapter) = self.adapters.find(adapter) {
            if retire {
                adapter.devices.fetch_sub(1, Ordering::Relaxed);
            } else {
                adapter.devices.fetch_add(1, Ordering::Relaxed);
            }
        }
        true
    }

    /// The name for an identity: from its id; taken already, prefixed by its adapter's name; taken again, with a hash of
    /// the whole identity.
    fn free_name(&self, identity: &Identity, drafted: &HashSet<String>) -> String {
        let taken = |name: &str| drafted.contains(name) || self.find(name).is_some();
        let name = name_from_id(&identity.id);
        if !taken(&name) {
            return name.into_owned();
        }
        let adapter = self.adapters.find(identity.adapter).map_or(String::new(), |found| found.name.clone());
        let prefixed = name_from_id(&format!("{adapter}:{name}")).into_owned();
        if !taken(&prefixed) {
            return prefixed;
        }
        let profile = &self.profiles[identity.profile].name;
        // A character that no name may hold makes name_from_id append its hash.
        let mut whole = format!("{adapter}:{profile}:{}/", identity.id);
        while taken(&name_from_id(&whole)) {
            whole.push('/');
        }
        name_from_id(&whole).into_owned()
    }
}

const _: () = assert!(BLOCK * super::BLOCKS > MAX_DEVICE_NUMBER as usize);
