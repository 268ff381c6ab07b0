//! What columns take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::table::Cell;
use crate::{
    secret::Secret,
    snmp::{
        oid::{Prefix, ZERO_DOT_ZERO},
        set::{Given, SetError},
        syntax::Labels,
        usm::{AuthProtocol, NO_AUTH, NO_PRIV, PrivProtocol},
    },
};

/// snmpUDPDomain (RFC 3417), transportDomainUdpIpv4 and transportDomainUdpIpv6 (RFC 3419).
pub const UDP: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 1, 1]);
const UDP_IPV4: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 100, 1, 1]);
pub const UDP_IPV6: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 100, 1, 2]);

/// SIZE of SnmpTagList and of what else can be long.
const LONG: usize = 255;
/// Octets of vacmContextName.
const CONTEXT: usize = 32;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// SnmpAdminString of so many octets.
    Text(usize, usize),
    /// At most so many octets.
    Octets(usize),
    Label(Labels),
    /// From 0 to this.
    Count(i32),
    /// A text that is not empty and that nobody is to see.
    Secret,
    /// SnmpTagValue and SnmpTagList (RFC 3413).
    Tag,
    Tags,
    /// `+fleet`, `+NUMBER`, the name of a device, or nothing for the bridge.
    Context,
    /// TDomain and TAddress.
    Domain,
    Address,
    Engine,
    Auth,
    Private,
    Clone,
    Key {
        private: bool,
        own: bool,
    },
}

impl Kind {
    /// What came with a SET.
    pub fn cell(self, given: &Given<'_>) -> Result<Cell, SetError> {
        match self {
            Kind::Text(_, most) => self.octets(given.octets(most)?),
            Kind::Octets(most) => self.octets(given.octets(most)?),
            Kind::Context => self.octets(given.octets(CONTEXT)?),
            Kind::Secret | Kind::Tag | Kind::Tags | Kind::Address => self.octets(given.octets(LONG)?),
            Kind::Label(_) | Kind::Count(_) => self.integer(given.integer()?),
            Kind::Domain | Kind::Auth | Kind::Private => self.oid(&given.oid()?),
            Kind::Engine | Kind::Clone | Kind::Key { .. } => Err(SetError::NotWritable),
        }
    }

    pub fn octets(self, octets: &[u8]) -> Result<Cell, SetError> {
        let within = |least: usize, most: usize| match (least..=most).contains(&octets.len()) {
            true => Ok(()),
            false => Err(SetError::WrongLength),
        };
        let text = || {
            let text = str::from_utf8(octets).ok().filter(|text| !text.chars().any(char::is_control));
            text.ok_or(SetError::WrongValue)
        };
        match self {
            Kind::Octets(most) => within(0, most)?,
            Kind::Text(least, most) => {
                within(least, most)?;
                text()?;
            }
            Kind::Secret => {
                within(1, LONG)?;
                return Ok(Cell::Secret(Secret::new(text()?.to_owned())));
            }
            Kind::Tag => {
                within(0, LONG)?;
                text().ok().filter(|text| !text.contains(is_delimiter)).ok_or(SetError::WrongValue)?;
            }
            Kind::Tags => {
                within(0, LONG)?;
                // RFC 3413: nothing but one delimiter between two.
                let legal = |tag: &str| !tag.is_empty() && !tag.chars().any(char::is_control);
                let list = str::from_utf8(octets).map_err(|_| SetError::WrongValue)?;
                if !list.is_empty() && !list.split(is_delimiter).all(legal) {
                    return Err(SetError::WrongValue);
                }
            }
            Kind::Context => {
                within(0, CONTEXT)?;
                let number =
                    |word: &str| !word.is_empty() && word.bytes().all(|digit| digit.is_ascii_digit());
                let known = |word: &str| word == "fleet" || number(word);
                text()?.strip_prefix('+').is_none_or(known).then_some(()).ok_or(SetError::WrongValue)?;
            }
            Kind::Address => {
                let address = address(octets).ok_or(SetError::WrongLength)?;
                let ip = address.ip().to_canonical();
                // Of the others none is anybody's.
                if address.port() == 0
                    || ip.is_unspecified()
                    || ip.is_multicast()
                    || ip == Ipv4Addr::BROADCAST
                {
                    return Err(SetError::WrongValue);
                }
            }
            _ => return Err(SetError::WrongType),
        }
        Ok(Cell::Octets(octets.to_vec()))
    }

    pub fn integer(self, value: i32) -> Result<Cell, SetError> {
        let takes = match self {
            Kind::Label(labels) => labels.iter().any(|(_, known)| *known == value),
            Kind::Count(most) => (0..=most).contains(&value),
            _ => return Err(SetError::WrongType),
        };
        takes.then_some(Cell::Integer(value)).ok_or(SetError::WrongValue)
    }

    pub fn oid(self, arcs: &[u32]) -> Result<Cell, SetError> {
        let auth = || AuthProtocol::ALL.map(AuthProtocol::oid).into_iter().chain([&NO_AUTH]);
        let private = || PrivProtocol::ALL.map(PrivProtocol::oid).into_iter().chain([&NO_PRIV]);
        let is = |oid: &&'static Prefix| oid.arcs() == arcs;
        let known = match self {
            Kind::Auth => auth().find(is),
            Kind::Private => private().find(is),
            Kind::Domain => [&UDP, &UDP_IPV4, &UDP_IPV6].into_iter().find(is),
            // Nothing leads back to whom a user was cloned from.
            Kind::Clone => Some(&ZERO_DOT_ZERO),
            _ => return Err(SetError::WrongType),
        };
        known.map(Cell::Oid).ok_or(SetError::WrongValue)
    }
}

/// TAddress: an IP address and a port.
pub(super) fn address(octets: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = octets.split_last_chunk::<2>()?;
    let ip: IpAddr = match ip.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?).into(),
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

/// Whether an address is of a domain.
pub(super) fn is_of(domain: &Prefix, address: SocketAddr) -> bool {
    (domain.arcs() == UDP_IPV6.arcs()) == address.is_ipv6()
}

/// Between two tags (RFC 3413, SnmpTagList).
pub(super) fn is_delimiter(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}
