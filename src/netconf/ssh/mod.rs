//! NETCONF over SSH (RFC 6242). The only place that knows russh.
//!
//! ```text
//! a task a listener ─▶ a task a connection (log-in, grace, cut) ─▶ russh's task
//!                                                                   └▶ a task a session: the handler
//! ```
//! What strangers can cost is bounded: connections that have not logged in, attempts, time, password hashing
//! ([`Gate`]), and lines of log.

mod channel;
mod connection;
mod key;
mod new_key;
mod socket;
mod strangers;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use russh::{MethodKind, MethodSet, SshId};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

use self::strangers::Strangers;
pub use self::{
    key::{HostKey, KeyError, UserKey},
    new_key::NewKey,
};
use super::{capabilities::Capabilities, conversation::Conversation, session::Limits, sessions::Sessions};
use crate::{
    login::{Gate, Hash, Role},
    stats::Stats,
};

/// Connections beyond the sessions: to log in, and without a session.
const SPARE: usize = strangers::ALL + 64;

/// What a client that was refused waits at least; there is no such wait for its first question which methods there are.
const REJECTION: Duration = Duration::from_millis(200);

/// Keys and passwords that a connection may try, and before them the question which methods there are.
const ATTEMPTS: usize = 6 + 1;
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVES: usize = 3;

/// Messages of a channel that its session has not taken yet.
const CHANNEL_BUFFER: usize = 16;

/// How long a client may take to hang up when the server ends.
const GOODBYE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Vec<SocketAddr>,
    /// One of a kind is chosen by the client.
    pub host_keys: Vec<HostKey>,
    pub users: Vec<User>,
    /// From the connection to its first session, and so the time to log in.
    pub login_grace: Duration,
    pub capabilities: Arc<Capabilities>,
    pub limits: Limits,
}

#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub keys: Vec<UserKey>,
    pub password: Option<Hash>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("NETCONF needs a host key")]
    NoHostKey,
    #[error("cannot listen on TCP {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("{0}")]
    Gate(String),
}

/// A server that listens.
pub struct Server {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    listeners: Vec<JoinHandle<()>>,
}

/// Runs the operations of one session, until there are no more.
type Handler = Box<dyn Fn(Conversation) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

struct Shared {
    host_keys: Vec<HostKey>,
    admission: RwLock<Admission>,
    gate: Gate,
    login_grace: Duration,
    capabilities: Arc<Capabilities>,
    limits: Limits,
    sessions: Arc<Sessions>,
    stats: Arc<Stats>,
    handler: Handler,
    strangers: Arc<Strangers>,
    connections: Arc<Semaphore>,
    stopping: tokio::sync::watch::Sender<bool>,
}

/// Who may log in, and how that is offered to clients.
struct Admission {
    users: Arc<Vec<User>>,
    russh: Arc<russh::server::Config>,
}

impl Server {
    /// Listens and serves. `handler` runs the operations of one session and returns when
    /// [`Conversation::next`] gives `None`.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn start<F>(
        config: Config,
        sessions: Arc<Sessions>,
        stats: Arc<Stats>,
        handler: impl Fn(Conversation) -> F + Send + Sync + 'static,
    ) -> Result<Server, ServerError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if config.host_keys.is_empty() {
            return Err(ServerError::NoHostKey);
        }
        let mut bound = Vec::new();
        for &address in &config.listen {
            let fail = |source| ServerError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(fail)?;
            bound.push((listener.local_addr().map_err(fail)?, listener));
        }
        let shared = Arc::new(Shared {
            admission: RwLock::new(Admission::new(&config.host_keys, config.users)),
            host_keys: config.host_keys,
            gate: Gate::new().map_err(ServerError::Gate)?,
            login_grace: config.login_grace,
            capabilities: config.capabilities,
            limits: config.limits,
            connections: Arc::new(Semaphore::new(sessions.most() + SPARE)),
            strangers: Arc::default(),
            sessions,
            stats,
            handler: Box::new(move |conversation| Box::pin(handler(conversation))),
            stopping: tokio::sync::watch::Sender::new(false),
        });
        let addresses = bound.iter().map(|(address, _)| *address).collect();
        let listen = |(_, listener)| tokio::spawn(accept(listener, shared.clone()));
        let listeners = bound.into_iter().map(listen).collect();
        Ok(Server { addresses, shared, listeners })
    }

    /// What is listened on, with the port that was chosen where 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.shared.sessions
    }

    /// Who may log in from now on; sessions that are open go on as they are.
    pub fn replace_users(&self, users: Vec<User>) {
        *self.shared.admission.write() = Admission::new(&self.shared.host_keys, users);
        self.shared.gate.forget();
    }

    /// Ends all sessions and connections; takes three seconds at most.
    pub async fn stop(self) {
        for listener in &self.listeners {
            listener.abort();
        }
        self.shared.sessions.kill_all();
        self.shared.stopping.send_replace(true);
        let all = (self.shared.sessions.most() + SPARE) as u32;
        let gone = self.shared.connections.acquire_many(all);
        if tokio::time::timeout(GOODBYE + Duration::from_secs(1), gone).await.is_err() {
            tracing::warn!("a NETCONF session goes on: its operation takes too long");
        }
    }
}

impl Shared {
    /// Logs a refusal, once a second at most.
    fn refused(&self, peer: SocketAddr, user: Option<&str>, reason: &str) {
        self.stats.netconf.refused.inc();
        if let Some(passed_over) = self.gate.may_log(Instant::now()) {
            let user = user.unwrap_or_default();
            tracing::warn!(%peer, ?user, passed_over, "NETCONF refused: {reason}");
        }
    }
}

impl Admission {
    fn new(host_keys: &[HostKey], users: Vec<User>) -> Self {
        let passwords = users.iter().any(|user| user.password.is_some());
        let methods = [Some(MethodKind::PublicKey), passwords.then_some(MethodKind::Password)];
        let russh = russh::server::Config {
            server_id: SshId::Standard(concat!("SSH-2.0-fleetbridge_", env!("CARGO_PKG_VERSION")).into()),
            methods: MethodSet::from(methods.into_iter().flatten().collect::<Vec<_>>().as_slice()),
            auth_rejection_time: REJECTION,
            auth_rejection_time_initial: Some(Duration::ZERO),
            max_auth_attempts: ATTEMPTS,
            keys: host_keys.iter().map(|key| key.0.clone()).collect(),
            inactivity_timeout: None,
            keepalive_interval: Some(KEEPALIVE),
            keepalive_max: KEEPALIVES,
            channel_buffer_size: CHANNEL_BUFFER,
            nodelay: true,
            ..russh::server::Config::default()
        };
        Admission { users: Arc::new(users), russh: Arc::new(russh) }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer, &shared),
            Err(error) => {
                // For instance no descriptors left; it must not spin.
                tracing::warn!(%error, "NETCONF accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    let place = shared.connections.clone().try_acquire_owned().ok();
    let (Some(place), Some(stranger)) = (place, shared.strangers.admit(peer.ip())) else {
        return shared.refused(peer, None, "too many connections");
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = connection::serve(stream, peer, shared, stranger).await {
            tracing::debug!(%peer, %error, "NETCONF connection");
        }
    });
}
