//! fbMissingTable: only the devices that are lost or unreachable, so that asking for them is a short walk.

use std::ops::ControlFlow;

use super::{ENTERPRISE, PRESENCE};
use crate::{
    fleet::{Row, Which},
    model::{Attribute, DeviceNumber},
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        syntax::{Syntax, Value},
        view::Views,
    },
};

pub struct MissingTable;

impl Table for MissingTable {
    type Key = DeviceNumber;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 6, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "fbMissingName", Syntax::Octets),
        Column::read(2, "fbMissingPresence", Syntax::Enumeration(PRESENCE)),
        Column::read(3, "fbMissingSince", Syntax::Octets),
        Column::read(4, "fbMissingSilentSeconds", Syntax::Gauge32),
        Column::read(5, "fbMissingSite", Syntax::Octets),
        Column::read(6, "fbMissingLastSeen", Syntax::Octets),
    ];
    const VIEWS: Views = Views::BRIDGE.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: DeviceNumber, column: u32, read: impl FnOnce(Value<'_>)) {
        context.row(key, |row| {
            if row.presence().is_missing() {
                read(value(context, &row, column));
            }
        });
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: DeviceNumber,
        mut visit: impl FnMut(DeviceNumber, Value<'_>) -> ControlFlow<()>,
    ) {
        context.rows(from, Which::Missing, |row| visit(row.number(), value(context, &row, column)));
    }
}

fn value<'a>(context: &Context<'_>, row: &Row<'a>, column: u32) -> Value<'a> {
    match column {
        1 => Value::text(row.name()),
        2 => Value::Integer(row.presence() as i32),
        3 => Value::Date(row.presence_since()),
        4 => Value::seconds(row.silent_seconds(context.now)),
        5 => Value::text(row.attribute(Attribute::Site)),
        _ => Value::Date(row.last_seen()),
    }
}
