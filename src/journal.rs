//! The one append-only list of what happened. Every trap target and every subscription is a cursor over it: no
//! channel, no queue for each subscriber.
//!
//! Events are numbered from 1 for the life of the store, without gaps but those that a crash leaves. They become visible
//! to readers once they are durable, and a start after a crash goes on behind all numbers that may have been told: none is
//! ever given to another event. While the store cannot write them, those whose numbers are promised by the store are told
//! all the same: an alarm that waits for a disk is none.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::model::{AdapterId, Confirming, DeviceNumber, Presence, Standing, Termination, Time, Who};

/// How many events are kept in memory; older ones are in the store.
pub const KEPT: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum EventKind {
    /// The bridge began to serve; `cold` with an empty or replaced store.
    Started {
        cold: bool,
    },
    DeviceLearned {
        device: DeviceNumber,
    },
    DeviceLost {
        device: DeviceNumber,
        last_seen: Time,
    },
    DeviceReturned {
        device: DeviceNumber,
        was: Presence,
    },
    DeviceRetired {
        device: DeviceNumber,
    },
    /// What inventories keep of it. Only while somebody is told of that, and once in some seconds.
    DeviceChanged {
        device: DeviceNumber,
    },
    /// A setting came to an end: the device has what is wanted, or will not have it.
    SettingChanged {
        device: DeviceNumber,
        /// Its number in the device's profile.
        setting: u16,
        standing: Standing,
        /// Why, in the device's words; empty if it has what is wanted.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// Running has changed.
    Committed {
        commit: u64,
    },
    /// No device of a commit has a setting any more that is on its way; in how many of them one failed.
    CommitSettled {
        commit: u64,
        failed: u32,
    },
    /// `who` took the step, unless time did.
    ConfirmedCommit {
        who: Box<Who>,
        step: Confirming,
    },
    /// Of NETCONF; a session that a crash ended has no end.
    SessionStarted {
        who: Box<Who>,
    },
    SessionEnded {
        who: Box<Who>,
        reason: Termination,
    },
    AdapterDown {
        adapter: AdapterId,
        error: String,
    },
    AdapterUp {
        adapter: AdapterId,
    },
}

impl EventKind {
    pub fn device(&self) -> Option<DeviceNumber> {
        match self {
            EventKind::DeviceLearned { device }
            | EventKind::DeviceLost { device, .. }
            | EventKind::DeviceReturned { device, .. }
            | EventKind::DeviceRetired { device }
            | EventKind::DeviceChanged { device }
            | EventKind::SettingChanged { device, .. } => Some(*device),
            EventKind::Started { .. }
            | EventKind::Committed { .. }
            | EventKind::CommitSettled { .. }
            | EventKind::ConfirmedCommit { .. }
            | EventKind::SessionStarted { .. }
            | EventKind::SessionEnded { .. }
            | EventKind::AdapterDown { .. }
            | EventKind::AdapterUp { .. } => None,
        }
    }

    /// Whether it is a notification of its own in SNMP, and so in its log.
    pub fn is_noted(&self) -> bool {
        match self {
            EventKind::Started { .. }
            | EventKind::DeviceLost { .. }
            | EventKind::DeviceReturned { .. }
            | EventKind::SettingChanged { .. }
            | EventKind::AdapterDown { .. }
            | EventKind::AdapterUp { .. } => true,
            EventKind::DeviceLearned { .. }
            | EventKind::DeviceRetired { .. }
            | EventKind::DeviceChanged { .. }
            | EventKind::Committed { .. }
            | EventKind::CommitSettled { .. }
            | EventKind::ConfirmedCommit { .. }
            | EventKind::SessionStarted { .. }
            | EventKind::SessionEnded { .. } => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub number: u64,
    pub time: Time,
    pub kind: EventKind,
}

/// How far a reader is, for the store: it outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// Its name for ever.
    pub reader: String,
    /// The reader is done with all events up to this one.
    pub cursor: u64,
    /// What else it remembers, in its own form.
    pub state: Vec<u8>,
}

/// What a reader missed because it was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    pub missed: u64,
}

#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    events: VecDeque<Event>,
    /// The number of the newest event, 0 before the first.
    last: u64,
    durable: u64,
    /// What readers may see, from `durable` on.
    told: u64,
    /// The numbers of those among `events` that SNMP tells: its log seeks in them.
    noted: VecDeque<u64>,
    log: Log,
}

