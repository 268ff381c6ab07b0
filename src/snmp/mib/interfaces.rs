//! IF-MIB (RFC 2863) of a device: one interface, its uplink. Octets and packets are those that the device counts. If it does
//! not count what it sends, messages are packets, and topics and payloads are octets; what it receives has no instance then.

use std::ops::ControlFlow;

use super::{Column, Context, Group, Lone, Scalar, Table, walk};
use crate::{
    fleet::{PointValue, Row},
    model::{Attribute, Presence, Role, Time},
    snmp::{
        oid::Prefix,
        syntax::{Labels, Syntax, TRUTH, Value},
        view::Views,
    },
};

/// ifIndex, the column.
pub const IF_INDEX: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1]);
/// ifIndex of the uplink.
pub const UPLINK: u32 = 1;

const ADMIN_STATUS: Labels = &[("up", 1), ("down", 2), ("testing", 3)];
const OPER_STATUS: Labels = &[
    ("up", 1),
    ("down", 2),
    ("testing", 3),
    ("unknown", 4),
    ("dormant", 5),
    ("notPresent", 6),
    ("lowerLayerDown", 7),
];
/// RowStatus of RFC 2579.
const ROW_STATUS: Labels = &[
    ("active", ACTIVE),
    ("notInService", 2),
    ("notReady", 3),
    ("createAndGo", 4),
    ("createAndWait", 5),
    ("destroy", 6),
];
const ACTIVE: i32 = 1;
const ENABLED: Labels = &[("enabled", 1), ("disabled", 2)];

pub const INTERFACES: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 2]),
    views: Views::DEVICE,
    scalars: &[Scalar::read(1, "ifNumber", Syntax::Integer32, |_| Value::Integer(1))],
};

pub struct IfTable;

impl Table for IfTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 2, 2, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "ifIndex", Syntax::Integer32),
        Column::read(2, "ifDescr", Syntax::Octets),
        Column::read(3, "ifType", Syntax::Integer32),
        Column::read(4, "ifMtu", Syntax::Integer32),
        Column::read(5, "ifSpeed", Syntax::Gauge32),
        Column::read(6, "ifPhysAddress", Syntax::Octets),
        Column::write(7, "ifAdminStatus", Syntax::Enumeration(ADMIN_STATUS)),
        Column::read(8, "ifOperStatus", Syntax::Enumeration(OPER_STATUS)),
        Column::read(9, "ifLastChange", Syntax::TimeTicks),
        Column::read(10, "ifInOctets", Syntax::Counter32),
        Column::read(11, "ifInUcastPkts", Syntax::Counter32),
        Column::read(16, "ifOutOctets", Syntax::Counter32),
        Column::read(17, "ifOutUcastPkts", Syntax::Counter32),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        only(context, key, |row| value(context, &row, column).map(read));
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        walk(self, context, column, from.max(UPLINK)..=UPLINK, visit);
    }
}

fn only(context: &Context<'_>, key: u32, read: impl FnOnce(Row<'_>) -> Option<()>) {
    if key == UPLINK {
        context.own(read);
    }
}

fn value<'a>(context: &Context<'_>, row: &Row<'a>, column: u32) -> Option<Value<'a>> {
    Some(match column {
        1 => Value::Integer(UPLINK as i32),
        2 => Value::text("uplink"),
        3 => Value::Integer(row.profile().interface.into()),
        // ifMtu and ifSpeed: nobody knows.
        4 => Value::Integer(0),
        5 => Value::Gauge32(0),
        6 => physical_address(row.attribute(Attribute::Mac)).map_or(Value::Octets(&[]), Value::PhysAddress),
        // A device that is out of service goes on sending, so its interface is up: entStateAdmin says locked.
        7 => Value::Integer(1),
        8 => Value::Integer(match row.presence() {
            Presence::Online | Presence::Late => 1,
            Presence::Sleeping => 5,
            Presence::Lost | Presence::Unreachable | Presence::Retired => 2,
            Presence::NeverSeen => 4,
        }),
        9 => Value::TimeTicks((row.presence_since().since(row.up_since()) / 10) as u32),
        _ => Value::Counter32(count(context, row, column)? as u32),
    })
}

/// What the device counts, of an ifTable column; does it not count what it sends, what was heard of it.
fn count(context: &Context<'_>, row: &Row<'_>, column: u32) -> Option<u64> {
    let (role, heard) = match column {
        10 => (Role::OctetsReceived, None),
        11 => (Role::PacketsReceived, None),
        16 => (Role::OctetsSent, Some(row.sent().octets)),
        _ => (Role::PacketsSent, Some(row.sent().messages)),
    };
    let Some((point, part)) = context.in_role(*row, role) else { return heard };
    match point.value()? {
        PointValue::Integer(value) => Some(part.scale.count(value as u64)),
        PointValue::Text(_) => None,
    }
}

