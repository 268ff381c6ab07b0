//! What the store kept of the settings, put back at the start and written down while running.

use super::{
    cells::Cell,
    state::{Kept, Op, Phase, State},
};
use crate::{
    fleet::{
        Fleet, Row,
        block::{BLOCK, place},
    },
    model::*,
};

/// A setting as the store keeps it: by number and in canonical text, so that it outlives edits of the profile.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingState<'a> {
    pub number: u16,
    pub desired: Option<&'a str>,
    pub reported: Option<&'a str>,
    pub before: Option<&'a str>,
    pub undo: bool,
    pub standing: Standing,
    pub phase: Phase,
    pub attempts: u8,
    pub silent: bool,
    pub since: Time,
    pub commit: u64,
    pub error: &'a str,
}

impl Phase {
    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Rest => "rest",
            Phase::BackOff => "back-off",
            Phase::Wait(Op::Write) => "write",
            Phase::Wait(Op::Check | Op::Verify) => "read",
            Phase::Flight { op: Op::Write, .. } => "writing",
            Phase::Flight { .. } => "reading",
        }
    }

    pub fn from_word(word: &str) -> Option<Phase> {
        Some(match word {
            "rest" => Phase::Rest,
            "back-off" => Phase::BackOff,
            "write" => Phase::Wait(Op::Write),
            "read" => Phase::Wait(Op::Check),
            "writing" => Phase::Flight { op: Op::Write, acked: false },
            "reading" => Phase::Flight { op: Op::Check, acked: false },
            _ => return None,
        })
    }
}

impl Fleet {
    /// Puts a device's settings back. Those that its profile no longer has, and values that are none of their type any
    /// more, are passed over.
    pub fn restore_settings(&self, device: DeviceNumber, settings: &[SettingState<'_>]) {
        let (index, at) = place(device);
        let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { return };
        let columns = &mut *block.columns.write();
        let Some(slot) = columns.slots.get(at).filter(|slot| slot.is_somebody()) else { return };
        let defs = &self.profiles[ProfileId(slot.profile)].settings;
        for kept in settings {
            let Ok(slot) = defs.binary_search_by_key(&kept.number, |def| def.number) else { continue };
            let def = &defs[slot];
            let desired = kept.desired.and_then(|text| def.ty.parse(text));
            let reported = kept.reported.and_then(|text| def.ty.parse(text));
            if desired.is_none() && reported.is_none() {
                continue;
            }
            let mut cell = Cell::new(kept.since);
            let state = Kept {
                standing: kept.standing,
                phase: kept.phase,
                attempts: kept.attempts,
                desired: desired.is_some(),
                silent: kept.silent,
            };
            cell.state = State::restored(&state, def);
            cell.set_desired(def, desired.as_ref(), &mut columns.texts);
            if let Some(reported) = &reported {
                cell.set_reported(def, reported, &mut columns.texts);
            }
            let before = kept.before.and_then(|text| def.ty.parse(text));
            cell.set_before(def, before.as_ref(), &mut columns.texts);
            cell.undo = kept.undo && desired.is_some();
            cell.commit = if desired.is_some() { kept.commit } else { 0 };
            columns.texts.replace(&mut cell.error, kept.error);
            if super::is_failed(&cell.state) {
                columns.settings.unmet.set(at, true);
                self.unmet.set(index, true);
            }
            self.outbox.count(
                cell.commit,
                (false, cell.state.outstanding()),
                (false, super::is_failed(&cell.state)),
            );
            columns.settings.cells.insert((at as u16, slot as u16), cell);
        }
        self.configured.set(index, !columns.settings.cells.is_empty());
    }

    /// Visits the devices whose settings changed since they were last taken, at most about `most`, and takes them as
    /// written. Starts at block `*from`, and sets it to where to go on, 0 at the end.
    pub fn take_dirty_settings(&self, from: &mut usize, most: usize, mut visit: impl FnMut(Row<'_>)) {
        let mut visited = 0;
        let mut index = *from;
        while let Some(block) = self.blocks.get(index).and_then(|block| block.get()) {
            if visited >= most {
                *from = index;
                return;
            }
            index += 1;
            if block.columns.read_recursive().settings.dirty.is_empty() {
                continue;
            }
            let dirty = {
                let settings = &mut block.columns.write().settings;
                settings.pack();
                std::mem::take(&mut settings.dirty)
            };
            let columns = block.columns.read_recursive();
            for row in dirty.iter().filter_map(|at| Row::new(self, &columns, block.base + at as DeviceNumber))
            {
                visit(row);
                visited += 1;
            }
        }
        *from = 0;
    }

    /// Makes settings wait for the next flush again: those of a device, or of all that have any.
    pub fn mark_settings_dirty(&self, device: Option<DeviceNumber>) {
        if let Some(device) = device {
            let (block, at) = place(device);
            if let Some(block) = self.blocks.get(block).and_then(|block| block.get()) {
                block.columns.write().settings.dirty.set(at, true);
            }
            return;
        }
        for block in self.blocks.iter().map_while(|block| block.get()) {
            let columns = &mut *block.columns.write();
            let (settings, dirty) = (&columns.settings.cells, &mut columns.settings.dirty);
            settings.keys().for_each(|(at, _)| dirty.set(usize::from(*at) % BLOCK, true));
        }
    }
}
