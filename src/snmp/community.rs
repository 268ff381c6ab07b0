//! Communities of v1 and v2c: read-only, each with an optional filter of sources. What a pattern such as
//! `{community}@{device}` leaves of a name says whom it asks.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use super::vacm::{Model, Rows};
use crate::{fleet::Scope, login::Role};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    name: Vec<u8>,
    role: Role,
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
    #[error(
        "{0:?} is no pattern such as {{community}}@{{device}}: both, once each, with something between them"
    )]
    Pattern(String),
    #[error("{0:?} has bits set behind its prefix length; did you mean {1}?")]
    HostBits(String, String),
}

/// How the name of a device stands in a community: `{community}@{device}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands before, between and after the two.
    pieces: [String; 3],
    community_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'n> {
    Granted {
        /// The community's name for access control (RFC 3584, snmpCommunitySecurityName).
        security: &'n str,
        /// The part of the name that says whom is asked, if there is one.
        device: Option<&'n [u8]>,
        /// Else it sets nothing, whatever access control says.
        writes: bool,
    },
    /// No community of that name.
    Unknown,
    /// The name is right, the source is not among those allowed.
    Refused,
}

/// All of them. More than one may have the same name; the source then needs to be allowed by one.
#[derive(Clone, Debug, Default)]
pub struct Communities {
    list: Vec<Community>,
    /// By which access control knows each of them, as the name itself is a secret.
    security: Vec<String>,
    /// What stands before and after a device's name, and the place in `list`; the longest first, for it wins.
    around: Vec<(Vec<u8>, Vec<u8>, usize)>,
}

impl Communities {
    pub fn new(list: Vec<Community>, patterns: &[Pattern]) -> Self {
        let mut around: Vec<_> = patterns
            .iter()
            .flat_map(|pattern| {
                list.iter().enumerate().map(|(at, community)| (pattern.around(&community.name), at))
            })
            .map(|((before, after), at)| (before, after, at))
            .collect();
        around.sort_by_key(|(before, after, _)| std::cmp::Reverse(before.len() + after.len()));
        let security = (1..=list.len()).map(|number| format!("community-{number}")).collect();
        Communities { list, security, around }
    }

    /// By which access control knows them, and their names.
    pub fn named(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.security
            .iter()
            .map(String::as_str)
            .zip(self.list.iter().map(|community| community.name.as_slice()))
    }

    /// Whether a name is one of them, or that of a device by one of them.
    pub fn knows(&self, name: &[u8]) -> bool {
        self.list.iter().any(|community| *community.name == *name)
            || self.around.iter().any(|(before, after, _)| between(name, before, after).is_some())
    }

    /// Puts each into the group of its role; `scopes` are theirs, in their order.
    pub fn enter(&self, rows: &mut Rows, scopes: &[Option<Arc<Scope>>]) {
        for (at, (community, security)) in self.list.iter().zip(&self.security).enumerate() {
            let scope = scopes.get(at).and_then(Option::as_ref);
            for model in [Model::V1, Model::V2c] {
                rows.enter(model, security, community.role, scope);
            }
        }
    }

    /// An IPv4 source in IPv6 clothes counts as IPv4.
    pub fn judge<'n>(&'n self, name: &'n [u8], source: IpAddr) -> Verdict<'n> {
        let source = source.to_canonical();
        let mut verdict = Verdict::Unknown;
        for (community, security) in self.list.iter().zip(&self.security) {
            if community.name != name {
                continue;
            }
            if community.allows(source) {
                return Verdict::Granted { security, device: None, writes: true };
            }
            verdict = Verdict::Refused;
        }
        if verdict == Verdict::Refused {
            return verdict;
        }
        for (before, after, at) in &self.around {
            let Some(device) = between(name, before, after) else { continue };
            if self.list[*at].allows(source) {
                return Verdict::Granted {
                    security: &self.security[*at],
                    device: Some(device),
                    writes: true,
                };
            }
            verdict = Verdict::Refused;
        }
        verdict
    }
}

/// What stands between the two, if it is something.
fn between<'n>(name: &'n [u8], before: &[u8], after: &[u8]) -> Option<&'n [u8]> {
    name.strip_prefix(before)?.strip_suffix(after).filter(|device| !device.is_empty())
}

impl Pattern {
    /// Those without a word in the boot file.
    pub fn defaults() -> Vec<Pattern> {
        ["@", "-"]
            .map(|between| Pattern { pieces: ["", between, ""].map(str::to_owned), community_first: true })
            .into()
    }

    /// Whether `name` asks for a device by the community `community`.
    pub fn is_of(&self, community: &str, name: &str) -> bool {
        let (before, after) = self.around(community.as_bytes());
        between(name.as_bytes(), &before, &after).is_some()
    }

    /// The community that asks for a device.
    pub fn fill(&self, community: &str, device: &str) -> String {
        let (one, other) = if self.community_first { (community, device) } else { (device, community) };
        let [before, between, after] = &self.pieces;
        [before.as_str(), one, between, other, after].concat()
    }

