//! The YAML by which LibreNMS knows a system and finds its sensors (the schemas os_schema.json and discovery_schema.json of
//! its sources).

use std::{collections::BTreeSet, fmt::Write};

use crate::{
    kit::{Facts, objects},
    snmp::mib::{entity::units::sensor_type, fleetbridge::ENTERPRISE},
};

pub struct System {
    pub name: &'static str,
    pub detection: String,
    pub discovery: String,
}

/// A class of sensors that takes points of some units, and what a value is divided by for the class's own unit.
struct Class {
    name: &'static str,
    units: &'static [&'static str],
    divisor: u32,
}

const CLASSES: [Class; 5] = [
    Class { name: "dbm", units: &["dBm"], divisor: 1 },
    Class { name: "percent", units: &["percent", "%"], divisor: 1 },
    Class { name: "power_consumed", units: &["kWh"], divisor: 1 },
    Class { name: "pressure", units: &["hPa", "mbar"], divisor: 10 },
    Class { name: "pressure", units: &["kPa"], divisor: 1 },
];

/// How bad a value is in LibreNMS.
const OK: u8 = 0;
const WARNING: u8 = 1;
const CRITICAL: u8 = 2;
const UNKNOWN: u8 = 3;

const PRESENCE: [(&str, u8); 5] =
    [("online", OK), ("late", WARNING), ("lost", CRITICAL), ("sleeping", OK), ("unreachable", CRITICAL)];
const HEALTH: [(&str, u8); 3] = [("ok", OK), ("warning", WARNING), ("failing", CRITICAL)];
const FROZEN: [(&str, u8); 2] = [("true", CRITICAL), ("false", OK)];
const CONNECTION: [(&str, u8); 1] = [("up", OK)];
const QUALITY: [(&str, u8); 3] = [("good", OK), ("stale", WARNING), ("bad", CRITICAL)];

pub fn device(facts: &Facts) -> System {
    let name = "fleetbridge-device";
    let mut out = String::from("mib: FLEETBRIDGE-MIB\nmodules:\n");
    out.push_str("    os:\n        version: FLEETBRIDGE-MIB::fbSelfFirmware.0\n");
    out.push_str("        hardware: ENTITY-MIB::entPhysicalModelName.1\n        serial: ENTITY-MIB::entPhysicalSerialNum.1\n");
    out.push_str("    sensors:\n");
    class(&mut out, "state");
    states(&mut out, "fbSelfPresence", "Presence", &PRESENCE);
    states(&mut out, "fbSelfHealth", "Health", &HEALTH);
    boolean_points(&mut out);
    // LibreNMS itself goes on with a value that is not fresh.
    states(&mut out, "fbPointQuality", "{{ $fbPointName }}: quality", &QUALITY);
    class(&mut out, "count");
    scalar(&mut out, "fbSelfActiveAlarms", "Active alarms");
    scalar(&mut out, "fbSelfSilentSeconds", "Seconds since the last message");
    // Before the first message.
    out.push_str("                    skip_value_gt: 4294967294\n");
    point(&mut out, "fbPointValue");
    let points = facts.profiles.iter().flat_map(|profile| &profile.points);
    let by_itself = points.map(|point| point.unit.as_str()).filter(|unit| takes_by_itself(unit));
    let taken: BTreeSet<&str> =
        by_itself.chain(CLASSES.iter().flat_map(|class| class.units).copied()).collect();
    units(&mut out, "in_array", taken);
    only_types(&mut out, &["integer", "decimal"]);
    point(&mut out, "fbPointCounter");
    only_types(&mut out, &["counter"]);
    out.push_str("                    rrd_type: COUNTER\n");
    let mut last = "";
    for Class { name, units: of_class, divisor } in CLASSES {
        if name != last {
            class(&mut out, name);
            last = name;
        }
        point(&mut out, "fbPointValue");
        units(&mut out, "not_in_array", of_class.iter().copied());
        only_types(&mut out, &["integer", "decimal"]);
        if name == "percent" {
            // Relative humidity comes by itself.
            out.push_str("                        - { oid: fbPointName, op: contains, value: humidity }\n");
        }
        if divisor > 1 {
            let _ = writeln!(out, "                    divisor: {divisor}");
        }
    }
    System {
        name,
        detection: detection(name, "fleetbridge device", "environment", &["1.2.", "1.3."]),
        discovery: out,
    }
}

