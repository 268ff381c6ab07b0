//! ENTITY-MIB version 4 (RFC 6933): the device, its battery, a sensor for each point that is a number.

use std::ops::ControlFlow;

use super::{BATTERY, DEVICE, Entity};
use crate::{
    fleet::Row,
    model::{Attribute, Time},
    snmp::{
        mib::{Column, Context, Group, MAX_TEXT, Scalar, Table, fleetbridge, interfaces, once, snmpv2, walk},
        oid::{self, Prefix},
        set::{Edits, Given, SetError},
        syntax::{Labels, Syntax, TRUTH, Value},
        view::{View, Views},
    },
};

const CLASS: Labels = &[
    ("other", 1),
    ("unknown", 2),
    ("chassis", 3),
    ("backplane", 4),
    ("container", 5),
    ("powerSupply", 6),
    ("fan", 7),
    ("sensor", 8),
    ("module", 9),
    ("port", 10),
    ("stack", 11),
    ("cpu", 12),
    ("energyObject", 13),
    ("battery", 14),
    ("storageDrive", 15),
];

const CHASSIS: i32 = 3;
const SENSOR: i32 = 8;
const OF_BATTERY: i32 = 14;

/// The length of entPhysicalSerialNum, entPhysicalAlias and entPhysicalAssetID.
const SHORT_TEXT: usize = 32;

/// entPhysicalMfgDate, if it is not known: eight zero octets.
const NO_DATE: Value<'_> = Value::Octets(&[0; 8]);

pub struct PhysicalTable;

impl Table for PhysicalTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "entPhysicalIndex", Syntax::Integer32),
        Column::read(2, "entPhysicalDescr", Syntax::Octets),
        Column::read(3, "entPhysicalVendorType", Syntax::Oid),
        Column::read(4, "entPhysicalContainedIn", Syntax::Integer32),
        Column::read(5, "entPhysicalClass", Syntax::Enumeration(CLASS)),
        Column::read(6, "entPhysicalParentRelPos", Syntax::Integer32),
        Column::read(7, "entPhysicalName", Syntax::Octets),
        Column::read(8, "entPhysicalHardwareRev", Syntax::Octets),
        Column::read(9, "entPhysicalFirmwareRev", Syntax::Octets),
        Column::read(10, "entPhysicalSoftwareRev", Syntax::Octets),
        Column::write(11, "entPhysicalSerialNum", Syntax::Octets),
        Column::read(12, "entPhysicalMfgName", Syntax::Octets),
        Column::read(13, "entPhysicalModelName", Syntax::Octets),
        Column::write(14, "entPhysicalAlias", Syntax::Octets),
        Column::write(15, "entPhysicalAssetID", Syntax::Octets),
        Column::read(16, "entPhysicalIsFRU", Syntax::Enumeration(TRUTH)),
        Column::read(17, "entPhysicalMfgDate", Syntax::Octets),
        Column::write(18, "entPhysicalUris", Syntax::Octets),
        Column::read(19, "entPhysicalUUID", Syntax::Octets),
    ];
    const VIEWS: Views = Views::ALL;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        context.entity(key, |entity| value(context, &entity, column, once(read)));
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        mut visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        context.entities(from, |index, entity| {
            let mut flow = ControlFlow::Continue(());
            value(context, &entity, column, |value| flow = visit(index, value));
            flow
        });
    }

    /// The device itself has an alias, an asset tag and URIs; serial numbers are told by devices.
    fn set(
        &self,
        context: &Context<'_>,
        index: u32,
        column: u32,
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        let leaf: &[&str] = match column {
            14 => &["alias"],
            15 => &["asset", "tag"],
            18 => &["asset", "uris"],
            _ => return Err(SetError::NotWritable),
        };
        let device = context.entity(index, |entity| match entity {
            Entity::Device(row) => Some(row.number()),
            _ => None,
        });
        let device = device.ok_or(SetError::NoCreation)?.ok_or(SetError::NotWritable)?;
        match column {
            18 => edits.text(device, leaf, &given.words(MAX_TEXT)?),
            _ => edits.text(device, leaf, given.text(SHORT_TEXT)?),
        }
    }
}

