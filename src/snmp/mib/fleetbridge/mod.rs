//! FLEETBRIDGE-MIB: the fleet, as `mibs/FLEETBRIDGE-MIB.txt` says it.

mod access;
mod adapter;
mod device;
mod missing;
mod notifications;
mod point;
mod scalars;
mod self_;
mod setting;

use std::net::IpAddr;

pub use access::{ACCESS, AccessKind, Accessor, PREFIX as ACCESS_TABLE};
pub use adapter::{AdapterTable, LAST_ERROR, STATE_COLUMN};
pub use device::{DeviceTable, LAST_SEEN, PRESENCE_COLUMN};
pub use missing::MissingTable;
pub use notifications::{
    ADAPTER_DOWN, ADAPTER_UP, DEVICE_CHANGED, DEVICE_LOST, DEVICE_RETURNED, EVENT, EVENT_NUMBER,
    NOTIFICATIONS, Notification, SETTING_APPLIED, SETTING_FAILED, SUMMARY, TEST, notification_objects,
};
pub use point::PointTable;
pub use scalars::{FLEET, RUNNING};
pub use self_::SELF;
pub use setting::{ERROR as SETTING_ERROR, STATE_COLUMN as SETTING_STATE, SettingTable};

use crate::{
    fleet::Row,
    model::{Attribute, Profile},
    snmp::{
        mib::Context,
        oid::Prefix,
        syntax::{Labels, Value},
    },
};

/// The number that RFC 5612 reserves for documentation, until one is registered; FLEETBRIDGE-SMI has it too.
pub const ENTERPRISE: u32 = 32473;

/// sysObjectID of the bridge: fbProducts 1.
pub const BRIDGE: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 1, 1]);
/// fbShippedProfiles and fbOwnProfiles: with a profile's number the sysObjectID of its devices.
pub const SHIPPED_PROFILES: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 1, 2]);
pub const OWN_PROFILES: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 1, 3]);
/// fbMIB.
pub const MIB: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2]);

const PRESENCE: Labels = &[
    ("neverSeen", 1),
    ("online", 2),
    ("late", 3),
    ("lost", 4),
    ("sleeping", 5),
    ("unreachable", 6),
    ("retired", 7),
];

const HEALTH: Labels = &[("ok", 1), ("warning", 2), ("failing", 3), ("unknown", 4)];

/// InetAddressType of RFC 4001, as far as it is used here; the texts import the whole.
const ADDRESS_TYPE: Labels =
    &[("unknown", 0), ("ipv4", 1), ("ipv6", 2), ("ipv4z", 3), ("ipv6z", 4), ("dns", 16)];

/// The address at which a device answers, else the one that it reports of itself.
pub fn address(context: &Context<'_>, row: &Row<'_>) -> Option<IpAddr> {
    context.addresses.of(row.number()).or_else(|| row.attribute(Attribute::Address).parse().ok())
}

/// sysObjectID of a profile's devices.
pub fn product(profile: &Profile) -> Value<'static> {
    match profile.product {
        Some(product) => Value::OidAt(&SHIPPED_PROFILES, product),
        None => Value::OidAt(&OWN_PROFILES, profile.stored_id),
    }
}

/// InetAddressType.
pub fn address_type(address: Option<IpAddr>) -> i32 {
    match address {
        None => 0,
        Some(IpAddr::V4(_)) => 1,
        Some(IpAddr::V6(_)) => 2,
    }
}
