//! Every address that the bridge will listen on, so that no two are the same.

use std::{net::SocketAddr, str::FromStr};

use crate::file::Entry;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<(Transport, SocketAddr, u32)>);

impl Listeners {
    /// Reads ADDRESS:PORT; `None` if absent or wrong, which is noted, as is an address that is taken already.
    pub fn read(&mut self, entry: &Entry<'_>, transport: Transport, example: &str) -> Option<SocketAddr> {
        let expected = format!("an IP address and a port, for example \"{example}\"");
        let address = entry.parsed(&expected, |text| SocketAddr::from_str(text).ok())?;
        self.claim(transport, address, entry);
        Some(address)
    }

    /// False if it is taken.
    pub fn claim(&mut self, transport: Transport, address: SocketAddr, entry: &Entry<'_>) -> bool {
        let same = |other: &&(Transport, SocketAddr, u32)| other.0 == transport && overlap(other.1, address);
        if let Some((_, taken, line)) = self.0.iter().find(same) {
            let message = format!("{} {address} is taken already, by {taken} in line {line}", entry.label());
            entry.error(message, "give each listener a port of its own");
            return false;
        }
        self.0.push((transport, address, entry.line()));
        true
    }
}

/// Port 0 leaves the choice to the system.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip() == other.ip() || everywhere)
}
