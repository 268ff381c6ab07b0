//! A device and its points as readers see them: borrowed from a block while its lock is held.

use super::{
    Fleet,
    block::{Columns, Slot, Traffic, flag},
};
use crate::model::*;

/// One device, borrowed from its block while the block's lock is held: copy what you need and return. Never call the
/// fleet's writing methods meanwhile.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) columns: &'a Columns,
    slot: &'a Slot,
    number: DeviceNumber,
}

/// One point of a [`Row`].
#[derive(Clone, Copy)]
pub struct Point<'a> {
    pub def: &'a PointDef,
    row: Row<'a>,
    cell: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointValue<'a> {
    /// Boolean (0, 1), integer, counter (as u64 bits), or a decimal times 10^digits.
    Integer(i64),
    Text(&'a str),
}

impl<'a> Row<'a> {
    pub(super) fn new(fleet: &'a Fleet, columns: &'a Columns, number: DeviceNumber) -> Option<Self> {
        let slot = columns.slots.get(super::block::place(number).1)?;
        Some(Row { fleet, columns, slot, number })
    }

    pub(super) fn at(&self) -> usize {
        super::block::place(self.number).1
    }

    pub fn number(&self) -> DeviceNumber {
        self.number
    }

    pub fn name(&self) -> &'a str {
        self.columns.name(self.at())
    }

    /// How its adapter knows it.
    pub fn southbound_id(&self) -> &'a str {
        self.columns.southbound_id(self.at())
    }

    pub fn profile(&self) -> &'a Profile {
        &self.fleet.profiles()[self.profile_id()]
    }

    pub fn profile_id(&self) -> ProfileId {
        ProfileId(self.slot.profile)
    }

    /// 0 if its adapter is no longer configured.
    pub fn adapter(&self) -> AdapterId {
        self.slot.adapter
    }

    /// `None` if it is no longer configured.
    pub fn adapter_name(&self) -> Option<String> {
        self.fleet.adapters.find(self.slot.adapter).map(|adapter| adapter.name.clone())
    }

    pub fn presence(&self) -> Presence {
        self.slot.presence
    }

    pub fn presence_since(&self) -> Time {
        self.slot.presence_since
    }

    /// The last message that was not retained.
    pub fn last_seen(&self) -> Time {
        self.slot.last_seen
    }

    /// What it has sent since the process started.
    pub fn sent(&self) -> Traffic {
        self.slot.sent
    }

    pub fn learned(&self) -> Time {
        Time::from_secs(u64::from(self.slot.learned_secs))
    }

    /// When the unit booted, from the uptime that it reports or from its last birth; [`Time::NEVER`] unknown.
    pub fn boot(&self) -> Time {
        self.slot.boot.shifted(self.fleet.clock_set())
    }

    /// As the store is to keep it: one that has moved is durable before it is shown.
    pub fn boot_to_keep(&self) -> Time {
        let (moved, set) = (self.fleet.boots.lock().get(&self.number).copied(), self.fleet.clock_set());
        match moved.unwrap_or(self.slot.boot).shifted(set) {
            // By the clock as it was when the device was learned the next start would count otherwise.
            Time::NEVER if set != 0 => self.up_since(),
            boot => boot,
        }
    }

    /// The highest uptime that it told since its boot, in seconds; 0: it tells none.
    pub fn highest_uptime(&self) -> u32 {
        self.columns.uptimes.highest(self.at())
    }

    /// Of the units that were there before, as far as others were heard to take their place: a line each, the newest first.
    pub fn former_serials(&self) -> &'a str {
        self.columns.former_serials(self.at())
    }

    /// Whether it said that it goes, by itself or its broker for it, and nothing since.
    pub fn is_gone(&self) -> bool {
        self.columns.gone.get(self.at())
    }

    /// Since when the unit runs, as far as anybody can tell: its boot, else the first sight of it.
    pub fn up_since(&self) -> Time {
        self.slot.up_since().shifted(self.fleet.clock_set())
    }

    /// Unknown until alarms exist.
    pub fn health(&self) -> Health {
        Health::Unknown
    }

    /// Seconds since last seen; `None`: never seen.
    pub fn silent_seconds(&self, now: Time) -> Option<u64> {
        let last = self.last_seen();
        (!last.is_never()).then(|| now.since(last) / 1000)
    }

    /// Whether it hangs on devices that hang on each other.
    pub fn ends_in_circle(&self) -> bool {
        self.parent() != 0 && self.fleet.ends_in_circle(self.number)
    }

    /// The device that it hangs on, as its managers say, else as reported; 0: none, or none that has a number.
    pub fn parent(&self) -> DeviceNumber {
        self.columns.parent(self.at())
    }

    /// The name of the device that it hangs on, also of one that managers name and that there is not.
    pub fn parent_name(&self) -> Option<String> {
        match self.columns.managed_parent(self.at()) {
            "" => self.fleet.row_or_retired(self.slot.reported_parent, |row| row.name().to_owned()),
            name => Some(name.to_owned()),
        }
    }

    /// Looks at the device that it hangs on, if that is not retired.
    pub fn live_parent<R>(&self, view: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        self.fleet.row(self.parent(), view)
    }

    /// Without its managers' word; 0: none.
    pub fn reported_parent(&self) -> DeviceNumber {
        self.slot.reported_parent
    }

    /// Whose it is, as its managers say; empty: they do not.
    pub fn asset_owner(&self) -> &'a str {
        self.columns.asset_owner(self.at())
    }

    /// URIs that tell what it is, with spaces between them, as its managers say; empty: they do not.
    pub fn uris(&self) -> &'a str {
        self.columns.uris(self.at())
    }

    /// The firmware that its managers mean it to run; empty: they do not say.
    pub fn target_firmware(&self) -> &'a str {
        self.columns.target_firmware(self.at())
    }

    /// The last day of its warranty, YYYY-MM-DD, as its managers say; empty: they do not.
    pub fn warranty_until(&self) -> &'a str {
        self.columns.warranty_until(self.at())
    }

    /// As its managers say.
    pub fn admin_state(&self) -> AdminState {
        self.columns.admin_state(self.at())
    }

    /// When that became another one; [`Time::NEVER`]: not since the start.
    pub fn admin_since(&self) -> Time {
        self.columns.admin_since(self.at())
    }

    /// As its managers say, else as reported; manufacturer and model fall back to the profile's. Empty if unknown.
    pub fn attribute(&self, attribute: Attribute) -> &'a str {
        let managed = self.columns.managed_text(self.at(), attribute);
        if !managed.is_empty() {
            return managed;
        }
        match (self.reported(attribute), attribute) {
            ("", Attribute::Manufacturer) => &self.profile().manufacturer,
            ("", Attribute::Model) => &self.profile().model,
            (text, _) => text,
        }
    }

    /// As reported, without its managers' and the profile's words.
    pub fn reported(&self, attribute: Attribute) -> &'a str {
        self.columns.texts.str(self.columns.attributes[self.at()][attribute as usize])
    }

    /// The point with this number.
    pub fn point(&self, number: u16) -> Option<Point<'a>> {
        let slot = self.profile().slot(number)?;
        Some(self.point_at(&self.profile().points[usize::from(slot)], usize::from(slot)))
    }

    /// In order of point number.
    pub fn points(&self) -> impl Iterator<Item = Point<'a>> + use<'a> {
        let row = *self;
        self.profile().points.iter().enumerate().map(move |(slot, def)| row.point_at(def, slot))
    }

    /// The points from (device, point number) on that have the instance, in order.
    pub fn points_from(
        &self,
        from: (DeviceNumber, u16),
        has: super::Has,
    ) -> impl Iterator<Item = Point<'a>> + use<'a> {
        let number = self.number;
        self.points()
            .filter(move |point| (number, point.def.number) >= from)
            .filter(move |point| has.flag().is_none_or(|flag| point.flags() & flag != 0))
    }

    /// The point at this index of the profile's.
    pub fn nth_point(&self, slot: u16) -> Option<Point<'a>> {
        let slot = usize::from(slot);
        Some(self.point_at(self.profile().points.get(slot)?, slot))
    }

    pub(super) fn point_at(&self, def: &'a PointDef, slot: usize) -> Point<'a> {
        Point { def, row: *self, cell: self.slot.cells as usize + slot }
    }

    /// What it says does not reach us: it is lost or unreachable, or the adapter that heard it is down.
    fn is_unheard(&self) -> bool {
        self.presence().is_missing() || self.fleet.adapters.is_down(self.slot.adapter)
    }
}

