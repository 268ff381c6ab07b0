//! When a unit booted, by the uptime that it tells.
//!
//! To a manager a boot instant that moves forward is a restart, so none may come of a message that was on its way for
//! long: the instant moves if the uptime contradicts it by over 60 s and 1 % and the unit did restart. Where it moves to is
//! made durable before anybody sees it: a manager would see it step back after a crash.
//!
//! In memory it is as if the clock had never been set since the start, so that a clock that is moves no uptime.

use std::sync::atomic::Ordering;

use super::{
    Fleet,
    block::{Columns, place},
};
use crate::model::*;

/// Milliseconds by which an uptime may be off in any case.
const TOLERANCE: u64 = 60_000;

/// What a device says of its uptime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uptime {
    pub secs: u64,
    /// As of when; [`Time::NEVER`]: of when it was sent, and nobody knows when that was.
    pub time: Time,
}

/// Of a block: what uptimes are held against beside the boot instants themselves.
#[derive(Debug, Default)]
pub(super) struct Uptimes {
    /// By place: the highest uptime since the boot, in seconds; 0 of one that never told any. As long as it must be.
    highest: Vec<u32>,
    /// By place, few: the last uptime that came too low for the boot, and the boot instant that it would mean.
    doubts: Vec<(u16, u64, Time)>,
}

impl Uptimes {
    pub fn highest(&self, at: usize) -> u32 {
        self.highest.get(at).copied().unwrap_or(0)
    }

    pub fn set_highest(&mut self, at: usize, secs: u64) {
        if self.highest.len() <= at {
            self.highest.resize(at + 1, 0);
        }
        self.highest[at] = u32::try_from(secs).unwrap_or(u32::MAX).max(1);
    }

    /// Another unit is there now.
    pub fn forget(&mut self, at: usize) {
        if let Some(highest) = self.highest.get_mut(at) {
            *highest = 0;
        }
        self.settle(at);
    }

    /// The boot instant by what the device says, if it is another than the one that is known.
    pub fn judge(&mut self, at: usize, known: Time, said: Uptime, now: Time) -> Option<Time> {
        let as_of = if said.time.is_never() { now } else { said.time.min(now) };
        let (secs, millis) = (said.secs, said.secs.saturating_mul(1000));
        let boot = Time(as_of.0.saturating_sub(millis));
        // No unit has run since 1970.
        if boot.is_never() {
            return None;
        }
        let highest = u64::from(self.highest(at));
        let tolerance = (millis / 100).max(TOLERANCE);
        if !known.is_never() && highest > 0 {
            if as_of.plus_millis(tolerance) < known.plus_millis(highest * 1000) {
                // It was sent before one that has come already, perhaps before a restart.
                return None;
            }
            if boot.0.abs_diff(known.0) <= tolerance {
                self.set_highest(at, secs.max(highest));
                self.settle(at);
                return None;
            }
            let has_restarted = millis + tolerance < highest * 1000;
            let was_late = boot > known && said.time.is_never() && !has_restarted;
            if was_late && !self.is_repeated(at, secs, boot) {
                return None;
            }
        }
        self.set_highest(at, secs);
        self.settle(at);
        (boot.0.abs_diff(known.0) > tolerance).then_some(boot)
    }

    /// An uptime that is too low and yet higher than the last is that of a message that was late, or of a unit that ran
    /// longer than before its restart. Messages that were held up do not come as they were sent: it is a restart if two
    /// that are a minute apart agree.
    fn is_repeated(&mut self, at: usize, secs: u64, boot: Time) -> bool {
        let place = at as u16;
        match self.doubts.binary_search_by_key(&place, |doubt| doubt.0) {
            Err(index) => {
                self.doubts.insert(index, (place, secs, boot));
                false
            }
            Ok(index) => {
                let (_, first_secs, first_boot) = self.doubts[index];
                let apart = secs.saturating_sub(first_secs).saturating_mul(1000);
                let agrees = boot.0.abs_diff(first_boot.0) <= (apart / 10).max(5000);
                if !agrees {
                    self.doubts[index] = (place, secs, boot);
                }
                agrees && apart >= TOLERANCE
            }
        }
    }

    fn settle(&mut self, at: usize) {
        if let Ok(index) = self.doubts.binary_search_by_key(&(at as u16), |doubt| doubt.0) {
            self.doubts.remove(index);
            if self.doubts.is_empty() {
                self.doubts = Vec::new();
            }
        }
    }
}

impl Columns {
    /// The boot instant of a device after a report, if it is another than the one that is known. `swapped`: it is another
    /// unit's.
    pub(super) fn boot_after(
        &mut self,
        at: usize,
        uptime: Option<Uptime>,
        retained: bool,
        swapped: bool,
        now: Time,
        clock_set: i64,
    ) -> Option<Time> {
        if swapped {
            self.uptimes.forget(at);
            let boot = uptime.and_then(|said| self.uptimes.judge(at, Time::NEVER, said, now));
            return boot.or(Some(now));
        }
        let said = uptime?;
        let known = self.slots[at].boot.shifted(clock_set);
        if retained && said.time.is_never() {
            // It is of some time ago, so the unit booted earlier than this. Of use only as long as nothing better is known.
            let learned = Time::from_secs(u64::from(self.slots[at].learned_secs)).shifted(clock_set);
            let earlier =
                now.0.checked_sub(said.secs.saturating_mul(1000)).is_some_and(|boot| boot < learned.0);
            if !known.is_never() || !earlier {
                return None;
            }
        }
        self.uptimes.judge(at, known, said, now)
    }
}

