//! Where each device answers as an agent of its own: an address of each pool's family, a UDP port.
//!
//! All of it follows from the device's number: the first pool of a family has an address for each of the first numbers,
//! the next pool goes on. So nothing is kept in memory or looked up, and an address stays a device's own as long as the
//! pools before it stay as they are; [`Addresses::pools`] is what the store holds against a changed boot file.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

use super::community::Network;
use crate::model::{DeviceNumber, MAX_DEVICE_NUMBER};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// In the order of the boot file.
    v4: Vec<Pool>,
    v6: Vec<Pool>,
    ports: Option<RangeInclusive<u16>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pool {
    network: Network,
    /// The number of the device with its first address.
    first: DeviceNumber,
    count: u32,
}

impl Addresses {
    pub fn new(pools: &[Network], ports: Option<RangeInclusive<u16>>) -> Self {
        let mut addresses = Addresses { ports, ..Addresses::default() };
        for &network in pools {
            let family = if network.address().is_ipv4() { &mut addresses.v4 } else { &mut addresses.v6 };
            let first = family.last().map_or(1, |last| last.first.saturating_add(last.count));
            family.push(Pool { network, first, count: capacity(network) });
        }
        addresses
    }

    /// The pools of each family, in order.
    pub fn pools(&self) -> impl Iterator<Item = Network> {
        self.v4.iter().chain(&self.v6).map(|pool| pool.network)
    }

    /// The first and the last address that devices can have, of each pool.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<IpAddr>> {
        let ends = |pool: &Pool| [pool.first, pool.first.saturating_add(pool.count - 1)];
        let v4 = self
            .v4
            .iter()
            .map(ends)
            .filter_map(|[first, last]| Some(IpAddr::V4(self.v4(first)?)..=IpAddr::V4(self.v4(last)?)));
        let v6 = self
            .v6
            .iter()
            .map(ends)
            .filter_map(|[first, last]| Some(IpAddr::V6(self.v6(first)?)..=IpAddr::V6(self.v6(last)?)));
        v4.chain(v6)
    }

    pub fn has_pools(&self) -> bool {
        !self.v4.is_empty() || !self.v6.is_empty()
    }

    pub fn has_v6(&self) -> bool {
        !self.v6.is_empty()
    }

    pub fn ports(&self) -> Option<RangeInclusive<u16>> {
        self.ports.clone()
    }

    pub fn v4(&self, device: DeviceNumber) -> Option<Ipv4Addr> {
        let (network, offset) = find(&self.v4, device)?;
        match network.address() {
            IpAddr::V4(base) => Some(Ipv4Addr::from_bits(base.to_bits() + offset)),
            IpAddr::V6(_) => None,
        }
    }

    pub fn v6(&self, device: DeviceNumber) -> Option<Ipv6Addr> {
        let (network, offset) = find(&self.v6, device)?;
        match network.address() {
            IpAddr::V6(base) => Some(Ipv6Addr::from_bits(base.to_bits() + u128::from(offset))),
            IpAddr::V4(_) => None,
        }
    }

    /// That of IPv4 before that of IPv6.
    pub fn of(&self, device: DeviceNumber) -> Option<IpAddr> {
        self.v4(device).map(IpAddr::V4).or_else(|| self.v6(device).map(IpAddr::V6))
    }

    pub fn port(&self, device: DeviceNumber) -> Option<u16> {
        let ports = self.ports.as_ref()?;
        let port = u32::from(*ports.start()).checked_add(device.checked_sub(1)?)?;
        u16::try_from(port).ok().filter(|port| ports.contains(port))
    }

    /// How many IPv4 addresses, IPv6 addresses and ports there are, of each of which there are any: devices with higher
    /// numbers have none.
    pub fn rooms(&self) -> impl Iterator<Item = (&'static str, u32)> + use<> {
        let of = |pools: &[Pool]| pools.last().map(|pool| (pool.first - 1).saturating_add(pool.count));
        let ports = self.ports.as_ref().map(|ports| ports.len() as u32);
        let rooms = [("ipv4", of(&self.v4)), ("ipv6", of(&self.v6)), ("port", ports)];
        rooms.into_iter().filter_map(|(kind, many)| Some((kind, many?)))
    }

    /// The first device up to `highest` that had an address in `former` and has another one, or none, in a family that
    /// has pools.
    pub fn moved(
        &self,
        former: &Addresses,
        highest: DeviceNumber,
    ) -> Option<(DeviceNumber, IpAddr, Option<IpAddr>)> {
        let differs = |mine: &[Pool],
                       theirs: &[Pool],
                       of: &dyn Fn(&Addresses, DeviceNumber) -> Option<IpAddr>| {
            if mine.is_empty() {
                return None;
            }
            // Within a pool addresses go up with the numbers, so its ends speak for all.
            let ends = mine
                .iter()
                .chain(theirs)
                .flat_map(|pool| [pool.first, pool.first.saturating_add(pool.count - 1)]);
            let mut ends: Vec<_> = ends.chain([highest]).filter(|end| (1..=highest).contains(end)).collect();
            ends.sort_unstable();
            ends.into_iter().find_map(|device| {
                let (was, now) = (of(former, device)?, of(self, device));
                (now != Some(was)).then_some((device, was, now))
            })
        };
        differs(&self.v4, &former.v4, &|addresses, device| addresses.v4(device).map(IpAddr::V4)).or_else(
            || differs(&self.v6, &former.v6, &|addresses, device| addresses.v6(device).map(IpAddr::V6)),
        )
    }

    /// The pools, and those of the other for a family that has none here.
    pub fn with_families_of(&self, other: &Addresses) -> Vec<Network> {
        let either = |mine: &[Pool], theirs: &[Pool]| -> Vec<Network> {
            let pools = if mine.is_empty() { theirs } else { mine };
            pools.iter().map(|pool| pool.network).collect()
        };
        [either(&self.v4, &other.v4), either(&self.v6, &other.v6)].concat()
    }

    /// The device whose address it is; `Err` if it lies in a pool and is nobody's.
    pub fn device(&self, address: IpAddr) -> Result<Option<DeviceNumber>, NobodysAddress> {
        let pools = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let Some(pool) = pools.iter().find(|pool| pool.network.contains(address)) else { return Ok(None) };
        let offset = match (pool.network.address(), address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => u128::from(address.to_bits() - base.to_bits()),
            (IpAddr::V6(base), IpAddr::V6(address)) => address.to_bits() - base.to_bits(),
            _ => return Ok(None),
        };
        let offset = u32::try_from(offset).map_err(|_| NobodysAddress)?;
        let at =
            offset.checked_sub(skipped(pool.network)).filter(|at| *at < pool.count).ok_or(NobodysAddress)?;
        Ok(Some(pool.first.saturating_add(at)))
    }

    pub fn device_at_port(&self, port: u16) -> Option<DeviceNumber> {
        let ports = self.ports.as_ref().filter(|ports| ports.contains(&port))?;
        Some(u32::from(port - ports.start()) + 1)
    }
}

