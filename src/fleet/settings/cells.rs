//! The settings of a block: only those that somebody wants or that a device reports, so a device without any costs
//! nothing.

use std::collections::BTreeMap;

use super::state::{Reported, State};
use crate::{
    fleet::{
        bits::Bits,
        texts::{TextId, Texts},
    },
    model::{SettingDef, SettingType, SettingValue, Time},
};

/// Place of the device in its block, and index into [`crate::model::Profile::settings`].
pub(in crate::fleet) type Place = (u16, u16);

#[derive(Debug, Default)]
pub(in crate::fleet) struct Settings {
    pub cells: BTreeMap<Place, Cell>,
    /// How many there were when they were last packed.
    packed: usize,
    /// Devices whose settings changed since they were last written down.
    pub dirty: Bits,
    /// Devices that are in the outbox.
    pub queued: Bits,
    /// Devices with a setting that ended drifted, failed or unsupported.
    pub unmet: Bits,
}

#[derive(Debug)]
pub(in crate::fleet) struct Cell {
    /// In the terms of [`SettingValue`]; a text by its id. Means something only if `state.desired`.
    pub desired: i64,
    pub reported: i64,
    pub has_reported: bool,
    /// What the device reported when the setting began to be desired, for a commit that is undone.
    pub before: i64,
    pub has_before: bool,
    /// Nobody desires it any more, but for the device to be as it was before.
    pub undo: bool,
    pub state: State,
    /// As of which commit it is desired.
    pub commit: u64,
    pub since_secs: u32,
    pub error: TextId,
}

impl Settings {
    pub fn of(&self, at: usize) -> impl Iterator<Item = (u16, &Cell)> {
        let at = at as u16;
        self.cells.range((at, 0)..=(at, u16::MAX)).map(|((_, slot), cell)| (*slot, cell))
    }

    /// Gives back the room that growing left in the tree, which is nearly half of it, once it has grown by half.
    pub fn pack(&mut self) {
        if self.cells.len() > self.packed + self.packed / 2 {
            self.cells = std::mem::take(&mut self.cells).into_iter().collect();
            self.packed = self.cells.len();
        }
    }

    /// What is with the broker or the device: one at a time, so that an answer without a name has an owner.
    pub fn in_flight(&self, at: usize) -> Option<u16> {
        self.of(at).find(|(_, cell)| cell.state.in_flight()).map(|(slot, _)| slot)
    }
}

impl Cell {
    pub fn new(now: Time) -> Cell {
        Cell {
            desired: 0,
            reported: 0,
            has_reported: false,
            before: 0,
            has_before: false,
            undo: false,
            state: State::new(),
            commit: 0,
            since_secs: now.secs() as u32,
            error: 0,
        }
    }

    /// The reported value beside the desired one. Texts of a block are kept once, so equal ids are equal texts.
    pub fn compare(&self) -> Option<Reported> {
        let equal = if self.desired == self.reported { Reported::Equal } else { Reported::Other };
        (self.has_reported && self.state.desired).then_some(equal)
    }

    pub fn is_idle(&self) -> bool {
        !self.state.desired && !self.has_reported && !self.state.in_flight()
    }

    /// Replaces the desired value; 0 if there is none.
    pub fn set_desired(&mut self, def: &SettingDef, value: Option<&SettingValue>, texts: &mut Texts) {
        self.desired = replaced(self.desired, def, value, texts);
    }

    /// Replaces what the device had before; `None`: that is of no interest.
    pub fn set_before(&mut self, def: &SettingDef, value: Option<&SettingValue>, texts: &mut Texts) {
        self.before = replaced(self.before, def, value, texts);
        self.has_before = value.is_some();
    }

    pub fn set_reported(&mut self, def: &SettingDef, value: &SettingValue, texts: &mut Texts) {
        self.reported = replaced(self.reported, def, Some(value), texts);
        self.has_reported = true;
    }

    pub fn release(self, def: &SettingDef, texts: &mut Texts) {
        replaced(self.desired, def, None, texts);
        replaced(self.reported, def, None, texts);
        replaced(self.before, def, None, texts);
        texts.release(self.error);
    }
}

/// The value as a cell keeps it, for one that is given up.
fn replaced(former: i64, def: &SettingDef, value: Option<&SettingValue>, texts: &mut Texts) -> i64 {
    if def.ty != SettingType::Text {
        return match value {
            Some(SettingValue::Integer(value)) => *value,
            _ => 0,
        };
    }
    let mut id = former as TextId;
    let text = match value {
        Some(SettingValue::Text(text)) => text,
        _ => "",
    };
    texts.replace(&mut id, text);
    i64::from(id)
}

/// What a cell's number stands for.
pub(in crate::fleet) fn value_of(raw: i64, def: &SettingDef, texts: &Texts) -> SettingValue {
    match def.ty {
        SettingType::Text => SettingValue::Text(texts.str(raw as TextId).into()),
        _ => SettingValue::Integer(raw),
    }
}
