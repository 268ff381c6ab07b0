//! fbPointTable: what the devices measure and state.

use std::ops::ControlFlow;

use super::ENTERPRISE;
use crate::{
    fleet::{Has, Point, PointValue, Row, Which},
    model::{DeviceNumber, PointType, Quality},
    snmp::{
        mib::{Column, Context, Table},
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

pub struct PointTable;

const TYPE: Labels = &[("boolean", 1), ("integer", 2), ("decimal", 3), ("text", 4), ("counter", 5)];
const QUALITY: Labels = &[("good", 1), ("stale", 2), ("bad", 3), ("missing", 4)];

impl Table for PointTable {
    type Key = (DeviceNumber, u16);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 3, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "fbPointIndex", Syntax::Unsigned32),
        Column::read(2, "fbPointName", Syntax::Octets),
        Column::read(3, "fbPointType", Syntax::Enumeration(TYPE)),
        Column::read(4, "fbPointValue", Syntax::Octets),
        Column::read(5, "fbPointInteger", Syntax::Integer32),
        Column::read(6, "fbPointDigits", Syntax::Integer32),
        Column::read(7, "fbPointCounter", Syntax::Counter64),
        Column::read(8, "fbPointUnit", Syntax::Octets),
        Column::read(9, "fbPointQuality", Syntax::Enumeration(QUALITY)),
        Column::read(10, "fbPointTime", Syntax::Octets),
        Column::read(11, "fbPointAge", Syntax::Gauge32),
        Column::read(12, "fbPointDiscontinuity", Syntax::Octets),
    ];
    const VIEWS: Views = Views::BRIDGE.and(Views::DEVICE);

    fn cell(&self, context: &Context<'_>, key: Self::Key, column: u32, read: impl FnOnce(Value<'_>)) {
        let (device, number) = key;
        context.row(device, |row| {
            if let Some(point) = row.point(number) {
                value(context, &point, column, read);
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
        let mut visit = |row: Row<'_>, point: Point<'_>| {
            let key = (row.number(), point.def.number);
            value(context, &point, column, |value| visit(key, value)).unwrap_or(ControlFlow::Continue(()))
        };
        match (context.device(), context.scope) {
            (None, None) => context.fleet.points(from, has(column), visit),
            _ => context.rows(from.0, Which::Live, |row| {
                row.points_from(from, has(column)).try_for_each(|point| visit(row, point))
            }),
        }
    }
}

/// Which points have an instance in the column; must agree with [`value`].
fn has(column: u32) -> Has {
    match column {
        4 => Has::Value,
        5 => Has::Integer,
        6 => Has::NumberType,
        7 => Has::Counter,
        12 => Has::CounterType,
        _ => Has::Row,
    }
}

/// Hands the instance to `read`, if there is one.
fn value<R>(
    context: &Context<'_>,
    point: &Point<'_>,
    column: u32,
    read: impl FnOnce(Value<'_>) -> R,
) -> Option<R> {
    Some(match column {
        2 => read(Value::text(&point.def.name)),
        3 => read(Value::Integer(match point.def.ty {
            PointType::Boolean => 1,
            PointType::Integer => 2,
            PointType::Decimal => 3,
            PointType::Text => 4,
            PointType::Counter => 5,
        })),
        4 => match point.value()? {
            PointValue::Text(text) => read(Value::text(text)),
            PointValue::Integer(_) => {
                let mut text = context.text.borrow_mut();
                text.clear();
                point.write_value(&mut text);
                read(Value::text(&text))
            }
        },
        5 => read(Value::Integer(point.integer()?)),
        6 => match point.def.ty {
            PointType::Boolean | PointType::Integer | PointType::Decimal => {
                read(Value::Integer(point.def.digits.into()))
            }
            PointType::Text | PointType::Counter => return None,
        },
        7 => read(Value::Counter64(point.counter()?)),
        8 => read(Value::text(&point.def.unit)),
        9 => read(Value::Integer(match point.quality(context.now) {
            Quality::Good => 1,
            Quality::Stale => 2,
            Quality::Bad => 3,
            Quality::Missing => 4,
        })),
        10 => read(Value::Date(point.time())),
        11 => {
            let time = point.time();
            read(Value::seconds((!time.is_never()).then(|| context.now.since(time) / 1000)))
        }
        _ => match point.def.ty {
            PointType::Counter => read(Value::Date(point.counted_since())),
            _ => return None,
        },
    })
}
