//! Who asked and was refused: the last names and sources, to look at, and a line in the log now and then.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::community::Verdict;
use crate::model::Time;

/// How many are kept.
const KEPT: usize = 100;

/// Octets of a name that are kept.
const NAME: usize = 32;

/// A source is logged once within so many milliseconds.
const LOG_EVERY: u64 = 60_000;

/// At most one refusal in so many milliseconds is looked at, so that a flood costs no more than its counting.
const LOOK_EVERY: u64 = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Of the last refusal.
    pub time: Time,
    pub source: IpAddr,
    /// The community as text, cut at 32 octets; `None` if the name was right and only the source was not: it is a secret.
    pub name: Option<String>,
    /// Refusals that were looked at.
    pub count: u64,
    logged: Time,
}

/// Shared by all threads of the agent.
#[derive(Debug, Default)]
pub struct Strangers {
    looked: AtomicU64,
    list: Mutex<VecDeque<Stranger>>,
}

impl Strangers {
    pub fn note(&self, now: Time, peer: SocketAddr, name: &[u8], verdict: Verdict) {
        let looked = self.looked.load(Ordering::Relaxed);
        if now.0.saturating_sub(looked) < LOOK_EVERY
            || self.looked.compare_exchange(looked, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let source = peer.ip().to_canonical();
        let name = match verdict {
            Verdict::Unknown => Some(String::from_utf8_lossy(&name[..name.len().min(NAME)]).into_owned()),
            Verdict::Granted | Verdict::Refused => None,
        };
        let mut list = self.list.lock();
        let known = list.iter().position(|other| other.source == source && other.name == name);
        let last_logged = list.iter().filter(|other| other.source == source).map(|other| other.logged).max();
        let mut stranger = match known.and_then(|at| list.remove(at)) {
            Some(stranger) => stranger,
            None => Stranger { time: now, source, name, count: 0, logged: Time::NEVER },
        };
        stranger.time = now;
        stranger.count += 1;
        if last_logged.is_none_or(|logged| logged.is_never() || now.since(logged) >= LOG_EVERY) {
            stranger.logged = now;
            match &stranger.name {
                Some(community) => {
                    tracing::warn!(%source, ?community, "SNMP request with an unknown community")
                }
                None => tracing::warn!(%source, "SNMP request from outside the sources of its community"),
            }
        }
        if list.len() == KEPT {
            list.pop_front();
        }
        list.push_back(stranger);
    }

    /// The newest last.
    pub fn list(&self) -> Vec<Stranger> {
        self.list.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hundred_are_kept_and_no_secret() {
        let strangers = Strangers::default();
        let at = |n: u64| Time(1_000_000 + n * LOOK_EVERY);
        let peer = |n: u64| SocketAddr::from(([192, 0, 2, n as u8], 9));
        for n in 0..150 {
            strangers.note(at(n), peer(n), b"guess", Verdict::Unknown);
        }
        strangers.note(at(150), peer(149), b"guess", Verdict::Unknown);
        strangers.note(at(150), peer(149), b"guess", Verdict::Unknown);
        strangers.note(at(151), peer(149), b"the-right-one", Verdict::Refused);
        let list = strangers.list();
        assert_eq!(list.len(), KEPT);
        assert_eq!(
            (list[98].source, list[98].count, list[98].name.as_deref()),
            (peer(149).ip(), 2, Some("guess"))
        );
        assert_eq!((list[99].count, &list[99].name), (1, &None));
    }
}
