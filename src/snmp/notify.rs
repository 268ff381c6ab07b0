//! The notification originator (RFC 3416 section 4.2.6): an event of the journal in, a message out.

use std::net::IpAddr;

use super::{
    message::{self, Bindings, MessageError},
    mib::{
        Context, Table,
        fleetbridge::{
            ADAPTER_DOWN, ADAPTER_UP, AdapterTable, DEVICE_LOST, DEVICE_RETURNED, DeviceTable, EVENT,
            LAST_ERROR, LAST_SEEN, Notification, PRESENCE_COLUMN, STATE_COLUMN, address,
        },
        snmpv2::{COLD_START, TRAP_ADDRESS, TRAP_OID, UPTIME, WARM_START},
    },
    syntax::Value,
};
use crate::{
    fleet::AdapterState,
    journal::{Event, EventKind},
    model::{DeviceNumber, Presence},
};

/// What a manager is told of an event: sysUpTime.0, snmpTrapOID.0 and the objects. `None` if there is nothing to tell,
/// or the device or adapter is not there any more. `context` is of the time of the event; what has changed since is
/// told as it was then.
pub fn bindings(context: &Context<'_>, event: &Event) -> Option<Bindings> {
    let mut bindings = Bindings::default();
    bindings.push(UPTIME.arcs(), &Value::TimeTicks(context.ticks(context.engine.started())));
    match &event.kind {
        EventKind::Started { cold } => {
            bindings.push(TRAP_OID.arcs(), &Value::Oid(if *cold { &COLD_START } else { &WARM_START }));
            // Not among its objects, but without it a manager that counts events would miss this one.
            bindings.push(&[EVENT.arcs(), &[1, 0]].concat(), &Value::Gauge32(event.number as u32));
            Some(bindings)
        }
        EventKind::DeviceLost { device, last_seen } => {
            let then = [
                (PRESENCE_COLUMN, Value::Integer(Presence::Lost as i32)),
                (LAST_SEEN, Value::Date(*last_seen)),
            ];
            of_device(context, event, *device, &DEVICE_LOST, &then, bindings)
        }
        EventKind::DeviceReturned { device, .. } => {
            let then = [
                (PRESENCE_COLUMN, Value::Integer(Presence::Online as i32)),
                (LAST_SEEN, Value::Date(event.time)),
            ];
            of_device(context, event, *device, &DEVICE_RETURNED, &then, bindings)
        }
        EventKind::AdapterDown { adapter, error } => {
            let then =
                [(STATE_COLUMN, Value::Integer(AdapterState::Down as i32)), (LAST_ERROR, Value::text(error))];
            of_row(context, event, &AdapterTable, (*adapter).into(), &ADAPTER_DOWN, &then, bindings)
        }
        EventKind::AdapterUp { adapter } => {
            let then = [(STATE_COLUMN, Value::Integer(AdapterState::Up as i32))];
            of_row(context, event, &AdapterTable, (*adapter).into(), &ADAPTER_UP, &then, bindings)
        }
        EventKind::DeviceLearned { .. }
        | EventKind::DeviceRetired { .. }
        | EventKind::SettingChanged { .. }
        | EventKind::Committed { .. }
        | EventKind::CommitSettled { .. }
        | EventKind::ConfirmedCommit { .. }
        | EventKind::SessionStarted { .. }
        | EventKind::SessionEnded { .. } => None,
    }
}

/// The whole message for a v2c target, as [`bindings`] says.
///
/// # Errors
/// As [`message::encode_trap`].
pub fn trap(
    context: &Context<'_>,
    event: &Event,
    community: &[u8],
    request_id: i32,
) -> Option<Result<Vec<u8>, MessageError>> {
    Some(message::encode_trap(community, request_id, bindings(context, event)?))
}

fn of_device(
    context: &Context<'_>,
    event: &Event,
    device: DeviceNumber,
    notification: &Notification,
    then: &[(u32, Value<'_>)],
    bindings: Bindings,
) -> Option<Bindings> {
    let mut bindings = of_row(context, event, &DeviceTable, device, notification, then, bindings)?;
    // The real source, for managers that match by address (RFC 3584 section 3.1).
    if let Some(IpAddr::V4(address)) = context.row(device, |row| address(context, &row))? {
        bindings.push(TRAP_ADDRESS.arcs(), &Value::IpAddress(address));
    }
    Some(bindings)
}

/// Values in `then` stand for those that the row has now.
fn of_row<T: Table<Key = u32>>(
    context: &Context<'_>,
    event: &Event,
    table: &T,
    index: u32,
    notification: &Notification,
    then: &[(u32, Value<'_>)],
    mut bindings: Bindings,
) -> Option<Bindings> {
    bindings.push(TRAP_OID.arcs(), &Value::Oid(&notification.oid));
    for (parent, number) in notification.objects {
        let name = |index: u32| [parent.arcs(), &[*number, index]].concat();
        if **parent == EVENT {
            bindings.push(&name(0), &Value::Gauge32(event.number as u32));
            continue;
        }
        let before = bindings.len();
        let former = then.iter().find(|(column, _)| column == number);
        table.cell(context, index, *number, |value| {
            bindings.push(&name(index), former.map_or(&value, |(_, value)| value));
        });
        if bindings.len() == before {
            return None;
        }
    }
    Some(bindings)
}
