//! Decides on log-ins without letting strangers burn the processor.
//!
//! Argon2 is dear on purpose, so at most two are computed at a time, off the async threads, with a bounded queue
//! before them, and none for an address that failed ten times within a minute. A password that was right once is
//! known again by a cheap keyed digest: after a power cut a thousand devices come back at once.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use super::users::{User, Users, hash_password, verify};

const AT_A_TIME: usize = 2;
const WAITING: usize = 256;

const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES: usize = 4096;

/// At most one refusal a second is logged.
const LOG_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    Refused,
    /// Too many failures from there, or too many log-ins at a time.
    Later,
}

#[derive(Debug)]
pub(super) struct Logins {
    /// `None`: everybody is welcome.
    users: RwLock<Option<Arc<Users>>>,
    known: Mutex<HashMap<String, Digest>>,
    /// Of the digests; random at each start.
    key: [u8; 32],
    /// So that an unknown user takes as long as a wrong password.
    nobody: argon2::password_hash::PasswordHashString,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
    computing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    logged: Mutex<(Option<Instant>, u64)>,
}

type Digest = [u8; 32];

impl Logins {
    pub(super) fn new(users: Option<Users>, key: [u8; 32]) -> Result<Self, String> {
        let nobody = hash_password("")?;
        Ok(Logins {
            users: RwLock::new(users.map(Arc::new)),
            known: Mutex::default(),
            key,
            nobody: argon2::password_hash::PasswordHashString::new(&nobody)
                .map_err(|error| error.to_string())?,
            failures: Mutex::default(),
            computing: Arc::new(Semaphore::new(AT_A_TIME)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            logged: Mutex::new((None, 0)),
        })
    }

    pub(super) fn replace(&self, users: Option<Users>) {
        *self.users.write() = users.map(Arc::new);
        self.known.lock().clear();
    }

    /// Whether someone who came in may use a topic or topic filter.
    pub(super) fn may(&self, user: Option<&str>, topic_or_filter: &str) -> bool {
        match self.users.read().as_deref() {
            None => true,
            Some(users) => {
                user.and_then(|name| users.find(name)).is_some_and(|user| user.may(topic_or_filter))
            }
        }
    }

    pub(super) async fn check(
        &self,
        user: Option<&str>,
        password: Option<&[u8]>,
        peer: SocketAddr,
        now: Instant,
    ) -> Verdict {
        let Some(users) = self.users.read().clone() else { return Verdict::Welcome };
        let (Some(name), Some(password)) = (user, password) else { return Verdict::Refused };
        let digest = self.digest(password);
        if let (Some(digest), Some(known)) = (digest, self.known.lock().get(name))
            && same(&digest, known)
        {
            return Verdict::Welcome;
        }
        if self.is_locked_out(peer.ip(), now) {
            return Verdict::Later;
        }
        let found = users.find(name);
        let hash = found.map_or(&self.nobody, |User { hash, .. }| hash).clone();
        let Some(right) = self.compute(hash, password.to_vec()).await else { return Verdict::Later };
        if !right || found.is_none() {
            self.failed(peer.ip(), now);
            return Verdict::Refused;
        }
        if let Some(digest) = digest {
            self.known.lock().insert(name.to_owned(), digest);
        }
        Verdict::Welcome
    }

    /// How many refusals were passed over since the last one logged; `None`: this one is to be passed over too.
    pub(super) fn may_log(&self, now: Instant) -> Option<u64> {
        let mut logged = self.logged.lock();
        if logged.0.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            logged.1 += 1;
            return None;
        }
        logged.0 = Some(now);
        Some(std::mem::take(&mut logged.1))
    }

    async fn compute(
        &self,
        hash: argon2::password_hash::PasswordHashString,
        password: Vec<u8>,
    ) -> Option<bool> {
        let _place = self.waiting.clone().try_acquire_owned().ok()?;
        let turn = self.computing.clone().acquire_owned().await.ok()?;
        tokio::task::spawn_blocking(move || {
            // Held by the computation, not by the caller, who may have gone away.
            let _turn = turn;
            verify(&hash, &zeroize::Zeroizing::new(password))
        })
        .await
        .ok()
    }

    fn digest(&self, password: &[u8]) -> Option<Digest> {
        let cheap = Params::new(Params::MIN_M_COST, 1, 1, Some(32)).ok()?;
        let hasher = Argon2::new_with_secret(&self.key, Algorithm::Argon2id, Version::V0x13, cheap).ok()?;
        let mut digest = Digest::default();
        hasher.hash_password_into(password, b"a password known", &mut digest).ok()?;
        Some(digest)
    }

    fn is_locked_out(&self, address: IpAddr, now: Instant) -> bool {
        let failures = self.failures.lock();
        failures
            .get(&network(address))
            .is_some_and(|(count, since)| *count >= FAILURES && now.duration_since(*since) < WINDOW)
    }

    fn failed(&self, address: IpAddr, now: Instant) {
        let mut failures = self.failures.lock();
        if failures.len() >= ADDRESSES {
            failures.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
            if failures.len() >= ADDRESSES {
                return;
            }
        }
        let entry = failures.entry(network(address)).or_insert((0, now));
        if now.duration_since(entry.1) >= WINDOW {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

/// An IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

/// In constant time.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn logins() -> Logins {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("plug:{}:tele/\n", hash_password("right").unwrap())).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        Logins::new(Some(Users::read(file.path()).unwrap()), [7; 32]).unwrap()
    }

    #[tokio::test]
    async fn a_guesser_is_locked_out_but_not_who_is_known() {
        let (logins, now) = (logins(), Instant::now());
        let peer: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let check = async |user, password: &'static str, now| {
            logins.check(Some(user), Some(password.as_bytes()), peer, now).await
        };
        assert_eq!(check("plug", "right", now).await, Verdict::Welcome);
        for _ in 0..FAILURES / 2 {
            assert_eq!(check("plug", "wrong", now).await, Verdict::Refused);
            assert_eq!(check("nobody", "", now).await, Verdict::Refused);
        }
        assert_eq!(check("plug", "wrong", now).await, Verdict::Later);
        assert_eq!(check("plug", "right", now).await, Verdict::Welcome);
        assert_eq!(check("plug", "wrong", now + WINDOW).await, Verdict::Refused);
        assert_eq!(logins.check(None, None, peer, now).await, Verdict::Refused);
        assert!(logins.may(Some("plug"), "tele/x") && !logins.may(Some("plug"), "stat/x"));
        assert!(!logins.may(None, "tele/x"));
    }

    #[test]
    fn refusals_are_logged_now_and_then() {
        let (logins, now) = (Logins::new(None, [0; 32]).unwrap(), Instant::now());
        assert_eq!(logins.may_log(now), Some(0));
        assert_eq!(logins.may_log(now), None);
        assert_eq!(logins.may_log(now), None);
        assert_eq!(logins.may_log(now + LOG_EVERY), Some(2));
    }
}
