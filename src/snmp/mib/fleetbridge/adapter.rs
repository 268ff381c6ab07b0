//! fbAdapterTable: what the bridge hears through. A bridge that is blind must say so.

use std::ops::ControlFlow;

use super::ENTERPRISE;
use crate::{
    fleet::Adapter,
    model::AdapterId,
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

pub struct AdapterTable;

/// Columns that notifications name too.
pub const NAME: u32 = 2;
pub const URL: u32 = 4;
pub const STATE_COLUMN: u32 = 5;
pub const LAST_ERROR: u32 = 9;

const STATE: Labels = &[("connecting", 1), ("up", 2), ("down", 3), ("disabled", 4)];

impl Table for AdapterTable {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 8, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "fbAdapterIndex", Syntax::Unsigned32),
        Column::read(NAME, "fbAdapterName", Syntax::Octets),
        Column::read(3, "fbAdapterType", Syntax::Octets),
        Column::read(URL, "fbAdapterUrl", Syntax::Octets),
        Column::read(STATE_COLUMN, "fbAdapterState", Syntax::Enumeration(STATE)),
        Column::read(6, "fbAdapterSince", Syntax::Octets),
        Column::read(7, "fbAdapterMessages", Syntax::Counter64),
        Column::read(8, "fbAdapterErrors", Syntax::Counter64),
        Column::read(LAST_ERROR, "fbAdapterLastError", Syntax::Octets),
        Column::read(10, "fbAdapterDevices", Syntax::Gauge32),
    ];
    const VIEWS: Views = Views::BRIDGE;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        let adapter = AdapterId::try_from(key).ok().and_then(|id| context.fleet.adapters().find(id));
        if let Some(adapter) = adapter {
            value(&adapter, column, read);
        }
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        mut visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        let Ok(mut after) = AdapterId::try_from(from.saturating_sub(1)) else { return };
        while let Some(adapter) = context.fleet.adapters().next(after) {
            if value(&adapter, column, |value| visit(adapter.id.into(), value)).is_break() {
                return;
            }
            after = adapter.id;
        }
    }
}

fn value<R>(adapter: &Adapter, column: u32, read: impl FnOnce(Value<'_>) -> R) -> R {
    match column {
        NAME => read(Value::text(&adapter.name)),
        3 => read(Value::text(adapter.kind)),
        URL => read(Value::text(&adapter.url)),
        STATE_COLUMN => read(Value::Integer(adapter.state() as i32)),
        6 => read(Value::Date(adapter.status().since)),
        7 => read(Value::Counter64(adapter.messages.value())),
        8 => read(Value::Counter64(adapter.errors.value())),
        LAST_ERROR => read(Value::text(&adapter.status().last_error)),
        _ => read(Value::Gauge32(adapter.device_count())),
    }
}
