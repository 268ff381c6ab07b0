//! The User-based Security Model (RFC 3414): who sent a message, and whether it is fresh, whole and hidden.
//!
//! Until a digest has been found right, a message costs a look at its head, one search by name and one digest.

mod key;
mod message;
mod protocol;
mod user;

use std::{
    borrow::Cow,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

pub use key::{AuthKey, Key, PrivKey, Salted};
pub use message::{LEAST_MAX_SIZE, Level, MODEL, Message, Parameters, Scoped, Secured};
pub use protocol::{AuthProtocol, NO_AUTH, NO_PRIV, PrivProtocol};
pub use user::{Material, User, Users};

use self::user::SlowKeys;
use super::{ber::Malformed, engine::EngineId, oid::Prefix};
use crate::stats;

/// Seconds that a message may be old.
pub const WINDOW: u32 = 150;

/// Users and what goes with their keys.
pub struct Usm {
    users: ArcSwap<Users>,
    slow: SlowKeys,
    /// One for each message that is encrypted.
    salts: AtomicU64,
}

/// Whose time a message is held against.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub engine: EngineId,
    pub boots: i32,
    pub time: i32,
}

/// A message that is what it seems to be.
pub struct Admitted<'a> {
    pub user: &'a User,
    pub level: Level,
    pub auth: Option<Cow<'a, AuthKey>>,
    pub private: Option<Cow<'a, PrivKey>>,
    pub scoped: Scoped<'a>,
}

/// Why a message is not let in (RFC 3414 section 3.2).
pub enum Refused<'a> {
    /// Not even a message; counted and dropped.
    Malformed,
    /// No such level, or of another security model; counted and dropped.
    Dropped,
    /// Told, if an answer is wanted, with the key of the user who has shown it.
    Told { why: Why, name: &'a [u8], shown: Option<&'a User> },
}

impl From<Malformed> for Refused<'_> {
    fn from(Malformed: Malformed) -> Self {
        Refused::Malformed
    }
}

/// The objects of usmStats, and those of RFC 3412 and 3413, that a Report names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    UnsupportedLevel,
    NotInTimeWindow,
    UnknownUser,
    UnknownEngine,
    WrongDigest,
    Decryption,
    UnknownHandler,
    UnknownContext,
}

impl Why {
    pub const ALL: [Why; 8] = [
        Why::UnsupportedLevel,
        Why::NotInTimeWindow,
        Why::UnknownUser,
        Why::UnknownEngine,
        Why::WrongDigest,
        Why::Decryption,
        Why::UnknownHandler,
        Why::UnknownContext,
    ];

    /// The instance that has been counted up.
    pub fn oid(self) -> &'static Prefix {
        match self {
            Why::UnsupportedLevel => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, 1, 0]) },
            Why::NotInTimeWindow => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0]) },
            Why::UnknownUser => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, 3, 0]) },
            Why::UnknownEngine => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0]) },
            Why::WrongDigest => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, 5, 0]) },
            Why::Decryption => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, 6, 0]) },
            Why::UnknownHandler => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 11, 2, 1, 3, 0]) },
            Why::UnknownContext => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 12, 1, 5, 0]) },
        }
    }

    pub fn counter(self, stats: &stats::Snmp) -> &stats::Counter {
        match self {
            Why::UnsupportedLevel => &stats.unsupported_levels,
            Why::NotInTimeWindow => &stats.not_in_time_windows,
            Why::UnknownUser => &stats.unknown_users,
            Why::UnknownEngine => &stats.unknown_engines,
            Why::WrongDigest => &stats.wrong_digests,
            Why::Decryption => &stats.decryption_errors,
            Why::UnknownHandler => &stats.unknown_pdus,
            Why::UnknownContext => &stats.unknown_contexts,
        }
    }
}

impl Usm {
    /// `seed`: random, so that no salt comes again after a restart that nobody counted.
    pub fn new(users: Users, seed: u64) -> Usm {
        Usm { users: ArcSwap::from_pointee(users), slow: SlowKeys::default(), salts: AtomicU64::new(seed) }
    }

    pub fn users(&self) -> impl Deref<Target = Arc<Users>> {
        self.users.load()
    }

    /// Random.
    pub fn seed(&self) -> u64 {
        self.salts.load(Ordering::Relaxed)
    }

    pub fn replace(&self, users: Users) {
        self.users.store(Arc::new(users));
    }

    /// Of the next message that `key` encrypts.
    pub fn salt(&self, key: &PrivKey, boots: i32) -> [u8; 8] {
        key.salt(boots, self.salts.fetch_add(1, Ordering::Relaxed))
    }

    /// The key for an engine whose authentication key the user has shown.
    pub fn priv_key<'a>(&self, user: &'a User, engine: &EngineId) -> Option<Cow<'a, PrivKey>> {
        user.priv_key(engine, &self.slow)
    }

    /// Checks in the order of RFC 3414 section 3.2. `plain` takes what is decrypted.
    ///
    /// # Errors
    /// What is to be done about a message that is not let in.
    pub fn admit<'a>(
        &self,
        users: &'a Users,
        clock: &Clock,
        message: &Message<'a>,
        stats: &stats::Snmp,
        plain: &'a mut Vec<u8>,
    ) -> Result<Admitted<'a>, Refused<'a>> {
        if message.model != MODEL {
            stats.unknown_models.inc();
            return Err(Refused::Dropped);
        }
        let Some(level) = message.level else {
            stats.invalid_messages.inc();
            return Err(Refused::Dropped);
        };
        let parameters = message.parameters()?;
        let told = |why| Refused::Told { why, name: parameters.user, shown: None };
        if parameters.engine != clock.engine.octets() {
            return Err(told(Why::UnknownEngine));
        }
        let user = users.find(parameters.user).ok_or_else(|| told(Why::UnknownUser))?;
        if level > user.level() {
            return Err(told(Why::UnsupportedLevel));
        }
        if level == Level::NoAuthNoPriv {
            let scoped = Scoped::decode(message.data)?;
            return Ok(Admitted { user, level, auth: None, private: None, scoped });
        }
        // A user whose keys were made for the bridge's engine alone is none of a device's.
        let auth = user.auth_key(&clock.engine).ok_or_else(|| told(Why::UnknownUser))?;
        if parameters.mac.len() != auth.mac_len() || !auth.verifies(message.whole, parameters.mac_at) {
            return Err(told(Why::WrongDigest));
        }
        let late = clock.time.abs_diff(parameters.time) > WINDOW;
        if clock.boots == i32::MAX || parameters.boots != clock.boots || late {
            return Err(Refused::Told {
                why: Why::NotInTimeWindow,
                name: parameters.user,
                shown: Some(user),
            });
        }
        if level == Level::AuthNoPriv {
            let scoped = Scoped::decode(message.data)?;
            return Ok(Admitted { user, level, auth: Some(auth), private: None, scoped });
        }
        let private = user.priv_key(&clock.engine, &self.slow).ok_or_else(|| told(Why::UnsupportedLevel))?;
        let salt = parameters.salt.try_into().map_err(|_| told(Why::Decryption))?;
        plain.clear();
        plain.extend_from_slice(message.data);
        let salted = Salted { boots: parameters.boots, time: parameters.time, salt };
        if !private.decrypt(&salted, plain) {
            return Err(told(Why::Decryption));
        }
        // With a wrong key it is no scoped PDU.
        let scoped = Scoped::decode_padded(plain).map_err(|Malformed| told(Why::Decryption))?;
        Ok(Admitted { user, level, auth: Some(auth), private: Some(private), scoped })
    }
}
