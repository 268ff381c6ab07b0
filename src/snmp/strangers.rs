//! Who asked and was refused: the last names and sources, to look at, and a line in the log now and then.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::usm;
use crate::model::Time;

/// How many are kept, and how many of one source.
const KEPT: usize = 100;
const OF_A_SOURCE: usize = 10;

/// Octets of a name that are kept.
const NAME: usize = 32;

/// A source is logged, and told of, once within so many milliseconds, and so many sources are.
const EVERY: u64 = 60_000;
const SOURCES: usize = 256;

/// At most one refusal in so many milliseconds is looked at, so that a flood costs no more than its counting.
const LOOK_EVERY: u64 = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Of the last refusal.
    pub time: Time,
    pub source: IpAddr,
    pub why: Why,
    /// Refusals that were looked at: of a flood, a hundred in a second.
    pub count: u64,
}

/// Texts are cut at 32 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such community. It may be a secret that is mistyped, or not in force yet: what it begins with, and how
    /// long it is.
    Community(String),
    /// The community, which is a secret, may not be used from there.
    Source,
    /// The community or the user is right, and there is no such device, or it is not the one that was asked.
    Device(String),
    /// There is no such user of SNMPv3.
    User(String),
    /// The user's password is another, or its protocols are.
    Digest(String),
}

