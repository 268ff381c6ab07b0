//! ENTITY-STATE-MIB (RFC 4268): fbDevicePresence as every tool knows it.

use std::ops::ControlFlow;

use super::{Entity, point};
use crate::{
    model::{AdminState, Presence, Quality},
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

const ADMIN: Labels = &[("unknown", 1), ("locked", 2), ("shuttingDown", 3), ("unlocked", 4)];
const OPER: Labels = &[("unknown", 1), ("disabled", 2), ("enabled", 3), ("testing", 4)];
const USAGE: Labels = &[("unknown", 1), ("idle", 2), ("active", 3), ("busy", 4)];
const STANDBY: Labels = &[("unknown", 1), ("hotStandby", 2), ("coldStandby", 3), ("providingService", 4)];

const UNKNOWN: i32 = 1;
const DISABLED: i32 = 2;
const ENABLED: i32 = 3;

pub struct StateTable;

impl Table for StateTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 131, 1, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "entStateLastChanged", Syntax::Octets),
        Column::write(2, "entStateAdmin", Syntax::Enumeration(ADMIN)),
        Column::read(3, "entStateOper", Syntax::Enumeration(OPER)),
        Column::read(4, "entStateUsage", Syntax::Enumeration(USAGE)),
        Column::read(5, "entStateAlarm", Syntax::Octets),
        Column::read(6, "entStateStandby", Syntax::Enumeration(STANDBY)),
    ];
    const VIEWS: Views = Views::FLEET.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        context.entity(key, |entity| read(value(context, &entity, column)));
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        mut visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        context.entities(from, |index, entity| visit(index, value(context, &entity, column)));
    }
}

fn value(context: &Context<'_>, entity: &Entity<'_>, column: u32) -> Value<'static> {
    let Some(row) = entity.row() else { return Value::Integer(UNKNOWN) };
    match column {
        // A sensor has that of its device: when its quality changed is not kept.
        1 => Value::Date(row.presence_since().max(row.admin_since())),
        2 => Value::Integer(match row.admin_state() {
            AdminState::InService => 4,
            AdminState::Maintenance | AdminState::OutOfService => 2,
        }),
        3 => Value::Integer(match entity {
            Entity::Sensor(row, sensor) => {
                match point(*row, sensor).map(|point| point.quality(context.now)) {
                    _ if oper(row.presence()) != ENABLED => oper(row.presence()),
                    Some(Quality::Good) => ENABLED,
                    Some(Quality::Bad) => DISABLED,
                    _ => UNKNOWN,
                }
            }
            // A battery is as it is heard: by any of its points.
            Entity::Battery(row) if oper(row.presence()) == ENABLED => {
                let mut parts = context.catalogue.of(row.profile_id()).of_battery();
                let is_heard = parts.any(|part| {
                    row.nth_point(part.slot).is_some_and(|point| point.quality(context.now) == Quality::Good)
                });
                if is_heard { ENABLED } else { UNKNOWN }
            }
            _ => oper(row.presence()),
        }),
        // BITS unknown(0): there are no alarms yet.
        5 => Value::Octets(&[0x80]),
        // entStateUsage and entStateStandby.
        _ => Value::Integer(UNKNOWN),
    }
}

fn oper(presence: Presence) -> i32 {
    match presence {
        Presence::Online | Presence::Late | Presence::Sleeping => ENABLED,
        Presence::Lost | Presence::Unreachable | Presence::Retired => DISABLED,
        Presence::NeverSeen => UNKNOWN,
    }
}
