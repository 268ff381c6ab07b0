//! The only file that knows the MQTT client library: MQTT 5 and 3.1.1 look the same to the rest.
//!
//! A client is one connection and is not used again after it: each try reads the certificates anew. A pump task owns
//! the socket and fills a bounded channel; when nobody takes from it, nothing is read from the socket, and the
//! broker's flow control does the rest.

use std::{borrow::Cow, collections::VecDeque, fmt, future::Future, io, pin::Pin, sync::Arc, time::Duration};

use rumqttc_v4 as v4;
use rumqttc_v5 as v5;
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};

use super::{
    Config, Protocol,
    failure::{Failure, Refusal},
    tls,
};

/// How many QoS 1 and 2 messages an MQTT 5 broker may have on the way to us.
const RECEIVE_MAXIMUM: u16 = 1024;

/// Events between pump and reader.
const QUEUE: usize = 512;

/// Acknowledgements between reader and pump: more than can be open at a time, so that an MQTT 5 connection never
/// finds it full.
const REQUESTS: usize = 2 * RECEIVE_MAXIMUM as usize;

/// Packets taken from the socket in one go.
const READ_BATCH: usize = 128;

/// What a packet may have beside its payload.
const OVERHEAD: usize = 70_000;

/// MQTT 3.1.1 has no word for "too long", and a broker sends a refused message again at every connect, so whatever the
/// format allows (section 2.2.3) is read, one at a time, and counted.
const V311_PACKET: usize = 268_435_455 + 5;

/// How long an MQTT 5 broker keeps our session for a fixed and for a random client identifier.
const SESSION_SECS: u32 = 3600;
const RANDOM_SESSION_SECS: u32 = 300;

const CONNECT_SECS: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    AtMostOnce,
    AtLeastOnce,
}

/// A message to be published.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub qos: Qos,
    pub retained: bool,
}

/// Published by the broker when this client vanishes.
#[derive(Clone, Debug)]
pub struct Will {
    pub topic: String,
    pub payload: String,
    pub retained: bool,
}

#[derive(Debug)]
pub enum Event {
    Connected,
    /// The broker's answer to [`Requests::subscribe`], in order; `Some`: why it refused.
    Subscribed(Vec<Option<&'static str>>),
    Message(Message),
    /// The broker has the message of this token, or why it has not.
    Published(u64, Result<(), String>),
    /// The connection has ended or was never made; nothing follows.
    Closed(Failure),
}

/// A received message; one that [needs](Message::needs_ack) it is to be acknowledged once it is safe.
#[derive(Debug)]
pub enum Message {
    V5(v5::Publish),
    V311(v4::Publish),
}

impl Message {
    pub fn topic(&self) -> Cow<'_, str> {
        match self {
            Message::V5(publish) => String::from_utf8_lossy(&publish.topic),
            Message::V311(publish) => String::from_utf8_lossy(&publish.topic),
        }
    }

    pub fn payload(&self) -> &[u8] {
        match self {
            Message::V5(publish) => &publish.payload,
            Message::V311(publish) => &publish.payload,
        }
    }

    /// The broker had it stored when we subscribed.
    pub fn retained(&self) -> bool {
        match self {
            Message::V5(publish) => publish.retain,
            Message::V311(publish) => publish.retain,
        }
    }

    pub fn needs_ack(&self) -> bool {
        match self {
            Message::V5(publish) => publish.qos != v5::QoS::AtMostOnce,
            Message::V311(publish) => publish.qos != v4::QoS::AtMostOnce,
        }
    }
}

/// What the broker says of a message given to [`Requests::publish_tracked`]: it has it, or why it has not. `None`: the
/// connection ended first.
type Receipt = Pin<Box<dyn Future<Output = Option<Result<(), String>>> + Send + Sync>>;

/// Messages that the broker has not confirmed yet, each with the caller's token.
#[derive(Default)]
struct Unconfirmed(VecDeque<(u64, Receipt)>);

impl fmt::Debug for Unconfirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unconfirmed({})", self.0.len())
    }
}

impl Unconfirmed {
    /// Waits for the broker's word about the oldest message; for ever if there is none, or if the connection ended
    /// first. Brokers confirm in the order of arrival (MQTT 5.0, section 4.6). Cancel safe.
    async fn next(&mut self) -> (u64, Result<(), String>) {
        while let Some((token, receipt)) = self.0.front_mut() {
            let (token, outcome) = (*token, receipt.await);
            self.0.pop_front();
            if let Some(outcome) = outcome {
                return (token, outcome);
            }
        }
        std::future::pending().await
    }
}

