//! The way down: what is wanted of devices, what they have, and what is to be sent next.
//!
//! One function says what is wanted ([`Fleet::desire`]); the adapter takes [`Order`]s, tells what became of them, and the
//! reports that come up anyway do the rest. Each device has at most one message on its way, so what it answers belongs
//! to that one even if the answer names nothing, and a device that restarts at each write is not buried.
//!
//! Sent is only to devices that can be reached: online or late, behind an adapter that is up. The others wait without
//! spending a try.

mod cells;
mod orders;
mod outbox;
mod restore;
mod row;
mod state;

use std::ops::ControlFlow;

pub use orders::Order;
pub use outbox::Commit;
pub use restore::SettingState;
pub use row::Setting;
pub use state::{Begin, Op, Phase};

pub(super) use cells::Settings;
pub(super) use outbox::Outbox;

use cells::{Cell, value_of};
use outbox::Timer;
use state::{Effect, Reported, State, Why};

use super::{
    Fleet, Row,
    bits::BlockBits,
    block::{BLOCK, Columns, place},
};
use crate::{journal::EventKind, model::*};

/// Longer error texts are cut.
const MAX_ERROR: usize = 255;

impl Fleet {
    /// A manager wants the setting with this number to have a value, or no longer cares, as of a commit. The same value
    /// again changes nothing. False: there is no such device or setting.
    pub fn desire(
        &self,
        device: DeviceNumber,
        setting: u16,
        value: Option<&SettingValue>,
        commit: u64,
        now: Time,
    ) -> bool {
        self.want(device, setting, value, (commit, Begin::Write), now)
    }

    /// As [`desire`](Fleet::desire), by a commit that may be [undone](Fleet::undo): what the device has is read first, if
    /// it can be read and has not been reported.
    pub fn try_out(
        &self,
        device: DeviceNumber,
        setting: u16,
        value: &SettingValue,
        commit: u64,
        now: Time,
    ) -> bool {
        self.want(device, setting, Some(value), (commit, Begin::Read), now)
    }

    fn want(
        &self,
        device: DeviceNumber,
        setting: u16,
        value: Option<&SettingValue>,
        (commit, begin): (u64, Begin),
        now: Time,
    ) -> bool {
        self.with_setting(device, setting, |columns, slot, def| {
            let key = (place(device).1 as u16, slot);
            if value.is_none() && !columns.settings.cells.contains_key(&key) {
                return;
            }
            let cell = columns.settings.cells.entry(key).or_insert_with(|| Cell::new(now));
            let managed = cell.state.desired && !cell.undo;
            let same = match value {
                Some(value) => managed && value_of(cell.desired, def, &columns.texts) == *value,
                None => !cell.state.desired,
            };
            if same {
                return;
            }
            if value.is_none() {
                cell.set_before(def, None, &mut columns.texts);
            } else if !managed {
                // Of one that is just being undone that is what it is on its way to.
                let before =
                    if cell.undo { Some(cell.desired) } else { cell.has_reported.then_some(cell.reported) };
                let before = before.map(|before| value_of(before, def, &columns.texts));
                cell.set_before(def, before.as_ref(), &mut columns.texts);
            }
            cell.undo = false;
            let begin = if managed || cell.has_before || !def.reads { Begin::Write } else { begin };
            self.begin(columns, (device, slot), def, value, (commit, begin), now);
        })
    }

    /// The commit by which a setting began to be desired is undone: the device is told what it had before, once, if that
    /// is known and it has another value now; then nothing is desired of it.
    pub fn undo(&self, device: DeviceNumber, setting: u16, commit: u64, now: Time) -> bool {
        self.with_setting(device, setting, |columns, slot, def| {
            let key = (place(device).1 as u16, slot);
            let Some(cell) = columns.settings.cells.get_mut(&key) else { return };
            if !cell.state.desired || cell.undo {
                return;
            }
            let has_it = cell.has_reported && cell.reported == cell.before && cell.state.phase == Phase::Rest;
            let before = (cell.has_before && !has_it).then(|| value_of(cell.before, def, &columns.texts));
            cell.set_before(def, None, &mut columns.texts);
            cell.undo = before.is_some();
            self.begin(columns, (device, slot), def, before.as_ref(), (commit, Begin::Write), now);
        })
    }

