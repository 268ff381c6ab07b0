//! EPCGLOBAL-READER-MIB (EPCglobal Reader Management 1.0.1, section 10.4) of RFID readers: the reader itself and its
//! antennas as read points, as far as a reader tells them.

use std::ops::ControlFlow;

use super::{Column, Context, Group, MAX_TEXT, Scalar, Table, once, snmpv2};
use crate::{
    fleet::{PointValue, Row},
    model::{Attribute, Presence, Quality, Role, Time},
    snmp::{
        oid::{self, Prefix},
        syntax::{Labels, Syntax, TRUTH, Value},
        view::Views,
    },
};

/// The class of the profiles whose devices are readers.
const CLASS: &str = "rfid-reader";

const OPER_STATUS: Labels = &[("unknown", 1), ("other", 2), ("up", 3), ("down", 4)];
const ADMIN_STATUS: Labels = &[("up", 1), ("down", 2)];

const UNKNOWN: i32 = 1;
const UP: i32 = 3;
const DOWN: i32 = 4;

pub const DEVICE: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 4, 1, 22695, 1, 1, 1, 1, 1]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(Column::read(1, "epcgRdrDevDescription", Syntax::Octets), |context, row, read| {
            if is_reader(row) {
                context.compose(MAX_TEXT, |text| snmpv2::describe(row, text), read);
            }
        }),
        Scalar::of_device(Column::write(2, "epcgRdrDevRole", Syntax::Octets), |_, row, read| {
            of_reader(row, read, Value::text(row.attribute(Attribute::Alias)));
        }),
        Scalar::of_device(Column::read(3, "epcgRdrDevEpc", Syntax::Octets), |_, row, read| {
            of_reader(row, read, Value::Octets(&[]));
        }),
        Scalar::of_device(Column::read(4, "epcgRdrDevSerialNumber", Syntax::Octets), |_, row, read| {
            of_reader(row, read, Value::text(row.attribute(Attribute::Serial)));
        }),
        Scalar::of_device(Column::write(5, "epcgRdrDevTimeUtc", Syntax::Octets), |context, row, read| {
            of_reader(row, read, Value::Date(context.now));
        }),
        Scalar::of_device(Column::write(6, "epcgRdrDevCurrentSource", Syntax::Oid), |_, row, read| {
            of_reader(row, read, Value::Oid(&oid::ZERO_DOT_ZERO));
        }),
        Scalar::of_device(
            Column::write(7, "epcgRdrDevReboot", Syntax::Enumeration(TRUTH)),
            |_, row, read| of_reader(row, read, Value::truth(false)),
        ),
        Scalar::of_device(
            Column::write(8, "epcgRdrDevResetStatistics", Syntax::Enumeration(TRUTH)),
            |_, row, read| of_reader(row, read, Value::truth(false)),
        ),
        Scalar::of_device(Column::read(9, "epcgRdrDevResetTimestamp", Syntax::Octets), |_, row, read| {
            of_reader(row, read, Value::Date(Time::NEVER));
        }),
    ],
};

pub const OPERATION: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 4, 1, 22695, 1, 1, 1, 1, 3]),
    views: Views::DEVICE,
    scalars: &[Scalar::of_device(
        Column::read(1, "epcgRdrDevOperStatus", Syntax::Enumeration(OPER_STATUS)),
        |_, row, read| of_reader(row, read, Value::Integer(status(row.presence()))),
    )],
};

pub(super) fn is_reader(row: &Row<'_>) -> bool {
    row.profile().class == CLASS
}

fn of_reader(row: &Row<'_>, read: &mut dyn FnMut(Value<'_>), value: Value<'_>) {
    if is_reader(row) {
        read(value);
    }
}

fn status(presence: Presence) -> i32 {
    match presence {
        Presence::Online | Presence::Late | Presence::Sleeping => UP,
        Presence::Lost | Presence::Unreachable | Presence::Retired => DOWN,
        Presence::NeverSeen => UNKNOWN,
    }
}

/// Antennas, by the numbers of their points, which never change.
pub struct ReadPointTable;

impl Table for ReadPointTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, 22695, 1, 1, 1, 2, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "epcgReadPointIndex", Syntax::Unsigned32),
        Column::read(2, "epcgReadPointName", Syntax::Octets),
        Column::write(3, "epcgReadPointDescription", Syntax::Octets),
        Column::write(4, "epcgReadPointAdminStatus", Syntax::Enumeration(ADMIN_STATUS)),
        Column::read(5, "epcgReadPointOperStatus", Syntax::Enumeration(OPER_STATUS)),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        let mut read = once(read);
        self.antennas(context, key, |index, row, slot| {
            if index == key
                && let Some(value) = value(context, &row, slot, column)
            {
                read(value);
            }
            ControlFlow::Break(())
        });
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        mut visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        self.antennas(context, from, |index, row, slot| match value(context, &row, slot, column) {
            Some(value) => visit(index, value),
            None => ControlFlow::Continue(()),
        });
    }
}

impl ReadPointTable {
    /// Visits the antennas from an index on, in order, with the places of their points.
    fn antennas(
        &self,
        context: &Context<'_>,
        from: u32,
        mut visit: impl FnMut(u32, Row<'_>, u16) -> ControlFlow<()>,
    ) {
        context.own(|row| {
            if !is_reader(&row) {
                return;
            }
            let parts = context.catalogue.of(row.profile_id()).all_in_role(Role::Antenna);
            let numbered =
                parts.filter_map(|part| Some((row.nth_point(part.slot)?.def.number.into(), part.slot)));
            let mut antennas: Vec<(u32, u16)> = numbered.filter(|(index, _)| *index >= from).collect();
            antennas.sort_unstable();
            for (index, slot) in antennas {
                if visit(index, row, slot).is_break() {
                    return;
                }
            }
        });
    }
}

fn value<'a>(context: &Context<'_>, row: &Row<'a>, slot: u16, column: u32) -> Option<Value<'a>> {
    let point = row.nth_point(slot)?;
    Some(match column {
        2 => Value::text(&point.def.name),
        3 => Value::Octets(&[]),
        4 => Value::Integer(1),
        _ => Value::Integer(match point.value() {
            _ if status(row.presence()) != UP => status(row.presence()),
            _ if point.quality(context.now) != Quality::Good => UNKNOWN,
            Some(PointValue::Integer(0)) => DOWN,
            Some(PointValue::Integer(_)) => UP,
            Some(PointValue::Text(_)) | None => UNKNOWN,
        }),
    })
}
