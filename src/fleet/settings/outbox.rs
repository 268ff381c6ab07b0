//! Which devices may have something to be sent, and what is due when: one queue and one heap for the process.
//!
//! The innermost lock of all: whoever holds it asks for nothing.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    task::Waker,
};

use parking_lot::Mutex;

use crate::model::{AdapterId, DeviceNumber, Time};

#[derive(Debug, Default)]
pub(in crate::fleet) struct Outbox(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lanes: BTreeMap<AdapterId, Lane>,
    timers: BinaryHeap<Reverse<Timer>>,
    commits: BTreeMap<u64, Commit>,
}

/// Devices of one adapter; each at most once, as its block remembers.
#[derive(Debug, Default)]
struct Lane {
    devices: VecDeque<DeviceNumber>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    pub due: Time,
    pub device: DeviceNumber,
    pub slot: u16,
    pub turn: u16,
}

/// How far the settings of a commit are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Settings that are neither at their end nor wanted otherwise meanwhile.
    pub outstanding: u32,
    /// Settings that ended drifted, failed or unsupported.
    pub failed: u32,
}

/// Of so many commits, the newest, it is known how far they are.
const COMMITS: usize = 1000;

impl Outbox {
    pub fn push(&self, adapter: AdapterId, device: DeviceNumber) {
        let mut inner = self.0.lock();
        let lane = inner.lanes.entry(adapter).or_default();
        lane.devices.push_back(device);
        if let Some(waker) = lane.waker.take() {
            waker.wake();
        }
    }

    pub fn pop(&self, adapter: AdapterId) -> Option<DeviceNumber> {
        self.0.lock().lanes.get_mut(&adapter)?.devices.pop_front()
    }

    /// False: `waker` is woken when there is one.
    pub fn poll(&self, adapter: AdapterId, waker: &Waker) -> bool {
        let mut inner = self.0.lock();
        let lane = inner.lanes.entry(adapter).or_default();
        if !lane.devices.is_empty() {
            return true;
        }
        lane.waker = Some(waker.clone());
        false
    }

    pub fn set_timer(&self, timer: Timer) {
        self.0.lock().timers.push(Reverse(timer));
    }

    pub fn pop_due(&self, now: Time) -> Option<Timer> {
        let mut inner = self.0.lock();
        inner.timers.peek().filter(|timer| timer.0.due <= now)?;
        inner.timers.pop().map(|timer| timer.0)
    }

    pub fn commit(&self, id: u64) -> Commit {
        self.0.lock().commits.get(&id).copied().unwrap_or_default()
    }

    /// Counts one setting of a commit: whether it was and is outstanding, and was and is failed.
    pub fn count(&self, id: u64, outstanding: (bool, bool), failed: (bool, bool)) {
        if outstanding.0 == outstanding.1 && failed.0 == failed.1 {
            return;
        }
        let mut inner = self.0.lock();
        let commit = inner.commits.entry(id).or_default();
        step(&mut commit.outstanding, outstanding);
        step(&mut commit.failed, failed);
        if inner.commits.len() > COMMITS {
            inner.commits.pop_first();
        }
    }
}

fn step(count: &mut u32, (was, is): (bool, bool)) {
    *count = count.saturating_add(u32::from(is)).saturating_sub(u32::from(was));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_of_time() {
        let outbox = Outbox::default();
        for (due, device) in [(30, 1), (10, 2), (20, 3)] {
            outbox.set_timer(Timer { due: Time(due), device, slot: 0, turn: 0 });
        }
        assert_eq!(outbox.pop_due(Time(9)), None);
        assert_eq!(outbox.pop_due(Time(25)).map(|timer| timer.device), Some(2));
        assert_eq!(outbox.pop_due(Time(25)).map(|timer| timer.device), Some(3));
        assert_eq!(outbox.pop_due(Time(25)), None);
    }

    #[test]
    fn who_waits_is_woken_once_there_is_something() {
        let outbox = Outbox::default();
        assert!(!outbox.poll(1, Waker::noop()));
        outbox.push(2, 7);
        assert!(!outbox.poll(1, Waker::noop()) && outbox.poll(2, Waker::noop()));
        assert_eq!((outbox.pop(2), outbox.pop(2)), (Some(7), None));
    }
}
