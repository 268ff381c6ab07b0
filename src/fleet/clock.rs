//! What becomes of instants when the clock of this machine is set, or was behind at the start.
//!
//! In memory boot instants are as if the clock had never been set since the start, so that a clock that is moves no uptime.
//! What else lies ahead of the clock then is taken for now: nobody is heard, and no value measured, in the future.

use std::sync::atomic::Ordering;

use super::Fleet;
use crate::model::*;

/// Milliseconds before a kill in which perhaps nothing was written: two flushes. Managers saw uptimes meanwhile.
const UNWRITTEN: u64 = 10_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub now: Time,
    /// Milliseconds by which it has been set since the start.
    pub set_by: i64,
    /// What instants from before are apart from later ones nobody knows.
    pub set_at: Time,
}

impl Fleet {
    pub(super) fn clock(&self, now: Time) -> Clock {
        Clock { now, set_by: self.clock_set(), set_at: self.clock_set_at() }
    }

    /// The clock has been set by so many milliseconds since the start, or the machine slept: what units have run for stays,
    /// and the store is to keep their boot instants by the new clock. As after a reconnect each device has a full interval
    /// from `now` on to show itself.
    pub fn set_clock(&self, millis: i64, now: Time) {
        if self.clock_set.swap(millis, Ordering::Relaxed) != millis {
            self.clock_set_at.store(now.0, Ordering::Relaxed);
            self.bound_instants(now, 0);
        }
    }

    /// At a start, when all is restored that was `written` last then. Returns how many milliseconds that lies ahead of
    /// `now`: the clock is behind, and what units had run for at that instant they have run for still; when the clock is
    /// set later, that stays.
    pub fn start_clock(&self, written: Time, now: Time) -> u64 {
        let behind = written.since(now);
        if behind > 0 {
            self.clock_set_at.store(now.0, Ordering::Relaxed);
            self.bound_instants(now, behind + behind.min(UNWRITTEN));
        }
        behind
    }

    /// Has units run for so many milliseconds longer. What the store has of any device is to be written anew, so that all
    /// of it is by this clock.
    fn bound_instants(&self, now: Time, run: u64) {
        for block in self.blocks.iter().filter_map(|block| block.get()) {
            let columns = &mut *block.columns.write();
            for (at, slot) in columns.slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_somebody()) {
                if run > 0 {
                    slot.boot = slot.up_since().shifted(-(run as i64));
                }
                slot.last_seen = slot.last_seen.min(now);
                slot.presence_since = slot.presence_since.min(now);
                columns.dirty.set(at, true);
            }
            let secs = now.secs() as u32;
            columns.cells.times.iter_mut().for_each(|time| *time = secs.min(*time));
            columns.next_deadline = Time::NEVER;
        }
    }

    /// When the clock was set last; [`Time::NEVER`]: not since the start.
    pub fn clock_set_at(&self) -> Time {
        Time(self.clock_set_at.load(Ordering::Relaxed))
    }

    pub(super) fn clock_set(&self) -> i64 {
        self.clock_set.load(Ordering::Relaxed)
    }
}