/// What was wrong with a request.
#[derive(Clone, Copy, Debug)]
pub enum Refusal<'a> {
    Community(&'a [u8]),
    Source,
    /// A name that came with the community, else the address that was asked.
    Device {
        at: IpAddr,
        name: Option<&'a [u8]>,
    },
    User(&'a [u8]),
    Digest(&'a [u8]),
}

impl<'a> Refusal<'a> {
    /// `None`: it happens to everybody.
    pub fn of_user(why: usm::Why, name: &'a [u8]) -> Option<Self> {
        match why {
            // That is how an engine is discovered.
            _ if name.is_empty() => None,
            usm::Why::UnknownUser => Some(Refusal::User(name)),
            usm::Why::WrongDigest | usm::Why::UnsupportedLevel | usm::Why::Decryption => {
                Some(Refusal::Digest(name))
            }
            _ => None,
        }
    }
}

/// Shared by all threads of the agent.
#[derive(Debug, Default)]
pub struct Strangers {
    looked: AtomicU64,
    inner: Mutex<Inner>,
    /// Whether managers are told.
    tells: bool,
    /// Failures of authentication that they are to be told of.
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    /// The newest last.
    list: VecDeque<Stranger>,
    logged: Paced,
    told: Paced,
}

/// When it was last a source's turn.
#[derive(Debug, Default)]
struct Paced(HashMap<IpAddr, Time>);

impl Strangers {
    /// `tells`: snmpEnableAuthenTraps.
    pub fn new(tells: bool) -> Self {
        Strangers { tells, ..Strangers::default() }
    }

    /// How often somebody failed to authenticate since the last call: once a minute of each source.
    pub fn take_failures(&self) -> u64 {
        self.failures.swap(0, Ordering::Relaxed)
    }

    pub fn note(&self, now: Time, peer: SocketAddr, refusal: Refusal<'_>) {
        let looked = self.looked.load(Ordering::Relaxed);
        if now.0.saturating_sub(looked) < LOOK_EVERY
            || self.looked.compare_exchange(looked, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let source = peer.ip().to_canonical();
        let text = |name: &[u8]| String::from_utf8_lossy(&name[..name.len().min(NAME)]).into_owned();
        let why = match refusal {
            Refusal::Community(name) => Why::Community(hint(name)),
            Refusal::Source => Why::Source,
            Refusal::User(name) => Why::User(text(name)),
            Refusal::Digest(name) => Why::Digest(text(name)),
            Refusal::Device { name: Some(name), .. } => Why::Device(text(name)),
            Refusal::Device { at, name: None } => Why::Device(at.to_canonical().to_string()),
        };
        let mut inner = self.inner.lock();
        // Who asks for a device that there is not has shown that he may ask.
        if self.tells && !matches!(why, Why::Device(_)) && inner.told.may(source, now) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        if inner.logged.may(source, now) {
            match &why {
                Why::Community(community) => {
                    tracing::warn!(%source, ?community, "SNMP request with an unknown community")
                }
                Why::Source => {
                    tracing::warn!(%source, "SNMP request from outside the sources that are let in")
                }
                Why::User(user) => tracing::warn!(%source, ?user, "SNMPv3 request of an unknown user"),
                Why::Digest(user) => {
                    tracing::warn!(%source, ?user, "SNMPv3 request with another password or other protocols than the user's")
                }
                Why::Device(device) => {
                    tracing::warn!(%source, ?device, "SNMP request for a device that there is not")
                }
            }
        }
        inner.keep(now, source, why);
    }

    /// The newest last.
    pub fn list(&self) -> Vec<Stranger> {
        self.inner.lock().list.iter().cloned().collect()
    }
}

/// Of a text that may be a secret; those that everybody tries are none.
fn hint(name: &[u8]) -> String {
    if [&b"public"[..], b"private", b""].contains(&name) {
        return String::from_utf8_lossy(name).into_owned();
    }
    let shown = if name.len() < 6 { 0 } else { 2 };
    format!("{}... of {} octets", String::from_utf8_lossy(&name[..shown]), name.len())
}

impl Paced {
    fn may(&mut self, source: IpAddr, now: Time) -> bool {
        let Paced(last) = self;
        let recent = |last: &Time| now.since(*last) < EVERY;
        if last.get(&source).is_some_and(recent) {
            return false;
        }
        if last.len() >= SOURCES {
            last.retain(|_, last| recent(last));
        }
        // More sources than that within a minute are made up, or are listed all the same.
        let may = last.len() < SOURCES;
        if may {
            last.insert(source, now);
        }
        may
    }
}

impl Inner {
    /// A source that guesses many names pushes out its own oldest.
    fn keep(&mut self, now: Time, source: IpAddr, why: Why) {
        let is_known = |other: &Stranger| other.source == source && other.why == why;
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
        self.list.push_back(Stranger { time: now, source, why, count });
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
            strangers.note(at(n), peer(n), Refusal::Community(b"guess"));
        }
        strangers.note(at(150), peer(149), Refusal::Community(b"guess"));
        strangers.note(at(150), peer(149), Refusal::Community(b"guess"));
        strangers.note(at(151), peer(149), Refusal::Source);
        let list = strangers.list();
        assert_eq!(list.len(), KEPT);
        assert_eq!(
            (list[98].source, list[98].count, &list[98].why),
            (peer(149).ip(), 2, &Why::Community("... of 5 octets".into()))
        );
        assert_eq!((list[99].count, &list[99].why), (1, &Why::Source));
    }

    #[test]
    fn who_guesses_many_names_hides_nobody() {
        let strangers = Strangers::default();
        strangers.note(at(0), peer(1), Refusal::Community(b"public"));
        for n in 1..2000 {
            let guess = format!("guess-{}", "x".repeat(n as usize % 100));
            strangers.note(at(n), peer(2), Refusal::Community(guess.as_bytes()));
        }
        let list = strangers.list();
        assert_eq!((list.len(), list[0].source), (1 + OF_A_SOURCE, peer(1).ip()));
        assert_eq!(list[OF_A_SOURCE].why, Why::Community("gu... of 105 octets".into()));
    }

    #[test]
    fn a_source_is_logged_once_a_minute() {
        let mut paced = Paced::default();
        let mut lines = |peers: u64, now: u64| {
            (0..peers).filter(|&n| paced.may(IpAddr::from((n as u32).to_be_bytes()), Time(now))).count()
        };
        assert_eq!(lines(1, 1_000_000), 1);
        assert_eq!(lines(1, 1_000_000 + EVERY - 1), 0, "whatever names it guesses");
        assert_eq!(lines(1, 1_000_000 + EVERY), 1);
        assert_eq!(lines(10_000, 1_000_000 + EVERY + 1), SOURCES - 1);
        assert_eq!(lines(10_000, 1_000_000 + 3 * EVERY), SOURCES);
    }

    #[test]
    fn failures_to_authenticate_are_told_once_a_minute() {
        let strangers = Strangers::new(true);
        let none = Refusal::Device { at: peer(1).ip(), name: None };
        strangers.note(at(0), peer(1), none);
        assert_eq!(strangers.take_failures(), 0, "he may ask, and there is no such device");
        for n in 1..100 {
            strangers.note(at(n), peer(n % 3), Refusal::User(b"guess"));
        }
        assert_eq!((strangers.take_failures(), strangers.take_failures()), (3, 0));
        strangers.note(at(1 + EVERY / LOOK_EVERY), peer(1), Refusal::Source);
        assert_eq!(strangers.take_failures(), 1);
        let silent = Strangers::default();
        silent.note(at(0), peer(1), Refusal::Source);
        assert_eq!(silent.take_failures(), 0);
    }
}
