//! The sessions that are open, for their limit, for kill-session and for ietf-netconf-monitoring.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{login::Role, model::Time, stats::Rpcs};

/// The transport of sessions that come through the control socket: none that RFC 6022 knows.
pub const LOCAL: &str = "local";

/// Who a session belongs to.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    pub id: u32,
    pub user: String,
    pub role: Role,
    pub peer: SocketAddr,
    /// An identity of ietf-netconf-monitoring: `netconf-ssh`.
    pub transport: &'static str,
    pub since: Time,
    pub rpcs: Arc<Rpcs>,
}

#[derive(Debug)]
pub struct Sessions {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    open: BTreeMap<u32, Arc<Entry>>,
    /// The id given last; 0 is none.
    last: u32,
}

#[derive(Debug)]
struct Entry {
    info: SessionInfo,
    killed: Notify,
    /// The session that did; 0 is none.
    killed_by: AtomicU32,
}

/// A place among the sessions, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    sessions: Arc<Sessions>,
    entry: Arc<Entry>,
}

impl Sessions {
    /// At most `most` at a time.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Sessions { most, inner: Mutex::default() })
    }

    /// `None` if there are as many as there may be.
    pub fn open(
        self: &Arc<Self>,
        user: &str,
        role: Role,
        peer: SocketAddr,
        transport: &'static str,
        now: Time,
    ) -> Option<Place> {
        let mut inner = self.inner.lock();
        if inner.open.len() >= self.most {
            return None;
        }
        let mut id = inner.last.wrapping_add(1).max(1);
        while inner.open.contains_key(&id) {
            id = id.wrapping_add(1).max(1);
        }
        inner.last = id;
        let rpcs = Arc::default();
        let info = SessionInfo { id, user: user.to_owned(), role, peer, transport, since: now, rpcs };
        let entry = Arc::new(Entry { info, killed: Notify::new(), killed_by: AtomicU32::new(0) });
        inner.open.insert(id, entry.clone());
        Some(Place { sessions: self.clone(), entry })
    }

    pub fn most(&self) -> usize {
        self.most
    }

    /// In the order of their ids.
    pub fn list(&self) -> Vec<SessionInfo> {
        self.inner.lock().open.values().map(|entry| entry.info.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.inner.lock().open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has one session end another as soon as that waits for anything; false if there is none of that id.
    pub fn kill(&self, id: u32, by: u32) -> bool {
        let Some(entry) = self.inner.lock().open.get(&id).cloned() else { return false };
        entry.killed_by.store(by, Ordering::Release);
        entry.killed.notify_one();
        true
    }

    pub fn kill_all(&self) {
        for entry in self.inner.lock().open.values() {
            entry.killed.notify_one();
        }
    }
}

impl Place {
    pub fn info(&self) -> &SessionInfo {
        &self.entry.info
    }

    /// Waits until the session is to end.
    pub async fn killed(&self) {
        self.entry.killed.notified().await;
    }

    /// The session that has killed this one; `None`: the server itself.
    pub fn killed_by(&self) -> Option<u32> {
        Some(self.entry.killed_by.load(Ordering::Acquire)).filter(|&by| by != 0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sessions.inner.lock().open.remove(&self.entry.info.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ids_limit_and_kill() {
        let sessions = Sessions::new(2);
        let open = || sessions.open("a", Role::Read, ([127, 0, 0, 1], 9).into(), "netconf-ssh", Time(1));
        let (first, second) = (open().unwrap(), open().unwrap());
        assert_eq!((first.info().id, second.info().id), (1, 2));
        assert!(open().is_none());
        drop(first);
        sessions.inner.lock().last = u32::MAX;
        let third = open().unwrap();
        assert_eq!(third.info().id, 1);
        assert_eq!(sessions.list().iter().map(|info| info.id).collect::<Vec<_>>(), [1, 2]);
        assert!(!sessions.kill(3, 1) && sessions.kill(2, 1));
        second.killed().await;
        assert_eq!(second.killed_by(), Some(1));
        sessions.kill_all();
        third.killed().await;
        assert_eq!(third.killed_by(), None);
    }
}
