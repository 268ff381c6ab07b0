//! The only file that knows the broker library.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use mqtt5::broker::{
    AuthProvider, AuthResult, BrokerConfig, MqttBroker, StorageConfig,
    config::{AuthConfig, RateLimitConfig},
    server::BrokerShutdownHandle,
    sys_topics::BrokerStats,
};
use mqtt5::{packet::connect::ConnectPacket, protocol::v5::reason_codes::ReasonCode};
use tokio::task::JoinHandle;

use super::{
    BrokerError, Config,
    gate::Gate,
    login::Logins,
    retained,
    users::Users,
    watch::{Flows, Watch},
};
use crate::{
    login::{Verdict, same},
    secret::Secret,
    southbound::{
        flow::{self, Flow},
        mqtt::{self, Address},
    },
    stats::{Counter, Stats},
};

/// The bridge's own users begin so, one for each of its connections; no user of a users-file can have such a name.
const INTERNAL: &str = "$fleetbridge/";

/// The user of a connection of the bridge.
fn internal(name: &str) -> String {
    format!("{INTERNAL}{name}")
}

/// Whether it is the bridge itself.
pub(super) fn is_internal(user: Option<&str>) -> bool {
    user.is_some_and(|user| user.starts_with(INTERNAL))
}

/// Messages that wait for one client at most; more than [`Flow`] lets on their way to the bridge.
const QUEUE: usize = flow::MESSAGES + 2000;

/// Connections that are kept free for the bridge itself.
const RESERVE: usize = 16;

/// What a packet may have beside its payload.
const OVERHEAD: usize = 70_000;

/// QoS 2 messages that a client may have announced and not released; they wait in memory. Not fewer than clients of
/// MQTT 3.1.1 use, who are not told: 20 is the habit.
const RECEIVE_MAXIMUM: u16 = 20;

/// A running broker.
pub struct Broker {
    address: SocketAddr,
    password: Secret,
    users_file: Option<std::path::PathBuf>,
    logins: Arc<Logins>,
    stats: Arc<BrokerStats>,
    flows: Arc<Flows>,
    payload_limit: usize,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<()>,
}

impl Broker {
    pub(super) async fn start(config: Config, counters: Arc<Stats>) -> Result<Broker, BrokerError> {
        let address = config.listen;
        if config.users_file.is_none() && !address.ip().is_loopback() {
            return Err(BrokerError::Open { address });
        }
        let users = config.users_file.as_deref().map(Users::read).transpose()?;
        let mut random = [0u8; 32];
        getrandom::fill(&mut random).map_err(BrokerError::Random)?;
        let password = Secret::new(random.iter().map(|byte| format!("{byte:02x}")).collect());
        let logins = Arc::new(Logins::new(users).map_err(BrokerError::Other)?);

        // The library's error is a page of advice; ours names the address.
        drop(std::net::TcpListener::bind(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BrokerError::Taken { address },
            _ => BrokerError::Listen { address, error },
        })?);
        let flows = Arc::new(Flows::default());
        let awaited = config.awaited.iter().map(|name| internal(name)).collect();
        let gate = Arc::new(Gate::new(awaited));
        let watch = Watch::new(flows.clone(), counters.clone(), gate.clone(), config.max_clients);
        let server = MqttBroker::with_config(options(&config).with_event_handler(Arc::new(watch)))
            .await
            .map_err(|error| BrokerError::Other(error.to_string()))?;
        let stats = server.stats();
        let doorkeeper = Doorkeeper {
            logins: logins.clone(),
            password: password.clone(),
            stats: stats.clone(),
            counters,
            gate,
            max_clients: config.max_clients,
            listen: address.ip(),
        };
        let mut server = server.with_auth_provider(Arc::new(doorkeeper));
        let address = server.local_addr().unwrap_or(address);
        let (shutdown, mut ready) = (server.shutdown_handle(), server.ready_receiver());
        let task = tokio::spawn(async move {
            if let Err(error) = server.run().await {
                tracing::error!(%error, "the embedded broker has stopped");
            }
        });
        let _ = tokio::time::timeout(Duration::from_secs(5), ready.wait_for(|ready| *ready)).await;
        Ok(Broker {
            address,
            password,
            users_file: config.users_file,
            logins,
            stats,
            flows,
            payload_limit: config.payload_limit,
            shutdown,
            task,
        })
    }

    /// Where it listens; the port is the real one if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many are connected, the bridge's own included.
    pub fn clients(&self) -> usize {
        self.stats.clients_connected.load(Ordering::Relaxed)
    }

    /// A connection of the bridge to this broker, with the password of this start; `name` is no other's.
    pub fn client(&self, name: &str) -> mqtt::Config {
        let host = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
            ip => ip.to_string(),
        };
        let mut client = mqtt::Config::new(name, Address { host, port: self.address.port(), tls: false });
        let (user, flow) = (internal(name), Arc::new(Flow::new(self.payload_limit)));
        self.flows.write().insert(user.clone(), flow.clone());
        client.user = Some(user);
        client.password = Some(self.password.clone());
        client.flow = Some(flow);
        client
    }

    /// Reads the users-file again. Who is connected stays.
    ///
    /// # Errors
    /// See [`super::UsersError`]; then the former users hold.
    pub fn reload(&self) -> Result<(), BrokerError> {
        if let Some(file) = &self.users_file {
            self.logins.replace(Some(Users::read(file)?));
        }
        Ok(())
    }

    /// Ends all connections.
    pub async fn stop(self) {
        self.shutdown.shutdown();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(Duration::from_secs(3), self.task).await.is_err() {
            abort.abort();
        }
    }
}

