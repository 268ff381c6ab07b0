//! Why a connection failed, in words that an operator can act on.

use std::io;

use rustls::{AlertDescription, CertificateError};

use super::{Address, Config, Protocol};

#[derive(Debug)]
pub enum Failure {
    /// Files or settings of ours.
    Setup(String),
    Io(io::Error),
    Tls(rustls::Error),
    /// The broker refused the connection.
    Refused(Refusal),
    /// It refused subscriptions: the filters and its words.
    Subscription(Vec<(String, &'static str)>),
    /// Another client came with our identifier.
    TakenOver,
    /// The broker ended the connection and said why.
    Dismissed(String),
    /// No answer within the time for it.
    Silent,
    /// A packet was longer than the limit.
    TooLong,
    /// The other end closed without a word.
    Closed,
    /// The same before it had let us in.
    HungUp,
    /// Not the protocol that we expected.
    Protocol(String),
    Other(String),
}

#[derive(Debug)]
pub enum Refusal {
    NotAuthorised,
    ClientId,
    Version,
    Busy,
    Other(String),
}

impl Failure {
    /// `welcome`: the broker had accepted the connection before it failed.
    pub(super) fn after(self, welcome: bool) -> Failure {
        match self {
            Failure::Closed if !welcome => Failure::HungUp,
            Failure::Io(error) if !welcome && is_hang_up(&error) => Failure::HungUp,
            failure => failure,
        }
    }

    /// One line without credentials.
    pub fn text(&self, config: &Config) -> String {
        let address = &config.address;
        let peer = address.authority();
        match self {
            Failure::Setup(text) => text.clone(),
            Failure::Io(error) => io_text(error, config),
            Failure::Tls(error) => tls_text(error, config),
            Failure::Refused(Refusal::NotAuthorised) if config.user.is_none() => {
                format!("not authorised by {peer}: it wants a user; set user and password-file")
            }
            Failure::Refused(Refusal::NotAuthorised) => {
                format!("not authorised by {peer}: check user and password-file")
            }
            Failure::Refused(Refusal::ClientId) => format!("{peer} does not accept our client-id"),
            Failure::Refused(Refusal::Version) => {
                format!("{peer} does not speak this version of MQTT: set protocol to \"3.1.1\" or \"5\"")
            }
            Failure::Refused(Refusal::Busy) => format!("{peer} says that it is busy"),
            Failure::Refused(Refusal::Other(text)) => format!("{peer} refused the connection: {text}"),
            Failure::Subscription(refused) => subscription_text(refused, &peer),
            Failure::TakenOver => {
                format!("another client connected to {peer} with our client-id: give each its own")
            }
            Failure::Dismissed(text) => format!("{peer} ended the connection: {text}"),
            Failure::Silent => format!("no answer from {peer}: is it a broker, and the way to it open?"),
            Failure::TooLong => format!("{peer} sent a packet over the limit"),
            Failure::Closed => format!("{peer} closed the connection"),
            Failure::HungUp if address.tls => {
                format!("{peer} closed the connection at once: is it a broker?")
            }
            Failure::HungUp => {
                format!("{peer} closed the connection at once: if it wants TLS, write mqtts://")
            }
            Failure::Protocol(text) if config.protocol == Protocol::V5 => {
                format!(
                    "{peer} does not speak MQTT 5 as expected ({text}): an older broker? then protocol = \"3.1.1\""
                )
            }
            Failure::Protocol(text) => format!("{peer} does not speak MQTT as expected: {text}"),
            Failure::Other(text) => format!("{peer}: {text}"),
        }
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        && error.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>())
}

fn io_text(error: &io::Error, config: &Config) -> String {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls_text(tls, config);
    }
    let Address { host, .. } = &config.address;
    let peer = config.address.authority();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("connection refused by {peer}: is the broker running?"),
        io::ErrorKind::TimedOut => {
            format!("no answer from {peer}: is the address right, and the way to it open?")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("{peer} cannot be reached: {error}")
        }
        _ if is_hang_up(error) => format!("{peer} broke the connection"),
        _ if error.to_string().contains("lookup") => format!("the name {host} cannot be resolved: {error}"),
        _ => format!("{peer}: {error}"),
    }
}

fn tls_text(error: &rustls::Error, config: &Config) -> String {
    let Address { host, .. } = &config.address;
    let peer = config.address.authority();
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer if config.ca_file.is_some() => {
                format!(
                    "the certificate of {peer} has an unknown issuer: is ca-file the authority that signed it?"
                )
            }
            CertificateError::UnknownIssuer => {
                format!("the certificate of {peer} has an unknown issuer: set ca-file")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the certificate of {peer} is not for {host}: use the name that is in it")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {peer} has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {peer} is not valid yet: is the clock right?")
            }
            CertificateError::Other(inner) if inner.to_string().contains("CaUsedAsEndEntity") => {
                format!("the certificate of {peer} is that of an authority: give the broker one of its own")
            }
            reason => format!("the certificate of {peer} is not accepted: {reason}"),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure
                if config.cert_file.is_none() =>
            {
                format!("{peer} wants a client certificate: set cert-file and key-file")
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate => {
                format!("{peer} does not accept our certificate ({alert:?}): check cert-file")
            }
            alert => format!("{peer} ended the TLS handshake: {alert:?}"),
        },
        rustls::Error::InvalidMessage(_) => {
            format!("{peer} does not speak TLS: mqtt:// instead of mqtts://?")
        }
        error => format!("TLS with {peer}: {error}"),
    }
}

fn subscription_text(refused: &[(String, &'static str)], peer: &str) -> String {
    let Some((filter, reason)) = refused.first() else {
        return format!("{peer} refused a subscription");
    };
    let more = match refused.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    format!("{peer} refused the subscription to {filter}{more}: {reason}; let the bridge's user read it")
}
