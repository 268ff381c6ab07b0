//! Users of SNMPv3 and their keys.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    Level,
    key::{AuthKey, Key, PrivKey},
    protocol::{AuthProtocol, PrivProtocol},
};
use crate::{
    secret::Secret,
    snmp::{engine::EngineId, made::Keys, oid::counted},
};

/// Keys of the slow kind that are kept; one takes 0.3 KiB.
const KEPT: usize = 4096;

/// What a user's key for an engine is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// Ku: of all engines.
    Any(Key),
    /// Kul of the bridge's own engine, which nothing leads back from.
    Own(Key),
}

impl Material {
    pub fn from_password(protocol: AuthProtocol, password: &Secret) -> Material {
        Material::Any(Key::from_password(protocol, password.expose().as_bytes()))
    }

    fn of(&self, protocol: AuthProtocol, engine: &EngineId) -> Option<Key> {
        match self {
            Material::Any(ku) => Some(ku.localized(protocol, engine.octets())),
            Material::Own(kul) => engine.device().is_none().then(|| kul.clone()),
        }
    }
}

/// A user, with the keys for the bridge's own engine at hand.
pub struct User {
    pub name: String,
    auth: Option<(AuthProtocol, Material)>,
    private: Option<(PrivProtocol, Material)>,
    own: (Option<AuthKey>, Option<PrivKey>),
    /// Differs for each user that there ever was in this process.
    serial: u64,
}

impl User {
    /// `bridge`: the bridge's own engine. There is no privacy without authentication.
    pub fn new(
        name: String,
        auth: Option<(AuthProtocol, Material)>,
        private: Option<(PrivProtocol, Material)>,
        bridge: &EngineId,
    ) -> User {
        static USERS: AtomicU64 = AtomicU64::new(0);
        let serial = USERS.fetch_add(1, Ordering::Relaxed);
        let mut user = User { name, auth, private, own: (None, None), serial };
        user.own = (user.make_auth_key(bridge), user.make_priv_key(bridge));
        user
    }

    /// The highest that the user can ask at.
    pub fn level(&self) -> Level {
        match (&self.auth, &self.private) {
            (None, _) => Level::NoAuthNoPriv,
            (Some(_), None) => Level::AuthNoPriv,
            (Some(_), Some(_)) => Level::AuthPriv,
        }
    }

    /// INDEX of usmUserTable.
    pub fn index(&self, bridge: &EngineId) -> Vec<u32> {
        counted(bridge.octets()).chain(counted(self.name.as_bytes())).collect()
    }

    /// Those for the bridge's own engine.
    pub fn keys(&self, bridge: &EngineId) -> Keys {
        let auth = self.auth.as_ref().and_then(|(protocol, material)| material.of(*protocol, bridge));
        let private = self.private.as_ref().zip(self.auth.as_ref());
        let private = private.and_then(|((protocol, material), (hash, _))| {
            Some(material.of(*hash, bridge)?.extended(*hash, *protocol, bridge.octets()))
        });
        Keys { auth, private }
    }

    pub fn auth_protocol(&self) -> Option<AuthProtocol> {
        self.auth.as_ref().map(|(protocol, _)| *protocol)
    }

    pub fn priv_protocol(&self) -> Option<PrivProtocol> {
        self.private.as_ref().map(|(protocol, _)| *protocol)
    }