/// An address of a pool that no device can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NobodysAddress;

fn find(pools: &[Pool], device: DeviceNumber) -> Option<(Network, u32)> {
    let pool = pools.iter().find(|pool| device.checked_sub(pool.first).is_some_and(|at| at < pool.count))?;
    Some((pool.network, device - pool.first + skipped(pool.network)))
}

/// Addresses at the beginning that are not given: the network's own (IPv4), the subnet routers' anycast (RFC 4291, 2.6.1).
fn skipped(network: Network) -> u32 {
    match network.address() {
        IpAddr::V4(_) if network.bits() >= 31 => 0,
        IpAddr::V6(_) if network.bits() >= 127 => 0,
        _ => 1,
    }
}

fn capacity(network: Network) -> u32 {
    let host_bits = if network.address().is_ipv4() { 32 } else { 128 } - network.bits();
    let all = 1u64.checked_shl(host_bits.into()).unwrap_or(u64::MAX);
    let broadcast = u64::from(network.address().is_ipv4() && network.bits() < 31);
    let given = all - u64::from(skipped(network)) - broadcast;
    given.min(MAX_DEVICE_NUMBER.into()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(pools: &[&str]) -> Addresses {
        let pools: Vec<Network> = pools.iter().map(|pool| pool.parse().unwrap()).collect();
        Addresses::new(&pools, Some(20_000..=20_002))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_is_an_address() {
        let addresses = addresses(&["127.1.0.0/30", "fd00:1::/64", "10.0.0.0/31", "127.2.0.0/16"]);
        let v4 = |number| addresses.v4(number).map(|address| address.to_string());
        assert_eq!(v4(0), None);
        assert_eq!(v4(1).as_deref(), Some("127.1.0.1"));
        assert_eq!(v4(2).as_deref(), Some("127.1.0.2"));
        assert_eq!(
            v4(3).as_deref(),
            Some("10.0.0.0"),
            "the next pool goes on, without the broadcast address"
        );
        assert_eq!(v4(4).as_deref(), Some("10.0.0.1"));
        assert_eq!(v4(5).as_deref(), Some("127.2.0.1"));
        assert_eq!(v4(4 + 65_534).as_deref(), Some("127.2.255.254"));
        assert_eq!(v4(4 + 65_535), None);
        let ranges = addresses.ranges().map(|range| format!("{} {}", range.start(), range.end()));
        let expected = [
            "127.1.0.1 127.1.0.2",
            "10.0.0.0 10.0.0.1",
            "127.2.0.1 127.2.255.254",
            "fd00:1::1 fd00:1::1f:ffff",
        ];
        assert!(ranges.eq(expected));
        let rooms = [("ipv4", 4 + 65_534), ("ipv6", MAX_DEVICE_NUMBER), ("port", 3)];
        assert!(addresses.rooms().eq(rooms));
        assert_eq!(addresses.v6(MAX_DEVICE_NUMBER).unwrap().to_string(), "fd00:1::1f:ffff");
        assert_eq!(addresses.of(70_000), Some(ip("fd00:1::1:1170")));
    }

    #[test]
    fn an_address_is_a_number() {
        let addresses = addresses(&["127.1.0.0/30", "127.2.0.0/24", "fd00:1::/64"]);
        for number in [1, 2, 3, 256] {
            let v4 = addresses.v4(number).unwrap();
            assert_eq!(addresses.device(v4.into()), Ok(Some(number)), "{v4}");
            assert_eq!(addresses.device(addresses.v6(number).unwrap().into()), Ok(Some(number)));
        }
        for nobody in
            ["127.1.0.0", "127.1.0.3", "127.2.0.255", "fd00:1::", "fd00:1::20:0", "fd00:1:0:0:8000::1"]
        {
            assert_eq!(addresses.device(ip(nobody)), Err(NobodysAddress), "{nobody}");
        }
        for other in ["127.0.0.1", "::1", "fd00:2::1"] {
            assert_eq!(addresses.device(ip(other)), Ok(None));
        }
    }

    #[test]
    fn who_would_move() {
        let former = addresses(&["127.1.0.0/24", "fd00:1::/64"]);
        let moved = |pools: &[&str], highest| {
            addresses(pools).moved(&former, highest).map(|(device, was, now)| (device, was.to_string(), now))
        };
        assert_eq!(moved(&["127.1.0.0/24", "fd00:1::/64", "127.2.0.0/16"], 300), None, "added behind");
        assert_eq!(moved(&["127.1.0.0/23", "fd00:1::/64"], 254), None, "larger, from the same beginning");
        assert_eq!(moved(&["127.1.0.0/25"], 126), None, "smaller, and enough");
        assert_eq!(moved(&["127.1.0.0/25"], 127), Some((127, "127.1.0.127".to_owned(), None)));
        let other = Some(ip("127.2.0.1"));
        assert_eq!(moved(&["127.2.0.0/16", "127.1.0.0/24"], 1), Some((1, "127.1.0.1".to_owned(), other)));
        assert_eq!(moved(&["127.2.0.0/16"], 0), None, "nobody has an address yet");
        assert_eq!(moved(&[], 300), None);
        let kept = addresses(&["127.1.0.0/16"]).with_families_of(&former);
        assert_eq!(kept, ["127.1.0.0/16", "fd00:1::/64"].map(|pool| pool.parse().unwrap()));
    }

    #[test]
    fn ports() {
        let addresses = addresses(&[]);
        assert_eq!(
            [0, 1, 3, 4].map(|number| addresses.port(number)),
            [None, Some(20_000), Some(20_002), None]
        );
        assert_eq!(addresses.device_at_port(20_002), Some(3));
        assert_eq!(addresses.device_at_port(20_003), None);
        assert_eq!((addresses.has_pools(), addresses.of(1)), (false, None));
    }
}
