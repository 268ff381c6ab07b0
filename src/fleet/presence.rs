//! Who is heard: one sweep for all devices, and what connections and parents mean for those behind them.

use std::collections::HashSet;

use super::{
    Adapter, AdapterState, Fleet, Which,
    absorb::Moved,
    block::{Columns, Slot, place},
};
use crate::{journal::EventKind, model::*};

/// What the sweep needs of an adapter.
#[derive(Clone, Copy)]
struct Hearing {
    /// False while the connection is down: its devices' clocks stand still.
    up: bool,
    /// Silence counts from here at the earliest: after a reconnect each device has one full interval of grace.
    since: Time,
}

/// Devices that hang on each other deeper than this are taken for a circle.
const MOST_LEVELS: usize = 16;

/// An adapter that is configured no more.
const NOBODY: Hearing = Hearing { up: true, since: Time::NEVER };

/// What silence means for one device.
enum Verdict {
    Stays(Time),
    Becomes(Presence),
    /// Past its time. What it hangs on, if anything, may be the one that is gone.
    Silent,
}

impl Fleet {
    /// Moves silent devices to late and lost, and ends what settings wait for. Call it about once a second; blocks in which nothing can be due are
    /// passed over.
    pub fn sweep(&self, now: Time) {
        let hearing = self.hearing(now);
        let mut moved = Vec::new();
        for block in self.blocks.iter().map_while(|block| block.get()) {
            if block.columns.read_recursive().next_deadline > now {
                continue;
            }
            let mut doubtful = Vec::new();
            {
                let columns = &mut *block.columns.write();
                let mut earliest = Time(u64::MAX);
                let live = columns.live;
                for at in live.iter() {
                    let number = block.base + at as DeviceNumber;
                    match self.judge(&columns.slots[at], &hearing, now) {
                        Verdict::Stays(until) => earliest = earliest.min(until),
                        Verdict::Becomes(presence) => {
                            earliest = now;
                            moved.push(self.become_silent(columns, number, presence, now));
                        }
                        Verdict::Silent => {
                            earliest = now;
                            match columns.parent(at) {
                                0 => moved.push(self.become_silent(columns, number, Presence::Lost, now)),
                                _ => doubtful.push(number),
                            }
                        }
                    }
                }
                columns.next_deadline = earliest;
            }
            for number in doubtful {
                if let Some(presence) = self.verdict_of_parent(number) {
                    moved.push(self.become_silent(&mut block.columns.write(), number, presence, now));
                }
            }
        }
        self.settle(&moved, now);
        self.settings_due(now);
    }

    /// The connection came (back): its devices are asked to show themselves within one full interval from now.
    pub fn adapter_up(&self, adapter: &Adapter, now: Time) {
        let former = adapter.set_state(AdapterState::Up, None, now);
        if former == AdapterState::Up {
            return;
        }
        if former == AdapterState::Down {
            self.adapters.count_down(false);
            self.journal.append(now, EventKind::AdapterUp { adapter: adapter.id });
        }
        self.wake_sweep();
        self.settings_connection(adapter.id, true, now);
    }

    /// The connection is gone: nothing behind it is declared lost, its values are stale.
    pub fn adapter_down(&self, adapter: &Adapter, error: &str, now: Time) {
        let former = adapter.set_state(AdapterState::Down, Some(error), now);
        if former == AdapterState::Up {
            self.settings_connection(adapter.id, false, now);
        }
        if former != AdapterState::Down {
            self.adapters.count_down(true);
            let error = adapter.status().last_error;
            self.journal.append(now, EventKind::AdapterDown { adapter: adapter.id, error });
        }
    }

    /// True while some adapter does not hear: the presence of its devices stands still.
    pub fn presence_frozen(&self) -> bool {
        self.adapters.any_deaf()
    }

    /// By adapter number. Devices of an adapter that is configured no more are not waited for: silence makes them lost.
    fn hearing(&self, now: Time) -> Vec<Hearing> {
        let mut hearing = vec![NOBODY];
        let clock_set_at = self.clock_set_at();
        for adapter in self.adapters.all() {
            let status = adapter.status();
            hearing.resize(hearing.len().max(usize::from(adapter.id) + 1), NOBODY);
            // By a clock that was set back since it may lie ahead.
            let since = if status.since > now { clock_set_at } else { status.since.max(clock_set_at) };
            hearing[usize::from(adapter.id)] = Hearing { up: status.state == AdapterState::Up, since };
        }
        hearing
    }

