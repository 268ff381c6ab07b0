//! The objects that templates read, by their names in the MIB modules: those of the agent, from its own definitions.

use std::sync::LazyLock;

use crate::snmp::{
    mib::{self, Column, Object},
    oid::Dotted,
    syntax::{Labels, Syntax},
};

/// All that the agent serves, in every view, in order of object identifiers.
static OBJECTS: LazyLock<Vec<Object>> = LazyLock::new(|| {
    let mut objects: Vec<Object> = mib::all().iter().flat_map(|subtree| subtree.objects()).collect();
    for object in device_view() {
        if !objects.iter().any(|served| served.oid == object.oid) {
            objects.push(object);
        }
    }
    objects.sort_by(|one, other| one.oid.cmp(&other.oid));
    objects
});

/// Of an object of the agent.
pub fn find(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().find(|object| object.column.name == name)
}

/// The identifier of a column or scalar, dotted, without instance: `1.3.6.1.2.1.1.5` of `sysName`. Empty for a name that
/// is none, which the test of each kit refuses.
pub fn oid(name: &str) -> String {
    find(name).map(|object| Dotted(&object.oid).to_string()).unwrap_or_default()
}

/// As [`oid`], of a scalar with its instance: `1.3.6.1.2.1.1.5.0`.
pub fn scalar(name: &str) -> String {
    format!("{}.0", oid(name))
}

/// The columns of the table, or the scalars of the group, that this object is one of.
pub fn siblings(name: &str) -> impl Iterator<Item = &'static Object> {
    let stem = find(name).and_then(|object| object.oid.split_last()).map(|(_, stem)| stem);
    OBJECTS.iter().filter(move |object| {
        stem.is_some_and(|stem| object.oid.split_last().is_some_and(|(_, rest)| rest == stem))
    })
}

/// The names of an enumeration's values; empty of other objects.
pub fn labels(name: &str) -> Labels {
    match find(name).map(|object| object.column.syntax) {
        Some(Syntax::Enumeration(labels)) => labels,
        _ => &[],
    }
}

/// What a device's own view has besides.
fn device_view() -> Vec<Object> {
    use Syntax::*;
    const CLASS: Labels = &[
        ("other", 1),
        ("unknown", 2),
        ("chassis", 3),
        ("backplane", 4),
        ("container", 5),
        ("powerSupply", 6),
        ("fan", 7),
        ("sensor", 8),
        ("module", 9),
        ("port", 10),
        ("stack", 11),
        ("cpu", 12),
        ("energyObject", 13),
        ("battery", 14),
        ("storageDrive", 15),
    ];
    const SENSOR_TYPE: Labels = &[
        ("other", 1),
        ("unknown", 2),
        ("voltsAC", 3),
        ("voltsDC", 4),
        ("amperes", 5),
        ("watts", 6),
        ("hertz", 7),
        ("celsius", 8),
        ("percentRH", 9),
        ("rpm", 10),
        ("cmm", 11),
        ("truthvalue", 12),
    ];
    const SCALE: Labels = &[
        ("yocto", 1),
        ("zepto", 2),
        ("atto", 3),
        ("femto", 4),
        ("pico", 5),
        ("nano", 6),
        ("micro", 7),
        ("milli", 8),
        ("units", 9),
        ("kilo", 10),
        ("mega", 11),
        ("giga", 12),
        ("tera", 13),
        ("exa", 14),
        ("peta", 15),
        ("zetta", 16),
        ("yotta", 17),
    ];
    const SENSOR_STATUS: Labels = &[("ok", 1), ("unavailable", 2), ("nonoperational", 3)];
    const IF_STATUS: Labels = &[
        ("up", 1),
        ("down", 2),
        ("testing", 3),
        ("unknown", 4),
        ("dormant", 5),
        ("notPresent", 6),
        ("lowerLayerDown", 7),
    ];
    type Objects = &'static [(u32, &'static str, Syntax)];
    let tables: [(&[u32], Objects); 5] = [
        (
            &[1, 3, 6, 1, 2, 1, 2, 2, 1],
            &[
                (2, "ifDescr", Octets),
                (3, "ifType", Integer32),
                (4, "ifMtu", Integer32),
                (5, "ifSpeed", Gauge32),
                (6, "ifPhysAddress", Octets),
                (7, "ifAdminStatus", Enumeration(IF_STATUS)),
                (8, "ifOperStatus", Enumeration(IF_STATUS)),
                (9, "ifLastChange", TimeTicks),
                (10, "ifInOctets", Counter32),
                (16, "ifOutOctets", Counter32),
            ],
        ),
        (&[1, 3, 6, 1, 2, 1, 25, 1], &[(1, "hrSystemUptime", TimeTicks)]),
        (
            &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1],
            &[
                (1, "ifName", Octets),
                (6, "ifHCInOctets", Counter64),
                (10, "ifHCOutOctets", Counter64),
                (15, "ifHighSpeed", Gauge32),
                (18, "ifAlias", Octets),
            ],
        ),
        (
            &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1],
            &[
                (2, "entPhysicalDescr", Octets),
                (3, "entPhysicalVendorType", Oid),
                (4, "entPhysicalContainedIn", Integer32),
                (5, "entPhysicalClass", Enumeration(CLASS)),
                (7, "entPhysicalName", Octets),
                (8, "entPhysicalHardwareRev", Octets),
                (9, "entPhysicalFirmwareRev", Octets),
                (10, "entPhysicalSoftwareRev", Octets),
                (11, "entPhysicalSerialNum", Octets),
                (12, "entPhysicalMfgName", Octets),
                (13, "entPhysicalModelName", Octets),
                (14, "entPhysicalAlias", Octets),
                (15, "entPhysicalAssetID", Octets),
            ],
        ),
        (
            &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1],
            &[
                (1, "entPhySensorType", Enumeration(SENSOR_TYPE)),
                (2, "entPhySensorScale", Enumeration(SCALE)),
                (3, "entPhySensorPrecision", Integer32),
                (4, "entPhySensorValue", Integer32),
                (5, "entPhySensorOperStatus", Enumeration(SENSOR_STATUS)),
                (6, "entPhySensorUnitsDisplay", Octets),
                (7, "entPhySensorValueTimeStamp", TimeTicks),
                (8, "entPhySensorValueUpdateRate", Unsigned32),
            ],
        ),
    ];
    let columns = tables.into_iter().flat_map(|(entry, columns)| {
        columns.iter().map(move |&(number, name, syntax)| Object {
            oid: [entry, &[number]].concat(),
            column: Column::read(number, name, syntax),
        })
    });
    columns.collect()
}
