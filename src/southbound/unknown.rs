//! What nobody understood: counted by reason, the last ones kept to look at, never silently dropped.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;
use serde::Serialize;

use crate::model::Time;

/// How many messages are kept.
const KEPT: usize = 100;
/// How many octets of a topic and of a payload are kept.
const TOPIC: usize = 256;
const PAYLOAD: usize = 512;

/// Shared by all adapters. Reasons are a closed set of words, so the counts are bounded.
#[derive(Debug, Default)]
pub struct Unknown(Mutex<Inner>);

/// How many devices wait at most to be taken in; further ones are counted as `waiting-list-full`.
const WAITING: usize = 1000;

#[derive(Debug, Default)]
struct Inner {
    counts: Vec<(&'static str, u64)>,
    last: VecDeque<Message>,
    /// By adapter, profile and id, each ended by a line feed, which none of them has.
    waiting: BTreeMap<String, Waiting>,
}

/// A device that nobody took in, of an adapter with `adopt = "ask"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub adapter: String,
    pub profile: String,
    pub id: String,
    pub since: Time,
    pub last_heard: Time,
    pub messages: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    pub time: Time,
    pub adapter: String,
    pub topic: String,
    /// Text as far as it is text, cut at 512 octets.
    pub payload: String,
    pub reason: &'static str,
}

impl Unknown {
    pub fn note(&self, now: Time, adapter: &str, topic: &str, payload: &[u8], reason: &'static str) {
        let mut inner = self.0.lock();
        inner.count(reason);
        // The oldest entry's buffers serve the newest: a flood of these allocates nothing.
        let mut message =
            if inner.last.len() < KEPT { None } else { inner.last.pop_front() }.unwrap_or_else(|| Message {
                time: now,
                adapter: String::new(),
                topic: String::new(),
                payload: String::new(),
                reason,
            });
        message.time = now;
        message.reason = reason;
        refill(&mut message.adapter, adapter);
        refill(&mut message.topic, &topic[..topic.floor_char_boundary(TOPIC)]);
        message.payload.clear();
        for chunk in payload[..payload.len().min(PAYLOAD)].utf8_chunks() {
            message.payload.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                message.payload.push('\u{fffd}');
            }
        }
        inner.last.push_back(message);
    }

    /// Writes down that a device waits, and counts its message under `reason`.
    pub fn wait(&self, now: Time, adapter: &str, profile: &str, id: &str, reason: &'static str) {
        let key = key(adapter, profile, id);
        let mut inner = self.0.lock();
        inner.count(reason);
        let count = inner.waiting.len();
        match inner.waiting.get_mut(&key) {
            Some(waiting) => {
                waiting.last_heard = now;
                waiting.messages += 1;
            }
            None if count < WAITING => {
                let (adapter, profile, id) = (adapter.to_owned(), profile.to_owned(), id.to_owned());
                let waiting = Waiting { adapter, profile, id, since: now, last_heard: now, messages: 1 };
                inner.waiting.insert(key, waiting);
            }
            None => {
                drop(inner);
                self.note(now, adapter, "", id.as_bytes(), "waiting-list-full");
            }
        }
    }

    /// A device has come in and waits no longer.
    pub fn admit(&self, adapter: &str, profile: &str, id: &str) {
        let mut inner = self.0.lock();
        if !inner.waiting.is_empty() {
            inner.waiting.remove(&key(adapter, profile, id));
        }
    }

    /// Those that wait, by adapter, profile and id.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.0.lock().waiting.values().cloned().collect()
    }

    /// (reason, count), the most frequent first.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let mut counts = self.0.lock().counts.clone();
        counts.sort_by_key(|&(reason, count)| (std::cmp::Reverse(count), reason));
        counts
    }

    /// The newest last.
    pub fn last(&self) -> Vec<Message> {
        self.0.lock().last.iter().cloned().collect()
    }
}

impl Inner {
    fn count(&mut self, reason: &'static str) {
        match self.counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((reason, 1)),
        }
    }
}

fn key(adapter: &str, profile: &str, id: &str) -> String {
    format!("{adapter}\n{profile}\n{id}\n")
}

fn refill(text: &mut String, with: &str) {
    text.clear();
    text.push_str(with);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_not_pushed_out() {
        let unknown = Unknown::default();
        for n in 0..WAITING as u64 + 5 {
            unknown.wait(Time(n), "plant", "sensor", &format!("s{n:05}"), "waits");
        }
        unknown.wait(Time(7), "plant", "sensor", "s00000", "waits");
        unknown.admit("plant", "sensor", "s00001");
        assert_eq!(unknown.waiting().len(), WAITING - 1);
        unknown.wait(Time(8), "plant", "sensor", "s00001", "waits");
        let waiting = unknown.waiting();
        assert_eq!((waiting.len(), waiting[0].id.as_str(), waiting[0].messages), (WAITING, "s00000", 2));
        assert_eq!((waiting[0].since, waiting[0].last_heard), (Time(0), Time(7)));
        assert_eq!(unknown.counts(), [("waits", WAITING as u64 + 7), ("waiting-list-full", 5)]);
    }

    #[test]
    fn the_last_ones_are_kept() {
        let unknown = Unknown::default();
        for n in 0..250 {
            let reason = if n % 5 == 0 { "too-large" } else { "no-topic" };
            unknown.note(Time(n), "plant", &format!("a/{n}"), b"\xffx", reason);
        }
        assert_eq!(unknown.counts(), [("no-topic", 200), ("too-large", 50)]);
        let last = unknown.last();
        assert_eq!((last.len(), last[0].topic.as_str(), last[99].topic.as_str()), (100, "a/150", "a/249"));
        assert_eq!(last[0].payload, "\u{fffd}x");
        unknown.note(Time(1), "plant", &"ü".repeat(1000), &[b'x'; 9999], "no-topic");
        assert_eq!((unknown.last()[99].topic.len(), unknown.last()[99].payload.len()), (256, 512));
    }
}
