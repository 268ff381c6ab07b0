//! The only reader of the system's clocks. Everything else takes `now` as a parameter.
//!
//! [`now`] is the wall clock as of the process's start and what has passed since. If somebody sets the wall clock, it goes
//! on as before until [`follow`] takes that over; who counts from an instant then is told by how much to move it, so that a
//! count neither steps back nor leaps.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::model::Time;

/// Milliseconds by which the clocks may differ without one having been set.
const JITTER: u64 = 1000;

/// 2026-01-01. No clock that is right is behind this program; many units booted before 1970 by one that has never been set.
const EARLIEST: Time = Time::from_secs(1_767_225_600);

/// Milliseconds by which the wall clock has been set since the start.
static SET_BY: AtomicI64 = AtomicI64::new(0);

/// The wall clock in UTC.
pub fn now() -> Time {
    steady().shifted(SET_BY.load(Ordering::Relaxed))
}

/// Takes over the wall clock if it has been set (or the machine slept, which the steady clock does not count). Returns by
/// how many milliseconds that has happened since the start. Call it about once a second.
pub fn follow() -> i64 {
    let set_by = set_by(steady(), wall(), SET_BY.load(Ordering::Relaxed));
    SET_BY.store(set_by, Ordering::Relaxed);
    set_by
}

fn set_by(steady: Time, wall: Time, former: i64) -> i64 {
    let set_by = wall.0 as i64 - steady.0 as i64;
    if wall < EARLIEST || set_by.abs_diff(former) < JITTER { former } else { set_by }
}

fn steady() -> Time {
    let (start, instant) = *START.get_or_init(|| (wall().max(EARLIEST), Instant::now()));
    start.plus_millis(u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX))
}

static START: OnceLock<(Time, Instant)> = OnceLock::new();

#[allow(clippy::disallowed_methods, reason = "this is the one reader")]
fn wall() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Time(since_epoch.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set() {
        let steady = Time::from_secs(1_795_392_000);
        assert_eq!(set_by(steady, steady.shifted(400), 0), 0, "nobody reads two clocks at once");
        assert_eq!(set_by(steady, steady.shifted(-3_600_000), 0), -3_600_000);
        assert_eq!(set_by(steady, steady.shifted(-3_600_300), -3_600_000), -3_600_000);
        assert_eq!(set_by(steady, steady.shifted(5000), -3_600_000), 5000);
        assert_eq!(set_by(EARLIEST.plus_millis(9000), Time(20_000), 0), 0, "not set yet");
        assert_eq!(set_by(EARLIEST.plus_millis(9000), EARLIEST.plus_millis(99_000), 0), 90_000);
        assert!(now() <= now() && follow().unsigned_abs() < 3_600_000);
    }
}
