//! SNMPv2-MIB (RFC 3418): what every agent tells of itself.

use std::{fmt::Write, ops::ControlFlow};

use super::{Column, Context, Group, MAX_TEXT, Scalar, Table, epcglobal, fleetbridge, walk};
use crate::{
    fleet::Row,
    model::Attribute,
    snmp::{
        oid::Prefix,
        set::{Edits, Given, Lock, SetError},
        syntax::{Labels, Syntax, Value},
        view::Views,
    },
};

pub const UPTIME: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
pub const TRAP_OID: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0]);
/// snmpTraps.
pub const TRAPS: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 1, 1, 5]);
pub const COLD_START: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 1]);
pub const WARM_START: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 2]);
pub const AUTHENTICATION_FAILURE: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 5]);
/// SNMP-COMMUNITY-MIB (RFC 3584).
pub const TRAP_ADDRESS: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 18, 1, 3, 0]);

/// The bridge itself: applications, the highest layer of RFC 1213's sum.
const SERVICES: i32 = 1 << 6;

const ENABLED: Labels = &[("enabled", 1), ("disabled", 2)];

pub const SYSTEM: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 1]),
    views: Views::BRIDGE.and(Views::FLEET),
    scalars: &[
        Scalar::read(1, "sysDescr", Syntax::Octets, |c| Value::text(&c.system.description)),
        Scalar::read(2, "sysObjectID", Syntax::Oid, |_| Value::Oid(&fleetbridge::BRIDGE)),
        Scalar::read(3, "sysUpTime", Syntax::TimeTicks, |c| Value::TimeTicks(c.ticks(c.engine.started()))),
        Scalar::write(4, "sysContact", Syntax::Octets, |c| Value::text(&c.system.contact)),
        Scalar::write(5, "sysName", Syntax::Octets, |c| Value::text(&c.system.name)),
        Scalar::write(6, "sysLocation", Syntax::Octets, |c| Value::text(&c.system.location)),
        Scalar::read(7, "sysServices", Syntax::Integer32, |_| Value::Integer(SERVICES)),
        // All rows of sysORTable were there from the start.
        Scalar::read(8, "sysORLastChange", Syntax::TimeTicks, |_| Value::TimeTicks(0)),
    ],
};

/// The same of a device in its own view.
pub const DEVICE_SYSTEM: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 1]),
    views: Views::DEVICE,
    scalars: &[
        Scalar::of_device(Column::read(1, "sysDescr", Syntax::Octets), |context, row, read| {
            context.compose(MAX_TEXT, |text| describe(row, text), read);
        }),
        Scalar::of_device(Column::read(2, "sysObjectID", Syntax::Oid), |_, row, read| {
            read(fleetbridge::product(row.profile()));
        }),
        Scalar::of_device(Column::read(3, "sysUpTime", Syntax::TimeTicks), |context, row, read| {
            read(Value::TimeTicks(context.ticks(row.up_since())));
        }),
        Scalar::of_device(Column::write(4, "sysContact", Syntax::Octets), |context, row, read| {
            context.display(row.asset_owner(), MAX_TEXT, read);
        })
        .set(|context, given, edits| set_own(context, &["asset", "owner"], given, edits)),
        Scalar::of_device(Column::write(5, "sysName", Syntax::Octets), |_, row, read| {
            read(Value::text(row.name()));
        }),
        Scalar::of_device(Column::write(6, "sysLocation", Syntax::Octets), |context, row, read| {
            let [location, site] =
                [Attribute::Location, Attribute::Site].map(|attribute| row.attribute(attribute));
            context.display(if location.is_empty() { site } else { location }, MAX_TEXT, read);
        })
        .set(|context, given, edits| set_own(context, &["location"], given, edits)),
        Scalar::of_device(Column::read(7, "sysServices", Syntax::Integer32), |_, _, read| {
            read(Value::Integer(SERVICES));
        }),
        Scalar::of_device(Column::read(8, "sysORLastChange", Syntax::TimeTicks), |_, _, read| {
            read(Value::TimeTicks(0));
        }),
    ],
};

/// A text of the device in view.
fn set_own(
    context: &Context<'_>,
    leaf: &[&str],
    given: &Given<'_>,
    edits: &mut Edits,
) -> Result<(), SetError> {
    let device = context.device().ok_or(SetError::NotWritable)?;
    edits.text(device, leaf, given.text(255)?)
}

