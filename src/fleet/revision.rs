//! Which devices changed since when, for tools that keep each as a host of theirs: name, profile, place, parent,
//! inventory, whether it is retired; not what it measures, nor its presence.
//!
//! A revision is an instant in whole seconds. What was shown of a device at its last change is kept as a hash beside it: a
//! start finds by it what changed meanwhile, also what a killed process did not get written, or an edited profile.

use std::sync::atomic::Ordering;

use super::{Fleet, Row, block::Columns};
use crate::{
    journal::EventKind,
    model::{Attribute, DeviceNumber, Presence, Time},
};

/// The last change of a device, as the store keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub revision: u32,
    /// A hash of what was shown then.
    pub shown: u32,
}

impl Fleet {
    /// The revision at `now`, in seconds since the epoch: what changes of any device after this call has it or a higher
    /// one ([`Row::change`]). It never goes back, also if the clock does.
    pub fn revision(&self, now: Time) -> u32 {
        let now = now.secs() as u32;
        self.revision.fetch_max(now, Ordering::AcqRel).max(now)
    }

    /// No device has changed since: the highest revision that was given so far.
    pub fn last_revision(&self) -> u32 {
        self.revision.load(Ordering::Acquire)
    }

    /// How devices are asked, in words of any kind: under other words all of them have changed. Before they are restored.
    pub fn asked_by(&self, words: &str) {
        self.asked_by.store(Hash::default().with(words).0, Ordering::Release);
    }

    /// A device has come or gone: what hangs on it is shown otherwise.
    pub(super) fn revise_children(&self, parent: DeviceNumber, now: Time) {
        for child in self.children_of(parent) {
            self.change(child, |columns, at| columns.revise(at, self.revision(now)));
        }
    }

    /// Whether [`announce_changes`](Fleet::announce_changes) is to tell anything: of what changes from now on.
    pub fn follow_changes(&self, follow: bool) {
        if self.changed.lock().is_some() == follow {
            return;
        }
        *self.changed.lock() = follow.then(Vec::new);
        // What was revised before is no news.
        self.rescope();
        self.changed.lock().iter_mut().for_each(Vec::clear);
    }

    /// Tells the journal of each device that has changed once, as of the last [`rescope`](Fleet::rescope).
    pub fn announce_changes(&self, now: Time) {
        let mut changed = self.changed.lock().as_mut().map(std::mem::take).unwrap_or_default();
        changed.sort_unstable();
        changed.dedup();
        for device in changed {
            self.journal.append(now, EventKind::DeviceChanged { device });
        }
    }

    pub(super) fn remember(&self, device: DeviceNumber, change: Change) {
        self.revision.fetch_max(change.revision, Ordering::AcqRel);
        self.remembered.lock().push((device, change));
    }

    /// All that is shown of devices is in: those that are as they were have their former revision.
    pub(super) fn recall(&self) {
        let mut remembered = std::mem::take(&mut *self.remembered.lock());
        remembered.sort_unstable_by_key(|(device, _)| *device);
        let now = self.revision.load(Ordering::Acquire);
        for block in self.blocks.iter().filter_map(|block| block.get()) {
            let shown: Vec<Option<u32>> = {
                let columns = block.columns.read_recursive();
                let at = 0..columns.slots.len();
                let row = |at| Row::new(self, &columns, block.base + at as u32);
                at.map(|at| columns.slots[at].is_somebody().then(|| row(at)).flatten())
                    .map(|row| row.map(|row| row.shown()))
                    .collect()
            };
            let of_block = remembered.partition_point(|(device, _)| *device < block.base);
            let mut former = remembered[of_block..].iter().peekable();
            let mut columns = block.columns.write();
            for (at, shown) in shown.into_iter().enumerate() {
                let number = block.base + at as u32;
                while former.next_if(|(device, _)| *device < number).is_some() {}
                let change = former.next_if(|(device, _)| *device == number).map(|(_, change)| change);
                match (shown, change) {
                    (Some(shown), Some(change)) if change.shown == shown => {
                        columns.slots[at].changed = change.revision;
                    }
                    (Some(_), _) => columns.revise(at, now),
                    (None, _) => {}
                }
            }
        }
    }
}

impl Columns {
    /// What is shown of a device has changed. It is to be written.
    pub fn revise(&mut self, at: usize, revision: u32) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.changed = revision;
            self.dirty.set(at, true);
            self.revised.set(at, true);
        }
    }
}

impl Row<'_> {
    /// The revision of the last change of what tools keep of it.
    pub fn changed(&self) -> u32 {
        self.columns.slots[self.at()].changed
    }

    /// It has not changed since it was learned.
    pub(super) fn is_new(&self) -> bool {
        u64::from(self.changed()) == self.learned().secs()
    }

    /// Whether it has changed since scopes were last looked at.
    pub(super) fn is_revised(&self) -> bool {
        self.columns.revised.get(self.at())
    }

    /// As the store is to keep it.
    pub fn change(&self) -> Change {
        Change { revision: self.changed(), shown: self.shown() }
    }

    fn shown(&self) -> u32 {
        let profile = self.profile();
        let mut hash = Hash(self.fleet.asked_by.load(Ordering::Acquire));
        // No more is shown of it, and after a start no more is known.
        if self.presence() == Presence::Retired {
            return hash.bytes(&[1]).0;
        }
        for text in [&profile.name, &profile.revision, &profile.class] {
            hash = hash.with(text);
        }
        for attribute in Attribute::ALL.into_iter().filter(|attribute| attribute.is_of_host()) {
            hash = hash.with(self.attribute(attribute));
        }
        hash = self.live_parent(|parent| hash.with(parent.name())).unwrap_or_else(|| hash.with(""));
        hash.bytes(&[0]).0
    }
}

/// FNV-1a of 32 bits: stable for ever, unlike the standard library's hasher.
#[derive(Clone, Copy)]
struct Hash(u32);

impl Default for Hash {
    fn default() -> Self {
        Hash(0x811c_9dc5)
    }
}

impl Hash {
    /// A text and its end.
    fn with(self, text: &str) -> Hash {
        self.bytes(text.as_bytes()).bytes(&[0xff])
    }

    fn bytes(self, bytes: &[u8]) -> Hash {
        Hash(bytes.iter().fold(self.0, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)))
    }
}
