//! What the bridge hears through, and whether it hears.

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::{
    model::{AdapterId, Time},
    stats::Counter,
};

/// The discriminants are those of FbAdapterState in FLEETBRIDGE-MIB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum AdapterState {
    Connecting = 1,
    Up = 2,
    Down = 3,
    Disabled = 4,
}

/// One southbound connection: a broker, a listener, a child process.
#[derive(Debug)]
pub struct Adapter {
    pub id: AdapterId,
    pub name: String,
    /// `mqtt`, ...
    pub kind: &'static str,
    /// Without credentials.
    pub url: String,
    pub messages: Counter,
    pub errors: Counter,
    /// Live devices heard through it.
    pub devices: AtomicU32,
    status: Mutex<Status>,
}

#[derive(Clone, Debug)]
pub struct Status {
    pub state: AdapterState,
    pub since: Time,
    pub last_error: String,
    /// Connected, but something that it should hear is refused to it.
    pub partly: bool,
}

impl Adapter {
    pub fn new(id: AdapterId, name: &str, kind: &'static str, url: &str, now: Time) -> Self {
        Adapter {
            id,
            name: name.to_owned(),
            kind,
            url: url.to_owned(),
            messages: Counter::new(),
            errors: Counter::new(),
            devices: AtomicU32::new(0),
            status: Mutex::new(Status {
                state: AdapterState::Connecting,
                since: now,
                last_error: String::new(),
                partly: false,
            }),
        }
    }

    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    pub fn state(&self) -> AdapterState {
        self.status.lock().state
    }

    pub fn device_count(&self) -> u32 {
        self.devices.load(Ordering::Relaxed)
    }

    /// Something is refused while the connection stands, or as long as it will stand.
    pub fn trouble(&self, error: &str) {
        self.errors.inc();
        let mut status = self.status.lock();
        status.note(error);
        status.partly = true;
    }

    /// Returns the former state; an error text is kept until the next one.
    pub(super) fn set_state(&self, state: AdapterState, error: Option<&str>, now: Time) -> AdapterState {
        let mut status = self.status.lock();
        let former = status.state;
        if former != state {
            status.state = state;
            status.since = now;
        }
        status.partly &= state == AdapterState::Up;
        if let Some(error) = error {
            status.note(error);
            self.errors.inc();
        }
        former
    }
}

impl Status {
    fn note(&mut self, error: &str) {
        self.last_error.clear();
        self.last_error.push_str(&error[..error.floor_char_boundary(255)]);
    }
}

/// All adapters by stored number.
#[derive(Debug, Default)]
pub struct Adapters {
    list: RwLock<Vec<std::sync::Arc<Adapter>>>,
    /// How many are down: mostly none, and then nobody needs to look.
    down: AtomicU32,
}

impl Adapters {
    pub fn add(&self, adapter: std::sync::Arc<Adapter>) {
        let mut list = self.list.write();
        list.push(adapter);
        list.sort_by_key(|adapter| adapter.id);
    }

    pub fn find(&self, id: AdapterId) -> Option<std::sync::Arc<Adapter>> {
        let list = self.list.read();
        let at = list.binary_search_by_key(&id, |adapter| adapter.id).ok()?;
        Some(list[at].clone())
    }

    /// The first adapter whose number is above `after`.
    pub fn next(&self, after: AdapterId) -> Option<std::sync::Arc<Adapter>> {
        let list = self.list.read();
        list.get(list.partition_point(|adapter| adapter.id <= after)).cloned()
    }

    /// True while this one has lost its connection.
    pub(super) fn is_down(&self, id: AdapterId) -> bool {
        self.down.load(Ordering::Relaxed) > 0
            && self.find(id).is_some_and(|adapter| adapter.state() == AdapterState::Down)
    }

    /// One more has lost its connection, or one less.
    pub(super) fn count_down(&self, lost: bool) {
        if lost {
            self.down.fetch_add(1, Ordering::Relaxed);
        } else {
            self.down.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// True if there is one that is meant to hear and does not.
    pub fn any_deaf(&self) -> bool {
        self.list
            .read()
            .iter()
            .any(|adapter| matches!(adapter.state(), AdapterState::Connecting | AdapterState::Down))
    }

    pub fn all(&self) -> Vec<std::sync::Arc<Adapter>> {
        self.list.read().clone()
    }
}
