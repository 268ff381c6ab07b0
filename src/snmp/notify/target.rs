//! Who is told, how, and what of.

use std::net::SocketAddr;

use super::{Kinds, Wire};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    pub wire: Wire,
    /// Each notification is to be acknowledged.
    pub inform: bool,
    /// Milliseconds until the first retry; each further one waits twice as long.
    pub timeout: u64,
    /// How often an inform, or what could not be sent, is tried again.
    pub retries: u32,
    /// Notifications a second.
    pub rate: u32,
    pub kinds: Kinds,
    /// Only devices of these sites; empty: of all. What is not of a device is told all the same.
    pub sites: Vec<String>,
}

impl Target {
    /// Milliseconds that can be waited for the first acknowledgement, the least and the most.
    pub const TIMEOUTS: (u64, u64) = (100, 60_000);
    pub const MOST_RETRIES: u32 = 10;
    /// Unless it is said otherwise.
    pub const RATE: u32 = 50;

    /// What was told is kept under this name.
    pub fn key(&self) -> String {
        format!("{} {}", self.address, self.wire.version())
    }

    /// Of such a name.
    pub fn address_of(key: &str) -> Option<SocketAddr> {
        key.split(' ').next()?.parse().ok()
    }

    /// Whether devices of a site are told of.
    pub fn has_site(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|wanted| wanted == site)
    }
}