    /// From now on this is desired, whatever was.
    fn begin(
        &self,
        columns: &mut Columns,
        (device, slot): (DeviceNumber, u16),
        def: &SettingDef,
        value: Option<&SettingValue>,
        (commit, begin): (u64, Begin),
        now: Time,
    ) {
        let Some(cell) = columns.settings.cells.get_mut(&(place(device).1 as u16, slot)) else { return };
        let (former, was) = (cell.commit, cell.state);
        self.outbox.count(former, (was.outstanding(), false), (is_failed(&was), false));
        cell.set_desired(def, value, &mut columns.texts);
        cell.commit = if value.is_some() { commit } else { 0 };
        cell.state.desired = value.is_some();
        let reported = cell.compare();
        // Not outstanding for the new commit before it begins.
        cell.state.desired = false;
        self.turn(columns, device, slot, def, now, |state, _| state.desire(value.is_some(), reported, begin));
    }

    /// What a manager wants of a device as a whole, as of a commit: settings that are not in the list are no longer
    /// wanted, or [undone](Fleet::undo) if that is what the commit did. With [`Begin::Read`] devices are asked first what
    /// they have, as far as they can be.
    pub fn reconcile(
        &self,
        device: DeviceNumber,
        wanted: &[(u16, SettingValue)],
        (commit, undone): (u64, bool),
        begin: Begin,
        now: Time,
    ) {
        let known = self.row(device, |row| {
            let managed = row.settings().filter(|known| known.is_desired() && !known.is_undone());
            managed.map(|known| known.def.number).collect::<Vec<_>>()
        });
        for number in known.unwrap_or_default() {
            if wanted.iter().any(|(wanted, _)| *wanted == number) {
                continue;
            }
            match undone {
                true => self.undo(device, number, commit, now),
                false => self.desire(device, number, None, commit, now),
            };
        }
        for (number, value) in wanted {
            self.want(device, *number, Some(value), (commit, begin), now);
        }
    }

    /// Tells a device again what is wanted of it, in whatever state it is; `setting` 0: all. How many are pushed.
    pub fn push(&self, device: DeviceNumber, setting: u16, now: Time) -> usize {
        let wanted = self.row(device, |row| {
            let wanted = row.settings().filter(|one| setting == 0 || one.def.number == setting);
            wanted.filter(|one| one.is_desired()).map(|one| one.def.number).collect::<Vec<_>>()
        });
        let wanted = wanted.unwrap_or_default();
        for number in &wanted {
            self.with_setting(device, *number, |columns, slot, def| {
                self.turn(columns, device, slot, def, now, |state, _| state.push());
            });
        }
        wanted.len()
    }

    /// How far the settings of one of the newest commits are.
    pub fn commit_progress(&self, commit: u64) -> Commit {
        self.outbox.commit(commit)
    }

    /// Visits the settings from (device, setting number) on, in order, one lock for each block, until `visit` breaks.
    pub fn settings(
        &self,
        from: (DeviceNumber, u16),
        visit: impl FnMut(Row<'_>, Setting<'_>) -> ControlFlow<()>,
    ) {
        self.walk_settings(&self.configured, from, |_| true, visit);
    }

    /// As [`settings`](Fleet::settings), only those that ended drifted, failed or unsupported. Blocks without any are
    /// passed over.
    pub fn unmet_settings(
        &self,
        from: (DeviceNumber, u16),
        visit: impl FnMut(Row<'_>, Setting<'_>) -> ControlFlow<()>,
    ) {
        self.walk_settings(&self.unmet, from, |cell| is_failed(&cell.state), visit);
    }

    fn walk_settings(
        &self,
        blocks: &BlockBits,
        from: (DeviceNumber, u16),
        wanted: impl Fn(&Cell) -> bool,
        mut visit: impl FnMut(Row<'_>, Setting<'_>) -> ControlFlow<()>,
    ) {
        let (mut block, mut at) = place(from.0);
        let mut least = from.1;
        while let Some(next) = blocks.next(block) {
            if next != block {
                (block, at, least) = (next, 0, 0);
            }
            if let Some(columns) = self.read(block) {
                let cells = columns.settings.cells.range((at as u16, 0)..);
                for ((found, slot), cell) in cells.filter(|(_, cell)| wanted(cell)) {
                    let found = usize::from(*found);
                    let number = (block * BLOCK + found) as DeviceNumber;
                    if !columns.live.get(found) {
                        continue;
                    }
                    let Some(row) = Row::new(self, &columns, number) else { continue };
                    let Some(setting) = Setting::new(&row, *slot, cell) else { continue };
                    if found == at && setting.def.number < least {
                        continue;
                    }
                    if visit(row, setting).is_break() {
                        return;
                    }
                }
            }
            (block, at, least) = (block + 1, 0, 0);
        }
    }