pub fn bridge() -> System {
    let name = "fleetbridge";
    let mut out = String::from("mib: FLEETBRIDGE-MIB\nmodules:\n    sensors:\n");
    class(&mut out, "state");
    states(&mut out, "fbFleetPresenceFrozen", "Presence is frozen", &FROZEN);
    states(&mut out, "fbAdapterState", "{{ $fbAdapterName }}", &CONNECTION);
    class(&mut out, "count");
    for (object, title) in [
        ("fbFleetDevices", "Devices"),
        ("fbFleetOnline", "Devices online"),
        ("fbFleetLate", "Devices late"),
        ("fbFleetSleeping", "Devices sleeping"),
        ("fbFleetLost", "Devices lost"),
        ("fbFleetUnreachable", "Devices unreachable"),
        ("fbFleetNeverSeen", "Devices never seen"),
    ] {
        scalar(&mut out, object, title);
    }
    System { name, detection: detection(name, "fleetbridge", "server", &["1.1"]), discovery: out }
}

/// Whether LibreNMS takes points of the unit from ENTITY-SENSOR-MIB: volts, amperes, watts, hertz, celsius, percentRH, rpm.
fn takes_by_itself(unit: &str) -> bool {
    matches!(sensor_type(unit, ""), Some((3..=10, _)))
}

fn detection(name: &str, text: &str, kind: &str, products: &[&str]) -> String {
    let mut out = format!(
        "os: {name}\ntext: '{text}'\ntype: {kind}\nmib_dir: fleetbridge\ndiscovery:\n    -\n        sysObjectID:\n"
    );
    for product in products {
        let _ = writeln!(out, "            - .1.3.6.1.4.1.{ENTERPRISE}.{product}");
    }
    out
}

fn class(out: &mut String, name: &str) {
    let _ = writeln!(out, "        {name}:\n            data:");
}

/// A value of its own, or of each row of a table.
fn scalar(out: &mut String, object: &str, title: &str) {
    entry(out, object, object, title);
}

fn states(out: &mut String, object: &str, title: &str, judged: &[(&str, u8)]) {
    let walked = match object {
        "fbAdapterState" => "fbAdapterTable",
        "fbPointQuality" => "fbPointTable",
        scalar => scalar,
    };
    entry(out, walked, object, title);
    let _ = writeln!(out, "                    state_name: {object}\n                    states:");
    for (label, value) in objects::labels(object) {
        let found = judged.iter().find(|(word, _)| word == label).map(|(_, generic)| *generic);
        let rest = if object == "fbAdapterState" { CRITICAL } else { UNKNOWN };
        state(out, label, *value, found.unwrap_or(rest));
    }
}

fn state(out: &mut String, label: &str, value: i32, generic: u8) {
    let _ = writeln!(
        out,
        "                        - {{ descr: '{label}', graph: 1, value: {value}, generic: {generic} }}"
    );
}

fn boolean_points(out: &mut String) {
    point(out, "fbPointInteger");
    only_types(out, &["boolean"]);
    out.push_str("                    state_name: fbPointBoolean\n                    states:\n");
    state(out, "false", 0, OK);
    state(out, "true", 1, OK);
}

/// A column of fbPointTable; the entry is left open for what is to be passed over.
fn point(out: &mut String, column: &str) {
    entry(out, "fbPointTable", column, "{{ $fbPointName }}");
    out.push_str("                    skip_values:\n");
}

/// Passes over points whose unit is one of these, or is none.
fn units<'a>(out: &mut String, operator: &str, units: impl IntoIterator<Item = &'a str>) {
    let units: Vec<String> =
        units.into_iter().map(|unit| format!("'{}'", unit.replace('\'', "''"))).collect();
    let _ = writeln!(
        out,
        "                        - {{ oid: fbPointUnit, op: {operator}, value: [{}] }}",
        units.join(", ")
    );
}

/// Passes over points of other types, whether they come as words or as numbers.
fn only_types(out: &mut String, types: &[&str]) {
    let labels = objects::labels("fbPointType").iter().filter(|(label, _)| types.contains(label));
    let names: Vec<String> = labels.map(|(label, value)| format!("{label}, {value}")).collect();
    let _ = writeln!(
        out,
        "                        - {{ oid: fbPointType, op: not_in_array, value: [{}] }}",
        names.join(", ")
    );
}

fn entry(out: &mut String, walked: &str, object: &str, title: &str) {
    let oid = objects::oid(object);
    let _ = write!(
        out,
        "                -
                    oid: {walked}
                    value: {object}
                    num_oid: '.{oid}.{{{{ $index }}}}'
                    index: '{object}.{{{{ $index }}}}'
                    descr: '{title}'
"
    );
}
