//! fbDeviceTable: one row a live device.

use std::ops::ControlFlow;

use super::{ADDRESS_TYPE, ENTERPRISE, HEALTH, PRESENCE, address, address_type};
use crate::{
    fleet::{Row, Which},
    model::{AdminState, Attribute, DeviceNumber},
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        set::{Edits, Given, SetError},
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

pub struct DeviceTable;

/// Columns that notifications name too.
pub const NAME: u32 = 2;
pub const SITE: u32 = 11;
pub const PRESENCE_COLUMN: u32 = 15;
pub const LAST_SEEN: u32 = 18;
pub const ADDRESS_TYPE_COLUMN: u32 = 20;
pub const ADDRESS: u32 = 21;

const ADMIN_STATE: Labels = &[("unlocked", 1), ("locked", 2)];

impl Table for DeviceTable {
    type Key = DeviceNumber;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 2, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "fbDeviceNumber", Syntax::Unsigned32),
        Column::read(NAME, "fbDeviceName", Syntax::Octets),
        Column::write(3, "fbDeviceAlias", Syntax::Octets),
        Column::read(4, "fbDeviceProfile", Syntax::Octets),
        Column::read(5, "fbDeviceClass", Syntax::Octets),
        Column::read(6, "fbDeviceManufacturer", Syntax::Octets),
        Column::read(7, "fbDeviceModel", Syntax::Octets),
        Column::read(8, "fbDeviceSerial", Syntax::Octets),
        Column::read(9, "fbDeviceFirmware", Syntax::Octets),
        Column::write(10, "fbDeviceTargetFirmware", Syntax::Octets),
        Column::read(SITE, "fbDeviceSite", Syntax::Octets),
        Column::write(12, "fbDeviceLocation", Syntax::Octets),
        Column::read(13, "fbDeviceParent", Syntax::Unsigned32),
        Column::write(14, "fbDeviceAdminState", Syntax::Enumeration(ADMIN_STATE)),
        Column::read(PRESENCE_COLUMN, "fbDevicePresence", Syntax::Enumeration(PRESENCE)),
        Column::read(16, "fbDevicePresenceSince", Syntax::Octets),
        Column::read(17, "fbDeviceHealth", Syntax::Enumeration(HEALTH)),
        Column::read(LAST_SEEN, "fbDeviceLastSeen", Syntax::Octets),
        Column::read(19, "fbDeviceSilentSeconds", Syntax::Gauge32),
        Column::read(ADDRESS_TYPE_COLUMN, "fbDeviceAddressType", Syntax::Enumeration(ADDRESS_TYPE)),
        Column::read(ADDRESS, "fbDeviceAddress", Syntax::Octets),
        Column::write(22, "fbDeviceAssetTag", Syntax::Octets),
        Column::read(23, "fbDeviceActiveAlarms", Syntax::Gauge32),
    ];
    const VIEWS: Views = Views::BRIDGE.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: DeviceNumber, column: u32, read: impl FnOnce(Value<'_>)) {
        context.row(key, |row| read(value(context, &row, column)));
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: DeviceNumber,
        mut visit: impl FnMut(DeviceNumber, Value<'_>) -> ControlFlow<()>,
    ) {
        context.rows(from, Which::Live, |row| visit(row.number(), value(context, &row, column)));
    }

    fn set(
        &self,
        context: &Context<'_>,
        device: DeviceNumber,
        column: u32,
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        context.row(device, |_| ()).ok_or(SetError::NoCreation)?;
        let leaf: &[&str] = match column {
            3 => &["alias"],
            10 => &["software", "firmware", "version"],
            12 => &["location"],
            14 => {
                let locked = given.label(ADMIN_STATE)? == 2;
                let state = if locked { AdminState::Maintenance } else { AdminState::InService };
                return edits.leaf(device, &["admin-state"], Some(state.as_str()));
            }
            22 => &["asset", "tag"],
            _ => return Err(SetError::NotWritable),
        };
        edits.text(device, leaf, given.text(255)?)
    }
}

fn value<'a>(context: &Context<'_>, row: &Row<'a>, column: u32) -> Value<'a> {
    match column {
        NAME => Value::text(row.name()),
        3 => Value::text(row.attribute(Attribute::Alias)),
        4 => Value::text(&row.profile().name),
        5 => Value::text(&row.profile().class),
        6 => Value::text(row.attribute(Attribute::Manufacturer)),
        7 => Value::text(row.attribute(Attribute::Model)),
        8 => Value::text(row.attribute(Attribute::Serial)),
        9 => Value::text(row.attribute(Attribute::Firmware)),
        10 => Value::text(row.target_firmware()),
        SITE => Value::text(row.attribute(Attribute::Site)),
        12 => Value::text(row.attribute(Attribute::Location)),
        13 => Value::Gauge32(row.live_parent(|parent| parent.number()).unwrap_or(0)),
        14 => Value::Integer(match row.admin_state() {
            AdminState::InService => 1,
            AdminState::Maintenance | AdminState::OutOfService => 2,
        }),
        PRESENCE_COLUMN => Value::Integer(row.presence() as i32),
        16 => Value::Date(row.presence_since()),
        17 => Value::Integer(row.health() as i32),
        LAST_SEEN => Value::Date(row.last_seen()),
        19 => Value::seconds(row.silent_seconds(context.now)),
        ADDRESS_TYPE_COLUMN => Value::Integer(address_type(address(context, row))),
        ADDRESS => address(context, row).map_or(Value::Octets(&[]), Value::Address),
        22 => Value::text(row.attribute(Attribute::AssetTag)),
        // fbDeviceActiveAlarms: there are no alarms yet.
        _ => Value::Gauge32(0),
    }
}
