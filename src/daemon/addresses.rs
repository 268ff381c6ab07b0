//! Addresses are given once and kept: a boot file that would give a device another one is refused.

use tracing::warn;

use crate::{
    config::Config,
    model::DeviceNumber,
    snmp::{addresses::Addresses, community::Network},
    store::{Store, StoreError},
};

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "by [snmp.devices] pools device {device} would answer at {now}, and managers know it at {was}: keep the pools that \
         there were ({pools}) and add new ones behind them, or have all devices get new addresses: fleetbridge --config \
         FILE addresses forget"
    )]
    Moved { device: DeviceNumber, was: String, now: String, pools: String },
}

/// Holds the pools of the boot file against those that the devices have had, and keeps them.
pub fn settle(config: &Config, store: &Store) -> Result<(), AddressError> {
    let addresses = config.snmp.devices.addresses();
    let highest = store.max_number()?;
    if highest > addresses.capacity() && addresses.has_pools() {
        warn!(
            devices = highest,
            addresses = addresses.capacity(),
            "[snmp.devices] pools are too small: devices with higher numbers have no address; add a pool behind the others"
        );
    }
    let kept = store.address_pools()?.unwrap_or_default();
    let former = Addresses::new(&networks(&kept), None);
    if let Some((device, was, now)) = addresses.moved(&former, highest) {
        let (was, now) = (was.to_string(), now.map_or("no address".to_owned(), |now| now.to_string()));
        return Err(AddressError::Moved { device, was, now, pools: kept });
    }
    // A family that has no pools now is kept as it was, for the day when it has some again.
    let current = Addresses::new(&addresses.with_families_of(&former), None);
    let text = current.pools().map(|pool| pool.to_string()).collect::<Vec<_>>().join(" ");
    if text != kept {
        store.keep_address_pools(text)?;
    }
    Ok(())
}

fn networks(kept: &str) -> Vec<Network> {
    kept.split_whitespace().filter_map(|pool| pool.parse().ok()).collect()
}