    fn judge(&self, slot: &Slot, hearing: &[Hearing], now: Time) -> Verdict {
        const NOTHING_DUE: Verdict = Verdict::Stays(Time(u64::MAX));
        let rule = self.profiles[ProfileId(slot.profile)].presence;
        let (Some(late_after), Some(lost_after)) = (rule.late_after(), rule.lost_after()) else {
            return NOTHING_DUE;
        };
        if !matches!(slot.presence, Presence::Online | Presence::Late | Presence::Sleeping) {
            return NOTHING_DUE;
        }
        let hearing = hearing.get(usize::from(slot.adapter)).unwrap_or(&NOBODY);
        if !hearing.up {
            return NOTHING_DUE;
        }
        // A device that is late had been silent for `late_after` when it became so.
        let since = match slot.presence {
            Presence::Late => Time(slot.presence_since.since(Time(late_after))),
            _ => slot.presence_since,
        };
        let heard = slot.last_seen.max(since).max(hearing.since);
        let silence = now.since(heard);
        if silence >= lost_after.max(late_after) {
            return Verdict::Silent;
        }
        match slot.presence {
            Presence::Online if silence >= late_after => Verdict::Becomes(Presence::Late),
            Presence::Online => Verdict::Stays(heard.plus_millis(late_after)),
            _ => Verdict::Stays(heard.plus_millis(lost_after.max(late_after))),
        }
    }

    /// Lost if its parent has been heard since the device was due, or never falls silent; unreachable if the parent is missing;
    /// else not decided: perhaps it is the parent that is gone, and one trap for it is enough. One that was never heard says
    /// nothing, nor do devices that hang on each other in a circle.
    fn verdict_of_parent(&self, number: DeviceNumber) -> Option<Presence> {
        let (parent, due) = self.row(number, |row| {
            let late_after = row.profile().presence.late_after().unwrap_or(0);
            // As in `judge`.
            let since = match row.presence() {
                Presence::Late => Time(row.presence_since().since(Time(late_after))),
                _ => row.presence_since(),
            };
            (row.parent(), row.last_seen().max(since).plus_millis(late_after))
        })?;
        let verdict = self.row(parent, |row| {
            if row.presence().is_missing() {
                Some(Presence::Unreachable)
            } else if row.last_seen() > due
                || row.presence() == Presence::NeverSeen
                || row.profile().presence.interval == 0
            {
                Some(Presence::Lost)
            } else {
                None
            }
        });
        let decided = verdict.unwrap_or(Some(Presence::Lost));
        decided.or_else(|| (!self.is_rooted(number)).then_some(Presence::Lost))
    }

    /// Whether the way up from a device ends, and soon.
    fn is_rooted(&self, device: DeviceNumber) -> bool {
        let mut at = device;
        for _ in 0..MOST_LEVELS {
            match self.row(at, |row| row.parent()) {
                Some(parent) if parent != 0 => at = parent,
                _ => return true,
            }
        }
        false
    }

    /// Whether the way up from a device never ends.
    pub(super) fn ends_in_circle(&self, device: DeviceNumber) -> bool {
        let up = |device| self.row(device, |row| row.parent()).unwrap_or(0);
        let (mut slow, mut fast) = (device, device);
        loop {
            (slow, fast) = (up(slow), up(up(fast)));
            if fast == 0 || slow == fast {
                return fast != 0;
            }
        }
    }

    fn become_silent(&self, columns: &mut Columns, number: DeviceNumber, is: Presence, now: Time) -> Moved {
        let was = columns.slots[place(number).1].presence;
        self.set_presence(columns, number, is, now);
        Moved::Presence { device: number, was, is }
    }

