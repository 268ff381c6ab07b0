//! The way up: reports become values in the columns and transitions in the journal.

use super::{
    Fleet,
    block::{Columns, flag, place},
    boot::Uptime,
};
use crate::{journal::EventKind, model::*};

/// A report whose device is known: the order in which [`Fleet::absorb`] takes them is by block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resolved {
    pub device: DeviceNumber,
    /// The index of the report in its [`Reports`].
    pub report: u32,
    /// The device that it hangs on, 0 if the report names none or none is known.
    pub parent: DeviceNumber,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absorbed {
    pub reports: u64,
    /// Points and attributes taken, changed or not.
    pub observations: u64,
}

impl Fleet {
    /// Writes a batch of reports into the columns of the blocks touched, one short lock each, in the order of their
    /// arrival for each device. Reports of retired devices are passed over. Sorts `resolved`.
    pub fn absorb(&self, reports: &Reports, resolved: &mut [Resolved], now: Time) -> Absorbed {
        if !resolved.is_sorted() {
            resolved.sort_unstable();
        }
        let mut done = Absorbed::default();
        let mut moved = Vec::new();
        for run in resolved.chunk_by(|a, b| place(a.device).0 == place(b.device).0) {
            let (index, _) = place(run[0].device);
            let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { continue };
            let mut columns = block.columns.write();
            for one in run {
                let Some(report) = reports.report(one.report as usize) else { continue };
                if columns.live.get(place(one.device).1) {
                    done.reports += 1;
                    self.absorb_one(&mut columns, one, report, reports, now, &mut done, &mut moved);
                }
            }
        }
        self.settle(&moved, now);
        done
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one loop, in the order it is used")]
    fn absorb_one(
        &self,
        columns: &mut Columns,
        one: &Resolved,
        report: &Report,
        reports: &Reports,
        now: Time,
        done: &mut Absorbed,
        moved: &mut Vec<Moved>,
    ) {
        let (_, at) = place(one.device);
        let profile = &self.profiles[ProfileId(columns.slots[at].profile)];
        columns.dirty.set(at, true);
        if !report.retained {
            let sent = &mut columns.slots[at].sent;
            sent.octets = sent.octets.wrapping_add(report.octets.into());
            sent.messages = sent.messages.wrapping_add(1);
        }
        if one.parent != 0 && one.parent != one.device && columns.slots[at].reported_parent != one.parent {
            let former = columns.parent(at);
            columns.slots[at].reported_parent = one.parent;
            if columns.parent(at) != former {
                columns.revise(at, self.revision(now));
                moved.push(Moved::Parent { device: one.device, former });
            }
        }
        let (mut says, mut uptime, mut swapped) = (None, None, false);
        let is_outdated = report.retained && columns.is_of_former_unit(at, report, reports);
        for fact in reports.facts(report) {
            match *fact {
                Fact::Availability(availability) => says = Some(availability),
                _ if is_outdated => done.observations += 1,
                Fact::Point { slot, value, time } => {
                    done.observations += 1;
                    let Some(def) = profile.points.get(usize::from(slot)) else { continue };
                    let cell = columns.slots[at].cells as usize + usize::from(slot);
                    let time = stamp(time, report.retained, now);
                    columns.write_cell(cell, def, value, (time, now), report.retained, reports);
                }
                Fact::Attribute { attribute, text } => {
                    done.observations += 1;
                    let text = attribute_text(reports, text);
                    swapped |= attribute == Attribute::Serial && columns.is_swap(at, text, report.retained);
                    let id = &mut columns.attributes[at][attribute as usize];
                    if columns.texts.replace(id, text) && attribute.is_of_host() {
                        columns.revise(at, self.revision(now));
                    }
                }
                Fact::Setting { .. } | Fact::Acknowledged { .. } | Fact::Refused { .. } => {
                    done.observations += 1;
                    self.absorb_setting(columns, one.device, fact, (reports, report), now);
                }
                Fact::Uptime { secs, time } => uptime = Some(Uptime { secs, time }),
            }
        }
        if swapped {
            columns.reset_counters(at, profile, now);
        }
        if let Some(boot) = columns.boot_after(at, uptime, report.retained, swapped, self.clock(now)) {
            moved.push(Moved::Boot { device: one.device, boot });
        }
        if !report.retained && says != Some(Availability::Lost) {
            columns.slots[at].last_seen = now;
        }
        let presence = match says {
            Some(Availability::Online) => Presence::Online,
            Some(Availability::Lost) => Presence::Lost,
            Some(Availability::Sleeping) => Presence::Sleeping,
            None if report.retained => return,
            None => Presence::Online,
        };
        let was = columns.slots[at].presence;
        // Of one that was silent and never said that it goes a broker's former word is no sign that it is back.
        let is_silent = was == Presence::Lost && !columns.gone.get(at);
        if report.retained && presence != Presence::Lost && is_silent {
            return;
        }
        columns.gone.set(at, presence == Presence::Lost);
        if was == presence {
            return;
        }
        let is_birth = says == Some(Availability::Online) && !report.retained;
        if is_birth && (was.is_missing() || was == Presence::NeverSeen) && columns.uptimes.highest(at) == 0 {
            moved.push(Moved::Boot { device: one.device, boot: now });
        }
        self.set_presence(columns, one.device, presence, now);
        columns.next_deadline = Time::NEVER;
        moved.push(Moved::Presence { device: one.device, was, is: presence });
    }
}

/// What must be told or passed on once no block is locked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moved {
    Presence { device: DeviceNumber, was: Presence, is: Presence },
    Parent { device: DeviceNumber, former: DeviceNumber },
    Boot { device: DeviceNumber, boot: Time },
}

