//! What managers say of devices, beside what those report: it wins as long as it is said, and what is reported shows
//! again once it is not. A device of which nobody says anything costs nothing.

use super::{
    Fleet,
    block::{Columns, place},
    texts::TextId,
};
use crate::model::*;

/// What is said of the devices of a block, ordered by place and subject.
#[derive(Debug, Default)]
pub(super) struct Managed(Vec<Said>);

#[derive(Clone, Copy, Debug)]
struct Said {
    at: u16,
    what: What,
    /// A text by its id, a device's number, an [`AdminState`], seconds since the epoch; never 0, which is nothing.
    value: u32,
}

const _: () = assert!(size_of::<Said>() == 8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Text(Attribute),
    AssetOwner,
    WarrantyUntil,
    Uris,
    TargetFirmware,
    ParentName,
    /// The device of that name, once there is one.
    Parent,
    AdminState,
    /// When that became another one; of a state that was there at the start, the start.
    AdminSince,
}

impl What {
    /// What management tools keep of a device that is a host there.
    fn is_of_host(self) -> bool {
        match self {
            What::Text(attribute) => attribute.is_of_host(),
            What::ParentName => true,
            What::AssetOwner
            | What::WarrantyUntil
            | What::Uris
            | What::TargetFirmware
            | What::Parent
            | What::AdminState
            | What::AdminSince => false,
        }
    }
}

impl Managed {
    fn value(&self, at: usize, what: What) -> u32 {
        self.find(at, what).map_or(0, |found| self.0[found].value)
    }

    /// 0: nothing is said any more.
    fn set(&mut self, at: usize, what: What, value: u32) {
        match (self.find(at, what), value) {
            (Ok(found), 0) => {
                self.0.remove(found);
            }
            (Ok(found), value) => self.0[found].value = value,
            (Err(_), 0) => {}
            (Err(place), value) => self.0.insert(place, Said { at: at as u16, what, value }),
        }
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    fn find(&self, at: usize, what: What) -> Result<usize, usize> {
        self.0.binary_search_by_key(&(at as u16, what), |said| (said.at, said.what))
    }

    fn of(&self, at: usize) -> &[Said] {
        let start = self.0.partition_point(|said| usize::from(said.at) < at);
        let end = self.0.partition_point(|said| usize::from(said.at) <= at);
        &self.0[start..end]
    }
}

impl Columns {
    /// Empty: managers say nothing.
    pub fn managed_text(&self, at: usize, attribute: Attribute) -> &str {
        self.texts.str(self.managed.value(at, What::Text(attribute)))
    }

    pub fn asset_owner(&self, at: usize) -> &str {
        self.texts.str(self.managed.value(at, What::AssetOwner))
    }

    pub fn warranty_until(&self, at: usize) -> &str {
        self.texts.str(self.managed.value(at, What::WarrantyUntil))
    }

    pub fn uris(&self, at: usize) -> &str {
        self.texts.str(self.managed.value(at, What::Uris))
    }

    pub fn target_firmware(&self, at: usize) -> &str {
        self.texts.str(self.managed.value(at, What::TargetFirmware))
    }

    /// The name of the parent that managers gave it; empty: none.
    pub fn managed_parent(&self, at: usize) -> &str {
        self.texts.str(self.managed.value(at, What::ParentName))
    }

    /// What a device hangs on, as its managers say, else as reported; 0: nothing that has a number.
    pub fn parent(&self, at: usize) -> DeviceNumber {
        if self.managed.value(at, What::ParentName) != 0 {
            return self.managed.value(at, What::Parent);
        }
        self.slots.get(at).map_or(0, |slot| slot.reported_parent)
    }

    pub fn admin_state(&self, at: usize) -> AdminState {
        let said = self.managed.value(at, What::AdminState);
        AdminState::ALL.into_iter().find(|state| *state as u32 == said).unwrap_or_default()
    }

    /// [`Time::NEVER`]: it was always as it is.
    pub fn admin_since(&self, at: usize) -> Time {
        Time::from_secs(self.managed.value(at, What::AdminSince).into())
    }

    /// `None`: nothing is said any more.
    fn administer(&mut self, at: usize, state: Option<AdminState>, now: Time) {
        let former = self.admin_state(at);
        self.managed.set(at, What::AdminState, state.map_or(0, |state| state as u32));
        if self.admin_state(at) != former {
            self.managed.set(at, What::AdminSince, now.secs() as u32);
        }
    }

