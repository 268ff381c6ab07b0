//! HOST-RESOURCES-MIB (RFC 2790) of a device: its time, its memory and load as far as it tells them, what it runs. What it
//! told too long ago has no instance.

use std::ops::ControlFlow;

use super::{Column, Context, Group, Scalar, Table, entity, fleetbridge, once, snmpv2, walk};
use crate::{
    fleet::Row,
    model::{Attribute, Presence, Quantity, Role, Time},
    snmp::{
        oid::{self, Prefix},
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

const STORAGE_TYPES: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 2, 1]);
const DEVICE_TYPES: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 3, 1]);
/// The longest hrDeviceDescr and hrSWInstalledName.
const NAME: usize = 64;

const RAM: u32 = 2;
const OTHER: u32 = 1;
const PROCESSOR: u32 = 3;

const DEVICE_STATUS: Labels = &[("unknown", 1), ("running", 2), ("warning", 3), ("testing", 4), ("down", 5)];
const UNKNOWN: i32 = 1;
const RUNNING: i32 = 2;
const SOFTWARE_TYPE: Labels =
    &[("unknown", 1), ("operatingSystem", 2), ("deviceDriver", 3), ("application", 4)];

pub const SYSTEM: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 1]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(Column::read(1, "hrSystemUptime", Syntax::TimeTicks), |context, row, read| {
            read(Value::TimeTicks(context.ticks(row.up_since())));
        }),
        Scalar::of_device(Column::write(2, "hrSystemDate", Syntax::Octets), |context, _, read| {
            read(Value::Date(context.now));
        }),
    ],
};

pub const MEMORY: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 2]),
    views: Views::DEVICE,
    scalars: &[Scalar::of_device(
        Column::read(2, "hrMemorySize", Syntax::Integer32),
        |context, row, read| {
            if let Some(size) = size(context, *row) {
                read(Value::Integer(kibibytes(size)));
            }
        },
    )],
};

/// The size does not age: many a device tells it once.
fn size(context: &Context<'_>, row: Row<'_>) -> Option<u64> {
    let (point, part) = context.in_role(row, Role::MemorySize)?;
    u64::try_from(entity::converted(&point, &part, 0)?).ok()
}

fn kibibytes(octets: u64) -> i32 {
    i32::try_from(octets >> 10).unwrap_or(i32::MAX)
}

/// A whole number from 0 to 100.
fn percent(context: &Context<'_>, row: Row<'_>, role: Role) -> Option<i32> {
    Some(context.reading(row, role, 0)?.clamp(0, 100) as i32)
}

/// Allocation units and size of the memory: KiB if the device tells its size, else hundredths.
fn memory(context: &Context<'_>, row: Row<'_>) -> Option<[i32; 2]> {
    if let Some(size) = size(context, row) {
        return Some([1024, kibibytes(size)]);
    }
    let tells_share = |role| {
        context
            .in_role(row, role)
            .is_some_and(|(point, part)| part.quantity == Quantity::Share && point.value().is_some())
    };
    [Role::MemoryUsed, Role::MemoryFree].into_iter().any(tells_share).then_some([1, 100])
}

/// How many of those units are in use.
fn memory_used(context: &Context<'_>, row: Row<'_>) -> Option<i32> {
    let size = size(context, row);
    let in_use = |role, rest: bool| {
        let (_, part) = context.in_role(row, role)?;
        match (part.quantity, size) {
            (Quantity::Share, _) => {
                let share = percent(context, row, role)?;
                let share = if rest { 100 - share } else { share };
                Some(size.map_or(share, |size| kibibytes((u128::from(size) * share as u128 / 100) as u64)))
            }
            (_, Some(size)) => {
                let octets = context.reading(row, role, 0)?.max(0).unsigned_abs();
                Some(kibibytes(if rest { size.saturating_sub(octets) } else { octets }))
            }
            (_, None) => None,
        }
    };
    in_use(Role::MemoryUsed, false).or_else(|| in_use(Role::MemoryFree, true))
}

pub struct StorageTable;