    /// Writes down whose child a device is now. That is read under the lock of the list, so that of two changes at once the
    /// later one stands.
    pub(super) fn adopt_child(&self, device: DeviceNumber, former: DeviceNumber) {
        let mut children = self.children.lock();
        let parent = self.row(device, |row| row.parent()).unwrap_or(0);
        children.remove(&(former, device));
        if parent != 0 {
            children.insert((parent, device));
        }
    }

    /// Has a device agree with the one that it hangs on, which went or came unnoticed or is another one now, and with it
    /// what hangs on the device: nothing is unreachable behind a parent that is there, and what was not heard since its
    /// parent went missing is. `now` absent: as of the parent's own change.
    pub(super) fn agree(&self, device: DeviceNumber, now: Option<Time>) {
        let mut asked = vec![device];
        // Ends also in a circle: all of it changes the same way.
        while let Some(device) = asked.pop() {
            if self.agrees_anew(device, now) {
                asked.extend(self.children_of(device));
            }
        }
    }

    fn agrees_anew(&self, device: DeviceNumber, now: Option<Time>) -> bool {
        let Some(parent) = self.row(device, |row| row.parent()) else { return false };
        let found = self.row(parent, |row| (row.presence().is_missing(), row.presence_since()));
        let (missing, since) = found.unwrap_or((false, Time::NEVER));
        let (block, at) = place(device);
        let Some(block) = self.blocks.get(block).and_then(|block| block.get()) else { return false };
        let mut columns = block.columns.write();
        let Some(slot) = columns.slot(at) else { return false };
        let presence = match (missing, slot.presence) {
            (true, Presence::Online | Presence::Late | Presence::Sleeping) if slot.last_seen <= since => {
                Presence::Unreachable
            }
            (false, Presence::Unreachable) => Presence::Online,
            _ => return false,
        };
        self.set_presence(&mut columns, device, presence, now.unwrap_or(since));
        columns.next_deadline = Time::NEVER;
        true
    }

    /// The children of a device that went missing are unreachable, and theirs; of one that returned, expected within an
    /// interval. Their own events stay untold: one trap for the parent is enough.
    pub(super) fn tell_children(&self, parent: DeviceNumber, missing: bool, now: Time) {
        let mut parents = vec![parent];
        // Ends also if devices hang on each other in a circle: each changes once.
        while let Some(parent) = parents.pop() {
            for child in self.children_of(parent) {
                let (index, at) = place(child);
                let Some(block) = self.blocks.get(index).and_then(|block| block.get()) else { continue };
                let mut columns = block.columns.write();
                let Some(slot) = columns.slot(at) else { continue };
                let presence = match (missing, slot.presence) {
                    (true, Presence::Online | Presence::Late | Presence::Sleeping) => Presence::Unreachable,
                    (false, Presence::Unreachable) => Presence::Online,
                    _ => continue,
                };
                self.set_presence(&mut columns, child, presence, now);
                columns.next_deadline = Time::NEVER;
                parents.push(child);
            }
        }
    }

    /// How many devices hang on a device, directly or through others.
    pub fn dependents(&self, device: DeviceNumber) -> usize {
        let (mut found, mut asked) = (HashSet::from([device]), vec![device]);
        while let Some(parent) = asked.pop() {
            asked.extend(self.children_of(parent).into_iter().filter(|child| found.insert(*child)));
        }
        found.len() - 1
    }

    pub(super) fn children_of(&self, parent: DeviceNumber) -> Vec<DeviceNumber> {
        let children = self.children.lock();
        children.range((parent, 0)..=(parent, MAX_DEVICE_NUMBER)).map(|&(_, child)| child).collect()
    }

    fn wake_sweep(&self) {
        for block in self.blocks.iter().map_while(|block| block.get()) {
            block.columns.write().next_deadline = Time::NEVER;
        }
    }

    /// How many live devices were heard by an adapter that is configured no more.
    pub fn orphans(&self) -> u32 {
        let configured: Vec<_> = self.adapters.all().iter().map(|adapter| adapter.id).collect();
        let mut orphans = 0;
        self.rows(1, Which::Live, |row| {
            // Without an adapter is one that was made before its unit came.
            orphans += u32::from(row.adapter() != 0 && !configured.contains(&row.adapter()));
            std::ops::ControlFlow::Continue(())
        });
        orphans
    }
}
