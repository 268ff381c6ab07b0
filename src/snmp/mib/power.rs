//! UPS-MIB (RFC 1628) and BATTERY-MIB (RFC 7577) of devices with points in the role of a battery. What a device does not
//! tell, or told too long ago, has no instance in the one, and the RFC's "unknown" in the other.
//!
//! Of the UPS-MIB there are upsIdent and what upsBattery says of the battery itself. No device here tells whether it runs
//! from its battery, for how long it still will, or anything of lines in and out: upsSecondsOnBattery,
//! upsEstimatedMinutesRemaining, upsInput, upsOutput, upsAlarm, upsTest, upsControl and upsConfig are left out, so no
//! compliance is claimed.

use std::ops::ControlFlow;

use super::{Column, Context, Group, Scalar, Table};
use crate::{
    fleet::Row,
    model::{Attribute, Role, Time},
    snmp::{
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

const BATTERY_STATUS: Labels =
    &[("unknown", 1), ("batteryNormal", 2), ("batteryLow", 3), ("batteryDepleted", 4)];

/// Percent of charge below which a battery is low, and depleted.
const LOW: i64 = 20;
const DEPLETED: i64 = 5;

/// The lengths of upsIdentManufacturer, upsIdentModel and upsIdentName.
const SHORT: usize = 31;
const LONG: usize = 63;

pub const UPS_IDENT: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 33, 1, 1]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(Column::read(1, "upsIdentManufacturer", Syntax::Octets), |context, row, read| {
            ident(context, row, row.attribute(Attribute::Manufacturer), SHORT, read);
        }),
        Scalar::of_device(Column::read(2, "upsIdentModel", Syntax::Octets), |context, row, read| {
            ident(context, row, row.attribute(Attribute::Model), LONG, read);
        }),
        Scalar::of_device(
            Column::read(3, "upsIdentUPSSoftwareVersion", Syntax::Octets),
            |context, row, read| {
                ident(context, row, row.attribute(Attribute::Firmware), LONG, read);
            },
        ),
        Scalar::of_device(
            Column::read(4, "upsIdentAgentSoftwareVersion", Syntax::Octets),
            |context, row, read| ident(context, row, context.system.version, LONG, read),
        ),
        Scalar::of_device(Column::write(5, "upsIdentName", Syntax::Octets), |context, row, read| {
            ident(context, row, row.name(), LONG, read);
        }),
        Scalar::of_device(
            Column::write(6, "upsIdentAttachedDevices", Syntax::Octets),
            |context, row, read| {
                ident(context, row, "", LONG, read);
            },
        ),
    ],
};

fn ident(context: &Context<'_>, row: &Row<'_>, text: &str, most: usize, read: impl FnMut(Value<'_>)) {
    if !context.catalogue.of(row.profile_id()).has_battery {
        return;
    }
    context.display(text, most, read);
}

pub const UPS_BATTERY: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 33, 1, 2]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(
            Column::read(1, "upsBatteryStatus", Syntax::Enumeration(BATTERY_STATUS)),
            |context, row, read| {
                if context.catalogue.of(row.profile_id()).has_battery {
                    read(Value::Integer(match context.reading(*row, Role::BatteryCharge, 0) {
                        None => 1,
                        Some(charge) if charge < DEPLETED => 4,
                        Some(charge) if charge < LOW => 3,
                        Some(_) => 2,
                    }));
                }
            },
        ),
        Scalar::of_device(
            Column::read(4, "upsEstimatedChargeRemaining", Syntax::Integer32),
            |context, row, read| {
                if let Some(charge) = context.reading(*row, Role::BatteryCharge, 0) {
                    read(Value::Integer(charge.clamp(0, 100) as i32));
                }
            },
        ),
        // Tenths of a volt, tenths of an ampere, degrees Celsius.
        Scalar::of_device(Column::read(5, "upsBatteryVoltage", Syntax::Integer32), |context, row, read| {
            if let Some(voltage) = context.reading(*row, Role::BatteryVoltage, 1) {
                read(Value::Integer(voltage.clamp(0, i32::MAX.into()) as i32));
            }
        }),
        Scalar::of_device(Column::read(6, "upsBatteryCurrent", Syntax::Integer32), |context, row, read| {
            if let Some(current) = context.reading(*row, Role::BatteryCurrent, 1) {
                read(Value::Integer(limited(current)));
            }
        }),
        Scalar::of_device(
            Column::read(7, "upsBatteryTemperature", Syntax::Integer32),
            |context, row, read| {
                if let Some(temperature) = context.reading(*row, Role::BatteryTemperature, 0) {
                    read(Value::Integer(limited(temperature)));
                }
            },
        ),
    ],
};

