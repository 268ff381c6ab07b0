//! Builds the parts, spawns the tasks, and ends them in order.
//!
//! ```text
//!  broker (embedded) ─▶ adapter, one task each ──▶ Fleet (columns) ◀── sweep, once a second
//!                          │ new devices             │        │
//!                          ▼                         │        ▼
//!                       enroller ──▶ Store ◀── flusher    Journal ──▶ notifier ──▶ trap targets
//!                                   (2 threads)      │
//!              SNMP sockets, one thread each ◀───────┤
//!              control socket, /metrics ◀────────────┘
//! ```
//! A start goes from the store outwards, so that a manager sees either nothing or everything; a stop goes from the
//! adapters inwards, so that what was heard is flushed.

mod accessors;
mod addresses;
mod changes;
mod enrol;
pub mod files;
mod flush;
mod keep;
mod manage;
mod netconf;
mod settings;
mod start;
mod trial;

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};
use tracing::{info, warn};

pub use start::{Plan, StartError};
pub use trial::trial;

use crate::{
    datastore::Datastore,
    fleet::Fleet,
    snmp,
    southbound::{broker::Broker, unknown::Unknown},
    stats::Stats,
    store::Store,
};

/// How long the parts may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running bridge. [`stop`](Daemon::stop) it: dropped, it ends without a last flush.
pub struct Daemon {
    pub fleet: Arc<Fleet>,
    pub datastore: Arc<Datastore>,
    pub stats: Arc<Stats>,
    pub unknown: Arc<Unknown>,
    stop_southbound: watch::Sender<bool>,
    stop_rest: watch::Sender<bool>,
    targets: Arc<snmp::notifier::Targets>,
    southbound: Vec<JoinHandle<()>>,
    rest: Vec<JoinHandle<()>>,
    broker: Option<Broker>,
    snmp: Option<snmp::transport::Server>,
    netconf: Option<crate::netconf::ssh::Server>,
    store: Arc<Store>,
}

impl Daemon {
    /// Reads the embedded broker's users-file again; the rest of the boot file needs a new start.
    pub fn reload(&self) {
        let Some(broker) = &self.broker else {
            return info!("nothing to read again: the boot file is read at the start");
        };
        match broker.reload() {
            Ok(()) => info!("the broker's users-file has been read again"),
            Err(error) => warn!(%error, "the broker's former users stay"),
        }
    }

    /// Ends everything; what was heard is in the store afterwards.
    pub async fn stop(mut self) {
        info!("stopping");
        if let Some(netconf) = self.netconf.take() {
            netconf.stop().await;
        }
        let _ = self.stop_southbound.send(true);
        join("southbound", std::mem::take(&mut self.southbound)).await;
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
        }
        let _ = self.stop_rest.send(true);
        join("bridge", std::mem::take(&mut self.rest)).await;
        flush::told(&self.store, &self.targets).await;
        if let Some(snmp) = self.snmp.take() {
            // It joins threads that wait for datagrams for a fraction of a second.
            let _ = tokio::task::spawn_blocking(move || snmp.stop()).await;
        }
        if let Some(store) = Arc::into_inner(self.store) {
            let _ = tokio::task::spawn_blocking(move || drop(store)).await;
        }
        info!("stopped");
    }
}

async fn join(what: &str, tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        let abort = task.abort_handle();
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(part = what, %error, "a task ended badly"),
            Err(_) => {
                warn!(part = what, "a task did not end within {} s", PATIENCE.as_secs());
                abort.abort();
            }
        }
    }
}
