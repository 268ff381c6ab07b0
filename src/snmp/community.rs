//! Communities of v1 and v2c: read-only, each with an optional filter of sources.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    name: Vec<u8>,
    /// Empty: any source.
    sources: Vec<Network>,
}

/// A source prefix such as `10.0.0.0/8`, `2001:db8::/32` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommunityError {
    #[error("a community must have 1 to 255 octets")]
    Length,
    #[error("{0:?} is no address and no prefix such as 10.0.0.0/8 or 2001:db8::/32")]
    Network(String),
    #[error("{0:?} has bits set behind its prefix length; did you mean {1}?")]
    HostBits(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    /// No community of that name.
    Unknown,
    /// The name is right, the source is not among those allowed.
    Refused,
}

/// All of them. More than one may have the same name; the source then needs to be allowed by one.
#[derive(Clone, Debug, Default)]
pub struct Communities(Vec<Community>);

impl Communities {
    pub fn new(list: Vec<Community>) -> Self {
        Communities(list)
    }

    /// An IPv4 source in IPv6 clothes counts as IPv4.
    pub fn judge(&self, name: &[u8], source: IpAddr) -> Verdict {
        let source = source.to_canonical();
        let mut verdict = Verdict::Unknown;
        for community in self.0.iter().filter(|community| community.name == name) {
            if community.allows(source) {
                return Verdict::Granted;
            }
            verdict = Verdict::Refused;
        }
        verdict
    }
}

impl Community {
    /// # Errors
    /// An empty or overlong name, a source that is no prefix.
    pub fn new(name: &str, sources: &[String]) -> Result<Self, CommunityError> {
        if !(1..=255).contains(&name.len()) {
            return Err(CommunityError::Length);
        }
        let sources = sources.iter().map(|source| source.parse()).collect::<Result<_, _>>()?;
        Ok(Community { name: name.as_bytes().to_vec(), sources })
    }

    /// As [`new`](Community::new), of sources that are known to be right.
    ///
    /// # Errors
    /// An empty or overlong name.
    pub fn from_networks(name: &str, sources: Vec<Network>) -> Result<Self, CommunityError> {
        Ok(Community { sources, ..Community::new(name, &[])? })
    }

    fn allows(&self, source: IpAddr) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|network| network.contains(source))
    }
}

impl Network {
    /// All addresses that begin with the first `bits` bits of this one.
    pub fn new(address: IpAddr, bits: u8) -> Self {
        match address {
            IpAddr::V4(address) => Network { address: mask4(address, bits).into(), bits: bits.min(32) },
            IpAddr::V6(address) => Network { address: mask6(address, bits).into(), bits: bits.min(128) },
        }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => mask4(address, self.bits) == network,
            (IpAddr::V6(network), IpAddr::V6(address)) => mask6(address, self.bits) == network,
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        let malformed = || CommunityError::Network(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= width).ok_or_else(malformed)?,
            None => width,
        };
        let network = Network::new(address, bits);
        if address != network.address {
            return Err(CommunityError::HostBits(text.to_owned(), format!("{}/{bits}", network.address)));
        }
        Ok(network)
    }
}

fn mask4(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn mask6(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sources_are_filtered() {
        let communities = Communities::new(vec![
            Community::new("public", &["10.0.0.0/8".into(), "2001:db8::/32".into()]).unwrap(),
            Community::new("public", &["192.0.2.7".into()]).unwrap(),
            Community::new("open", &[]).unwrap(),
        ]);
        for (name, source, verdict) in [
            ("public", "10.200.3.4", Verdict::Granted),
            ("public", "::ffff:10.1.1.1", Verdict::Granted),
            ("public", "11.0.0.1", Verdict::Refused),
            ("public", "2001:db8:7::1", Verdict::Granted),
            ("public", "2001:db9::1", Verdict::Refused),
            ("public", "192.0.2.7", Verdict::Granted),
            ("open", "198.51.100.1", Verdict::Granted),
            ("Public", "10.0.0.1", Verdict::Unknown),
            ("", "10.0.0.1", Verdict::Unknown),
        ] {
            assert_eq!(communities.judge(name.as_bytes(), ip(source)), verdict, "{name} from {source}");
        }
    }

    #[test]
    fn prefixes_are_checked() {
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains(ip("203.0.113.9")));
        assert!("::/0".parse::<Network>().unwrap().contains(ip("2001:db8::1")));
        for bad in ["", "10.0.0.0/33", "ten", "10.0.0.0/", "::/129"] {
            assert_eq!(bad.parse::<Network>(), Err(CommunityError::Network(bad.into())));
        }
        let error = "10.1.0.0/8".parse::<Network>().unwrap_err();
        assert!(error.to_string().contains("did you mean 10.0.0.0/8"), "{error}");
        assert_eq!(Community::new("", &[]), Err(CommunityError::Length));
    }
}
