//! Decides on log-ins without letting strangers burn the processor.
//!
//! Argon2 is dear on purpose, so at most two are computed at a time, off the async threads, with a bounded queue
//! before them, and none for an address that failed ten times within a minute. A password that was right once is
//! known again by a cheap keyed digest: after a power cut a thousand devices come back at once.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{PasswordHashString, SaltString},
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

const AT_A_TIME: usize = 2;
const WAITING: usize = 256;

const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES: usize = 4096;

/// At most one refusal a second is logged.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// A hash that asks for more memory (KiB) or rounds would be a way to stop the server.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_ROUNDS: u32 = 16;

/// What a user of the boot file may do; each may all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Read,
    Operate,
    Administer,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Read, Role::Operate, Role::Administer];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Administer => "administer",
        }
    }
}

/// A password's hash in the PHC format of Argon2, as [`Hash::of`] makes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(PasswordHashString);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Welcome,
    Refused,
    /// Too many failures from there, or too many log-ins at a time.
    Later,
}

/// Where log-ins of one server come through.
#[derive(Debug)]
pub struct Gate {
    known: Mutex<HashMap<String, Digest>>,
    /// Of the digests; random at each start.
    key: Zeroizing<[u8; 32]>,
    /// So that an unknown user takes as long as a wrong password.
    nobody: Hash,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
    computing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    logged: Mutex<(Option<Instant>, u64)>,
}

type Digest = [u8; 32];

impl Hash {
    /// Reads a hash; its salt and its costs are in it.
    ///
    /// # Errors
    /// Not one of Argon2, or one that costs too much.
    pub fn parse(text: &str) -> Result<Hash, String> {
        let parsed = PasswordHash::new(text).map_err(|error| format!("not a hash of Argon2: {error}"))?;
        if !parsed.algorithm.as_str().starts_with("argon2") || parsed.hash.is_none() {
            return Err("not a hash of Argon2".to_owned());
        }
        let params = Params::try_from(&parsed).map_err(|error| format!("not a hash of Argon2: {error}"))?;
        if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_ROUNDS {
            return Err(format!("the hash asks for more than {MOST_MEMORY} KiB or {MOST_ROUNDS} rounds"));
        }
        Ok(Hash(parsed.serialize()))
    }

    /// Argon2id, 19 MiB, 2 rounds.
    ///
    /// # Errors
    /// No random numbers, or a password that is too long.
    pub fn of(password: &str) -> Result<Hash, String> {
        let mut salt = [0u8; 16];
        getrandom::fill(&mut salt).map_err(|error| format!("no random numbers: {error}"))?;
        let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        let hash = hasher.hash_password(password.as_bytes(), &salt).map_err(|error| error.to_string())?;
        Ok(Hash(hash.serialize()))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Costs some 20 ms and 19 MiB: not for an async thread.
    pub fn verify(&self, password: &[u8]) -> bool {
        Argon2::default().verify_password(password, &self.0.password_hash()).is_ok()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

impl Gate {
    /// # Errors
    /// No random numbers.
    pub fn new() -> Result<Self, String> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(|error| format!("no random numbers: {error}"))?;
        Ok(Gate {
            known: Mutex::default(),
            key,
            nobody: Hash::of("")?,
            failures: Mutex::default(),
            computing: Arc::new(Semaphore::new(AT_A_TIME)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            logged: Mutex::new((None, 0)),
        })
    }

    /// To be called when users have changed.
    pub fn forget(&self) {
        self.known.lock().clear();
    }

    /// `hash`: the user's, if there is such a user and they may log in by password.
    pub async fn check(
        &self,
        name: &str,
        hash: Option<&Hash>,
        password: &[u8],
        peer: IpAddr,
        now: Instant,
    ) -> Verdict {
        let digest = self.digest(password);
        if let (Some(digest), Some(known)) = (digest, self.known.lock().get(name))
            && same(&digest, known)
        {
            return Verdict::Welcome;
        }
        if self.is_locked_out(peer, now) {
            return Verdict::Later;
        }
        let compared = hash.unwrap_or(&self.nobody).clone();
        let Some(right) = self.compute(compared, password.to_vec()).await else { return Verdict::Later };
        if !right || hash.is_none() {
            self.failed(peer, now);
            return Verdict::Refused;
        }
        if let Some(digest) = digest {
            self.known.lock().insert(name.to_owned(), digest);
        }
        Verdict::Welcome
    }

    /// How many refusals were passed over since the last one logged; `None`: this one is to be passed over too.
    pub fn may_log(&self, now: Instant) -> Option<u64> {
        let mut logged = self.logged.lock();
        if logged.0.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            logged.1 += 1;
            return None;
        }
        logged.0 = Some(now);
        Some(std::mem::take(&mut logged.1))
    }

    async fn compute(&self, hash: Hash, password: Vec<u8>) -> Option<bool> {
        let password = Zeroizing::new(password);
        let _place = self.waiting.clone().try_acquire_owned().ok()?;
        let turn = self.computing.clone().acquire_owned().await.ok()?;
        tokio::task::spawn_blocking(move || {
            // Held by the computation, not by the caller, who may have gone away.
            let _turn = turn;
            hash.verify(&password)
        })
        .await
        .ok()
    }

    fn digest(&self, password: &[u8]) -> Option<Digest> {
        let cheap = Params::new(Params::MIN_M_COST, 1, 1, Some(32)).ok()?;
        let key = &*self.key;
        let hasher = Argon2::new_with_secret(key, Algorithm::Argon2id, Version::V0x13, cheap).ok()?;
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
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        let hash = Hash::of("secret").unwrap();
        assert_eq!(Hash::parse(hash.as_str()), Ok(hash.clone()));
        assert!(hash.verify(b"secret") && !hash.verify(b"Secret"));
        let dear = "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        assert!(Hash::parse(dear).unwrap_err().contains("more than"));
        assert!(Hash::parse("secret").unwrap_err().contains("not a hash"));
    }

    #[tokio::test]
    async fn a_guesser_is_locked_out_but_not_who_is_known() {
        let (gate, hash, now) = (Gate::new().unwrap(), Hash::of("right").unwrap(), Instant::now());
        let check = async |name, password: &'static str, now| {
            let hash = (name == "plug").then_some(&hash);
            gate.check(name, hash, password.as_bytes(), [192, 0, 2, 1].into(), now).await
        };
        assert_eq!(check("plug", "right", now).await, Verdict::Welcome);
        for _ in 0..FAILURES / 2 {
            assert_eq!(check("plug", "wrong", now).await, Verdict::Refused);
            assert_eq!(check("nobody", "", now).await, Verdict::Refused);
        }
        assert_eq!(check("plug", "wrong", now).await, Verdict::Later);
        assert_eq!(check("plug", "right", now).await, Verdict::Welcome);
        assert_eq!(check("plug", "wrong", now + WINDOW).await, Verdict::Refused);
        gate.forget();
        assert_eq!(check("plug", "right", now + WINDOW).await, Verdict::Welcome);
    }

    #[test]
    fn refusals_are_logged_now_and_then() {
        let (gate, now) = (Gate::new().unwrap(), Instant::now());
        assert_eq!(gate.may_log(now), Some(0));
        assert_eq!(gate.may_log(now), None);
        assert_eq!(gate.may_log(now), None);
        assert_eq!(gate.may_log(now + LOG_EVERY), Some(2));
    }
}