/// "Zebra RFD40 (rfid-reader), firmware 2.1".
pub(super) fn describe(row: &Row<'_>, out: &mut String) {
    for attribute in [Attribute::Manufacturer, Attribute::Model] {
        let text = row.attribute(attribute);
        if !text.is_empty() {
            out.push_str(text);
            out.push(' ');
        }
    }
    let class = &row.profile().class;
    match out.is_empty() {
        true => out.push_str(if class.is_empty() { "device" } else { class }),
        false => {
            let _ = write!(out, "({class})");
        }
    }
    for (what, attribute) in [("firmware", Attribute::Firmware), ("software", Attribute::Software)] {
        let text = row.attribute(attribute);
        if !text.is_empty() {
            let _ = write!(out, ", {what} {text}");
        }
    }
}

/// The counters that RFC 3418 calls obsolete are served where tools still read them. Those of messages that this agent
/// never sends, or never accepts, are zero.
pub const SNMP: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 2, 1, 11]),
    views: Views::BRIDGE.and(Views::FLEET),
    scalars: &[
        Scalar::read(1, "snmpInPkts", C32, |c| counter(c.stats.snmp.in_pkts.value32())),
        Scalar::read(2, "snmpOutPkts", C32, |c| counter(c.stats.snmp.out_pkts.value32())),
        Scalar::read(3, "snmpInBadVersions", C32, |c| counter(c.stats.snmp.in_bad_versions.value32())),
        Scalar::read(4, "snmpInBadCommunityNames", C32, |c| {
            counter(c.stats.snmp.in_bad_community_names.value32())
        }),
        Scalar::read(5, "snmpInBadCommunityUses", C32, |c| {
            counter(c.stats.snmp.in_bad_community_uses.value32())
        }),
        Scalar::read(6, "snmpInASNParseErrs", C32, |c| counter(c.stats.snmp.in_asn_parse_errs.value32())),
        Scalar::read(8, "snmpInTooBigs", C32, |c| counter(c.stats.snmp.in_too_bigs.value32())),
        Scalar::read(9, "snmpInNoSuchNames", C32, |_| counter(0)),
        Scalar::read(10, "snmpInBadValues", C32, |_| counter(0)),
        Scalar::read(11, "snmpInReadOnlys", C32, |_| counter(0)),
        Scalar::read(12, "snmpInGenErrs", C32, |_| counter(0)),
        Scalar::read(13, "snmpInTotalReqVars", C32, |c| counter(c.stats.snmp.in_total_req_vars.value32())),
        Scalar::read(14, "snmpInTotalSetVars", C32, |c| counter(c.stats.snmp.in_total_set_vars.value32())),
        Scalar::read(15, "snmpInGetRequests", C32, |c| counter(c.stats.snmp.in_get_requests.value32())),
        Scalar::read(16, "snmpInGetNexts", C32, |c| counter(c.stats.snmp.in_get_nexts.value32())),
        Scalar::read(17, "snmpInSetRequests", C32, |c| counter(c.stats.snmp.in_set_requests.value32())),
        Scalar::read(18, "snmpInGetResponses", C32, |_| counter(0)),
        Scalar::read(19, "snmpInTraps", C32, |_| counter(0)),
        Scalar::read(20, "snmpOutTooBigs", C32, |c| counter(c.stats.snmp.out_too_bigs.value32())),
        Scalar::read(21, "snmpOutNoSuchNames", C32, |c| counter(c.stats.snmp.out_no_such_names.value32())),
        Scalar::read(22, "snmpOutBadValues", C32, |c| counter(c.stats.snmp.out_bad_values.value32())),
        Scalar::read(24, "snmpOutGenErrs", C32, |c| counter(c.stats.snmp.out_gen_errs.value32())),
        Scalar::read(25, "snmpOutGetRequests", C32, |_| counter(0)),
        Scalar::read(26, "snmpOutGetNexts", C32, |_| counter(0)),
        Scalar::read(27, "snmpOutSetRequests", C32, |_| counter(0)),
        Scalar::read(28, "snmpOutGetResponses", C32, |c| counter(c.stats.snmp.out_get_responses.value32())),
        Scalar::read(29, "snmpOutTraps", C32, |c| counter(c.stats.snmp.out_traps.value32())),
        // The boot file says it, so that it holds after a restart.
        Scalar::write(30, "snmpEnableAuthenTraps", Syntax::Enumeration(ENABLED), |c| {
            Value::Integer(if c.system.authen_traps { 1 } else { 2 })
        }),
        Scalar::read(31, "snmpSilentDrops", C32, |c| counter(c.stats.snmp.silent_drops.value32())),
        Scalar::read(32, "snmpProxyDrops", C32, |c| counter(c.stats.snmp.proxy_drops.value32())),
    ],
};

