//! `[snmp.devices]`: each device an agent of its own.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use super::listeners::{Listeners, Transport};
use crate::{
    file::{Entry, Section},
    model::Presence,
    snmp::{
        addresses::Addresses,
        community::{Network, Pattern},
        view::SILENT,
    },
};

/// Ports that may be listened on.
const MOST_PORTS: u16 = 4096;

#[derive(Clone, Debug)]
pub struct Devices {
    /// Networks of which each device has an address. Default: none.
    pub pools: Vec<Network>,
    /// Communities that name a device. Default: `{community}@{device}` and `{community}-{device}`.
    pub communities: Vec<Pattern>,
    /// A UDP port for each device. Default: none.
    pub ports: Option<RangeInclusive<u16>>,
    /// Devices of such a presence do not answer. Default: lost, unreachable, never-seen.
    pub silent: Vec<Presence>,
}

impl Default for Devices {
    fn default() -> Self {
        Devices { pools: Vec::new(), communities: Pattern::defaults(), ports: None, silent: SILENT.to_vec() }
    }
}

impl Devices {
    pub fn addresses(&self) -> Addresses {
        Addresses::new(&self.pools, self.ports.clone())
    }
}

/// `listen`: the bridge's own addresses.
pub(super) fn read(snmp: &mut Section<'_>, listen: &[SocketAddr], listeners: &mut Listeners) -> Devices {
    let Some(mut section) = snmp.key("devices").table() else { return Devices::default() };
    let pools = pools(&section.key("pools"), listen);
    let patterns = section.key("communities");
    let mut communities: Vec<Pattern> = patterns
        .items("a list of patterns, for example [\"{community}@{device}\"]")
        .iter()
        .filter_map(|item| {
            let expected = "a pattern with {community} and {device} and something between them, for example \
                            \"{community}@{device}\"";
            item.parsed(expected, |text| text.parse().ok())
        })
        .collect();
    if !patterns.exists() {
        communities = Pattern::defaults();
    }
    let ports = ports(&section.key("ports"), listen, listeners);
    let key = section.key("silent");
    let words =
        [Presence::Late, Presence::Lost, Presence::Sleeping, Presence::Unreachable, Presence::NeverSeen];
    let names = words.map(Presence::as_str);
    let mut silent: Vec<Presence> = key
        .items("a list of presences, for example [\"lost\", \"unreachable\"]")
        .iter()
        .filter_map(|item| item.one_of(&names))
        .filter_map(|name| words.into_iter().find(|presence| presence.as_str() == name))
        .collect();
    if !key.exists() {
        silent = SILENT.to_vec();
    }
    section.finish();
    Devices { pools, communities, ports, silent }
}

fn pools(key: &Entry<'_>, listen: &[SocketAddr]) -> Vec<Network> {
    let mut pools: Vec<Network> = Vec::new();
    for item in key.items("a list of networks, for example [\"127.1.0.0/16\"]") {
        let expected =
            "a network with no bit behind its prefix, for example \"127.1.0.0/16\" or \"fd00:1::/64\"";
        let Some(pool) = item.parsed(expected, |text| text.parse::<Network>().ok()) else { continue };
        if !is_usable(pool) {
            let message = format!("no device can have an address of {pool}");
            item.error(message, "name a network of hosts, for example \"127.1.0.0/16\" or \"fd00:1::/64\"");
        }
        if let Some(other) =
            pools.iter().find(|other| other.contains(pool.address()) || pool.contains(other.address()))
        {
            item.error(format!("the pools {pool} and {other} overlap"), "an address is that of one device");
        }
        if let Some(own) = listen.iter().find(|own| pool.contains(own.ip())) {
            let message = format!("the pool {pool} holds {}, where the bridge itself answers", own.ip());
            item.error(message, "choose a pool beside the addresses of `listen`");
        }
        pools.push(pool);
    }
    if !pools.is_empty() && listen.is_empty() {
        key.error("`pools` without `listen`".to_owned(), "the devices answer on the ports of `listen`");
    }
    pools
}

fn is_usable(pool: Network) -> bool {
    let special: [(IpAddr, u8); 5] = [
        ([0, 0, 0, 0].into(), 8),
        ([224, 0, 0, 0].into(), 3),
        ([0; 8].into(), 8),
        ([0xfe80, 0, 0, 0, 0, 0, 0, 0].into(), 10),
        ([0xff00, 0, 0, 0, 0, 0, 0, 0].into(), 8),
    ];
    special.into_iter().all(|(address, bits)| {
        !Network::new(address, bits).contains(pool.address()) && !pool.contains(address)
    })
}

fn ports(key: &Entry<'_>, listen: &[SocketAddr], listeners: &mut Listeners) -> Option<RangeInclusive<u16>> {
    let expected = format!("a range of at most {MOST_PORTS} ports, for example \"20000-20999\"");
    let ports = key.parsed(&expected, |text| {
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
        (first > 0 && first <= last && last - first < MOST_PORTS).then_some(first..=last)
    })?;
    if listen.is_empty() {
        key.error("`ports` without `listen`".to_owned(), "the ports are opened on the addresses of `listen`");
    }
    let mut own: Vec<IpAddr> = listen.iter().map(SocketAddr::ip).collect();
    own.sort();
    own.dedup();
    for (own, port) in own.into_iter().flat_map(|own| ports.clone().map(move |port| (own, port))) {
        if !listeners.claim(Transport::Udp, SocketAddr::new(own, port), key) {
            return None;
        }
    }
    Some(ports)
}