/// A connection being made or made. Dropping it cuts the connection without a word, so that the will is published.
#[derive(Debug)]
pub struct Client {
    pub requests: Requests,
    unconfirmed: Unconfirmed,
    events: mpsc::Receiver<Event>,
    pump: JoinHandle<()>,
}

impl Client {
    /// Starts to connect as `client_id`; [`next`](Client::next) tells how it went.
    ///
    /// # Errors
    /// The TLS files do not make a TLS configuration.
    pub fn open(config: &Config, client_id: &str, will: Option<&Will>) -> Result<Client, Failure> {
        let tls =
            if config.address.tls { Some(tls::client_config(config).map_err(Failure::Setup)?) } else { None };
        let (sender, events) = mpsc::channel(QUEUE);
        let (requests, pump) = match config.protocol {
            Protocol::V5 => {
                let (client, events) = v5::AsyncClient::builder(v5_options(config, client_id, will, tls))
                    .capacity(REQUESTS)
                    .try_build()
                    .map_err(|error| Failure::Setup(error.to_string()))?;
                (Requests::V5(client), tokio::spawn(pump_v5(events, sender)))
            }
            Protocol::V311 => {
                let (client, events) = v4::AsyncClient::builder(v4_options(config, client_id, will, tls))
                    .capacity(REQUESTS)
                    .try_build()
                    .map_err(|error| Failure::Setup(error.to_string()))?;
                (Requests::V311(client), tokio::spawn(pump_v4(events, sender, config.payload_limit)))
            }
        };
        Ok(Client { requests, unconfirmed: Unconfirmed::default(), events, pump })
    }

    /// Cancel safe.
    pub async fn next(&mut self) -> Event {
        tokio::select! {
            event = self.events.recv() => event.unwrap_or(Event::Closed(Failure::Closed)),
            (token, outcome) = self.unconfirmed.next() => Event::Published(token, outcome),
        }
    }

