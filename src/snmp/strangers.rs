//! Who asked and was refused: the last names and sources, to look at, and a line in the log now and then.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::community::Verdict;
use crate::model::Time;

/// How many are kept, and how many of one source.
const KEPT: usize = 100;
const OF_A_SOURCE: usize = 10;

/// Octets of a name that are kept.
const NAME: usize = 32;

/// A source is logged once within so many milliseconds, and so many sources are.
const LOG_EVERY: u64 = 60_000;
const LOGGED: usize = 256;

/// At most one refusal in so many milliseconds is looked at, so that a flood costs no more than its counting.
const LOOK_EVERY: u64 = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Of the last refusal.
    pub time: Time,
    pub source: IpAddr,
    /// The community as text, cut at 32 octets; `None` if the name was right and only the source was not: it is a secret.
    pub name: Option<String>,
    /// Refusals that were looked at: of a flood, a hundred in a second.
    pub count: u64,
}

/// Shared by all threads of the agent.
#[derive(Debug, Default)]
pub struct Strangers {
    looked: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The newest last.
    list: VecDeque<Stranger>,
    /// When which source was last logged.
    logged: HashMap<IpAddr, Time>,
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
        let mut inner = self.inner.lock();
        if inner.may_log(source, now) {
            match &name {
                Some(community) => {
                    tracing::warn!(%source, ?community, "SNMP request with an unknown community")
                }
                None => tracing::warn!(%source, "SNMP request from outside the sources of its community"),
            }
        }
        inner.keep(now, source, name);
    }

    /// The newest last.
    pub fn list(&self) -> Vec<Stranger> {
        self.inner.lock().list.iter().cloned().collect()
    }
}

impl Inner {
    fn may_log(&mut self, source: IpAddr, now: Time) -> bool {
        let recent = |logged: &Time| now.since(*logged) < LOG_EVERY;
        if self.logged.get(&source).is_some_and(recent) {
            return false;
        }
        if self.logged.len() >= LOGGED {
            self.logged.retain(|_, logged| recent(logged));
        }
        // More sources than that within a minute are made up, or are listed all the same.
        let may = self.logged.len() < LOGGED;
        if may {
            self.logged.insert(source, now);
        }
        may
    }

    /// A source that guesses many names pushes out its own oldest.
    fn keep(&mut self, now: Time, source: IpAddr, name: Option<String>) {
        let is_known = |other: &Stranger| other.source == source && other.name == name;
        let count = match self.list.iter().position(is_known).and_then(|at| self.list.remove(at)) {
            Some(known) => known.count + 1,
            None => {
                let of_source = |other: &Stranger| other.source == source;
                if self.list.iter().filter(|other| of_source(other)).count() >= OF_A_SOURCE {
                    let oldest = self.list.iter().position(of_source);
                    oldest.and_then(|at| self.list.remove(at));
                } else if self.list.len() >= KEPT {
                    self.list.pop_front();
                }
                1
            }
        };
        self.list.push_back(Stranger { time: now, source, name, count });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Time {
        Time(1_000_000 + n * LOOK_EVERY)
    }

    fn peer(n: u64) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n as u8], 9))
    }

    #[test]
    fn the_last_hundred_are_kept_and_no_secret() {
        let strangers = Strangers::default();
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

    #[test]
    fn who_guesses_many_names_hides_nobody() {
        let strangers = Strangers::default();
        strangers.note(at(0), peer(1), b"public", Verdict::Unknown);
        for n in 1..2000 {
            strangers.note(at(n), peer(2), format!("guess-{n}").as_bytes(), Verdict::Unknown);
        }
        let list = strangers.list();
        assert_eq!((list.len(), list[0].source), (1 + OF_A_SOURCE, peer(1).ip()));
        assert_eq!(list[OF_A_SOURCE].name.as_deref(), Some("guess-1999"));
    }

    #[test]
    fn a_source_is_logged_once_a_minute() {
        let mut inner = Inner::default();
        let mut lines = |peers: u64, now: u64| {
            (0..peers).filter(|&n| inner.may_log(IpAddr::from((n as u32).to_be_bytes()), Time(now))).count()
        };
        assert_eq!(lines(1, 1_000_000), 1);
        assert_eq!(lines(1, 1_000_000 + LOG_EVERY - 1), 0, "whatever names it guesses");
        assert_eq!(lines(1, 1_000_000 + LOG_EVERY), 1);
        assert_eq!(lines(10_000, 1_000_000 + LOG_EVERY + 1), LOGGED - 1);
        assert_eq!(lines(10_000, 1_000_000 + 3 * LOG_EVERY), LOGGED);
    }
}
