//! When a unit booted, by the uptime that it tells.
//!
//! To a manager a boot instant that moves forward is a restart, so none may come of a message that was on its way for
//! long, or of a device that had its own clock set: the instant moves if the uptime contradicts it by over 60 s and 1 % and
//! the unit did restart. Where it moves to is made durable before anybody sees it: a manager would see it step back after a
//! crash.

use super::{
    Fleet,
    block::{Columns, place},
    clock::Clock,
};
use crate::model::*;

/// Milliseconds by which an uptime may be off in any case.
const TOLERANCE: u64 = 60_000;

/// What two messages differ in may be off by a tenth, and by so many milliseconds in any case.
const JITTER: u64 = 5000;

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

    /// The boot instant by what the device says, if it is another than the one that is known. `silence`: milliseconds since
    /// the message before, if somebody measured them.
    pub fn judge(
        &mut self,
        at: usize,
        known: Time,
        said: Uptime,
        silence: Option<u64>,
        now: Time,
    ) -> Option<Time> {
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
            let told = known.plus_millis(highest * 1000);
            let has_clock = !said.time.is_never() && told <= now.plus_millis(tolerance);
            if has_clock && as_of.plus_millis(tolerance) < told {
                // It was sent before one that has come already, perhaps before a restart.
                return None;
            }
            // By its own clock it may seem to have restarted, or to have run for longer.
            let runs_on = has_clock && silence.is_some_and(|silence| runs_on(secs, highest, silence));
            if runs_on || boot.0.abs_diff(known.0) <= tolerance {
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
                let agrees = boot.0.abs_diff(first_boot.0) <= (apart / 10).max(JITTER);
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

/// Whether a unit that had run for `highest` seconds so many milliseconds ago was up then already, and is since.
fn runs_on(secs: u64, highest: u64, silence: u64) -> bool {
    let longer = secs.saturating_sub(highest).saturating_mul(1000);
    let was_up = secs >= highest && secs.saturating_mul(1000) > silence;
    was_up && longer.abs_diff(silence) <= (silence / 10).max(JITTER)
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
        clock: Clock,
    ) -> Option<Time> {
        let now = clock.now;
        if swapped {
            self.uptimes.forget(at);
        }
        // Its clock may be wrong, and an uptime that is too low for now is put right without a step back.
        let as_of = |said: Uptime| match retained || self.uptimes.highest(at) > 0 {
            true => said,
            false => Uptime { time: Time::NEVER, ..said },
        };
        let said = uptime.map(as_of);
        if swapped {
            let boot = said.and_then(|said| self.uptimes.judge(at, Time::NEVER, said, None, now));
            return boot.or(Some(now));
        }
        let said = said?;
        let known = self.slots[at].boot.shifted(clock.set_by);
        if retained && said.time.is_never() {
            // It is of some time ago, so the unit booted earlier than this. Of use only as long as nothing better is known.
            let learned = Time::from_secs(u64::from(self.slots[at].learned_secs)).shifted(clock.set_by);
            let earlier =
                now.0.checked_sub(said.secs.saturating_mul(1000)).is_some_and(|boot| boot < learned.0);
            if !known.is_never() || !earlier {
                return None;
            }
        }
        let last_seen = self.slots[at].last_seen;
        let silence = (!retained && last_seen > clock.set_at).then(|| now.since(last_seen));
        self.uptimes.judge(at, known, said, silence, now)
    }
}

impl Fleet {
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
        /// When it was heard last, in seconds.
        heard: u64,
    }

    impl Unit {
        fn new(secs: u64) -> Unit {
            let mut unit = Unit { uptimes: Uptimes::default(), boot: Time::NEVER, heard: 0 };
            assert!(unit.moves(0, secs));
            unit
        }

        fn hears(&mut self, after: u64, secs: u64, time: Time) -> bool {
            let now = NOW.plus_millis(after * 1000);
            let silence = Some((after - self.heard) * 1000);
            let moved = self.uptimes.judge(3, self.boot, Uptime { secs, time }, silence, now);
            self.boot = moved.unwrap_or(self.boot);
            self.heard = after;
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
    fn who_has_its_clock_set_has_not_restarted() {
        let sent = |after: u64| NOW.plus_millis(after * 1000);
        for wrong in [300, 9000, 800_000_000] {
            let mut unit = Unit::new(7200);
            assert!(!unit.hears(10, 7210, Time(sent(10).0 - wrong * 1000)), "behind by {wrong} s");
            assert!(!unit.hears(1000, 8205, Time(sent(1000).0 - wrong * 1000)));
            assert!(!unit.hears(1010, 8210, sent(1010)), "set");
            assert!(!unit.hears(1020, 8220, sent(1015)));
            assert_eq!(unit.runs(1020), 8220);
            assert!(unit.hears(1100, 7, sent(1100)), "that is a restart");
        }
        let mut unit = Unit::new(10);
        assert!(unit.hears(86_400, 85_000, sent(86_400)), "silent for longer than it runs");
    }

    /// By a store that was written by a clock which was set forth after it.
    #[test]
    fn a_boot_that_cannot_be_is_put_right() {
        for time in [Time::NEVER, NOW.plus_millis(10_000)] {
            let mut unit = Unit::new(5000);
            unit.boot = NOW.plus_millis(259_200_000);
            assert!(unit.hears(10, 5010, time));
            assert_eq!(unit.runs(10), 5010);
        }
    }

    #[test]
    fn nonsense_moves_nothing() {
        let mut unit = Unit::new(1000);
        assert!(!unit.moves(10, u64::MAX));
        assert!(!unit.moves(20, 10_000_000_000));
        assert_eq!(unit.runs(20), 1020);
    }
}
