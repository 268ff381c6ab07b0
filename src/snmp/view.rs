//! Whose agent is asked: that of the bridge, that of all devices, or that of one.
//!
//! Address and port decide first; what a community names beside them may repeat the same device.

use std::net::{IpAddr, SocketAddr};

use super::{
    addresses::{Addresses, NobodysAddress},
    community::Network,
};
use crate::{
    fleet::Fleet,
    model::{DeviceNumber, Presence},
};

/// What an agent shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The bridge itself and FLEETBRIDGE-MIB.
    Bridge,
    /// The standard tables of all devices: context `+fleet`.
    Fleet,
    /// One device, as if it had an agent of its own.
    Device(DeviceNumber),
}

/// Views that an object is in, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views(u8);

impl Views {
    pub const BRIDGE: Views = Views(1);
    pub const FLEET: Views = Views(2);
    pub const DEVICE: Views = Views(4);
    pub const ALL: Views = Views(7);

    pub const fn and(self, other: Views) -> Views {
        Views(self.0 | other.0)
    }

    pub const fn has(self, view: View) -> bool {
        let one = match view {
            View::Bridge => Views::BRIDGE,
            View::Fleet => Views::FLEET,
            View::Device(_) => Views::DEVICE,
        };
        self.0 & one.0 != 0
    }
}

/// The two ends of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    pub peer: SocketAddr,
    /// What was asked; a reply leaves from it.
    pub local: SocketAddr,
}

/// Who answers where.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Where the bridge itself answers. An unspecified address: all that are no device's; port 0: any.
    pub listen: Vec<SocketAddr>,
    pub addresses: Addresses,
    /// Devices of such a presence do not answer.
    pub silent: Vec<Presence>,
    /// From where anything is answered; empty: from everywhere.
    pub sources: Vec<Network>,
}

/// Lost, unreachable, never seen: so that a manager's own "host is down" is right.
pub const SILENT: [Presence; 3] = [Presence::Lost, Presence::Unreachable, Presence::NeverSeen];

/// Why nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoView {
    /// No such device, or not the one whose address was asked.
    Unknown,
    /// The device is not heard.
    Silent,
}

impl Default for Hosts {
    fn default() -> Self {
        Hosts {
            listen: Vec::new(),
            addresses: Addresses::default(),
            silent: SILENT.to_vec(),
            sources: Vec::new(),
        }
    }
}

impl Hosts {
    /// Whether somebody there gets an answer at all.
    pub fn lets_in(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.sources.is_empty() || self.sources.iter().any(|network| network.contains(source))
    }

    /// Whose the address and the port are: nobody's (`Err`), the bridge's (`None`) or a device's.
    pub fn at(&self, local: SocketAddr) -> Result<Option<DeviceNumber>, NobodysAddress> {
        let ip = local.ip().to_canonical();
        let at_port = self.addresses.device_at_port(local.port());
        if let Some(device) = self.addresses.device(ip)? {
            return if at_port.is_some_and(|other| other != device) {
                Err(NobodysAddress)
            } else {
                Ok(Some(device))
            };
        }
        // Without pools each socket is bound to an address of its own.
        let listened = |own: &SocketAddr| {
            let is_there = own.ip() == ip || own.ip().is_unspecified() && (own.is_ipv6() || ip.is_ipv4());
            is_there && (at_port.is_some() || [0, local.port()].contains(&own.port()))
        };
        if self.addresses.has_pools() && !self.listen.iter().any(listened) {
            return Err(NobodysAddress);
        }
        Ok(at_port)
    }

    /// The context by which SNMPv3 names what is shown: empty for the bridge, else `+fleet`, the name of the device, or
    /// its number if the name is longer than a context's may be (vacmContextName, 32 octets).
    pub fn context_name(&self, fleet: &Fleet, view: View) -> String {
        match view {
            View::Bridge => String::new(),
            View::Fleet => "+fleet".to_owned(),
            View::Device(device) => {
                let name = fleet.row(device, |row| row.name().to_owned()).unwrap_or_default();
                if name.is_empty() || name.len() > 32 { format!("+{device}") } else { name }
            }
        }
    }

    /// What is shown to who asks at `at` for `name`, which came with the community.
    pub fn view(&self, fleet: &Fleet, at: Option<DeviceNumber>, name: Option<&[u8]>) -> Result<View, NoView> {
        let named = match name.map(|name| named(fleet, name)) {
            Some(None) => return Err(NoView::Unknown),
            Some(Some(view)) => Some(view),
            None => None,
        };
        let view = match (at.map(View::Device), named) {
            (Some(at), Some(named)) if at != named => return Err(NoView::Unknown),
            (Some(view), _) | (None, Some(view)) => view,
            (None, None) => View::Bridge,
        };
        if let View::Device(device) = view {
            let presence = fleet.row(device, |row| row.presence()).ok_or(NoView::Unknown)?;
            if self.silent.contains(&presence) {
                return Err(NoView::Silent);
            }
        }
        Ok(view)
    }
}

/// Octets of vacmContextName at most (RFC 3415): a device with a longer name is found by its number alone.
pub const LONGEST_CONTEXT: usize = 32;

/// `+fleet`, `+NUMBER` or the name of a device.
fn named(fleet: &Fleet, name: &[u8]) -> Option<View> {
    let name = str::from_utf8(name).ok()?;
    match name.strip_prefix('+') {
        Some("fleet") => Some(View::Fleet),
        // `parse` would take a sign.
        Some(number) if number.bytes().all(|digit| digit.is_ascii_digit()) => {
            number.parse().ok().map(View::Device)
        }
        Some(_) => None,
        None if name.len() > LONGEST_CONTEXT => None,
        None => fleet.find(name).map(View::Device),
    }
}
