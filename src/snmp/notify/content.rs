//! What a notification carries: an event of the journal in, its name and objects out.

use std::net::IpAddr;

use super::{Kind, Notification, Summary};
use crate::{
    fleet::AdapterState,
    journal::{Event, EventKind},
    model::{DeviceNumber, Presence, Time},
    snmp::{
        mib::{
            Context, Table,
            fleetbridge::{
                self as fb, AdapterTable, DeviceTable, EVENT, EVENT_NUMBER, SettingTable, address,
            },
            snmpv2::{AUTHENTICATION_FAILURE, TRAP_ADDRESS},
        },
        oid::Prefix,
        syntax::Value,
    },
};

/// What a target is told of.
#[derive(Clone, Debug)]
pub enum What {
    /// Something that happened; or, to tell again how a device or adapter is, what would make it so, with number 0.
    Event(Event),
    Summary(Box<Summary>),
    /// Somebody asked who may not.
    AuthenticationFailure,
    /// That notifications arrive.
    Test,
}

impl What {
    /// The device that it is about, from whose address it is told.
    pub fn device(&self) -> Option<DeviceNumber> {
        match self {
            What::Event(event) => Kind::device(&event.kind),
            What::Summary(_) | What::AuthenticationFailure | What::Test => None,
        }
    }

    /// When it happened; `now` if it happens by being told.
    pub fn time(&self, now: Time) -> Time {
        match self {
            What::Event(event) => event.time,
            What::Summary(_) | What::AuthenticationFailure | What::Test => now,
        }
    }
}

/// The whole notification. `None` if there is nothing to tell, or the device or adapter is not there any more.
pub fn notification(context: &Context<'_>, what: &What) -> Option<Notification> {
    let mut notification = Notification::new(context.ticks(context.engine.started()));
    let oid = describe(context, what, &mut |name, value| notification.push(name, value))?;
    Some(notification.named(oid))
}

/// Hands the objects on, in order, and returns the value of snmpTrapOID.0; `None` as [`notification`], and what was handed
/// on then means nothing. `context` is of the time of the event; what has changed since is told as it was then.
pub fn describe(
    context: &Context<'_>,
    what: &What,
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<&'static Prefix> {
    match what {
        What::Event(event) => of_event(context, event, out),
        What::Summary(summary) => {
            of_summary(summary, out);
            Some(&fb::SUMMARY.oid)
        }
        What::AuthenticationFailure => {
            scalar(EVENT_NUMBER.1, &count(0), out);
            Some(&AUTHENTICATION_FAILURE)
        }
        What::Test => {
            scalar(EVENT_NUMBER.1, &count(0), out);
            Some(&fb::TEST.oid)
        }
    }
}

fn of_event(
    context: &Context<'_>,
    event: &Event,
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<&'static Prefix> {
    match &event.kind {
        EventKind::DeviceLost { device, last_seen } => {
            let then = [
                (fb::PRESENCE_COLUMN, Value::Integer(Presence::Lost as i32)),
                (fb::LAST_SEEN, Value::Date(*last_seen)),
            ];
            of_device(context, event, *device, &fb::DEVICE_LOST, &then, out)
        }
        EventKind::DeviceReturned { device, .. } => {
            let then = [
                (fb::PRESENCE_COLUMN, Value::Integer(Presence::Online as i32)),
                (fb::LAST_SEEN, Value::Date(event.time)),
            ];
            of_device(context, event, *device, &fb::DEVICE_RETURNED, &then, out)
        }
        EventKind::AdapterDown { adapter, error } => {
            let then = [
                (fb::STATE_COLUMN, Value::Integer(AdapterState::Down as i32)),
                (fb::LAST_ERROR, Value::text(error)),
            ];
            of_row(context, event, (*adapter).into(), &fb::ADAPTER_DOWN, &then, out)
        }
        EventKind::AdapterUp { adapter } => {
            let then = [(fb::STATE_COLUMN, Value::Integer(AdapterState::Up as i32))];
            of_row(context, event, (*adapter).into(), &fb::ADAPTER_UP, &then, out)
        }
        EventKind::SettingChanged { device, setting, standing, error } => {
            let notification = match Kind::of(&event.kind) {
                Some(Kind::SettingApplied) => &fb::SETTING_APPLIED,
                _ => &fb::SETTING_FAILED,
            };
            let then = [
                (fb::SETTING_STATE, Value::Integer(*standing as i32)),
                (fb::SETTING_ERROR, Value::text(error)),
            ];
            of_setting(context, event, (*device, *setting), notification, &then, out)
        }
        EventKind::DeviceChanged { device } => {
            of_device(context, event, *device, &fb::DEVICE_CHANGED, &[], out)
        }
        kind => {
            let oid = Kind::oid(kind)?;
            // Not among their objects, but without it a manager that counts events would miss this one.
            scalar(EVENT_NUMBER.1, &count(event.number), out);
            Some(oid)
        }
    }
}

