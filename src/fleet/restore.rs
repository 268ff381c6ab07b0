//! What the store kept of a device's state, put back at the start.

use std::sync::atomic::Ordering;

use super::{
    Change, Fleet,
    block::{flag, place},
};
use crate::model::*;

/// State of a device as the store keeps it: by point number, so that it outlives edits of the profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceState<'a> {
    pub presence: Presence,
    pub presence_since: Time,
    pub last_seen: Time,
    pub boot: Time,
    /// The highest uptime that it told since its boot, in seconds; 0: it tells none.
    pub highest_uptime: u32,
    pub parent: DeviceNumber,
    /// `None`: an older version wrote the row, which knew none.
    pub change: Option<Change>,
    pub attributes: Vec<(Attribute, &'a str)>,
    /// As [`Row::former_serials`](super::Row::former_serials).
    pub former_serials: &'a str,
    /// It said that it goes.
    pub gone: bool,
    pub points: Vec<PointState<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PointState<'a> {
    pub number: u16,
    pub value: StoredValue<'a>,
    /// Of the value; [`Time::NEVER`] unknown. Whole seconds.
    pub time: Time,
    /// The last reset of a counter; [`Time::NEVER`] none seen. Whole seconds.
    pub discontinuity: Time,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoredValue<'a> {
    Integer(i64),
    Text(&'a str),
    Bad,
}

impl Fleet {
    /// Puts a device's state back. Points that its profile no longer has, or whose type changed, are passed over; a device
    /// that is retired stays so. Of one without a unit nothing is put back: if its unit was heard, that is forgotten, and it
    /// is heard anew.
    pub fn restore(&self, number: DeviceNumber, state: &DeviceState<'_>) {
        self.restore_columns(number, state);
        if let Some(change) = state.change {
            self.remember(number, change);
        }
        if state.parent != 0 {
            self.adopt_child(number, 0);
        }
    }

    fn restore_columns(&self, number: DeviceNumber, state: &DeviceState<'_>) {
        let (index, at) = place(number);
        let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { return };
        let columns = &mut *block.columns.write();
        columns.dirty.set(at, false);
        // Of a retired one it is known what it was, for who manages its hosts.
        let Some(slot) = columns.slots.get(at).filter(|slot| slot.is_somebody() && slot.adapter != 0) else {
            return;
        };
        let retired = slot.presence == Presence::Retired;
        let profile = &self.profiles[ProfileId(slot.profile)];
        let first_cell = slot.cells as usize;
        if !retired && state.presence != Presence::Retired && state.presence != slot.presence {
            self.set_presence(columns, number, state.presence, state.presence_since);
            columns.dirty.set(at, false);
        }
        let slot = &mut columns.slots[at];
        slot.presence_since = state.presence_since;
        slot.last_seen = state.last_seen;
        slot.boot = state.boot;
        if state.highest_uptime > 0 {
            columns.uptimes.set_highest(at, state.highest_uptime.into());
        }
        columns.gone.set(at, state.gone);
        columns.former_serials.set(at, state.former_serials, &mut columns.texts);
        let slot = &mut columns.slots[at];
        slot.reported_parent = state.parent;
        for &(attribute, text) in &state.attributes {
            columns.texts.replace(&mut columns.attributes[at][attribute as usize], text);
        }
        for point in &state.points {
            let Some(slot) = profile.slot(point.number) else { continue };
            let def = &profile.points[usize::from(slot)];
            let cell = first_cell + usize::from(slot);
            let is_text = def.ty == PointType::Text;
            let flags = match point.value {
                StoredValue::Integer(value) if !is_text => {
                    columns.cells.values[cell] = value;
                    match def.ty {
                        PointType::Counter => flag::VALUE | flag::COUNTER,
                        _ if i32::try_from(value).is_ok() => flag::VALUE | flag::INTEGER,
                        _ => flag::VALUE,
                    }
                }
                StoredValue::Text(text) if is_text => {
                    columns.cells.values[cell] = i64::from(columns.texts.acquire(text));
                    flag::VALUE | flag::TEXT
                }
                StoredValue::Bad => {
                    // What it had counted to is not known: whatever comes next may be less.
                    columns.cells.values[cell] = if def.ty == PointType::Counter { -1 } else { 0 };
                    flag::BAD
                }
                StoredValue::Integer(_) | StoredValue::Text(_) => continue,
            };
            columns.cells.set_value_flags(cell, flags);
            columns.cells.times[cell] = point.time.secs() as u32;
            if !point.discontinuity.is_never() {
                columns.cells.set_reset(cell as u32, point.discontinuity.secs() as u32);
            }
        }
    }

    /// Ends a start: all devices, their states and what managers say of them are in. A parent that went or came was written
    /// with its event; its children perhaps were not, before the process was killed.
    pub fn restored(&self) {
        let children = self.children.lock().clone();
        for (_, child) in children {
            self.agree(child, None);
        }
        self.recall();
        if let Some(last) =
            self.blocks.get(self.highest.load(Ordering::Acquire) as usize / super::block::BLOCK)
            && let Some(block) = last.get()
        {
            block.columns.write().shrink();
        }
    }
}
