//! Addresses are given once and kept: a boot file that would give a device another one is refused, or one that is
//! somebody else's.

use std::net::IpAddr;

use tracing::warn;

use crate::{
    config::Config,
    control::{Level, Room},
    file::Diagnostic,
    model::DeviceNumber,
    snmp::{
        addresses::Addresses,
        community::Network,
        made::{self, ROWS},
        transport,
    },
    store::{Store, StoreError, kept_address_pools},
};

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Moved(#[from] Moved),
}

#[derive(Debug, thiserror::Error)]
#[error(
    "by [snmp.devices] pools device {device} would answer at {now}, and managers know it at {was}: keep the pools that there \
     were ({pools}) and add new ones behind them, or have all devices get new addresses: fleetbridge --config FILE \
     addresses forget"
)]
pub struct Moved {
    device: DeviceNumber,
    was: String,
    now: String,
    pools: String,
}

/// What [`settle`] would refuse, for who only checks.
pub fn check(config: &Config) -> Option<Diagnostic> {
    let (kept, highest) = kept_address_pools(&config.store)?;
    let moved = moved(&config.snmp.devices.addresses(), &kept, highest).err()?;
    Some(Diagnostic::whole_file(&config.file.display().to_string(), moved.to_string(), ""))
}

/// Pools that hold an address at which somebody else lives: a device would take it over, and the rules for nft would
/// lock the others out.
pub fn foreign(config: &Config) -> Vec<Diagnostic> {
    let pools = &config.snmp.devices.pools;
    if pools.is_empty() {
        return Vec::new();
    }
    let file = config.file.display().to_string();
    let taken = taken(config);
    let first = |pool: &Network| taken.iter().find(|(address, _)| pool.contains(*address)).cloned();
    let found = pools.iter().filter_map(|pool| first(pool).map(|(address, whose)| (pool, address, whose)));
    let diagnostic = |(pool, address, whose): (&Network, IpAddr, String)| {
        let what = format!("[snmp.devices] pools: {pool} holds {address}, which is that of {whose}");
        Diagnostic::whole_file(&file, what, "choose a network in which nobody but the devices is")
    };
    found.map(diagnostic).collect()
}

/// Addresses that no device may have.
fn taken(config: &Config) -> Vec<(IpAddr, String)> {
    let mut taken: Vec<(IpAddr, String)> = Vec::new();
    taken.extend(config.broker.iter().map(|broker| (broker.listen.ip(), "[broker] listen".to_owned())));
    taken.extend(config.control.http.map(|http| (http.ip(), "[control] http".to_owned())));
    let ssh = config.netconf.iter().flat_map(|netconf| &netconf.ssh);
    taken.extend(ssh.map(|ssh| (ssh.ip(), "[netconf] ssh".to_owned())));
    let brokers = config.mqtt.iter().filter_map(|mqtt| {
        let address = mqtt.address.host.parse().ok()?;
        Some((address, format!("the broker of [[mqtt]] {:?}", mqtt.name)))
    });
    taken.extend(brokers);
    let targets = config.snmp.traps.iter();
    taken.extend(targets.map(|trap| (trap.address.ip(), "a target of [snmp] traps".to_owned())));
    // That they cannot be read is told elsewhere.
    let made = made::Store::open(&config.store.join(ROWS));
    let made = made.map(|made| made.rows().addresses()).unwrap_or_default();
    let whose = "a trap target that was made by SET (snmpTargetAddrTable)";
    taken.extend(made.iter().map(|address| (address.ip(), whose.to_owned())));
    taken.retain(|(address, _)| !address.is_unspecified());
    for own in [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])] {
        taken.push((own, "this machine itself".to_owned()));
    }
    let interfaces = transport::own_addresses().unwrap_or_default().into_iter();
    taken.extend(interfaces.map(|(name, address)| (address, format!("this machine's interface {name}"))));
    taken
}

/// How many devices have an address or a port of their own at most.
pub fn rooms(config: &Config) -> Vec<Room> {
    let rooms = config.snmp.devices.addresses().rooms();
    rooms.map(|(kind, total)| Room { kind, total }).collect()
}

/// Says once in the log that there is little room, and once that there is none.
#[derive(Default)]
pub struct Shortages {
    told: Vec<Level>,
}

impl Shortages {
    pub fn tell(&mut self, rooms: &[Room], numbers_used: DeviceNumber) {
        self.told.resize(rooms.len(), Level::default());
        for (room, told) in rooms.iter().zip(&mut self.told) {
            let level = room.level(numbers_used);
            if level > *told
                && let Some(shortage) = room.shortage(numbers_used)
            {
                warn!("{shortage}");
            }
            *told = level;
        }
    }
}

/// Holds the pools of the boot file against those that the devices have had, and keeps them.
pub fn settle(config: &Config, store: &Store) -> Result<(), AddressError> {
    let addresses = config.snmp.devices.addresses();
    let highest = store.max_number();
    let kept = store.address_pools()?.unwrap_or_default();
    moved(&addresses, &kept, highest)?;
    let former = former(&kept);
    // A family that has no pools now is kept as it was, for the day when it has some again.
    let current = Addresses::new(&addresses.with_families_of(&former), None);
    let text = current.pools().map(|pool| pool.to_string()).collect::<Vec<_>>().join(" ");
    if text != kept {
        store.keep_address_pools(text)?;
    }
    Ok(())
}

fn former(kept: &str) -> Addresses {
    let pools: Vec<Network> = kept.split_whitespace().filter_map(|pool| pool.parse().ok()).collect();
    Addresses::new(&pools, None)
}

fn moved(addresses: &Addresses, kept: &str, highest: DeviceNumber) -> Result<(), Moved> {
    let Some((device, was, now)) = addresses.moved(&former(kept), highest) else { return Ok(()) };
    let now = now.map_or("no address".to_owned(), |now| now.to_string());
    Err(Moved { device, was: was.to_string(), now, pools: kept.to_owned() })
}