fn of_summary(summary: &Summary, out: &mut dyn FnMut(&[u32], &Value<'_>)) {
    let (mut kinds, mut sites) = (String::new(), String::new());
    summary.write_kinds(&mut kinds);
    summary.write_sites(&mut sites);
    for (at, (_, number)) in fb::SUMMARY.objects.iter().enumerate() {
        let value = match at {
            0 => count(0),
            1 => count(summary.first),
            2 => count(summary.last),
            3 => Value::Gauge32(summary.withheld().min(u32::MAX.into()) as u32),
            4 => Value::Gauge32(summary.of(Kind::DeviceLost)),
            5 => Value::Gauge32(summary.of(Kind::DeviceReturned)),
            6 => Value::text(&kinds),
            _ => Value::text(&sites),
        };
        scalar(*number, &value, out);
    }
}

fn of_device(
    context: &Context<'_>,
    event: &Event,
    device: DeviceNumber,
    notification: &'static fb::Notification,
    then: &[(u32, Value<'_>)],
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<&'static Prefix> {
    let oid = of_row(context, event, device, notification, then, out)?;
    source(context, device, out)?;
    Some(oid)
}

/// The real source, for managers that match by address (RFC 3584 section 3.1).
fn source(
    context: &Context<'_>,
    device: DeviceNumber,
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<()> {
    if let Some(IpAddr::V4(address)) = context.row(device, |row| address(context, &row))? {
        out(TRAP_ADDRESS.arcs(), &Value::IpAddress(address));
    }
    Some(())
}

/// The objects of a device or adapter. Values in `then` stand for those that the row has now.
fn of_row(
    context: &Context<'_>,
    event: &Event,
    index: u32,
    notification: &'static fb::Notification,
    then: &[(u32, Value<'_>)],
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<&'static Prefix> {
    for (parent, number) in notification.objects {
        if **parent == EVENT {
            scalar(*number, &count(event.number), out);
        } else if *parent == AdapterTable::ENTRY {
            cell(context, &AdapterTable, index, &[index], *number, then, out)?;
        } else {
            cell(context, &DeviceTable, index, &[index], *number, then, out)?;
        }
    }
    Some(&notification.oid)
}

fn of_setting(
    context: &Context<'_>,
    event: &Event,
    (device, setting): (DeviceNumber, u16),
    notification: &'static fb::Notification,
    then: &[(u32, Value<'_>)],
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<&'static Prefix> {
    for (parent, number) in notification.objects {
        if **parent == EVENT {
            scalar(*number, &count(event.number), out);
        } else if *parent == DeviceTable::ENTRY {
            cell(context, &DeviceTable, device, &[device], *number, &[], out)?;
        } else {
            let index = [device, setting.into()];
            cell(context, &SettingTable, (device, setting), &index, *number, then, out)?;
        }
    }
    source(context, device, out)?;
    Some(&notification.oid)
}

fn cell<T: Table>(
    context: &Context<'_>,
    table: &T,
    key: T::Key,
    index: &[u32],
    column: u32,
    then: &[(u32, Value<'_>)],
    out: &mut dyn FnMut(&[u32], &Value<'_>),
) -> Option<()> {
    let former = then.iter().find(|(number, _)| *number == column);
    let name = [T::ENTRY.arcs(), &[column], index].concat();
    let mut found = None;
    table.cell(context, key, column, |value| {
        out(&name, former.map_or(&value, |(_, value)| value));
        found = Some(());
    });
    found
}

/// An object of fbNotificationObjects.
fn scalar(number: u32, value: &Value<'_>, out: &mut dyn FnMut(&[u32], &Value<'_>)) {
    out(&[EVENT.arcs(), &[number, 0]].concat(), value);
}

/// The number of an event.
fn count(number: u64) -> Value<'static> {
    Value::Gauge32(number as u32)
}