/// Six or eight octets written in hexadecimal, with or without colons, dashes or dots between them.
fn physical_address(text: &str) -> Option<([u8; 8], usize)> {
    let mut digits = text.bytes().filter(|c| !matches!(c, b':' | b'-' | b'.'));
    let (mut octets, mut len) = ([0; 8], 0);
    while let Some(high) = digits.next() {
        let digit = |c: u8| char::from(c).to_digit(16);
        let (high, low) = (digit(high)?, digit(digits.next()?)?);
        *octets.get_mut(len)? = (high << 4 | low) as u8;
        len += 1;
    }
    matches!(len, 6 | 8).then_some((octets, len))
}

pub struct IfXTable;

impl Table for IfXTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "ifName", Syntax::Octets),
        Column::read(6, "ifHCInOctets", Syntax::Counter64),
        Column::read(7, "ifHCInUcastPkts", Syntax::Counter64),
        Column::read(10, "ifHCOutOctets", Syntax::Counter64),
        Column::read(11, "ifHCOutUcastPkts", Syntax::Counter64),
        Column::write(14, "ifLinkUpDownTrapEnable", Syntax::Enumeration(ENABLED)),
        Column::read(15, "ifHighSpeed", Syntax::Gauge32),
        Column::write(16, "ifPromiscuousMode", Syntax::Enumeration(TRUTH)),
        Column::read(17, "ifConnectorPresent", Syntax::Enumeration(TRUTH)),
        Column::write(18, "ifAlias", Syntax::Octets),
        Column::read(19, "ifCounterDiscontinuityTime", Syntax::TimeTicks),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        only(context, key, |row| {
            read(match column {
                1 => Value::text("uplink"),
                6 => Value::Counter64(count(context, &row, 10)?),
                7 => Value::Counter64(count(context, &row, 11)?),
                10 => Value::Counter64(count(context, &row, 16)?),
                11 => Value::Counter64(count(context, &row, 17)?),
                // No linkDown is sent: fbDeviceLost is.
                14 => Value::Integer(2),
                15 => Value::Gauge32(0),
                16 | 17 => Value::truth(false),
                18 => Value::Octets(&[]),
                _ => Value::TimeTicks(discontinuity(context, &row)),
            });
            Some(())
        });
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        walk(self, context, column, from.max(UPLINK)..=UPLINK, visit);
    }
}

/// ifStackTable: nothing lies above the uplink, and nothing below.
pub struct StackTable;

/// (ifStackHigherLayer, ifStackLowerLayer), 0 where there is none.
const STACK: [(u32, u32); 2] = [(0, UPLINK), (UPLINK, 0)];

impl Table for StackTable {
    type Key = (u32, u32);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 31, 1, 2, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "ifStackHigherLayer", Syntax::Integer32),
        Column::index(2, "ifStackLowerLayer", Syntax::Integer32),
        Column::write(3, "ifStackStatus", Syntax::Enumeration(ROW_STATUS)),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, _: &Context<'_>, key: (u32, u32), _: u32, read: impl FnOnce(Value<'_>)) {
        if STACK.contains(&key) {
            read(Value::Integer(ACTIVE));
        }
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: (u32, u32),
        visit: impl FnMut((u32, u32), Value<'_>) -> ControlFlow<()>,
    ) {
        walk(self, context, column, STACK.into_iter().filter(|key| *key >= from), visit);
    }
}

/// The uplink is there as long as the device is.
pub const TABLE_LAST_CHANGE: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 2, 1, 31, 1, 5]),
    views: Views::DEVICE,
    scalar: Scalar::read(5, "ifTableLastChange", Syntax::TimeTicks, |_| Value::TimeTicks(0)),
};

pub const STACK_LAST_CHANGE: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 2, 1, 31, 1, 6]),
    views: Views::DEVICE,
    scalar: Scalar::read(6, "ifStackLastChange", Syntax::TimeTicks, |_| Value::TimeTicks(0)),
};

/// sysUpTime when a counter of the interface last began anew; 0: not since the unit booted.
fn discontinuity(context: &Context<'_>, row: &Row<'_>) -> u32 {
    let roles = [Role::OctetsReceived, Role::PacketsReceived, Role::OctetsSent, Role::PacketsSent];
    let begun = roles.map(|role| match (context.in_role(*row, role), role) {
        (Some((point, _)), _) => point.discontinuity(),
        // What was heard is counted from the start of the process.
        (None, Role::OctetsSent | Role::PacketsSent) => context.engine.started(),
        (None, _) => Time::NEVER,
    });
    let last = begun.into_iter().max().unwrap_or(Time::NEVER);
    (last.since(row.up_since()) / 10) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn physical_addresses() {
        let mac = |text| physical_address(text).map(|(octets, len)| octets[..len].to_vec());
        assert_eq!(mac("A4:CF:12:00:01:ff"), Some(vec![0xa4, 0xcf, 0x12, 0, 1, 0xff]));
        assert_eq!(mac("a4cf.1200.01ff"), mac("A4-CF-12-00-01-FF"));
        assert_eq!(mac("0011223344556677").map(|mac| mac.len()), Some(8));
        for bad in
            ["", "a4", "a4:cf:12:00:01:f", "a4:cf:12:00:01:fg", "001122334455667788", "a4:cf:12:00:01:ff:00"]
        {
            assert_eq!(mac(bad), None, "{bad}");
        }
    }
}
