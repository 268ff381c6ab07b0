//! What a connection to a broker needs.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{secret::Secret, southbound::flow::Flow};

/// The version of MQTT that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 5 (OASIS standard of 2019).
    #[default]
    V5,
    /// MQTT 3.1.1 (ISO/IEC 20922).
    V311,
}

/// One connection to a broker.
#[derive(Clone, Debug)]
pub struct Config {
    /// The adapter's name in the boot file.
    pub name: String,
    pub address: Address,
    pub protocol: Protocol,
    /// `None`: a new random one for each start of the process; then messages that come while the bridge is not
    /// running are not kept for it (and over MQTT 3.1.1 neither are those that come while the connection is down).
    /// With a fixed one the broker keeps QoS 1 and 2 messages for it; it must be unique on the broker.
    pub client_id: Option<String>,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// PEM; the authorities that may have signed the broker's certificate. `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM; our own certificate, its chain after it. Needs `key_file`.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// Several bridges with the same one take turns on the messages (`$share/GROUP/FILTER`). Brokers send no retained
    /// messages to shared subscriptions, and no session is kept for their members, so that none waits for one that is
    /// away.
    pub share_group: Option<String>,
    /// Seconds between signs of life; a broker that is silent for twice as long is given up. 0: never.
    pub keep_alive: u16,
    /// Octets; MQTT 5 brokers are told to keep longer messages away from us.
    pub payload_limit: usize,
    /// Of the embedded broker, which has refused what is too long: told of each message that has come.
    pub flow: Option<Arc<Flow>>,
}

impl Config {
    /// The defaults: MQTT 5, nobody in particular, a sign of life every 30 seconds, payloads up to 256 KiB.
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        Config {
            name: name.into(),
            address,
            protocol: Protocol::default(),
            client_id: None,
            user: None,
            password: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            share_group: None,
            keep_alive: 30,
            payload_limit: 256 * 1024,
            flow: None,
        }
    }

    /// Whether the files of a TLS connection can be used.
    ///
    /// # Errors
    /// A text for the operator that names the file.
    pub fn check_tls(&self) -> Result<(), String> {
        super::tls::client_config(self).map(drop)
    }

    /// The address as a URL, without credentials.
    pub fn display_url(&self) -> String {
        self.address.to_string()
    }
}

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    pub tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("\"{0}\" is no broker's URL: write mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")]
    Shape(String),
    #[error("credentials do not belong into a URL: use user and password-file or password-env")]
    Credentials,
    #[error("the port in \"{0}\" is not within 1..65535")]
    Port(String),
}

impl Address {
    /// Reads `mqtt://HOST[:PORT]` (port 1883) or `mqtts://HOST[:PORT]` (TLS, port 8883); an IPv6 address stands in
    /// brackets.
    ///
    /// # Errors
    /// Another scheme, a path, credentials, no host, or a port that is none.
    pub fn parse(url: &str) -> Result<Address, AddressError> {
        let shape = || AddressError::Shape(redacted(url));
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ if url.contains('@') => return Err(AddressError::Credentials),
            _ => return Err(shape()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(AddressError::Credentials);
        }
        if rest.contains(['/', '?', '#', ' ']) {
            return Err(shape());
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(shape)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| shape())?;
                let port =
                    if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(shape)?) };
                (host, port)
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(legal) {
            return Err(shape());
        }
        let port = match port {
            None => {
                if tls {
                    8883
                } else {
                    1883
                }
            }
            Some(text) => match text.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(AddressError::Port(url.to_owned())),
            },
        };
        Ok(Address { host: host.to_owned(), port, tls })
    }

    /// Whether it can only be this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `HOST:PORT`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "mqtts" } else { "mqtt" }, self.authority())
    }
}

/// The URL without what stands before an `@`, for error texts.
fn redacted(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, after)) => format!("...@{after}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, host, port, tls, shown) in [
            ("mqtt://127.0.0.1:1883", "127.0.0.1", 1883, false, "mqtt://127.0.0.1:1883"),
            ("mqtt://broker", "broker", 1883, false, "mqtt://broker:1883"),
            ("mqtts://broker.example/", "broker.example", 8883, true, "mqtts://broker.example:8883"),
            ("mqtts://[::1]:9", "::1", 9, true, "mqtts://[::1]:9"),
            ("mqtt://[fe80::2]", "fe80::2", 1883, false, "mqtt://[fe80::2]:1883"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.host.as_str(), address.port, address.tls), (host, port, tls));
            assert_eq!(address.to_string(), shown);
        }
        for bad in [
            "broker:1883",
            "http://broker",
            "mqtt://",
            "mqtt://a/b",
            "mqtt://[::1",
            "mqtt://[x]",
            "mqtt://[::1]x",
        ] {
            assert!(matches!(Address::parse(bad), Err(AddressError::Shape(_))), "{bad}");
        }
        for bad in ["mqtt://a:0", "mqtt://a:65536", "mqtt://a:b", "mqtt://a:"] {
            assert!(matches!(Address::parse(bad), Err(AddressError::Port(_))), "{bad}");
        }
        assert_eq!(Address::parse("mqtt://me:secret@broker"), Err(AddressError::Credentials));
        assert!(!Address::parse("htt://me:secret@broker").unwrap_err().to_string().contains("secret"));
    }
}