impl Fleet {
    /// Tells the journal of transitions, and the children of those that went or came.
    pub(super) fn settle(&self, moved: &[Moved], now: Time) {
        for moved in moved {
            match *moved {
                Moved::Parent { device, former } => self.adopt_child(device, former),
                Moved::Boot { device, boot } => {
                    self.boots.lock().insert(device, boot.shifted(-self.clock_set()));
                }
                Moved::Presence { device, was, is } => {
                    if is == Presence::Lost && was != Presence::NeverSeen {
                        let last_seen = self.row(device, |row| row.last_seen()).unwrap_or_default();
                        self.journal.append(now, EventKind::DeviceLost { device, last_seen });
                    }
                    // That one is unreachable is not told, so neither is its end.
                    if was == Presence::Lost && !is.is_missing() {
                        self.journal.append(now, EventKind::DeviceReturned { device, was });
                    }
                    if was.is_missing() != is.is_missing() {
                        self.tell_children(device, is.is_missing(), now);
                    }
                }
            }
        }
    }
}

impl Columns {
    /// Another unit counts from now on, perhaps from more.
    fn reset_counters(&mut self, at: usize, profile: &Profile, now: Time) {
        let cells = self.slots[at].cells;
        let counters = profile.points.iter().enumerate().filter(|(_, def)| def.ty == PointType::Counter);
        for (slot, _) in counters {
            self.cells.set_reset(cells + slot as u32, now.secs() as u32);
        }
    }

    /// `time`: in seconds, 0 unknown.
    fn write_cell(
        &mut self,
        cell: usize,
        def: &PointDef,
        value: Scalar,
        (time, now): (u32, Time),
        retained: bool,
        reports: &Reports,
    ) {
        let cells = &mut self.cells;
        let former = cells.flags[cell];
        let has_value = former & flag::VALUE != 0;
        // Also behind what was no value.
        let has_count = def.ty == PointType::Counter && former & (flag::VALUE | flag::BAD) != 0;
        // A value that is older than the one we hold, or retained and of unknown age, says nothing new.
        if has_value && time != 0 && time < cells.times[cell] {
            return;
        }
        match value {
            Scalar::Integer(value) if def.ty != PointType::Text => {
                if retained && time == 0 && has_value && cells.values[cell] == value {
                    return;
                }
                let counter = def.ty == PointType::Counter;
                if has_count && (value as u64) < cells.values[cell] as u64 {
                    cells.set_reset(cell as u32, now.secs() as u32);
                }
                cells.values[cell] = value;
                let kind = match counter {
                    true => flag::COUNTER,
                    false if i32::try_from(value).is_ok() => flag::INTEGER,
                    false => 0,
                };
                if former & !flag::FIXED != flag::VALUE | kind {
                    cells.set_value_flags(cell, flag::VALUE | kind);
                }
            }
            Scalar::Text(span) if def.ty == PointType::Text => {
                let mut id = if former & flag::TEXT != 0 { cells.values[cell] as u32 } else { 0 };
                let text = cut(reports.str(span), 1024);
                let changed = self.texts.replace(&mut id, text);
                if retained && time == 0 && has_value && !changed {
                    return;
                }
                cells.values[cell] = i64::from(id);
                cells.set_value_flags(cell, flag::VALUE | flag::TEXT);
            }
            Scalar::Bad | Scalar::Integer(_) | Scalar::Text(_) => {
                let kept = former & flag::TEXT;
                cells.set_value_flags(cell, kept | flag::BAD);
            }
        }
        cells.times[cell] = time;
    }
}

/// The instant of a value in seconds: what the device says unless that lies in the future; the arrival; 0 (unknown) for a
/// retained message that does not say.
fn stamp(time: Time, retained: bool, now: Time) -> u32 {
    let time = match (time.is_never(), retained) {
        (true, true) => Time::NEVER,
        (true, false) => now,
        (false, _) => time.min(now),
    };
    time.secs() as u32
}

/// What is kept of an attribute's text.
pub(super) fn attribute_text(reports: &Reports, text: Span) -> &str {
    cut(reports.str(text), 255)
}

/// At most `most` octets, at a character boundary.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