    /// Ends the time-outs and pauses that are due; part of the sweep.
    pub(super) fn settings_due(&self, now: Time) {
        while let Some(Timer { device, slot, turn, .. }) = self.outbox.pop_due(now) {
            let (block, at) = place(device);
            let Some(block) = self.blocks.get(block).and_then(|block| block.get()) else { continue };
            let columns = &mut *block.columns.write();
            let Some(def) = self.setting_def(columns, at, slot) else { continue };
            self.turn(columns, device, slot, def, now, |state, def| state.timeout(turn, def));
        }
    }

    /// The connection came or went, and with it all that was on its way.
    pub(super) fn settings_connection(&self, adapter: AdapterId, up: bool, now: Time) {
        for block in self.blocks.iter().map_while(|block| block.get()) {
            if block.columns.read_recursive().settings.cells.is_empty() {
                continue;
            }
            let columns = &mut *block.columns.write();
            let mut devices: Vec<u16> = columns.settings.cells.keys().map(|(at, _)| *at).collect();
            devices.dedup();
            for at in devices.into_iter().map(usize::from) {
                if columns.slots.get(at).is_some_and(|slot| slot.adapter == adapter) {
                    self.settings_reach(columns, block.base + at as DeviceNumber, up, now);
                }
            }
        }
    }

    /// A device can be reached again, or no longer.
    pub(super) fn settings_reach(
        &self,
        columns: &mut Columns,
        device: DeviceNumber,
        reached: bool,
        now: Time,
    ) {
        let at = place(device).1;
        let slots: Vec<u16> = columns.settings.of(at).map(|(slot, _)| slot).collect();
        for slot in slots {
            let Some(def) = self.setting_def(columns, at, slot) else { continue };
            self.turn(columns, device, slot, def, now, |state, def| match reached {
                true => state.returned(def),
                false => state.doubt(def),
            });
        }
    }

    /// What a message of the device says of its settings.
    pub(super) fn absorb_setting(
        &self,
        columns: &mut Columns,
        device: DeviceNumber,
        fact: &Fact,
        report: (&Reports, &Report),
        now: Time,
    ) {
        let at = place(device).1;
        let (reports, Report { retained, .. }) = report;
        match *fact {
            Fact::Setting { slot, value } => {
                let Some(def) = self.setting_def(columns, at, slot) else { return };
                let value = match value {
                    Scalar::Integer(value) if def.ty != SettingType::Text => SettingValue::Integer(value),
                    Scalar::Text(span) if def.ty == SettingType::Text => {
                        SettingValue::Text(reports.str(span).into())
                    }
                    _ => return,
                };
                let key = (at as u16, slot);
                let cell = columns.settings.cells.entry(key).or_insert_with(|| Cell::new(now));
                let former = (cell.has_reported, cell.reported);
                cell.set_reported(def, &value, &mut columns.texts);
                if cell.state.asks_before() && !cell.has_before {
                    cell.set_before(def, Some(&value), &mut columns.texts);
                }
                if former != (true, cell.reported) {
                    columns.settings.dirty.set(at, true);
                }
                let reported = cell.compare().unwrap_or(Reported::Equal);
                self.turn(columns, device, slot, def, now, |state, def| match retained {
                    true => state.retained(reported, def),
                    false => state.reported(reported, def),
                });
            }
            Fact::Acknowledged { slot } if !retained => {
                let Some(def) = self.setting_def(columns, at, slot) else { return };
                self.turn(columns, device, slot, def, now, |state, def| state.acknowledged(def));
            }
            Fact::Refused { slot, text, unsupported } if !retained => {
                let Some(slot) = slot.or_else(|| columns.settings.in_flight(at)) else { return };
                let standing = if unsupported { Standing::Unsupported } else { Standing::Failed };
                self.refuse(columns, device, slot, standing, reports.str(text), now);
            }
            _ => {}
        }
    }

    fn refuse(
        &self,
        columns: &mut Columns,
        device: DeviceNumber,
        slot: u16,
        standing: Standing,
        error: &str,
        now: Time,
    ) {
        let at = place(device).1;
        let Some(def) = self.setting_def(columns, at, slot) else { return };
        let error = &error[..error.floor_char_boundary(MAX_ERROR)];
        self.turn_for(columns, (device, slot), def, error, now, |state, _| state.refused(standing));
    }

    /// Takes a step of one setting's state and does what follows from it.
    fn turn(
        &self,
        columns: &mut Columns,
        device: DeviceNumber,
        slot: u16,
        def: &SettingDef,
        now: Time,
        step: impl FnOnce(&mut State, &SettingDef) -> Effect,
    ) {
        self.turn_for(columns, (device, slot), def, "", now, step);
    }