    /// What stands before and after a device's name.
    fn around(&self, community: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let [before, between, after] = self.pieces.each_ref().map(String::as_bytes);
        match self.community_first {
            true => ([before, community, between].concat(), after.to_vec()),
            false => (before.to_vec(), [between, community, after].concat()),
        }
    }
}

impl FromStr for Pattern {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        const PLACES: [&str; 2] = ["{community}", "{device}"];
        let malformed = || CommunityError::Pattern(text.to_owned());
        let [community, device] = PLACES.map(|place| text.find(place));
        let (community, device) = community.zip(device).ok_or_else(malformed)?;
        let community_first = community < device;
        let [one, other] = if community_first { PLACES } else { [PLACES[1], PLACES[0]] };
        let (before, rest) = text.split_once(one).ok_or_else(malformed)?;
        let (between, after) = rest.split_once(other).ok_or_else(malformed)?;
        let pieces = [before, between, after].map(str::to_owned);
        // Without something between the two nobody could tell where one ends.
        let legal =
            |piece: &String| piece.bytes().all(|octet| octet.is_ascii_graphic() && !b"{}".contains(&octet));
        if between.is_empty() || !pieces.iter().all(legal) {
            return Err(malformed());
        }
        Ok(Pattern { pieces, community_first })
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
        Ok(Community { name: name.as_bytes().to_vec(), role: Role::Read, sources })
    }

    /// As [`new`](Community::new), of sources that are known to be right.
    ///
    /// # Errors
    /// An empty or overlong name.
    pub fn from_networks(name: &str, sources: Vec<Network>) -> Result<Self, CommunityError> {
        Ok(Community { sources, ..Community::new(name, &[])? })
    }

    /// What one may who knows it; without this, read.
    pub fn with_role(self, role: Role) -> Self {
        Community { role, ..self }
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

    /// Its lowest address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The length of its prefix.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => mask4(address, self.bits) == network,
            (IpAddr::V6(network), IpAddr::V6(address)) => mask6(address, self.bits) == network,
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
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

    const GRANTED: Verdict<'static> = Verdict::Granted { security: "", device: None, writes: true };

    /// Without the community's name for access control.
    fn judged<'n>(communities: &'n Communities, name: &'n str, source: &str) -> Verdict<'n> {
        match communities.judge(name.as_bytes(), ip(source)) {
            Verdict::Granted { device, writes, .. } => Verdict::Granted { security: "", device, writes },
            other => other,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sources_are_filtered() {
        let communities = Communities::new(
            vec![
                Community::new("public", &["10.0.0.0/8".into(), "2001:db8::/32".into()]).unwrap(),
                Community::new("public", &["192.0.2.7".into()]).unwrap(),
                Community::new("open", &[]).unwrap(),
            ],
            &[],
        );
        for (name, source, verdict) in [
            ("public", "10.200.3.4", GRANTED),
            ("public", "::ffff:10.1.1.1", GRANTED),
            ("public", "11.0.0.1", Verdict::Refused),
            ("public", "2001:db8:7::1", GRANTED),
            ("public", "2001:db9::1", Verdict::Refused),
            ("public", "192.0.2.7", GRANTED),
            ("open", "198.51.100.1", GRANTED),
            ("Public", "10.0.0.1", Verdict::Unknown),
            ("", "10.0.0.1", Verdict::Unknown),
        ] {
            assert_eq!(judged(&communities, name, source), verdict, "{name} from {source}");
        }
    }

    #[test]
    fn devices_are_named() {
        let list = ["public", "publicity", "open"].map(|name| Community::new(name, &[]).unwrap());
        let patterns = ["{community}@{device}", "<{device}:{community}>"].map(|text| text.parse().unwrap());
        let communities = Communities::new(list.into(), &patterns);
        for (name, device) in [
            ("public@plug-1", Some("plug-1")),
            ("publicity@a", Some("a")),
            ("public@a@b", Some("a@b")),
            ("public@+fleet", Some("+fleet")),
            ("<plug-1:open>", Some("plug-1")),
            ("public", None),
        ] {
            let verdict = Verdict::Granted { security: "", device: device.map(str::as_bytes), writes: true };
            assert_eq!(judged(&communities, name, "192.0.2.1"), verdict, "{name}");
        }
        for unknown in ["public@", "@x", "public-x", "<:open>", "open>", "Public@x"] {
            assert_eq!(communities.judge(unknown.as_bytes(), ip("192.0.2.1")), Verdict::Unknown, "{unknown}");
        }
        assert_eq!(patterns.each_ref().map(|pattern| pattern.fill("open", "x")), ["open@x", "<x:open>"]);
        assert!(patterns[0].is_of("open", "open@x") && !patterns[0].is_of("open", "open@"));
    }

    #[test]
    fn patterns_are_checked() {
        for bad in [
            "",
            "{device}",
            "{community}",
            "{community}{device}",
            "{community} {device}",
            "{device}@{community}{",
        ] {
            assert_eq!(bad.parse::<Pattern>(), Err(CommunityError::Pattern(bad.into())));
        }
        assert_eq!(Pattern::defaults()[1], "{community}-{device}".parse().unwrap());
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