/// Of events that SNMP tells: how many there were since the start, and how many of them are not in memory any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub logged: u64,
    pub bumped: u64,
}

impl Journal {
    /// Goes on after event `last`, the newest that may have been given.
    pub fn new(last: u64) -> Self {
        Journal {
            inner: Mutex::new(Inner {
                events: VecDeque::new(),
                last,
                durable: last,
                told: last,
                noted: VecDeque::new(),
                log: Log::default(),
            }),
        }
    }

    /// Numbers an event and keeps it; returns its number.
    pub fn append(&self, time: Time, kind: EventKind) -> u64 {
        let mut inner = self.inner.lock();
        inner.last += 1;
        let number = inner.last;
        if kind.is_noted() {
            inner.noted.push_back(number);
            inner.log.logged += 1;
        }
        inner.events.push_back(Event { number, time, kind });
        if inner.events.len() > KEPT
            && let Some(bumped) = inner.events.pop_front()
            && bumped.kind.is_noted()
        {
            inner.noted.pop_front();
            inner.log.bumped += 1;
        }
        number
    }

    /// The number of the newest event.
    pub fn last(&self) -> u64 {
        self.inner.lock().last
    }

    /// The number of the oldest event that is kept in memory.
    pub fn oldest(&self) -> u64 {
        let inner = self.inner.lock();
        inner.last + 1 - inner.events.len() as u64
    }

    /// The number of the newest event that readers see: the end of what [`read`](Journal::read) gives.
    pub fn told(&self) -> u64 {
        self.inner.lock().told
    }

    pub fn log(&self) -> Log {
        self.inner.lock().log
    }

    /// Copies at most `most` events from number `from` on that SNMP tells and that may be seen. Seeks.
    pub fn read_noted(&self, from: u64, most: usize, out: &mut Vec<Event>) {
        let inner = self.inner.lock();
        let first = inner.last + 1 - inner.events.len() as u64;
        let at = inner.noted.partition_point(|number| *number < from);
        let numbers = inner.noted.range(at..).take(most).take_while(|number| **number <= inner.told);
        out.extend(numbers.filter_map(|number| inner.events.get((number - first) as usize)).cloned());
    }

    /// The store's word that all events up to `number` are written.
    pub fn set_durable(&self, number: u64) {
        let mut inner = self.inner.lock();
        inner.durable = number.clamp(inner.durable, inner.last);
        inner.told = inner.told.max(inner.durable);
    }

    /// The store cannot write; events up to `number` are told though a crash would forget them.
    pub fn tell_undurable(&self, number: u64) {
        let mut inner = self.inner.lock();
        inner.told = number.clamp(inner.told, inner.last);
    }

    /// Copies at most `most` events that may be seen after `*cursor` to `out` and moves the cursor past them.
    ///
    /// # Errors
    /// Events between the cursor and the oldest kept one are gone; the cursor has been moved to the oldest kept.
    pub fn read(&self, cursor: &mut u64, most: usize, out: &mut Vec<Event>) -> Result<(), Overrun> {
        let inner = self.inner.lock();
        let told = inner.told;
        inner.copy(cursor, told, most, out)
    }

    /// Copies events that are not durable yet, for the store.
    ///
    /// # Errors
    /// The store was so slow that events fell out of memory unwritten.
    pub fn read_undurable(&self, most: usize, out: &mut Vec<Event>) -> Result<(), Overrun> {
        let inner = self.inner.lock();
        inner.copy(&mut inner.durable.clone(), inner.last, most, out)
    }
}