    /// `None` if the user has none for that engine.
    pub fn auth_key(&self, engine: &EngineId) -> Option<Cow<'_, AuthKey>> {
        match engine.device() {
            None => self.own.0.as_ref().map(Cow::Borrowed),
            Some(_) => self.make_auth_key(engine).map(Cow::Owned),
        }
    }

    /// As [`auth_key`](User::auth_key). May take a millisecond, so only for who has shown that key.
    pub fn priv_key(&self, engine: &EngineId, slow: &SlowKeys) -> Option<Cow<'_, PrivKey>> {
        match engine.device() {
            None => self.own.1.as_ref().map(Cow::Borrowed),
            Some(device) if self.priv_protocol()?.is_slow() => {
                slow.get((self.serial, device), || self.make_priv_key(engine)).map(Cow::Owned)
            }
            Some(_) => self.make_priv_key(engine).map(Cow::Owned),
        }
    }

    /// Whether there are keys for engines of others.
    pub fn has_keys_of_others(&self) -> bool {
        let any = |material: &Material| matches!(material, Material::Any(_));
        self.auth.as_ref().is_some_and(|(_, material)| any(material))
            && self.private.as_ref().is_none_or(|(_, material)| any(material))
    }

    /// The keys for an engine of somebody else. May take some milliseconds. `None`: this user's were made for the bridge's
    /// own engine, and nothing leads from them to others.
    pub fn keys_of_other(&self, engine: &[u8]) -> Option<(AuthKey, Option<PrivKey>)> {
        let (hash, Material::Any(ku)) = self.auth.as_ref()? else { return None };
        let auth = AuthKey::new(*hash, &ku.localized(*hash, engine))?;
        let Some((protocol, Material::Any(ku))) = &self.private else { return Some((auth, None)) };
        let key = ku.localized(*hash, engine).extended(*hash, *protocol, engine);
        Some((auth, Some(PrivKey::new(*protocol, &key)?)))
    }

    fn make_auth_key(&self, engine: &EngineId) -> Option<AuthKey> {
        let (protocol, material) = self.auth.as_ref()?;
        AuthKey::new(*protocol, &material.of(*protocol, engine)?)
    }

    fn make_priv_key(&self, engine: &EngineId) -> Option<PrivKey> {
        let (hash, _) = self.auth.as_ref()?;
        let (protocol, material) = self.private.as_ref()?;
        let kul = material.of(*hash, engine)?;
        PrivKey::new(*protocol, &kul.extended(*hash, *protocol, engine.octets()))
    }
}

/// All users, by name. Replaced as a whole.
#[derive(Clone, Default)]
pub struct Users(HashMap<String, Arc<User>>);

impl Users {
    pub fn new(users: impl IntoIterator<Item = Arc<User>>) -> Users {
        Users(users.into_iter().map(|user| (user.name.clone(), user)).collect())
    }

    pub fn all(&self) -> impl Iterator<Item = &User> {
        self.0.values().map(|user| &**user)
    }

    pub fn shared(&self) -> impl Iterator<Item = &Arc<User>> {
        self.0.values()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<User>> {
        self.0.get(name)
    }

    pub fn find(&self, name: &[u8]) -> Option<&User> {
        self.0.get(str::from_utf8(name).ok()?).map(|user| &**user)
    }
}

/// Keys that take long to make, of users and devices; the least used go first.
#[derive(Default)]
pub struct SlowKeys(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the user's serial and the device; with the use that was the last.
    keys: HashMap<(u64, u32), (PrivKey, u64)>,
    uses: u64,
}

impl SlowKeys {
    fn get(&self, of: (u64, u32), make: impl FnOnce() -> Option<PrivKey>) -> Option<PrivKey> {
        {
            let Kept { keys, uses } = &mut *self.0.lock();
            *uses += 1;
            if let Some((key, used)) = keys.get_mut(&of) {
                *used = *uses;
                return Some(key.clone());
            }
        }
        // Others need not wait for it.
        let key = make()?;
        let Kept { keys, uses } = &mut *self.0.lock();
        if keys.len() >= KEPT {
            let mut ages: Vec<u64> = keys.values().map(|(_, used)| *used).collect();
            let (_, middle, _) = ages.select_nth_unstable(KEPT / 2);
            let middle = *middle;
            keys.retain(|_, (_, used)| *used > middle);
        }
        keys.insert(of, (key.clone(), *uses));
        Some(key)
    }
}
