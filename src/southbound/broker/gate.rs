//! Devices are let in once the bridge hears: a publication that the broker has acknowledged is not lost because the bridge
//! had not subscribed yet.

use std::{collections::HashSet, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::watch, time::timeout};

/// They do not wait any longer for a connection of the bridge that does not come.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Gate {
    /// Users of the bridge that have not subscribed yet.
    awaited: Mutex<HashSet<String>>,
    open: watch::Sender<bool>,
}

impl Gate {
    pub fn new(awaited: HashSet<String>) -> Gate {
        let open = watch::Sender::new(awaited.is_empty());
        Gate { awaited: Mutex::new(awaited), open }
    }

    pub fn subscribed(&self, user: &str) {
        let mut awaited = self.awaited.lock();
        if awaited.remove(user) && awaited.is_empty() {
            self.open.send_replace(true);
        }
    }

    /// Waits until it is open; then it stays so.
    pub async fn pass(&self) {
        let mut open = self.open.subscribe();
        if timeout(PATIENCE, open.wait_for(|open| *open)).await.is_err() {
            self.open.send_replace(true);
        }
    }
}