    /// As [`turn`](Fleet::turn), for what the device said.
    fn turn_for(
        &self,
        columns: &mut Columns,
        (device, slot): (DeviceNumber, u16),
        def: &SettingDef,
        said: &str,
        now: Time,
        step: impl FnOnce(&mut State, &SettingDef) -> Effect,
    ) {
        let (block, at) = place(device);
        let key = (at as u16, slot);
        let Some(cell) = columns.settings.cells.get_mut(&key) else { return };
        let was = cell.state;
        let effect = step(&mut cell.state, def);
        let is = cell.state;
        if was == is && effect == Effect::default() {
            return;
        }
        columns.settings.dirty.set(at, true);
        if was.standing != is.standing || was.desired != is.desired {
            cell.since_secs = now.secs() as u32;
        }
        match effect.why {
            Some(why) => drop(columns.texts.replace(&mut cell.error, &words(why, was.standing, &is, def))),
            None if effect.told && !said.is_empty() => drop(columns.texts.replace(&mut cell.error, said)),
            None => {}
        }
        let failed = (is_failed(&was), is_failed(&is));
        self.outbox.count(cell.commit, (was.outstanding(), is.outstanding()), failed);
        if let Some(millis) = effect.timer {
            let due = now.plus_millis(millis);
            self.outbox.set_timer(Timer { due, device, slot, turn: is.turn });
        }
        if effect.told && is.desired {
            let (setting, standing) = (def.number, is.standing);
            let error = columns.texts.str(cell.error).to_owned();
            self.journal.append(now, EventKind::SettingChanged { device, setting, standing, error });
        }
        // Of one that was only silent, it goes on when the device returns.
        let undone = cell.undo && !is.outstanding() && !is.kept().silent;
        if cell.is_idle()
            && let Some(cell) = columns.settings.cells.remove(&key)
        {
            cell.release(def, &mut columns.texts);
        }
        self.configured.set(block, !columns.settings.cells.is_empty());
        if failed.1 || columns.settings.unmet.get(at) {
            let unmet = columns.settings.of(at).any(|(_, cell)| is_failed(&cell.state));
            columns.settings.unmet.set(at, unmet);
            self.unmet.set(block, !columns.settings.unmet.is_empty());
        }
        if effect.ready {
            self.queue(columns, device);
        }
        if undone && let Some(cell) = columns.settings.cells.get_mut(&key) {
            cell.undo = false;
            self.begin(columns, (device, slot), def, None, (0, Begin::Write), now);
        }
    }

    /// Puts a device into its adapter's queue, unless it is there.
    fn queue(&self, columns: &mut Columns, device: DeviceNumber) {
        let at = place(device).1;
        let Some(slot) = columns.slot(at) else { return };
        let adapter = slot.adapter;
        if is_reached(slot.presence) && !columns.settings.queued.get(at) {
            columns.settings.queued.set(at, true);
            self.outbox.push(adapter, device);
        }
    }

    fn setting_def(&self, columns: &Columns, at: usize, slot: u16) -> Option<&SettingDef> {
        let profile = ProfileId(columns.slots.get(at)?.profile);
        self.profiles[profile].settings.get(usize::from(slot))
    }

    /// False: there is no such live device or setting.
    fn with_setting(
        &self,
        device: DeviceNumber,
        setting: u16,
        act: impl FnOnce(&mut Columns, u16, &SettingDef),
    ) -> bool {
        let (block, at) = place(device);
        let Some(block) = self.blocks.get(block).and_then(|block| block.get()) else { return false };
        let columns = &mut *block.columns.write();
        let Some(slot) = columns.slot(at) else { return false };
        let settings = &self.profiles[ProfileId(slot.profile)].settings;
        let Ok(slot) = settings.binary_search_by_key(&setting, |def| def.number) else { return false };
        act(columns, slot as u16, &settings[slot]);
        true
    }
}

/// Whether something can be sent to a device.
pub(super) fn is_reached(presence: Presence) -> bool {
    matches!(presence, Presence::Online | Presence::Late)
}

fn is_failed(state: &State) -> bool {
    let bad = matches!(state.standing, Standing::Drifted | Standing::Failed | Standing::Unsupported);
    bad && state.desired
}

fn words(why: Why, was: Standing, state: &State, def: &SettingDef) -> String {
    let had_it = state.attempts == 0 || matches!(was, Standing::Effective | Standing::InSync);
    match why {
        Why::Fine => String::new(),
        Why::Kept if had_it => "the device reports another value".to_owned(),
        Why::Kept => format!("the device keeps another value, {}", tries(state.attempts)),
        Why::Silent => {
            let seconds = def.timeout.div_ceil(1000);
            format!("no answer within {seconds} s, {}", tries(state.attempts))
        }
    }
}

fn tries(attempts: u8) -> String {
    match attempts {
        1 => "tried once".to_owned(),
        attempts => format!("tried {attempts} times"),
    }
}