const C32: Syntax = Syntax::Counter32;

fn counter(value: u32) -> Value<'static> {
    Value::Counter32(value)
}

/// The snmpSet group. Who sends the serial number with a SET knows that nobody has set anything since it was read.
pub const SET: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 1, 1, 6]),
    views: Views::BRIDGE.and(Views::FLEET),
    scalars: &[Scalar::write(1, "snmpSetSerialNo", Syntax::Integer32, |c| {
        Value::Integer(c.locks.of(Lock::Serial))
    })
    .set(|_, given, edits| edits.lock(Lock::Serial, given))],
};

/// sysORTable: the MIB modules that are served.
pub struct ObjectResources;

/// The identity of each module (its MODULE-IDENTITY) and the views that have it. A row keeps its number in all of them.
const RESOURCES: [(Prefix, &str, Views); 12] = [
    (Prefix::new(&[1, 3, 6, 1, 6, 3, 1]), "SNMPv2-MIB: the SNMP entity itself", Views::ALL),
    (
        Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 3, 1, 1]),
        "SNMP-FRAMEWORK-MIB: the SNMP engine",
        Views::BRIDGE.and(Views::FLEET),
    ),
    (
        fleetbridge::MIB,
        "FLEETBRIDGE-MIB: a fleet of devices, one row for each",
        Views::BRIDGE.and(Views::DEVICE),
    ),
    (Prefix::new(&[1, 3, 6, 1, 2, 1, 47]), "ENTITY-MIB: what there is", Views::ALL),
    (Prefix::new(&[1, 3, 6, 1, 2, 1, 99]), "ENTITY-SENSOR-MIB: what is measured", FLEET_AND_DEVICE),
    (Prefix::new(&[1, 3, 6, 1, 2, 1, 131]), "ENTITY-STATE-MIB: how it is", FLEET_AND_DEVICE),
    (BATTERY, "BATTERY-MIB: batteries", FLEET_AND_DEVICE),
    (Prefix::new(&[1, 3, 6, 1, 2, 1, 31]), "IF-MIB: the uplink", Views::DEVICE),
    (Prefix::new(&[1, 3, 6, 1, 2, 1, 25, 7, 1]), "HOST-RESOURCES-MIB: memory, load, software", Views::DEVICE),
    (UPS, "UPS-MIB: a battery as power supplies show it", Views::DEVICE),
    (READER, "EPCGLOBAL-READER-MIB: RFID readers", Views::DEVICE),
    (Prefix::new(&[1, 3, 6, 1, 2, 1, 92]), "NOTIFICATION-LOG-MIB: what was told", Views::BRIDGE),
];

const FLEET_AND_DEVICE: Views = Views::FLEET.and(Views::DEVICE);
const BATTERY: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 233]);
const UPS: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 33]);
const READER: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, 22695, 1, 1]);

/// Whether a device has objects of a module.
fn has(context: &Context<'_>, row: &Row<'_>, module: &Prefix) -> bool {
    match *module {
        UPS | BATTERY => context.catalogue.of(row.profile_id()).has_battery,
        READER => epcglobal::is_reader(row),
        _ => true,
    }
}

impl Table for ObjectResources {
    type Key = u32;

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 2, 1, 1, 9, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::index(1, "sysORIndex", Syntax::Integer32),
        Column::read(2, "sysORID", Syntax::Oid),
        Column::read(3, "sysORDescr", Syntax::Octets),
        Column::read(4, "sysORUpTime", Syntax::TimeTicks),
    ];
    const VIEWS: Views = Views::ALL;

    fn cell(&self, context: &Context<'_>, key: u32, column: u32, read: impl FnOnce(Value<'_>)) {
        let row = key.checked_sub(1).and_then(|at| RESOURCES.get(at as usize));
        let Some((id, description, _)) = row.filter(|(_, _, views)| views.has(context.view)) else { return };
        if context.own(|row| has(context, &row, id)) == Some(false) {
            return;
        }
        read(match column {
            2 => Value::Oid(id),
            3 => Value::text(description),
            _ => Value::TimeTicks(0),
        });
    }

    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: u32,
        visit: impl FnMut(u32, Value<'_>) -> ControlFlow<()>,
    ) {
        walk(self, context, column, from.max(1)..=RESOURCES.len() as u32, visit);
    }
}
