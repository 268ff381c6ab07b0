//! Addresses as the boot file writes them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// An IP network: `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }

    /// `None` unless `text` is an address or ADDRESS/BITS with no bit set behind the prefix.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let network = Network { address, prefix: prefix.unwrap_or(longest) };
        (network.prefix <= longest && network.first() == address).then_some(network)
    }

    fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(own) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(own.to_bits() & mask).into()
            }
            IpAddr::V6(own) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(own.to_bits() & mask).into()
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Where a broker is: `mqtt://HOST[:PORT]`, `mqtts://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    pub tls: bool,
}

/// Why a text is no broker's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlError {
    /// Neither mqtt:// nor mqtts://.
    Scheme,
    /// Something before an `@`.
    Credentials,
    /// A path, a query, no host, a port that is none.
    Shape,
}

impl BrokerAddress {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let (tls, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ if url.contains('@') => return Err(UrlError::Credentials),
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('@') {
            return Err(UrlError::Credentials);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or(UrlError::Shape)?;
                Ipv6Addr::from_str(host).map_err(|_| UrlError::Shape)?;
                (
                    host,
                    if after.is_empty() {
                        None
                    } else {
                        Some(after.strip_prefix(':').ok_or(UrlError::Shape)?)
                    },
                )
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(legal) {
            return Err(UrlError::Shape);
        }
        let port = match port {
            None if tls => 8883,
            None => 1883,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Shape)?,
        };
        Ok(BrokerAddress { host: host.to_owned(), port, tls })
    }

    /// Whether it can only be this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || IpAddr::from_str(&self.host).is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// ADDRESS:PORT, or ADDRESS alone with a default port; IPv6 in brackets when a port follows.
pub(super) fn with_default_port(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = || IpAddr::from_str(text).ok().map(|address| SocketAddr::new(address, port));
    SocketAddr::from_str(text).ok().or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let net = |text| Network::parse(text).unwrap();
        assert!(net("10.0.0.0/8").contains("10.1.2.3".parse().unwrap()));
        assert!(net("10.0.0.0/8").contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!net("10.0.0.0/8").contains("11.0.0.0".parse().unwrap()));
        assert!(net("0.0.0.0/0").contains("1.2.3.4".parse().unwrap()));
        assert!(!net("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(net("fd00::/16").contains("fd00:1::2".parse().unwrap()));
        assert!(net("::/0").contains("::1".parse().unwrap()));
        assert_eq!(net("192.0.2.7").to_string(), "192.0.2.7/32");
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "host", "", "::/129", "10.0.0.0/"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn brokers() {
        for (text, shown) in [
            ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"),
            ("mqtts://broker.example/", "mqtts://broker.example:8883"),
            ("mqtt://[::1]:1884", "mqtt://[::1]:1884"),
            ("mqtt://localhost:9", "mqtt://localhost:9"),
        ] {
            assert_eq!(BrokerAddress::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(BrokerAddress::parse("mqtt://me:pw@host"), Err(UrlError::Credentials));
        assert_eq!(BrokerAddress::parse("me:pw@host"), Err(UrlError::Credentials));
        for bad in ["broker", "http://broker", "tcp://broker:1883"] {
            assert_eq!(BrokerAddress::parse(bad), Err(UrlError::Scheme), "{bad}");
        }
        for bad in [
            "mqtt://",
            "mqtt://h:0",
            "mqtt://h:99999",
            "mqtt://h/path",
            "mqtt://[::1",
            "mqtt://a b",
            "mqtt://h:",
        ] {
            assert_eq!(BrokerAddress::parse(bad), Err(UrlError::Shape), "{bad}");
        }
    }
}
