//! The embedded broker: MQTT 3.1.1 and 5 on one listener, for set-ups without a broker of their own.
//!
//! The bridge takes its messages through an ordinary client (see [`Broker::client`]), so that there is one way in.
//! Nothing is kept on disk: retained messages and sessions end with the process.

mod gate;
mod login;
mod retained;
mod server;
mod users;
mod watch;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use crate::stats::Stats;

pub use self::{
    server::Broker,
    users::{Users, UsersError},
};

/// What the `[broker]` section of the boot file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub listen: SocketAddr,
    /// Lines `NAME:HASH[:PREFIX,...]`, see [`Users`]. `None`: everybody may do everything, and `listen` must be a
    /// loopback address.
    pub users_file: Option<PathBuf>,
    /// Connections of others; the bridge's own come on top. A connection costs about 31 kB.
    pub max_clients: usize,
    /// Octets of a payload.
    pub payload_limit: usize,
    /// Names of connections of the bridge (see [`Broker::client`]): until each has subscribed nobody else is let in.
    pub awaited: Vec<String>,
}

impl Config {
    /// The defaults: 1,000 clients, payloads up to 256 KiB, nobody waits.
    pub fn new(listen: SocketAddr) -> Self {
        Config { listen, users_file: None, max_clients: 1000, payload_limit: 256 * 1024, awaited: Vec::new() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("{address} is taken by another process")]
    Taken { address: SocketAddr },
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("{address} is open to the network: set users-file, or listen on a loopback address")]
    Open { address: SocketAddr },
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    #[error("the broker does not start: {0}")]
    Other(String),
}

/// Listens and serves until [`Broker::stop`].
///
/// # Errors
/// See [`BrokerError`].
pub async fn start(config: Config, stats: Arc<Stats>) -> Result<Broker, BrokerError> {
    Broker::start(config, stats).await
}
