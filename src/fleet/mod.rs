//! The state of all devices: columns in blocks of 1,024 consecutive device numbers.

mod adapters;

use std::ops::ControlFlow;

pub use adapters::{Adapter, AdapterState, Adapters};

use crate::{journal::Journal, model::*};

pub struct Fleet {
    profiles: Profiles,
    adapters: Adapters,
    journal: Journal,
}

/// Which devices a walk visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that have a number and are not retired.
    Live,
    /// Presence lost or unreachable.
    Missing,
}

/// Which points a walk visits: those that have the instance in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Has {
    /// Every point of the device's profile.
    Row,
    /// A value has come (and it is not bad).
    Value,
    /// The value fits Integer32.
    Integer,
    /// The point is a counter and has a value.
    Counter,
}

/// How many devices are in which presence; live ones only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub by_presence: [u32; 8],
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

/// One device, borrowed from its block while the block's lock is held: copy what you need and return.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    fleet: &'a Fleet,
}

/// One point of a [`Row`].
#[derive(Clone, Copy)]
pub struct Point<'a> {
    pub def: &'a PointDef,
    value: Option<PointValue<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointValue<'a> {
    /// Boolean (0, 1), integer, counter (as u64 bits), or a decimal times 10^digits.
    Integer(i64),
    Text(&'a str),
}

impl Fleet {
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
        todo!()
    }

    /// By name, retired ones included.
    pub fn find(&self, _name: &str) -> Option<DeviceNumber> {
        todo!()
    }

    /// By southbound identity, retired ones included.
    pub fn resolve(&self, _adapter: AdapterId, _profile: ProfileId, _id: &str) -> Option<DeviceNumber> {
        todo!()
    }

    /// Runs `view` on a live device under its block's read lock.
    pub fn row<R>(&self, _number: DeviceNumber, _view: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        todo!()
    }

    /// The lowest number above `after` of such a device. Seeks, never scans.
    pub fn next(&self, _after: DeviceNumber, _which: Which) -> Option<DeviceNumber> {
        todo!()
    }

    /// Visits such devices from number `from` on in order, one lock for each block, until `visit` breaks.
    pub fn rows(&self, _from: DeviceNumber, _which: Which, _visit: impl FnMut(Row<'_>) -> ControlFlow<()>) {
        todo!()
    }

    /// The lowest (device, point number) above `after` that has the instance.
    pub fn next_point(&self, _after: (DeviceNumber, u16), _has: Has) -> Option<(DeviceNumber, u16)> {
        todo!()
    }

    /// Visits the points from (device, point number) on, in order, one lock for each block, until `visit` breaks.
    pub fn points(
        &self,
        _from: (DeviceNumber, u16),
        _has: Has,
        _visit: impl FnMut(Row<'_>, Point<'_>) -> ControlFlow<()>,
    ) {
        todo!()
    }
}

impl<'a> Row<'a> {
    pub fn number(&self) -> DeviceNumber {
        todo!()
    }

    pub fn name(&self) -> &'a str {
        todo!()
    }

    pub fn southbound_id(&self) -> &'a str {
        todo!()
    }

    pub fn profile(&self) -> &'a Profile {
        todo!()
    }

    /// 0 if its adapter is no longer configured.
    pub fn adapter(&self) -> AdapterId {
        todo!()
    }

    pub fn presence(&self) -> Presence {
        todo!()
    }

    pub fn presence_since(&self) -> Time {
        todo!()
    }

    pub fn last_seen(&self) -> Time {
        todo!()
    }

    pub fn health(&self) -> Health {
        Health::Unknown
    }

    /// Seconds since last seen; `None`: never seen.
    pub fn silent_seconds(&self, _now: Time) -> Option<u64> {
        todo!()
    }

    /// 0: none.
    pub fn parent(&self) -> DeviceNumber {
        todo!()
    }

    /// As reported; manufacturer and model fall back to the profile's. Empty if unknown.
    pub fn attribute(&self, _attribute: Attribute) -> &'a str {
        todo!()
    }

    /// The point with this number.
    pub fn point(&self, _number: u16) -> Option<Point<'a>> {
        todo!()
    }

    /// In order of point number.
    pub fn points(&self) -> impl Iterator<Item = Point<'a>> {
        std::iter::empty()
    }
}

impl<'a> Point<'a> {
    /// `None` before the first value and while the quality is bad.
    pub fn value(&self) -> Option<PointValue<'a>> {
        self.value
    }

    pub fn time(&self) -> Time {
        todo!()
    }

    /// Since when a counter has run without a reset; [`Time::NEVER`] unknown.
    pub fn discontinuity(&self) -> Time {
        todo!()
    }

    pub fn quality(&self, _now: Time) -> Quality {
        todo!()
    }

    /// The value as Integer32 (boolean 0 or 1), if it is a number that fits and is no counter.
    pub fn integer(&self) -> Option<i32> {
        todo!()
    }

    pub fn counter(&self) -> Option<u64> {
        todo!()
    }

    /// Canonical text (a dot, no exponent, no unit; booleans `true` and `false`); false if there is no value.
    pub fn write_value(&self, _out: &mut String) -> bool {
        todo!()
    }
}
