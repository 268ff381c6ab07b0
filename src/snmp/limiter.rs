//! How many Reports a source gets: they answer who has shown nothing, so a stranger must not have them sent at will, least
//! of all to somebody in whose name he asks.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::model::{Time, fnv1a};

/// Sources that are told apart; those that share a place share what they get.
const PLACES: usize = 4096;

/// Reports a second.
const OF_A_STRANGER: u16 = 20;
/// A manager of thousands of devices discovers an engine for each.
const OF_A_FRIEND: u16 = 2000;

/// Seconds after a right digest in which a source is a friend.
const FRIENDLY: u64 = 600;

/// A place holds 24 bits of the source's hash, 24 of a second, and 16 of a count.
#[derive(Debug)]
pub struct Limiter {
    told: Box<[AtomicU64]>,
    friends: Box<[AtomicU64]>,
}

impl Default for Limiter {
    fn default() -> Self {
        let places = || (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Limiter { told: places(), friends: places() }
    }
}

impl Limiter {
    /// Whether the source may be told once more in this second.
    pub fn allows(&self, source: IpAddr, now: Time) -> bool {
        let (at, hash) = place(source);
        let second = now.secs() & 0xff_ffff;
        let friend = unpack(self.friends[at].load(Ordering::Relaxed));
        let is_friend = friend.0 == hash && second.wrapping_sub(friend.1) & 0xff_ffff < FRIENDLY;
        let most = if is_friend { OF_A_FRIEND } else { OF_A_STRANGER };
        let mut allowed = false;
        let _ = self.told[at].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |told| {
            let count = match unpack(told) {
                (known, then, count) if known == hash && then == second => count,
                _ => 0,
            };
            allowed = count < most;
            allowed.then(|| pack(hash, second, count + 1))
        });
        allowed
    }

    /// The source has shown a user's key.
    pub fn befriend(&self, source: IpAddr, now: Time) {
        let (at, hash) = place(source);
        self.friends[at].store(pack(hash, now.secs() & 0xff_ffff, 0), Ordering::Relaxed);
    }
}

/// Of an IPv4 address, or of the /64 that an IPv6 address lies in.
fn place(source: IpAddr) -> (usize, u64) {
    let hash = match source.to_canonical() {
        IpAddr::V4(address) => fnv1a(&address.octets()),
        IpAddr::V6(address) => fnv1a(&address.octets()[..8]),
    };
    (hash as usize % PLACES, hash >> 40)
}

fn pack(hash: u64, second: u64, count: u16) -> u64 {
    hash << 40 | second << 16 | u64::from(count)
}

fn unpack(place: u64) -> (u64, u64, u16) {
    (place >> 40, place >> 16 & 0xff_ffff, place as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(limiter: &Limiter, source: &str, second: u64, times: usize) -> usize {
        let source = source.parse().unwrap();
        (0..times).filter(|_| limiter.allows(source, Time::from_secs(second))).count()
    }

    #[test]
    fn strangers_get_few_and_friends_enough() {
        let limiter = Limiter::default();
        assert_eq!(told(&limiter, "192.0.2.1", 1000, 100), 20);
        assert_eq!(told(&limiter, "192.0.2.2", 1000, 5), 5);
        assert_eq!(told(&limiter, "192.0.2.1", 1001, 100), 20);
        assert_eq!(told(&limiter, "2001:db8::1", 1001, 15), 15);
        assert_eq!(told(&limiter, "2001:db8::2", 1001, 15), 5, "of one /64");
        limiter.befriend("::ffff:192.0.2.1".parse().unwrap(), Time::from_secs(1002));
        assert_eq!(told(&limiter, "192.0.2.1", 1002, 5000), 2000);
        assert_eq!(told(&limiter, "192.0.2.1", 1601, 100), 100);
        assert_eq!(told(&limiter, "192.0.2.1", 1603, 100), 20);
    }
}