impl<'a> Point<'a> {
    pub(super) fn flags(&self) -> u8 {
        self.row.columns.cells.flags[self.cell]
    }

    /// `None` before the first value and while the quality is bad.
    pub fn value(&self) -> Option<PointValue<'a>> {
        let raw = self.row.columns.cells.values[self.cell];
        match self.flags() {
            flags if flags & flag::VALUE == 0 => None,
            flags if flags & flag::TEXT != 0 => {
                Some(PointValue::Text(self.row.columns.texts.str(raw as u32)))
            }
            _ => Some(PointValue::Integer(raw)),
        }
    }

    /// When the value was measured; [`Time::NEVER`] unknown (it came retained and without a timestamp).
    pub fn time(&self) -> Time {
        Time::from_secs(u64::from(self.row.columns.cells.times[self.cell]))
    }

    /// Since when a counter has run without a reset, by itself or with the unit; [`Time::NEVER`] none was seen.
    pub fn counted_since(&self) -> Time {
        self.discontinuity().max(self.row.boot())
    }

    /// When a counter last went backwards; [`Time::NEVER`] that was not seen.
    pub fn discontinuity(&self) -> Time {
        Time::from_secs(u64::from(self.row.columns.cells.reset_secs(self.cell as u32)))
    }

    /// Stale: too old, or of a device that is missing or behind an adapter that is down.
    pub fn quality(&self, now: Time) -> Quality {
        match self.flags() {
            flags if flags & flag::BAD != 0 => Quality::Bad,
            flags if flags & flag::VALUE == 0 => Quality::Missing,
            _ if self.row.profile().is_stale(self.time(), now) || self.row.is_unheard() => Quality::Stale,
            _ => Quality::Good,
        }
    }

    /// The value as Integer32 (boolean 0 or 1), if it is a number that fits and is no counter.
    pub fn integer(&self) -> Option<i32> {
        (self.flags() & flag::INTEGER != 0).then(|| self.row.columns.cells.values[self.cell] as i32)
    }

    pub fn counter(&self) -> Option<u64> {
        (self.flags() & flag::COUNTER != 0).then(|| self.row.columns.cells.values[self.cell] as u64)
    }

    /// Canonical text (a dot, no exponent, no unit; booleans `true` and `false`); false if there is no value.
    pub fn write_value(&self, out: &mut String) -> bool {
        match self.value() {
            None => return false,
            Some(PointValue::Text(text)) => out.push_str(text),
            Some(PointValue::Integer(value)) => write_integer(out, value, self.def),
        }
        true
    }
}

/// Canonical text of a value that is no text.
pub fn write_integer(out: &mut String, value: i64, def: &PointDef) {
    match def.ty {
        PointType::Boolean => out.push_str(if value == 0 { "false" } else { "true" }),
        PointType::Decimal => write_decimal(out, value, def.digits),
        PointType::Counter => {
            use std::fmt::Write;
            let _ = write!(out, "{}", value as u64);
        }
        PointType::Integer | PointType::Text => write_decimal(out, value, 0),
    }
}
