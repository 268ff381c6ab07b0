//! fbSettingTable: what is wanted of the devices, what they have, and how far it is. The twin of `device/setting` in
//! the YANG module.

use std::ops::ControlFlow;

use super::ENTERPRISE;
use crate::{
    fleet::{Row, Setting, Which},
    model::{DeviceNumber, SettingType},
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        set::{Edits, Given, SetError},
        syntax::{Labels, Syntax, TRUTH, Value},
        view::Views,
    },
};

pub struct SettingTable;

/// Columns that notifications name too.
pub const NAME: u32 = 2;
pub const STATE_COLUMN: u32 = 7;
pub const ERROR: u32 = 8;

const OVERRIDE: u32 = 11;

/// Octets of an SnmpAdminString.
const LONGEST: usize = 255;

const TYPE: Labels = &[("boolean", 1), ("integer", 2), ("decimal", 3), ("text", 4), ("enumeration", 5)];
/// The numbers are those of [`crate::model::Standing`].
const STATE: Labels = &[
    ("inSync", 1),
    ("pending", 2),
    ("sent", 3),
    ("acked", 4),
    ("stored", 5),
    ("effective", 6),
    ("drifted", 7),
    ("failed", 8),
    ("unsupported", 9),
];

impl Table for SettingTable {
    type Key = (DeviceNumber, u16);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 4, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "fbSettingIndex", Syntax::Unsigned32),
        Column::read(NAME, "fbSettingName", Syntax::Octets),
        Column::read(3, "fbSettingType", Syntax::Enumeration(TYPE)),
        Column::read(4, "fbSettingUnit", Syntax::Octets),
        Column::write(5, "fbSettingDesired", Syntax::Octets),
        Column::read(6, "fbSettingReported", Syntax::Octets),
        Column::read(STATE_COLUMN, "fbSettingState", Syntax::Enumeration(STATE)),
        Column::read(ERROR, "fbSettingError", Syntax::Octets),
        Column::read(9, "fbSettingOrigin", Syntax::Octets),
        Column::read(10, "fbSettingSince", Syntax::Octets),
        Column::write(OVERRIDE, "fbSettingOverride", Syntax::Enumeration(TRUTH)),
        Column::read(12, "fbSettingTransaction", Syntax::Unsigned32),
        Column::read(13, "fbSettingAttempts", Syntax::Unsigned32),
    ];
    const VIEWS: Views = Views::BRIDGE.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: Self::Key, column: u32, read: impl FnOnce(Value<'_>)) {
        let (device, number) = key;
        context.row(device, |row| {
            if let Some(setting) = row.setting(number) {
                value(context, &setting, column, read);
            }
        });
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: Self::Key,
        mut visit: impl FnMut(Self::Key, Value<'_>) -> ControlFlow<()>,
    ) {
        let mut visit = |row: Row<'_>, setting: Setting<'_>| {
            let key = (row.number(), setting.def.number);
            value(context, &setting, column, |value| visit(key, value)).unwrap_or(ControlFlow::Continue(()))
        };
        match (context.device(), context.scope) {
            (None, None) => context.fleet.settings(from, visit),
            _ => context.rows(from.0, Which::Live, |row| {
                let number = row.number();
                let mut behind = row.settings().filter(|setting| (number, setting.def.number) >= from);
                behind.try_for_each(|setting| visit(row, setting))
            }),
        }
    }

    /// A manager's own value of a setting, or none of its own. A setting of the device's profile that nobody has said
    /// anything of yet has no row; it gets one.
    fn set(
        &self,
        context: &Context<'_>,
        (device, number): Self::Key,
        column: u32,
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        let set = context.row(device, |row| {
            let def = row.profile().settings.iter().find(|def| def.number == number);
            let (profile, def) = (&row.profile().name, def.ok_or(SetError::NoCreation)?);
            let module = format!("fleetbridge-profile-{profile}:{profile}");
            let leaf = ["settings", module.as_str(), def.name.as_str()];
            if def.secret && !edits.is_private() {
                return Err(SetError::NoAccess);
            }
            if column == OVERRIDE {
                let is_desired = row.setting(number).is_some_and(|setting| setting.is_desired());
                return match (given.label(TRUTH)? == 1, is_desired) {
                    (true, true) => Ok(()),
                    // Which value it should be, Desired says.
                    (true, false) => Err(SetError::InconsistentValue),
                    (false, _) => edits.leaf(device, &leaf, None),
                };
            }
            let text = given.text(LONGEST)?;
            def.ty.parse(text).ok_or(SetError::WrongValue)?;
            edits.leaf(device, &leaf, Some(text))
        });
        set.unwrap_or(Err(SetError::NoCreation))
    }
}

/// Hands the instance to `read`, if there is one.
fn value<R>(
    context: &Context<'_>,
    setting: &Setting<'_>,
    column: u32,
    read: impl FnOnce(Value<'_>) -> R,
) -> Option<R> {
    let mut text = context.text.borrow_mut();
    text.clear();
    Some(match column {
        NAME => read(Value::text(&setting.def.name)),
        3 => read(Value::Integer(match setting.def.ty {
            SettingType::Boolean => 1,
            SettingType::Integer { .. } => 2,
            SettingType::Decimal { .. } => 3,
            SettingType::Text => 4,
            SettingType::Enumeration(_) => 5,
        })),
        4 => read(Value::text(&setting.def.unit)),
        5 if setting.write_desired(&mut text) => read(Value::text(&text)),
        6 if setting.write_reported(&mut text) => read(Value::text(&text)),
        5 | 6 => return None,
        STATE_COLUMN => read(Value::Integer(setting.standing() as i32)),
        ERROR => read(Value::text(setting.error())),
        9 => read(Value::text(setting.source())),
        10 => read(Value::Date(setting.since())),
        11 => read(Value::truth(setting.is_desired())),
        12 => read(Value::Gauge32(setting.commit().min(u32::MAX.into()) as u32)),
        _ => read(Value::Gauge32(setting.attempts())),
    })
}