/// Every entity has every column.
fn value(context: &Context<'_>, entity: &Entity<'_>, column: u32, mut read: impl FnMut(Value<'_>)) {
    match entity {
        Entity::Bridge => read(of_bridge(context, column)),
        Entity::Device(row) => read(match column {
            2 => return context.compose_admin(|text| snmpv2::describe(row, text), read),
            3 => fleetbridge::product(row.profile()),
            4 => contained_in(context, row.live_parent(|parent| parent.number()).unwrap_or(0)),
            5 => Value::Integer(CHASSIS),
            6 => Value::Integer(-1),
            7 => Value::text(row.name()),
            8 => Value::text(row.attribute(Attribute::HardwareRevision)),
            9 => Value::text(row.attribute(Attribute::Firmware)),
            10 => Value::text(row.attribute(Attribute::Software)),
            11 => Value::text_within(row.attribute(Attribute::Serial), SHORT_TEXT),
            12 => Value::text(row.attribute(Attribute::Manufacturer)),
            13 => Value::text(row.attribute(Attribute::Model)),
            14 => Value::text_within(row.attribute(Attribute::Alias), SHORT_TEXT),
            15 => Value::text_within(row.attribute(Attribute::AssetTag), SHORT_TEXT),
            16 => Value::truth(true),
            17 => NO_DATE,
            18 => Value::text(row.uris()),
            _ => Value::Octets(&[]),
        }),
        Entity::Battery(row) => read(match column {
            2 | 7 => Value::text("battery"),
            4 => contained_in(context, row.number()),
            5 => Value::Integer(OF_BATTERY),
            6 => Value::Integer(BATTERY.into()),
            _ => of_part(column),
        }),
        Entity::Sensor(row, sensor) => read(match column {
            2 | 7 => Value::text(super::point(*row, sensor).map_or("", |point| &point.def.name)),
            4 => contained_in(context, row.number()),
            5 => Value::Integer(SENSOR),
            6 => Value::Integer(sensor.component.into()),
            _ => of_part(column),
        }),
    }
}

fn of_bridge(context: &Context<'_>, column: u32) -> Value<'static> {
    match column {
        2 | 12 | 13 => Value::text("fleetbridge"),
        3 => Value::Oid(&fleetbridge::BRIDGE),
        4 => Value::Integer(0),
        5 => Value::Integer(CHASSIS),
        6 => Value::Integer(-1),
        7 => Value::text("bridge"),
        10 => Value::text(context.system.version),
        16 => Value::truth(false),
        17 => NO_DATE,
        _ => Value::Octets(&[]),
    }
}

/// What parts do not have.
fn of_part(column: u32) -> Value<'static> {
    match column {
        3 => Value::Oid(&oid::ZERO_DOT_ZERO),
        16 => Value::truth(false),
        17 => NO_DATE,
        _ => Value::Octets(&[]),
    }
}

/// entPhysicalIndex of a device; in its own view a device is contained in nothing.
fn contained_in(context: &Context<'_>, device: u32) -> Value<'static> {
    let in_view = context.device().is_none_or(|own| own == device) && device != 0;
    Value::Integer(if in_view { context.entity_index(device, DEVICE) as i32 } else { 0 })
}

/// entPhysicalContainsTable in a device's own view: the device contains the rest.
pub struct ContainsTable;

impl Table for ContainsTable {
    type Key = (u32, u32);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 47, 1, 3, 3, 1]);
    const COLUMNS: &'static [Column] = &[Column::read(1, "entPhysicalChildIndex", Syntax::Integer32)];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, (parent, child): (u32, u32), _: u32, read: impl FnOnce(Value<'_>)) {
        if parent == u32::from(DEVICE) && child != parent && context.entity(child, |_| ()).is_some() {
            read(Value::Integer(child as i32));
        }
    }

    fn rows(
        &self,
        context: &Context<'_>,
        _: u32,
        from: (u32, u32),
        mut visit: impl FnMut((u32, u32), Value<'_>) -> ControlFlow<()>,
    ) {
        let device = u32::from(DEVICE);
        if from.0 > device {
            return;
        }
        let first = if from.0 == device { from.1.max(device + 1) } else { device + 1 };
        context.entities(first, |child, _| visit((device, child), Value::Integer(child as i32)));
    }
}

/// entAliasMappingTable: the device has the one interface.
pub struct AliasMappingTable;

impl Table for AliasMappingTable {
    type Key = (u32, u32);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 47, 1, 3, 2, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "entAliasLogicalIndexOrZero", Syntax::Integer32),
        Column::read(2, "entAliasMappingIdentifier", Syntax::Oid),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, _: &Context<'_>, key: (u32, u32), _: u32, read: impl FnOnce(Value<'_>)) {
        if key == (DEVICE.into(), 0) {
            read(Value::OidAt(&interfaces::IF_INDEX, interfaces::UPLINK));
        }
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: (u32, u32),
        visit: impl FnMut((u32, u32), Value<'_>) -> ControlFlow<()>,
    ) {
        let only = (DEVICE.into(), 0);
        walk(self, context, column, (from <= only).then_some(only), visit);
    }
}

/// sysUpTime of a device when something of it last changed that inventories keep, in whole seconds; 0: not since its unit
/// booted.
pub fn last_change(row: &Row<'_>) -> Value<'static> {
    Value::TimeTicks((Time::from_secs(row.changed().into()).since(row.up_since()) / 10) as u32)
}

/// The bridge itself does not change. In the fleet nothing has changed since the instant that is told.
pub const GENERAL: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 47, 1, 4]),
    views: Views::ALL,
    scalars: &[Scalar::read(1, "entLastChangeTime", Syntax::TimeTicks, |context| match context.view {
        View::Bridge => Value::TimeTicks(0),
        View::Device(_) => context.own(|row| last_change(&row)).unwrap_or(Value::TimeTicks(0)),
        View::Fleet => {
            let last = Time::from_secs(context.fleet.last_revision().into());
            Value::TimeTicks((last.since(context.engine.started()) / 10) as u32)
        }
    })],
};