fn limited(value: i64) -> i32 {
    value.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

const TYPE: Labels = &[("unknown", 1), ("other", 2), ("primary", 3), ("rechargeable", 4), ("capacitor", 5)];
const OPER_STATE: Labels =
    &[("unknown", 1), ("charging", 2), ("maintainingCharge", 3), ("noCharging", 4), ("discharging", 5)];
const ADMIN_STATE: Labels = &[("notSet", 1), ("charge", 2), ("doNotCharge", 3), ("discharge", 4)];

/// RFC 7577: an Unsigned32 and an Integer32 that cannot be told.
const UNKNOWN: Value<'_> = Value::Gauge32(u32::MAX);
const UNKNOWN_INTEGER: i32 = i32::MAX;

/// The batteries of the devices in view: charge is in milliampere hours there, which no device here tells.
pub struct BatteryTable;

impl Table for BatteryTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 233, 1, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "batteryIdentifier", Syntax::Octets),
        Column::read(2, "batteryFirmwareVersion", Syntax::Octets),
        Column::read(3, "batteryType", Syntax::Enumeration(TYPE)),
        Column::read(4, "batteryTechnology", Syntax::Unsigned32),
        Column::read(5, "batteryDesignVoltage", Syntax::Unsigned32),
        Column::read(6, "batteryNumberOfCells", Syntax::Unsigned32),
        Column::read(7, "batteryDesignCapacity", Syntax::Unsigned32),
        Column::read(8, "batteryMaxChargingCurrent", Syntax::Unsigned32),
        Column::read(9, "batteryTrickleChargingCurrent", Syntax::Unsigned32),
        Column::read(10, "batteryActualCapacity", Syntax::Unsigned32),
        Column::read(11, "batteryChargingCycleCount", Syntax::Unsigned32),
        Column::read(12, "batteryLastChargingCycleTime", Syntax::Octets),
        Column::read(13, "batteryChargingOperState", Syntax::Enumeration(OPER_STATE)),
        Column::write(14, "batteryChargingAdminState", Syntax::Enumeration(ADMIN_STATE)),
        Column::read(15, "batteryActualCharge", Syntax::Unsigned32),
        Column::read(16, "batteryActualVoltage", Syntax::Unsigned32),
        Column::read(17, "batteryActualCurrent", Syntax::Integer32),
        Column::read(18, "batteryTemperature", Syntax::Integer32),
    ];
    const VIEWS: Views = Views::FLEET.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        context.battery(key, |row| read(value(context, &row, column)));
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        mut visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        context.batteries(from, |index, row| visit(index, value(context, &row, column)));
    }
}

fn value(context: &Context<'_>, row: &Row<'_>, column: u32) -> Value<'static> {
    let unsigned = |role, places| match context.reading(*row, role, places) {
        Some(value) => Value::Gauge32(value.clamp(0, i64::from(u32::MAX) - 1) as u32),
        None => UNKNOWN,
    };
    let integer = |role, places| {
        let known = |value: i64| limited(value).min(UNKNOWN_INTEGER - 1);
        Value::Integer(context.reading(*row, role, places).map_or(UNKNOWN_INTEGER, known))
    };
    match column {
        1 => Value::text("battery"),
        2 => Value::Octets(&[]),
        3 | 13 | 14 => Value::Integer(1),
        // Unknown, by IANA's list of battery technologies (RFC 7577 section 7).
        4 => Value::Gauge32(1),
        6 => Value::Gauge32(0),
        12 => Value::Date(Time::NEVER),
        16 => unsigned(Role::BatteryVoltage, 3),
        17 => integer(Role::BatteryCurrent, 3),
        18 => integer(Role::BatteryTemperature, 1),
        _ => UNKNOWN,
    }
}
