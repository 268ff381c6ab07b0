//! ENTITY-SENSOR-MIB (RFC 3433): type, scale and precision are constants of the profile, since managers take them once.

use std::ops::ControlFlow;

use super::{Entity, Sensor, point};
use crate::{
    fleet::{PointValue, Row},
    model::Quality,
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

const TYPE: Labels = &[
    ("other", 1),
    ("unknown", 2),
    ("voltsAC", 3),
    ("voltsDC", 4),
    ("amperes", 5),
    ("watts", 6),
    ("hertz", 7),
    ("celsius", 8),
    ("percentRH", 9),
    ("rpm", 10),
    ("cmm", 11),
    ("truthvalue", 12),
];
const SCALE: Labels = &[
    ("yocto", 1),
    ("zepto", 2),
    ("atto", 3),
    ("femto", 4),
    ("pico", 5),
    ("nano", 6),
    ("micro", 7),
    ("milli", 8),
    ("units", 9),
    ("kilo", 10),
    ("mega", 11),
    ("giga", 12),
    ("tera", 13),
    ("exa", 14),
    ("peta", 15),
    ("zetta", 16),
    ("yotta", 17),
];
const STATUS: Labels = &[("ok", 1), ("unavailable", 2), ("nonoperational", 3)];

pub struct SensorTable;

impl Table for SensorTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 99, 1, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "entPhySensorType", Syntax::Enumeration(TYPE)),
        Column::read(2, "entPhySensorScale", Syntax::Enumeration(SCALE)),
        Column::read(3, "entPhySensorPrecision", Syntax::Integer32),
        Column::read(4, "entPhySensorValue", Syntax::Integer32),
        Column::read(5, "entPhySensorOperStatus", Syntax::Enumeration(STATUS)),
        Column::read(6, "entPhySensorUnitsDisplay", Syntax::Octets),
        Column::read(7, "entPhySensorValueTimeStamp", Syntax::TimeTicks),
        Column::read(8, "entPhySensorValueUpdateRate", Syntax::Unsigned32),
    ];
    const VIEWS: Views = Views::FLEET.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        context.entity(key, |entity| {
            if let Entity::Sensor(row, sensor) = entity {
                read(value(context, row, sensor, column));
            }
        });
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        mut visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        context.sensors(from, |index, row, sensor| visit(index, value(context, row, sensor, column)));
    }
}

fn value<'a>(context: &Context<'_>, row: Row<'a>, sensor: &Sensor, column: u32) -> Value<'a> {
    match column {
        1 => return Value::Integer(sensor.data_type),
        2 => return Value::Integer(sensor.scale),
        3 => return Value::Integer(sensor.precision),
        // Milliseconds between two messages of a healthy device; 0: nobody knows.
        8 => return Value::Gauge32(row.profile().presence.interval.min(u32::MAX.into()) as u32),
        _ => {}
    }
    let Some(point) = point(row, sensor) else { return Value::Integer(0) };
    match column {
        4 => Value::Integer(match point.value() {
            Some(PointValue::Integer(integer)) => sensor.value(integer),
            Some(PointValue::Text(_)) | None => sensor.value(0),
        }),
        5 => Value::Integer(match point.quality(context.now) {
            Quality::Good => 1,
            Quality::Stale | Quality::Missing => 2,
            Quality::Bad => 3,
        }),
        6 => Value::text(&point.def.unit),
        // sysUpTime at that instant, 0 if the unit has booted since.
        _ => {
            let up_since = if context.device().is_some() { row.up_since() } else { context.engine.started() };
            Value::TimeTicks((point.time().since(up_since) / 10) as u32)
        }
    }
}