impl Fleet {
    /// The clock has been set by so many milliseconds since the start, or the machine slept: what units have run for stays,
    /// and the store is to keep their boot instants by the new clock. As after a reconnect each device has a full interval
    /// from `now` on to show itself.
    pub fn set_clock(&self, millis: i64, now: Time) {
        if self.clock_set.swap(millis, Ordering::Relaxed) != millis {
            self.clock_set_at.store(now.0, Ordering::Relaxed);
            self.mark_dirty(1..=self.counts().numbers_used);
        }
    }

    pub(super) fn clock_set_at(&self) -> Time {
        Time(self.clock_set_at.load(Ordering::Relaxed))
    }

    pub(super) fn clock_set(&self) -> i64 {
        self.clock_set.load(Ordering::Relaxed)
    }

    /// Boot instants that have moved and are not shown yet, at most so many.
    pub fn moved_boots(&self, most: usize) -> Vec<(DeviceNumber, Time)> {
        self.boots.lock().iter().take(most).map(|(&device, &boot)| (device, boot)).collect()
    }

    /// Shows boot instants that are durable now.
    pub fn show_boots(&self, boots: &[(DeviceNumber, Time)]) {
        for &(device, boot) in boots {
            let (index, at) = place(device);
            if let Some(block) = self.blocks.get(index).and_then(|block| block.get())
                && let Some(slot) = block.columns.write().slots.get_mut(at)
            {
                slot.boot = boot;
            }
        }
        let mut moved = self.boots.lock();
        for (device, boot) in boots {
            // Meanwhile it may have moved again.
            if moved.get(device) == Some(boot) {
                moved.remove(device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_795_392_000);

    /// A device without a clock that said at `NOW` that it had run for so many seconds.
    struct Unit {
        uptimes: Uptimes,
        boot: Time,
    }

    impl Unit {
        fn new(secs: u64) -> Unit {
            let mut unit = Unit { uptimes: Uptimes::default(), boot: Time::NEVER };
            assert!(unit.moves(0, secs));
            unit
        }

        fn hears(&mut self, after: u64, secs: u64, time: Time) -> bool {
            let now = NOW.plus_millis(after * 1000);
            let moved = self.uptimes.judge(3, self.boot, Uptime { secs, time }, now);
            self.boot = moved.unwrap_or(self.boot);
            moved.is_some()
        }

        fn moves(&mut self, after: u64, secs: u64) -> bool {
            self.hears(after, secs, Time::NEVER)
        }

        /// Seconds of uptime as a manager sees them.
        fn runs(&self, after: u64) -> u64 {
            NOW.plus_millis(after * 1000).since(self.boot) / 1000
        }
    }

    #[test]
    fn only_a_contradiction_moves_it() {
        let mut unit = Unit::new(100_000);
        assert!(!unit.moves(900, 100_000), "within 1 %");
        assert!(!unit.moves(1000, 101_950));
        assert!(unit.moves(1010, 110_000), "it has run for longer than was known");
        assert_eq!(unit.runs(1010), 110_000);
    }

    #[test]
    fn who_restarts_counts_from_then_on() {
        let mut unit = Unit::new(100_000);
        assert!(unit.moves(600, 5));
        assert_eq!(unit.runs(605), 10);
        assert!(!unit.moves(700, 105));
        assert!(unit.moves(86_400, 4));
        let mut unit = Unit::new(100_000);
        assert!(unit.moves(50_000, 49_000), "a low uptime is enough, however long nobody heard it");
    }

    #[test]
    fn who_is_heard_late_has_not_restarted() {
        for waited in [70, 4000, 1_000_000] {
            let mut unit = Unit::new(1000);
            // What a broker kept meanwhile comes all at once.
            for sent in (10..waited).step_by((waited / 20) as usize) {
                assert!(!unit.moves(waited, 1000 + sent), "{sent} of {waited}");
            }
            assert!(!unit.moves(waited + 30, 1000 + waited + 30));
            assert_eq!(unit.runs(waited + 30), 1000 + waited + 30);
            assert!(unit.uptimes.doubts.is_empty());
        }
    }

    #[test]
    fn who_runs_longer_than_before_its_restart_says_so_twice() {
        let mut unit = Unit::new(10);
        assert!(!unit.moves(7200, 3600), "late, or restarted an hour ago");
        for later in [10, 20, 50] {
            assert!(!unit.moves(7200 + later, 3600 + later));
        }
        assert!(unit.moves(7260, 3660));
        assert_eq!(unit.runs(7260), 3660);
    }

    #[test]
    fn a_message_with_a_time_of_its_own_is_as_of_then() {
        let mut unit = Unit::new(1000);
        let sent = |after: u64| NOW.plus_millis(after * 1000);
        assert!(!unit.hears(500, 1100, sent(100)), "late");
        assert!(unit.hears(7200, 3600, sent(7200)), "restarted, and it runs longer than before");
        assert!(!unit.hears(7300, 1200, sent(200)), "from before the restart");
        assert_eq!(unit.runs(7300), 3700);
    }

    #[test]
    fn nonsense_moves_nothing() {
        let mut unit = Unit::new(1000);
        assert!(!unit.moves(10, u64::MAX));
        assert!(!unit.moves(20, 10_000_000_000));
        assert_eq!(unit.runs(20), 1020);
    }
}