impl Table for StorageTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 2, 3, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "hrStorageIndex", Syntax::Integer32),
        Column::read(2, "hrStorageType", Syntax::Oid),
        Column::read(3, "hrStorageDescr", Syntax::Octets),
        Column::read(4, "hrStorageAllocationUnits", Syntax::Integer32),
        Column::write(5, "hrStorageSize", Syntax::Integer32),
        Column::read(6, "hrStorageUsed", Syntax::Integer32),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        of_row(context, key, 1, |row| {
            let [units, size] = memory(context, row)?;
            read(match column {
                1 => Value::Integer(1),
                2 => Value::OidAt(&STORAGE_TYPES, RAM),
                3 => Value::text("memory"),
                4 => Value::Integer(units),
                5 => Value::Integer(size),
                _ => Value::Integer(memory_used(context, row)?),
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
        walk(self, context, column, from.max(1)..=1, visit);
    }
}

/// The device itself, and its processor if it tells its load.
pub struct DeviceTable;

impl Table for DeviceTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 3, 2, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "hrDeviceIndex", Syntax::Integer32),
        Column::read(2, "hrDeviceType", Syntax::Oid),
        Column::read(3, "hrDeviceDescr", Syntax::Octets),
        Column::read(4, "hrDeviceID", Syntax::Oid),
        Column::read(5, "hrDeviceStatus", Syntax::Enumeration(DEVICE_STATUS)),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        of_row(context, key, 2, |row| {
            if key == 2 {
                context.in_role(row, Role::ProcessorLoad)?;
            }
            let mut read = once(read);
            match (column, key) {
                (1, _) => read(Value::Integer(key as i32)),
                (2, 1) => read(Value::OidAt(&DEVICE_TYPES, OTHER)),
                (2, _) => read(Value::OidAt(&DEVICE_TYPES, PROCESSOR)),
                (3, 1) => context.compose(NAME, |text| snmpv2::describe(&row, text), read),
                (3, _) => read(Value::text("processor")),
                (4, 1) => read(fleetbridge::product(row.profile())),
                (4, _) => read(Value::Oid(&oid::ZERO_DOT_ZERO)),
                (_, 2)
                    if status(row.presence()) == RUNNING
                        && percent(context, row, Role::ProcessorLoad).is_none() =>
                {
                    read(Value::Integer(UNKNOWN));
                }
                _ => read(Value::Integer(status(row.presence()))),
            }
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
        walk(self, context, column, from.max(1)..=2, visit);
    }
}

fn status(presence: Presence) -> i32 {
    match presence {
        Presence::Online | Presence::Sleeping => RUNNING,
        Presence::Late => 3,
        Presence::Lost | Presence::Unreachable | Presence::Retired => 5,
        Presence::NeverSeen => UNKNOWN,
    }
}

pub struct ProcessorTable;

impl Table for ProcessorTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 3, 3, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "hrProcessorFrwID", Syntax::Oid),
        Column::read(2, "hrProcessorLoad", Syntax::Integer32),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        of_row(context, key, 2, |row| {
            if key != 2 {
                return None;
            }
            context.in_role(row, Role::ProcessorLoad)?;
            read(match column {
                1 => Value::Oid(&oid::ZERO_DOT_ZERO),
                _ => Value::Integer(percent(context, row, Role::ProcessorLoad)?),
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
        walk(self, context, column, from.max(2)..=2, visit);
    }
}

pub const SOFTWARE: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 6]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(Column::read(1, "hrSWInstalledLastChange", Syntax::TimeTicks), |_, row, read| {
            read(entity::last_change(row))
        }),
        Scalar::of_device(
            Column::read(2, "hrSWInstalledLastUpdateTime", Syntax::TimeTicks),
            |_, row, read| read(entity::last_change(row)),
        ),
    ],
};

/// Firmware and software, as far as the device tells them.
pub struct SoftwareTable;

impl Table for SoftwareTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 6, 3, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(1, "hrSWInstalledIndex", Syntax::Integer32),
        Column::read(2, "hrSWInstalledName", Syntax::Octets),
        Column::read(3, "hrSWInstalledID", Syntax::Oid),
        Column::read(4, "hrSWInstalledType", Syntax::Enumeration(SOFTWARE_TYPE)),
        Column::read(5, "hrSWInstalledDate", Syntax::Octets),
    ];
    const VIEWS: Views = Views::DEVICE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        of_row(context, key, 2, |row| {
            let (what, attribute) = match key {
                1 => ("firmware", Attribute::Firmware),
                _ => ("software", Attribute::Software),
            };
            let version = Some(row.attribute(attribute)).filter(|version| !version.is_empty())?;
            let mut read = once(read);
            match column {
                1 => read(Value::Integer(key as i32)),
                2 => context.compose(NAME, |text| text.extend([what, " ", version]), read),
                3 => read(Value::Oid(&oid::ZERO_DOT_ZERO)),
                4 => read(Value::Integer(if key == 1 { 2 } else { 4 })),
                _ => read(Value::Date(Time::NEVER)),
            }
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
        walk(self, context, column, from.max(1)..=2, visit);
    }
}

/// The device in view, if the key is one that a table may have.
fn of_row(context: &Context<'_>, key: u32, last: u32, read: impl FnOnce(Row<'_>) -> Option<()>) {
    if (1..=last).contains(&key) {
        context.own(read);
    }
}