    /// True if something else was said before.
    fn say(&mut self, at: usize, what: What, text: &str) -> bool {
        let mut id: TextId = self.managed.value(at, what);
        let changed = self.texts.replace(&mut id, text);
        if changed {
            self.managed.set(at, what, id);
        }
        changed
    }
}

impl Fleet {
    /// Managers say this of a device, or nothing of it any more.
    pub fn manage(&self, device: DeviceNumber, fact: ManagedFact<'_>, now: Time) {
        let say = |what, text| {
            self.change(device, |columns, at| {
                if columns.say(at, what, text) && what.is_of_host() {
                    columns.revise(at, self.revision(now));
                }
            });
        };
        match fact {
            ManagedFact::Text(attribute, text) => say(What::Text(attribute), text),
            ManagedFact::AssetOwner(text) => say(What::AssetOwner, text),
            ManagedFact::WarrantyUntil(text) => say(What::WarrantyUntil, text),
            ManagedFact::Uris(text) => say(What::Uris, text),
            ManagedFact::TargetFirmware(text) => say(What::TargetFirmware, text),
            ManagedFact::AdminState(state) => {
                self.change(device, |columns, at| columns.administer(at, Some(state), now));
            }
            ManagedFact::Parent(name) => self.manage_parent(device, name, now),
        }
    }

    /// Managers say nothing of a device any more.
    pub fn unmanage(&self, device: DeviceNumber, now: Time) {
        self.manage_parent(device, "", now);
        self.change(device, |columns, at| {
            for Said { what, .. } in columns.managed.of(at).to_vec() {
                match what {
                    What::Parent => columns.managed.set(at, what, 0),
                    What::AdminState => columns.administer(at, None, now),
                    What::AdminSince => {}
                    _ => {
                        columns.say(at, what, "");
                    }
                }
            }
            columns.revise(at, self.revision(now));
        });
    }

    fn manage_parent(&self, device: DeviceNumber, name: &str, now: Time) {
        let found = self.find(name);
        // One that hangs on itself is refused at commit; what an older version took means nothing.
        let parent = found.filter(|parent| *parent != device).unwrap_or(0);
        let told = self.change(device, |columns, at| {
            let named = columns.managed_parent(at).to_owned();
            let former = columns.parent(at);
            if columns.say(at, What::ParentName, name) {
                columns.revise(at, self.revision(now));
            }
            columns.managed.set(at, What::Parent, parent);
            (named, former, columns.parent(at))
        });
        let Some((named, former, current)) = told else { return };
        if named != name {
            let mut awaited = self.awaited.lock();
            awaited.remove(&(named, device));
            if found.is_none() && !name.is_empty() {
                awaited.insert((name.to_owned(), device));
            }
        }
        if former != current {
            self.adopt_child(device, former);
            self.agree(device, Some(now));
        }
        // It may have come while nobody waited for it yet.
        if found.is_none()
            && let Some(parent) = self.find(name)
        {
            self.meet(name, parent, now);
        }
    }

    /// A device has got its number: those that managers hang on its name hang on it. It has not been heard, so nothing
    /// is unreachable by that.
    pub(super) fn meet(&self, name: &str, parent: DeviceNumber, now: Time) {
        let children: Vec<DeviceNumber> = {
            let mut awaited = self.awaited.lock();
            let of_name = (name.to_owned(), 0)..=(name.to_owned(), MAX_DEVICE_NUMBER);
            let children = awaited.range(of_name).map(|(_, child)| *child).filter(|child| *child != parent);
            let children: Vec<_> = children.collect();
            children.iter().for_each(|child| {
                awaited.remove(&(name.to_owned(), *child));
            });
            children
        };
        for child in children {
            self.change(child, |columns, at| {
                if columns.managed_parent(at) == name {
                    columns.managed.set(at, What::Parent, parent);
                    columns.revise(at, self.revision(now));
                }
            });
            self.adopt_child(child, 0);
        }
    }

    /// Whether [`meet`](Fleet::meet) has something to do.
    pub(super) fn is_awaited(&self) -> bool {
        !self.awaited.lock().is_empty()
    }

    /// `None`: the number was never given.
    pub(super) fn change<R>(
        &self,
        device: DeviceNumber,
        change: impl FnOnce(&mut Columns, usize) -> R,
    ) -> Option<R> {
        let (block, at) = place(device);
        let mut columns = self.blocks.get(block)?.get()?.columns.write();
        columns.slots.get(at)?.is_somebody().then(|| change(&mut columns, at))
    }
}
