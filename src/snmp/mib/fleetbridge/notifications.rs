//! The notifications of FLEETBRIDGE-MIB and what they carry.

use super::{AdapterTable, DeviceTable, ENTERPRISE, SettingTable, adapter, device, setting};
use crate::snmp::{
    mib::{Column, Object, Table, entity::CONFIG_CHANGE},
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

pub const NOTIFICATIONS: [&Notification; 8] = [
    &DEVICE_LOST,
    &DEVICE_RETURNED,
    &ADAPTER_DOWN,
    &ADAPTER_UP,
    &SUMMARY,
    &SETTING_FAILED,
    &SETTING_APPLIED,
    &TEST,
];

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

pub const SUMMARY: Notification = Notification {
    name: "fbSummary",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 5]),
    objects: &[
        EVENT_NUMBER,
        (&EVENT, 2),
        (&EVENT, 3),
        (&EVENT, 4),
        (&EVENT, 5),
        (&EVENT, 6),
        (&EVENT, 7),
        (&EVENT, 8),
    ],
};

pub const SETTING_FAILED: Notification = Notification {
    name: "fbSettingFailed",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 6]),
    objects: OF_SETTING,
};

pub const SETTING_APPLIED: Notification = Notification {
    name: "fbSettingApplied",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 7]),
    objects: OF_SETTING,
};

pub const TEST: Notification = Notification {
    name: "fbTest",
    oid: Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 0, 100]),
    objects: &[EVENT_NUMBER],
};

/// Of ENTITY-MIB, and without objects there; a manager wants to know all the same whose it is.
pub const DEVICE_CHANGED: Notification = Notification {
    name: "entConfigChange",
    oid: CONFIG_CHANGE,
    objects: &[
        EVENT_NUMBER,
        (DeviceTable::ENTRY, device::NAME),
        (DeviceTable::ENTRY, device::ADDRESS_TYPE_COLUMN),
        (DeviceTable::ENTRY, device::ADDRESS),
    ],
};

/// fbNotificationObjects.
pub const EVENT: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 14]);

pub const EVENT_NUMBER: (&Prefix, u32) = (&EVENT, 1);

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

const OF_SETTING: &[(&Prefix, u32)] = &[
    EVENT_NUMBER,
    (DeviceTable::ENTRY, device::NAME),
    (SettingTable::ENTRY, setting::NAME),
    (SettingTable::ENTRY, setting::STATE_COLUMN),
    (SettingTable::ENTRY, setting::ERROR),
    (DeviceTable::ENTRY, device::SITE),
    (DeviceTable::ENTRY, device::ADDRESS_TYPE_COLUMN),
    (DeviceTable::ENTRY, device::ADDRESS),
];

/// Objects that only notifications carry.
pub fn notification_objects() -> Vec<Object> {
    let columns = [
        (EVENT_NUMBER.1, "fbEventNumber", Syntax::Unsigned32),
        (2, "fbSummaryFirstEvent", Syntax::Unsigned32),
        (3, "fbSummaryLastEvent", Syntax::Unsigned32),
        (4, "fbSummaryWithheld", Syntax::Gauge32),
        (5, "fbSummaryDevicesLost", Syntax::Gauge32),
        (6, "fbSummaryDevicesReturned", Syntax::Gauge32),
        (7, "fbSummaryKinds", Syntax::Octets),
        (8, "fbSummarySites", Syntax::Octets),
    ];
    let object = |(number, name, syntax)| Object {
        oid: [EVENT.arcs(), &[number]].concat(),
        column: Column::new(number, name, syntax, Access::Notify),
    };
    columns.into_iter().map(object).collect()
}
