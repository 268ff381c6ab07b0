//! The notifications of FLEETBRIDGE-MIB and what they carry.

use super::{AdapterTable, DeviceTable, ENTERPRISE, adapter, device};
use crate::snmp::{
    mib::{Column, Object, Table},
    oid::Prefix,
    syntax::{Access, Syntax},
};

pub struct Notification {
    pub name: &'static str,
    /// The value of snmpTrapOID.0.
    pub oid: Prefix,
    /// Parent and number of each object, in order.
    pub objects: &'static [(&'static Prefix, u32)],
}

pub const NOTIFICATIONS: [&Notification; 4] = [&DEVICE_LOST, &DEVICE_RETURNED, &ADAPTER_DOWN, &ADAPTER_UP];

pub const DEVICE_LOST: Notification = Notification {
    name: "fbDeviceLost",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 1]),
    objects: OF_DEVICE,
};

pub const DEVICE_RETURNED: Notification = Notification {
    name: "fbDeviceReturned",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 2]),
    objects: OF_DEVICE,
};

pub const ADAPTER_DOWN: Notification = Notification {
    name: "fbAdapterDown",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 3]),
    objects: OF_ADAPTER,
};

pub const ADAPTER_UP: Notification = Notification {
    name: "fbAdapterUp",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 4]),
    objects: OF_ADAPTER,
};

/// fbNotificationObjects.
pub const EVENT: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 14]);

const EVENT_NUMBER: (&Prefix, u32) = (&EVENT, 1);

const OF_DEVICE: &[(&Prefix, u32)] = &[
    EVENT_NUMBER,
    (DeviceTable::ENTRY, device::NAME),
    (DeviceTable::ENTRY, device::PRESENCE_COLUMN),
    (DeviceTable::ENTRY, device::LAST_SEEN),
    (DeviceTable::ENTRY, device::SITE),
    (DeviceTable::ENTRY, device::ADDRESS_TYPE_COLUMN),
    (DeviceTable::ENTRY, device::ADDRESS),
];

const OF_ADAPTER: &[(&Prefix, u32)] = &[
    EVENT_NUMBER,
    (AdapterTable::ENTRY, adapter::NAME),
    (AdapterTable::ENTRY, adapter::STATE_COLUMN),
    (AdapterTable::ENTRY, adapter::URL),
    (AdapterTable::ENTRY, adapter::LAST_ERROR),
];

/// Objects that only notifications carry.
pub fn notification_objects() -> Vec<Object> {
    let column = Column::new(EVENT_NUMBER.1, "fbEventNumber", Syntax::Unsigned32, Access::Notify);
    vec![Object { oid: [EVENT.arcs(), &[EVENT_NUMBER.1]].concat(), column }]
}
