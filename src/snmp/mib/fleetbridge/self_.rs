//! fbSelf: what a device says of itself in its own view, at identifiers that are the same for every device.

use super::ENTERPRISE;
use crate::{
    model::Attribute,
    snmp::{
        mib::{Column, Group, Scalar},
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

const COMPLIANCE: Labels = &[("compliant", 1), ("pending", 2), ("drifted", 3), ("failed", 4)];

pub const SELF: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 10]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(Column::read(1, "fbSelfNumber", Syntax::Unsigned32), |_, row, read| {
            read(Value::Gauge32(row.number()));
        }),
        Scalar::of_device(Column::read(2, "fbSelfName", Syntax::Octets), |_, row, read| {
            read(Value::text(row.name()));
        }),
        Scalar::of_device(
            Column::read(3, "fbSelfPresence", Syntax::Enumeration(super::PRESENCE)),
            |_, row, read| {
                read(Value::Integer(row.presence() as i32));
            },
        ),
        Scalar::of_device(
            Column::read(4, "fbSelfHealth", Syntax::Enumeration(super::HEALTH)),
            |_, row, read| {
                read(Value::Integer(row.health() as i32));
            },
        ),
        Scalar::of_device(Column::read(5, "fbSelfSilentSeconds", Syntax::Gauge32), |context, row, read| {
            read(Value::seconds(row.silent_seconds(context.now)));
        }),
        Scalar::of_device(Column::read(6, "fbSelfFirmware", Syntax::Octets), |_, row, read| {
            read(Value::text(row.attribute(Attribute::Firmware)));
        }),
        Scalar::of_device(Column::read(7, "fbSelfTargetFirmware", Syntax::Octets), |_, row, read| {
            read(Value::text(row.target_firmware()));
        }),
        Scalar::of_device(
            Column::read(8, "fbSelfCompliance", Syntax::Enumeration(COMPLIANCE)),
            |_, row, read| {
                read(Value::Integer(compliance(row)));
            },
        ),
        // There are no alarms yet.
        Scalar::of_device(Column::read(9, "fbSelfActiveAlarms", Syntax::Gauge32), |_, _, read| {
            read(Value::Gauge32(0));
        }),
    ],
};

/// Where the worst of its settings and its firmware stand; who has none that is wanted is compliant.
fn compliance(row: &crate::fleet::Row<'_>) -> i32 {
    use crate::model::Standing::*;
    let of_setting =
        row.settings().filter(|setting| setting.is_desired()).map(|setting| match setting.standing() {
            InSync | Effective => 1,
            Pending | Sent | Acked | Stored => 2,
            Drifted => 3,
            Failed | Unsupported => 4,
        });
    let target = row.target_firmware();
    // Nobody brings it there yet but its operators, who have said that they will.
    let of_firmware = if target.is_empty() || target == row.attribute(Attribute::Firmware) { 1 } else { 2 };
    of_setting.max().unwrap_or(1).max(of_firmware)
}
