//! From a name or a southbound identity to a device number, without an allocation.
//!
//! The texts themselves stand in the blocks; here are only hashes and numbers, eight octets an entry.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use crate::model::{AdapterId, DeviceNumber, ProfileId};

#[derive(Debug, Default)]
pub(super) struct Names {
    hasher: DefaultHashBuilder,
    by_name: RwLock<HashTable<Entry>>,
    by_identity: RwLock<HashTable<Entry>>,
}

/// The hash stands beside the number so that growing the table reads no block.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    number: DeviceNumber,
}

impl Names {
    /// The number for which `is_it` holds among those whose name has the same hash.
    pub fn by_name(&self, name: &str, is_it: impl FnMut(DeviceNumber) -> bool) -> Option<DeviceNumber> {
        find(&self.by_name, self.hasher.hash_one(name), is_it)
    }

    pub fn by_identity(
        &self,
        identity: (AdapterId, ProfileId, &str),
        is_it: impl FnMut(DeviceNumber) -> bool,
    ) -> Option<DeviceNumber> {
        find(&self.by_identity, self.hasher.hash_one(identity), is_it)
    }

    /// For each identity, with its place in the list, the first number of the same hash. Almost always it is the one.
    pub fn likely<'a>(
        &self,
        identities: impl Iterator<Item = (AdapterId, ProfileId, &'a str)>,
        mut found: impl FnMut(usize, Option<DeviceNumber>),
    ) {
        let table = self.by_identity.read();
        for (index, identity) in identities.enumerate() {
            let short = self.hasher.hash_one(identity) as u32;
            let entry = table.find(spread(short), |entry| entry.hash == short);
            found(index, entry.map(|entry| entry.number));
        }
    }

    pub fn insert(&self, number: DeviceNumber, name: &str, identity: (AdapterId, ProfileId, &str)) {
        insert(&self.by_name, self.hasher.hash_one(name), number);
        self.insert_identity(number, identity);
    }

    /// Of a device that has its name already.
    pub fn insert_identity(&self, number: DeviceNumber, identity: (AdapterId, ProfileId, &str)) {
        insert(&self.by_identity, self.hasher.hash_one(identity), number);
    }

    pub fn reserve(&self, devices: usize) {
        for table in [&self.by_name, &self.by_identity] {
            table.write().reserve(devices, |entry| spread(entry.hash));
        }
    }
}

fn find(
    table: &RwLock<HashTable<Entry>>,
    hash: u64,
    mut is_it: impl FnMut(DeviceNumber) -> bool,
) -> Option<DeviceNumber> {
    let short = hash as u32;
    let table = table.read();
    table.find(spread(short), |entry| entry.hash == short && is_it(entry.number)).map(|entry| entry.number)
}

fn insert(table: &RwLock<HashTable<Entry>>, hash: u64, number: DeviceNumber) {
    let short = hash as u32;
    table.write().insert_unique(spread(short), Entry { hash: short, number }, |entry| spread(entry.hash));
}

/// The table takes its control octet from the top bits and the place from the low ones: give it 64 good bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
