//! NOTIFICATION-LOG-MIB (RFC 3014): what happened since the start and is told, as far as it is kept in memory.
//!
//! There is the default log alone, whose name has no octets, so that each index begins with 0. The index in it is the
//! event's number, as fbEventNumber has it. Named logs there are none, and so no rows of nlmConfigLogTable. A column that
//! says where a notification was received from, or of a type that none of our objects has, has no instances.

use std::ops::ControlFlow;

use super::{Column, Context, Group, Scalar, Table};
use crate::{
    journal::{Event, KEPT},
    snmp::{
        notify::{Kind, What, content},
        oid::Prefix,
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

pub const CONFIG: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 92, 1, 1]),
    views: Views::BRIDGE,
    scalars: &[
        Scalar::write(1, "nlmConfigGlobalEntryLimit", Syntax::Unsigned32, |_| Value::Gauge32(KEPT as u32)),
        // Minutes; 0: age removes nothing.
        Scalar::write(2, "nlmConfigGlobalAgeOut", Syntax::Unsigned32, |_| Value::Gauge32(0)),
    ],
};

pub const STATS: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 92, 1, 2]),
    views: Views::BRIDGE,
    scalars: &[
        Scalar::read(1, "nlmStatsGlobalNotificationsLogged", Syntax::Counter32, |c| {
            Value::Counter32(c.fleet.journal().log().logged as u32)
        }),
        Scalar::read(2, "nlmStatsGlobalNotificationsBumped", Syntax::Counter32, |c| {
            Value::Counter32(c.fleet.journal().log().bumped as u32)
        }),
    ],
};

/// Events that are read at once.
const PIECE: usize = 32;

pub struct LogTable;

impl Table for LogTable {
    /// The length of the log's name, and the event.
    type Key = (u32, u32);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 92, 1, 3, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "nlmLogIndex", Syntax::Unsigned32),
        Column::read(2, "nlmLogTime", Syntax::TimeTicks),
        Column::read(3, "nlmLogDateAndTime", Syntax::Octets),
        Column::read(4, "nlmLogEngineID", Syntax::Octets),
        Column::read(7, "nlmLogContextEngineID", Syntax::Octets),
        Column::read(8, "nlmLogContextName", Syntax::Octets),
        Column::read(9, "nlmLogNotificationID", Syntax::Oid),
    ];
    const VIEWS: Views = Views::BRIDGE;

    fn cell(&self, context: &Context<'_>, key: Self::Key, column: u32, read: impl FnOnce(Value<'_>)) {
        let event = find(context, key);
        if let Some(value) = event.and_then(|event| logged(context, &event, column)) {
            read(value);
        }
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: Self::Key,
        mut visit: impl FnMut(Self::Key, Value<'_>) -> ControlFlow<()>,
    ) {
        if from.0 > 0 {
            return;
        }
        each(context, from.1, |number, event| match logged(context, event, column) {
            Some(value) => visit((0, number), value),
            None => ControlFlow::Continue(()),
        });
    }
}

fn logged<'a>(context: &Context<'a>, event: &Event, column: u32) -> Option<Value<'a>> {
    Some(match column {
        2 => Value::TimeTicks((event.time.since(context.engine.started()) / 10) as u32),
        3 => Value::Date(event.time),
        4 | 7 => Value::Octets(context.engine.id()),
        8 => Value::Octets(&[]),
        _ => Value::Oid(Kind::oid(&event.kind)?),
    })
}

/// The objects that a notification carries, in their order; of a device as they are now.
pub struct VariableTable;

const TYPE: Labels = &[
    ("counter32", 1),
    ("unsigned32", 2),
    ("timeTicks", 3),
    ("integer32", 4),
    ("ipAddress", 5),
    ("octetString", 6),
    ("objectId", 7),
    ("counter64", 8),
    ("opaque", 9),
];

impl Table for VariableTable {
    /// The length of the log's name, the event, and the position from 1.
    type Key = (u32, u32, u32);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 92, 1, 3, 2, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "nlmLogVariableIndex", Syntax::Unsigned32),
        Column::read(2, "nlmLogVariableID", Syntax::Oid),
        Column::read(3, "nlmLogVariableValueType", Syntax::Enumeration(TYPE)),
        Column::read(5, "nlmLogVariableUnsigned32Val", Syntax::Unsigned32),
        Column::read(7, "nlmLogVariableInteger32Val", Syntax::Integer32),
        Column::read(8, "nlmLogVariableOctetStringVal", Syntax::Octets),
    ];
    const VIEWS: Views = Views::BRIDGE;

    fn cell(&self, context: &Context<'_>, key: Self::Key, column: u32, read: impl FnOnce(Value<'_>)) {
        let Some(event) = find(context, (key.0, key.1)) else { return };
        let mut read = super::once(read);
        variables(context, &event, |at, name, value| {
            if at == key.2 {
                variable(column, name, value, &mut read);
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
        if from.0 > 0 {
            return;
        }
        each(context, from.1, |number, event| {
            let mut flow = ControlFlow::Continue(());
            variables(context, event, |at, name, value| {
                if flow.is_continue() && (number, at) >= (from.1, from.2) {
                    variable(column, name, value, |value| flow = visit((0, number, at), value));
                }
            });
            flow
        });
    }
}

/// Hands the value of a column on, if it is one of the variable's type.
fn variable(column: u32, name: &[u32], value: &Value<'_>, read: impl FnOnce(Value<'_>)) {
    let (kind, own) = match value {
        Value::Gauge32(_) => (2, 5),
        Value::Integer(_) => (4, 7),
        _ => (6, 8),
    };
    match column {
        2 => read(Value::Arcs(name)),
        3 => read(Value::Integer(kind)),
        _ if column == own => read(*value),
        _ => {}
    }
}

/// Hands the objects of an event's notification on, with their positions. snmpTrapAddress, which is none of them, is not
/// in the log.
fn variables(context: &Context<'_>, event: &Event, mut visit: impl FnMut(u32, &[u32], &Value<'_>)) {
    let mut at = 0;
    content::describe(context, &What::Event(event.clone()), &mut |name, value| {
        at += 1;
        if !matches!(value, Value::IpAddress(_)) {
            visit(at, name, value);
        }
    });
}

fn find(context: &Context<'_>, (name, number): (u32, u32)) -> Option<Event> {
    let mut found = Vec::new();
    context.fleet.journal().read_noted(number.into(), 1, &mut found);
    let found = found.pop().filter(|event| name == 0 && event.number == u64::from(number));
    found.filter(|event| is_seen(context, event))
}

/// What is told of a device is for those who see the device.
fn is_seen(context: &Context<'_>, event: &Event) -> bool {
    let device = event.kind.device().filter(|_| context.scope.is_some());
    device.is_none_or(|device| context.row(device, |_| ()).is_some())
}

/// Visits the events from a number on, until `visit` breaks.
fn each(context: &Context<'_>, from: u32, mut visit: impl FnMut(u32, &Event) -> ControlFlow<()>) {
    let (mut from, mut events) = (u64::from(from), Vec::new());
    loop {
        events.clear();
        context.fleet.journal().read_noted(from, PIECE, &mut events);
        let Some(last) = events.last() else { return };
        from = last.number + 1;
        for event in &events {
            // Event numbers that no index can have are not reached in a lifetime.
            let Ok(number) = u32::try_from(event.number) else { return };
            if is_seen(context, event) && visit(number, event).is_break() {
                return;
            }
        }
    }
}