fn options(config: &Config) -> BrokerConfig {
    BrokerConfig {
        bind_addresses: vec![config.listen],
        max_clients: config.max_clients + RESERVE,
        session_expiry_interval: Duration::from_secs(3600),
        max_packet_size: config.payload_limit + OVERHEAD,
        topic_alias_maximum: 64,
        max_subscriptions_per_client: 1000,
        client_channel_capacity: QUEUE,
        server_receive_maximum: Some(RECEIVE_MAXIMUM),
        // Of wills; publications are looked at before (see `Watch`), and not refused for it.
        max_retained_messages: config.max_clients.saturating_mul(retained::FOR_A_CLIENT + 1),
        auth_config: AuthConfig {
            allow_anonymous: true,
            rate_limit: RateLimitConfig { enabled: false, ..RateLimitConfig::default() },
            ..AuthConfig::default()
        },
        storage_config: StorageConfig { enable_persistence: false, ..StorageConfig::default() },
        sys_topics_enabled: false,
        ..BrokerConfig::default()
    }
}

struct Doorkeeper {
    logins: Arc<Logins>,
    password: Secret,
    stats: Arc<BrokerStats>,
    counters: Arc<Stats>,
    gate: Arc<Gate>,
    max_clients: usize,
    listen: IpAddr,
}

impl Doorkeeper {
    async fn admit(&self, connect: &ConnectPacket, peer: SocketAddr) -> AuthResult {
        let (user, password) = (connect.username.as_deref(), connect.password.as_deref());
        if let Some(internal) = user.filter(|user| is_internal(Some(user))) {
            // It travels on this host only; whoever shows it from elsewhere has stolen it.
            let is_host = peer.ip().is_loopback() || peer.ip() == self.listen;
            if is_host && same(password.unwrap_or_default(), self.password.expose().as_bytes()) {
                return AuthResult::success_with_user(internal);
            }
            return self.refuse(connect, peer, ReasonCode::NotAuthorized, "that user is the bridge's own");
        }
        self.gate.pass().await;
        if self.stats.clients_connected.load(Ordering::Relaxed) > self.max_clients {
            return self.refuse(connect, peer, ReasonCode::QuotaExceeded, "max-clients is reached");
        }
        match self.logins.check(user, password, peer, Instant::now()).await {
            Verdict::Welcome => match user {
                Some(user) => AuthResult::success_with_user(user),
                None => AuthResult::success(),
            },
            Verdict::Refused => {
                self.refuse(connect, peer, ReasonCode::BadUsernameOrPassword, "user or password")
            }
            Verdict::Later => self.refuse(connect, peer, ReasonCode::ServerBusy, "too many log-ins"),
        }
    }

    fn refuse(
        &self,
        connect: &ConnectPacket,
        peer: SocketAddr,
        code: ReasonCode,
        reason: &str,
    ) -> AuthResult {
        self.counters.broker.refused_logins.inc();
        if let Some(passed_over) = self.logins.may_log(Instant::now()) {
            let client_id = &connect.client_id;
            let user = connect.username.as_deref().unwrap_or_default();
            tracing::warn!(?client_id, ?user, %peer, passed_over, "broker refused a log-in: {reason}");
        }
        AuthResult::fail(code)
    }

    /// `refused` counts if not.
    fn may(&self, user: Option<&str>, topic_or_filter: &str, refused: &Counter) -> bool {
        let may = is_internal(user) || self.logins.may(user, topic_or_filter);
        if !may {
            refused.inc();
        }
        may
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Doorkeeper {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        peer: SocketAddr,
    ) -> Answer<'a, mqtt5::error::Result<AuthResult>> {
        Box::pin(async move { Ok(self.admit(connect, peer).await) })
    }

    fn authorize_publish<'a>(&'a self, _: &str, user: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        Box::pin(std::future::ready(self.may(user, topic, &self.counters.broker.refused_publications)))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _: &str,
        user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(std::future::ready(self.may(user, filter, &self.counters.broker.refused_subscriptions)))
    }
}
