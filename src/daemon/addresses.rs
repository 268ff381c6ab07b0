//! Addresses are given once and kept: a boot file that would give a device another one is refused.

use tracing::warn;

use crate::{
    config::Config,
    file::Diagnostic,
    model::DeviceNumber,
    snmp::{addresses::Addresses, community::Network},
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

/// Holds the pools of the boot file against those that the devices have had, and keeps them.
pub fn settle(config: &Config, store: &Store) -> Result<(), AddressError> {
    let addresses = config.snmp.devices.addresses();
    let highest = store.max_number();
    if highest > addresses.capacity() && addresses.has_pools() {
        warn!(
            devices = highest,
            addresses = addresses.capacity(),
            "[snmp.devices] pools are too small: devices with higher numbers have no address; add a pool behind the others"
        );
    }
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
