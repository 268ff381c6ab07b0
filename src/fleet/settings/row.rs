//! A setting of a device as readers see it: borrowed from a block while its lock is held.

use super::{
    Phase,
    cells::{Cell, value_of},
    state::Kept,
};
use crate::{
    fleet::{Row, block::Columns},
    model::*,
};

/// One setting of a [`Row`] that somebody wants or that the device reports.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    pub def: &'a SettingDef,
    cell: &'a Cell,
    columns: &'a Columns,
}

impl<'a> Row<'a> {
    /// In order of setting number; only those that somebody wants or that the device reports.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'a>> + use<'a> {
        let row = *self;
        row.columns.settings.of(self.at()).filter_map(move |(slot, cell)| Setting::new(&row, slot, cell))
    }

    /// The setting with this number.
    pub fn setting(&self, number: u16) -> Option<Setting<'a>> {
        let slot = self.profile().settings.binary_search_by_key(&number, |def| def.number).ok()? as u16;
        let cell = self.columns.settings.cells.get(&(self.at() as u16, slot))?;
        Setting::new(self, slot, cell)
    }
}

impl<'a> Setting<'a> {
    pub(super) fn new(row: &Row<'a>, slot: u16, cell: &'a Cell) -> Option<Self> {
        let def = row.profile().settings.get(usize::from(slot))?;
        Some(Setting { def, cell, columns: row.columns })
    }

    pub fn is_desired(&self) -> bool {
        self.cell.state.desired
    }

    /// A secret too: for the way down and the store only, no face shows it.
    pub fn desired(&self) -> Option<SettingValue> {
        self.is_desired().then(|| value_of(self.cell.desired, self.def, &self.columns.texts))
    }

    pub fn reported(&self) -> Option<SettingValue> {
        self.cell.has_reported.then(|| value_of(self.cell.reported, self.def, &self.columns.texts))
    }

    /// Canonical text (RFC 7950 section 9); false if nothing is desired. A secret is shown empty.
    pub fn write_desired(&self, out: &mut String) -> bool {
        self.is_desired() && self.write(self.cell.desired, out)
    }

    /// Canonical text (RFC 7950 section 9); false if nothing was reported.
    pub fn write_reported(&self, out: &mut String) -> bool {
        self.cell.has_reported && self.write(self.cell.reported, out)
    }

    pub fn standing(&self) -> Standing {
        self.cell.state.standing
    }

    /// Since when it stands there.
    pub fn since(&self) -> Time {
        Time::from_secs(u64::from(self.cell.since_secs))
    }

    /// Writes handed to the broker since the value was desired.
    pub fn attempts(&self) -> u32 {
        self.cell.state.attempts.into()
    }

    /// In the device's own words, where it has some; empty if there is no error.
    pub fn error(&self) -> &'a str {
        self.columns.texts.str(self.cell.error)
    }

    /// As of which commit it is desired; 0: it is not.
    pub fn commit(&self) -> u64 {
        self.cell.commit
    }

    /// Who wants it: `override` is the device's own configuration; empty if nobody does, or for what it had before.
    pub fn source(&self) -> &'static str {
        if self.is_desired() && !self.is_undone() { "override" } else { "" }
    }

    /// It is desired only until the device is as it was before a commit that is undone.
    pub fn is_undone(&self) -> bool {
        self.cell.undo
    }

    /// What the device had when the setting began to be desired, for the store.
    pub fn before(&self) -> Option<SettingValue> {
        self.cell.has_before.then(|| value_of(self.cell.before, self.def, &self.columns.texts))
    }

    /// Something is still to come, from us or from the device.
    pub fn outstanding(&self) -> bool {
        self.cell.state.outstanding()
    }

    /// What is to be done next, for the store.
    pub fn phase(&self) -> Phase {
        self.cell.state.phase
    }

    /// It failed because the device was silent, so it is tried anew when that returns.
    pub fn is_silent(&self) -> bool {
        let Kept { silent, .. } = self.cell.state.kept();
        silent
    }

    fn write(&self, raw: i64, out: &mut String) -> bool {
        match self.def.ty {
            _ if self.def.secret => {}
            SettingType::Text => out.push_str(self.columns.texts.str(raw as u32)),
            _ => self.def.ty.write_integer(raw, out),
        }
        true
    }
}