    /// What has come already; `None`: nothing.
    pub fn ready(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Publishes; [`Event::Published`] tells what became of it, unless the connection ends first. False: the queue is full, and
    /// nothing was published.
    #[must_use]
    pub fn publish(&mut self, token: u64, message: &Outgoing<'_>) -> bool {
        match self.requests.publish_tracked(message) {
            Some(receipt) => {
                self.unconfirmed.0.push_back((token, receipt));
                true
            }
            None => false,
        }
    }

    /// How many messages the broker has not confirmed yet.
    pub fn unconfirmed(&self) -> usize {
        self.unconfirmed.0.len()
    }

    /// Says goodbye, so that no will is published. `forget`: the broker need not keep the session.
    pub async fn close(mut self, forget: bool) {
        self.requests.disconnect(forget);
        let farewell = async { while !matches!(self.next().await, Event::Closed(_)) {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// What can be asked of a connection.
#[derive(Clone, Debug)]
pub enum Requests {
    V5(v5::AsyncClient),
    V311(v4::AsyncClient),
}

impl Requests {
    /// At QoS 1; [`Event::Subscribed`] answers. False: the filters cannot be asked for.
    #[must_use]
    pub fn subscribe(&self, filters: &[String]) -> bool {
        match self {
            Requests::V5(client) => {
                let filters = filters
                    .iter()
                    .map(|filter| v5::SubscribeFilter::new(filter.as_str(), v5::QoS::AtLeastOnce));
                client.try_subscribe_many(filters).is_ok()
            }
            Requests::V311(client) => {
                let filters = filters
                    .iter()
                    .map(|filter| v4::SubscribeFilter::new(filter.clone(), v4::QoS::AtLeastOnce));
                client.try_subscribe_many(filters).is_ok()
            }
        }
    }

    /// False: the queue is full, try again after the next event.
    #[must_use]
    pub fn ack(&self, message: &Message) -> bool {
        match (self, message) {
            (Requests::V5(client), Message::V5(publish)) => client.try_ack(publish).is_ok(),
            (Requests::V311(client), Message::V311(publish)) => client.try_ack(publish).is_ok(),
            _ => true,
        }
    }

    /// Waits for a place in the queue, not for the broker. False: the connection is gone.
    pub async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, qos: Qos, retained: bool) -> bool {
        let payload = payload.into();
        match self {
            Requests::V5(client) => {
                let options = match qos {
                    Qos::AtMostOnce => v5::PublishOptions::at_most_once(),
                    Qos::AtLeastOnce => v5::PublishOptions::at_least_once(),
                };
                client.publish(topic, payload, options.retain(retained)).await.is_ok()
            }
            Requests::V311(client) => {
                let options = match qos {
                    Qos::AtMostOnce => v4::PublishOptions::at_most_once(),
                    Qos::AtLeastOnce => v4::PublishOptions::at_least_once(),
                };
                client.publish(topic, payload, options.retain(retained)).await.is_ok()
            }
        }
    }

    fn publish_tracked(&self, message: &Outgoing<'_>) -> Option<Receipt> {
        let Outgoing { topic, payload, qos, retained } = *message;
        let payload = payload.to_vec();
        Some(match self {
            Requests::V5(client) => {
                let options = match qos {
                    Qos::AtMostOnce => v5::PublishOptions::at_most_once(),
                    Qos::AtLeastOnce => v5::PublishOptions::at_least_once(),
                };
                let notice = client.try_publish_tracked(topic, payload, options.retain(retained)).ok()?;
                Box::pin(async move {
                    use v5::PublishNoticeError as E;
                    match notice.wait_completion_async().await {
                        Ok(()) => Some(Ok(())),
                        Err(E::V5PubAck(reason)) => Some(Err(format!("the broker refuses it: {reason:?}"))),
                        Err(error @ E::RetainNotSupported) => Some(Err(error.to_string())),
                        Err(_) => None,
                    }
                })
            }
            Requests::V311(client) => {
                let options = match qos {
                    Qos::AtMostOnce => v4::PublishOptions::at_most_once(),
                    Qos::AtLeastOnce => v4::PublishOptions::at_least_once(),
                };
                let notice = client.try_publish_tracked(topic, payload, options.retain(retained)).ok()?;
                Box::pin(async move { notice.wait_completion_async().await.is_ok().then_some(Ok(())) })
            }
        })
    }

    fn disconnect(&self, forget: bool) {
        let _ = match self {
            Requests::V5(client) if forget => client
                .try_disconnect_with_properties(
                    v5::DisconnectReasonCode::NormalDisconnection,
                    v5::DisconnectProperties {
                        session_expiry_interval: Some(0),
                        reason_string: None,
                        user_properties: Vec::new(),
                        server_reference: None,
                    },
                )
                .is_ok(),
            Requests::V5(client) => client.try_disconnect().is_ok(),
            Requests::V311(client) => client.try_disconnect().is_ok(),
        };
    }
}

fn v5_options(
    config: &Config,
    client_id: &str,
    will: Option<&Will>,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> v5::MqttOptions {
    let (host, port) = (config.address.host.clone(), config.address.port);
    let mut options = v5::MqttOptions::new(client_id, (host.clone(), port));
    options
        .set_keep_alive(config.keep_alive)
        .set_clean_start(!keeps_session(config))
        .set_session_expiry_interval(Some(match config.client_id {
            _ if !keeps_session(config) => 0,
            Some(_) => SESSION_SECS,
            None => RANDOM_SESSION_SECS,
        }))
        .set_session_store(Resume { client_id: client_id.to_owned() })
        .set_ack_mode(v5::AckMode::Manual)
        .set_receive_maximum(Some(RECEIVE_MAXIMUM))
        .set_incoming_packet_size_limit(match config.flow {
            // A broker adds properties of its own to what it passes on, and drops silently what is then too long for us.
            Some(_) => v5::IncomingPacketSizeLimit::Unlimited,
            None => v5::IncomingPacketSizeLimit::Bytes(packet_limit(config.payload_limit)),
        })
        .set_read_batch_size(READ_BATCH)
        .set_max_request_batch(READ_BATCH)
        .set_connect_timeout(Duration::from_secs(CONNECT_SECS))
        .set_socket_connector(move |_, _| connect(host.clone(), port));
    if let Some(tls) = tls {
        options.set_transport(v5::Transport::tls_with_config(v5::TlsConfiguration::Rustls(tls)));
    }
    match (&config.user, &config.password) {
        (Some(user), Some(password)) => {
            options.set_credentials(user, password.expose().to_owned());
        }
        (Some(user), None) => {
            options.set_username(user);
        }
        (None, Some(password)) => {
            options.set_password(password.expose().to_owned());
        }
        (None, None) => {}
    }
    if let Some(will) = will {
        let qos = v5::QoS::AtLeastOnce;
        options.set_last_will(v5::LastWill::new(&will.topic, will.payload.clone(), qos, will.retained, None));
    }
    options
}

fn packet_limit(payload_limit: usize) -> u32 {
    u32::try_from(payload_limit.saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
}

fn v4_options(
    config: &Config,
    client_id: &str,
    will: Option<&Will>,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> v4::MqttOptions {
    let (host, port) = (config.address.host.clone(), config.address.port);
    let mut options = v4::MqttOptions::new(client_id, (host.clone(), port));
    // A session of a random identifier would stay on the broker for ever.
    let clean = config.client_id.is_none() || !keeps_session(config);
    options
        .set_keep_alive(config.keep_alive)
        .set_clean_session(clean)
        .set_ack_mode(v4::AckMode::Manual)
        .set_max_packet_size(V311_PACKET, V311_PACKET)
        .set_read_batch_size(READ_BATCH)
        .set_max_request_batch(READ_BATCH)
        .set_socket_connector(move |_, _| connect(host.clone(), port));
    if let Some(tls) = tls {
        options.set_transport(v4::Transport::tls_with_config(v4::TlsConfiguration::Rustls(tls)));
    }
    match (&config.user, &config.password) {
        (Some(user), Some(password)) => {
            options.set_credentials(user, password.expose().to_owned());
        }
        (Some(user), None) => {
            options.set_username(user);
        }
        // MQTT 3.1.1 knows no password without a user (section 3.1.2.9).
        (None, _) => {}
    }
    if let Some(will) = will {
        let qos = v4::QoS::AtLeastOnce;
        options.set_last_will(v4::LastWill::new(&will.topic, will.payload.clone(), qos, will.retained));
    }
    options
}

/// Brokers also deal messages to members of a share group that are away; so these leave no session behind, and the
/// others get all at once.
fn keeps_session(config: &Config) -> bool {
    config.share_group.is_none()
}

/// The library's own connector takes `HOST:PORT` in one text, which an IPv6 address is not.
async fn connect(host: String, port: u16) -> io::Result<TcpStream> {
    let stream =
        tokio::time::timeout(Duration::from_secs(CONNECT_SECS), TcpStream::connect((host.as_str(), port)))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn pump_v5(mut events: v5::EventLoop, sender: mpsc::Sender<Event>) {
    let mut welcome = false;
    loop {
        let event = match events.poll().await {
            Ok(v5::Event::Incoming(packet)) => match packet {
                v5::Packet::Publish(publish) => Event::Message(Message::V5(publish)),
                v5::Packet::ConnAck(_) => {
                    // It has done its work; writing to it at each acknowledgement would be for nothing.
                    events.options.clear_session_store();
                    welcome = true;
                    Event::Connected
                }
                v5::Packet::SubAck(ack) => {
                    Event::Subscribed(ack.return_codes.iter().map(|code| v5_refusal(*code)).collect())
                }
                _ => continue,
            },
            Ok(_) => continue,
            Err(error) => Event::Closed(v5_failure(error).after(welcome)),
        };
        let last = matches!(event, Event::Closed(_));
        if sender.send(event).await.is_err() || last {
            return;
        }
    }
}

async fn pump_v4(mut events: v4::EventLoop, sender: mpsc::Sender<Event>, payload_limit: usize) {
    let mut welcome = false;
    loop {
        let event = match events.poll().await {
            Ok(v4::Event::Incoming(packet)) => match packet {
                v4::Packet::Publish(mut publish) => {
                    if publish.payload.len() > payload_limit {
                        // Enough to be refused as too large, without holding it in the queue.
                        publish.payload = publish.payload[..=payload_limit].to_vec().into();
                    }
                    Event::Message(Message::V311(publish))
                }
                v4::Packet::ConnAck(_) => {
                    welcome = true;
                    Event::Connected
                }
                v4::Packet::SubAck(ack) => Event::Subscribed(
                    ack.return_codes
                        .iter()
                        .map(|code| match code {
                            v4::SubscribeReasonCode::Success(_) => None,
                            v4::SubscribeReasonCode::Failure => Some("refused"),
                        })
                        .collect(),
                ),
                _ => continue,
            },
            Ok(_) => continue,
            Err(error) => Event::Closed(v4_failure(error).after(welcome)),
        };
        let last = matches!(event, Event::Closed(_));
        if sender.send(event).await.is_err() || last {
            return;
        }
    }
}

fn v5_refusal(code: v5::SubscribeReasonCode) -> Option<&'static str> {
    use v5::SubscribeReasonCode as Code;
    match code {
        Code::Success(_) => None,
        Code::NotAuthorized => Some("not authorised"),
        Code::TopicFilterInvalid => Some("not accepted as a filter"),
        Code::QuotaExceeded => Some("quota exceeded"),
        Code::SharedSubscriptionsNotSupported => Some("shared subscriptions are not supported"),
        Code::WildcardSubscriptionsNotSupported => Some("wildcards are not supported"),
        _ => Some("refused"),
    }
}

fn v5_failure(error: v5::ConnectionError) -> Failure {
    use v5::{
        ConnectReturnCode as Code, ConnectionError as E, DisconnectReasonCode as Reason, StateError as S,
    };
    match error {
        E::Io(error) | E::MqttState(S::Io(error)) => Failure::Io(error),
        E::MqttState(S::Deserialization(v5::Error::Io(error))) => Failure::Io(error),
        E::MqttState(S::Deserialization(v5::Error::PayloadSizeLimitExceeded { .. })) => Failure::TooLong,
        E::MqttState(S::AwaitPingResp) | E::Timeout(_) => Failure::Silent,
        E::MqttState(S::ConnectionAborted) | E::RequestsDone => Failure::Closed,
        E::MqttState(S::ServerDisconnect { reason_code, reason_string }) => match reason_code {
            Reason::SessionTakenOver => Failure::TakenOver,
            Reason::NotAuthorized => Failure::Refused(Refusal::NotAuthorised),
            code => Failure::Dismissed(reason_string.unwrap_or_else(|| format!("{code:?}"))),
        },
        E::Tls(error) => tls_failure(error),
        E::ConnectionRefused(code) => Failure::Refused(match code {
            Code::BadUserNamePassword | Code::NotAuthorized => Refusal::NotAuthorised,
            Code::BadClientId | Code::ClientIdentifierNotValid => Refusal::ClientId,
            Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => Refusal::Version,
            Code::ServiceUnavailable | Code::ServerUnavailable | Code::ServerBusy => Refusal::Busy,
            code => Refusal::Other(format!("{code:?}")),
        }),
        // A broker of 3.1.1 that answers in its own format.
        E::MqttState(S::Deserialization(_)) => Failure::Protocol(error.to_string()),
        error => Failure::Other(error.to_string()),
    }
}

fn v4_failure(error: v4::ConnectionError) -> Failure {
    use v4::{ConnectReturnCode as Code, ConnectionError as E, StateError as S};
    match error {
        E::Io(error) | E::MqttState(S::Io(error)) => Failure::Io(error),
        E::MqttState(S::Deserialization(v4::Error::Io(error))) => Failure::Io(error),
        E::MqttState(S::Deserialization(v4::Error::PayloadSizeLimitExceeded { .. })) => Failure::TooLong,
        E::MqttState(S::AwaitPingResp) | E::NetworkTimeout | E::FlushTimeout => Failure::Silent,
        E::MqttState(S::ConnectionAborted) | E::RequestsDone => Failure::Closed,
        E::Tls(error) => tls_failure(error),
        E::ConnectionRefused(code) => Failure::Refused(match code {
            Code::BadUserNamePassword | Code::NotAuthorized => Refusal::NotAuthorised,
            Code::BadClientId => Refusal::ClientId,
            Code::RefusedProtocolVersion => Refusal::Version,
            Code::ServiceUnavailable => Refusal::Busy,
            code => Refusal::Other(format!("{code:?}")),
        }),
        E::MqttState(S::Deserialization(_)) => Failure::Protocol(error.to_string()),
        error => Failure::Other(error.to_string()),
    }
}

fn tls_failure(error: v5::TlsError) -> Failure {
    match error {
        v5::TlsError::Io(error) => Failure::Io(error),
        v5::TlsError::TLS(error) => Failure::Tls(error),
        error => Failure::Other(format!("TLS: {error}")),
    }
}

/// Says that we know the session which the broker may have kept from before a restart: as subscribers we have nothing
/// of our own in it, but without this word the library refuses to go on with it (it asks for MQTT-3.2.2-4).
#[derive(Debug)]
struct Resume {
    client_id: String,
}

type StoreFuture<'a, T> =
    std::pin::Pin<Box<dyn std::future::Future<Output = Result<T, v5::SessionStoreError>> + Send + 'a>>;

impl v5::SessionStore for Resume {
    fn load<'a>(&'a self, _: &'a v5::SessionStoreKey) -> StoreFuture<'a, Option<v5::PersistedSession>> {
        let session = v5::PersistedSession {
            format_version: 1,
            client_id: self.client_id.clone(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: None,
            ack_mode: v5::PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(Some(session))))
    }

    fn save<'a>(&'a self, _: &'a v5::SessionStoreKey, _: &'a v5::PersistedSession) -> StoreFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn clear<'a>(&'a self, _: &'a v5::SessionStoreKey) -> StoreFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