impl Inner {
    fn copy(&self, cursor: &mut u64, end: u64, most: usize, out: &mut Vec<Event>) -> Result<(), Overrun> {
        let first = self.last + 1 - self.events.len() as u64;
        let mut result = Ok(());
        if *cursor + 1 < first {
            result = Err(Overrun { missed: (first - 1).min(end).saturating_sub(*cursor) });
            *cursor = first - 1;
        }
        let skip = (*cursor + 1 - first) as usize;
        let count = end.saturating_sub(*cursor).min(most as u64) as usize;
        out.extend(self.events.iter().skip(skip).take(count).cloned());
        *cursor += count as u64;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_durable_events_once() {
        let journal = Journal::new(10);
        for device in 1..=3 {
            journal.append(Time(1), EventKind::DeviceLearned { device });
        }
        let (mut cursor, mut out) = (10, Vec::new());
        assert_eq!(journal.read(&mut cursor, 9, &mut out), Ok(()));
        assert!(out.is_empty(), "nothing is durable yet");
        journal.set_durable(12);
        journal.read(&mut cursor, 9, &mut out).unwrap();
        assert_eq!(out.iter().map(|event| event.number).collect::<Vec<_>>(), [11, 12]);
        journal.set_durable(99);
        out.clear();
        journal.read(&mut cursor, 9, &mut out).unwrap();
        assert_eq!(out.iter().map(|event| event.number).collect::<Vec<_>>(), [13]);
        assert_eq!(cursor, 13);
    }

    #[test]
    fn a_store_that_cannot_write_does_not_silence() {
        let journal = Journal::new(0);
        for device in 1..=3 {
            journal.append(Time(1), EventKind::DeviceLearned { device });
        }
        journal.tell_undurable(2);
        let (mut cursor, mut out) = (0, Vec::new());
        journal.read(&mut cursor, 9, &mut out).unwrap();
        assert_eq!((cursor, journal.told()), (2, 2));
        // They are still to be written, and are not told again.
        out.clear();
        journal.read_undurable(9, &mut out).unwrap();
        assert_eq!(out.len(), 3);
        journal.set_durable(3);
        out.clear();
        journal.read(&mut cursor, 9, &mut out).unwrap();
        assert_eq!(out.iter().map(|event| event.number).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn the_log_seeks_past_what_is_not_told() {
        let journal = Journal::new(10);
        for device in 1..=KEPT as u32 {
            journal.append(Time(1), EventKind::DeviceLearned { device });
        }
        let number = journal.append(Time(1), EventKind::Started { cold: true });
        let hidden = journal.append(Time(1), EventKind::Started { cold: false });
        journal.set_durable(number);
        let mut out = Vec::new();
        journal.read_noted(0, 9, &mut out);
        journal.read_noted(hidden, 9, &mut out);
        assert_eq!(out.iter().map(|event| event.number).collect::<Vec<_>>(), [number]);
        for device in 1..KEPT as u32 {
            journal.append(Time(1), EventKind::DeviceLearned { device });
        }
        journal.set_durable(u64::MAX);
        out.clear();
        journal.read_noted(0, 9, &mut out);
        assert_eq!(out.iter().map(|event| event.number).collect::<Vec<_>>(), [hidden]);
        assert_eq!(journal.log(), Log { logged: 2, bumped: 1 });
    }

    #[test]
    fn a_slow_reader_is_told() {
        let journal = Journal::new(0);
        for _ in 0..KEPT + 5 {
            journal.append(Time(1), EventKind::Started { cold: true });
        }
        journal.set_durable(u64::MAX);
        let (mut cursor, mut out) = (0, Vec::new());
        assert_eq!(journal.read(&mut cursor, 1, &mut out), Err(Overrun { missed: 5 }));
        assert_eq!(out[0].number, 6);
    }
}
