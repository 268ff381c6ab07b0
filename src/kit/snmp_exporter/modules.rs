//! What snmp_exporter reads of an agent and makes metrics of: the body of a module, alike in every version.

use std::fmt::Write;

use super::quoted;
use crate::{
    kit::objects,
    snmp::{mib::Object, syntax::Syntax},
};

/// One view of an agent.
pub(super) struct Module {
    pub name: &'static str,
    scalars: &'static [&'static str],
    /// One of a group of scalars, all of which are taken.
    group: &'static str,
    tables: &'static [Table],
}

/// Columns of one table as metrics.
struct Table {
    /// The INDEX, as labels.
    index: &'static [&'static str],
    /// Of the index, what is always the same in this view and no label.
    without: &'static [&'static str],
    /// Columns of this table, or of another with the same index, that become labels.
    labels: &'static [&'static str],
    metrics: &'static [&'static str],
}

pub(super) const DEVICE: Module = Module {
    name: "fleetbridge_device",
    scalars: &["sysName", "sysLocation", "sysUpTime"],
    group: "fbSelfName",
    tables: &[
        Table {
            index: &["entPhysicalIndex"],
            without: &[],
            labels: &[
                "entPhysicalName",
                "entPhysicalMfgName",
                "entPhysicalModelName",
                "entPhysicalSerialNum",
                "entPhysicalHardwareRev",
                "entPhysicalFirmwareRev",
                "entPhysicalSoftwareRev",
                "entPhysicalAlias",
                "entPhysicalAssetID",
            ],
            metrics: &["entPhysicalClass"],
        },
        Table {
            index: &["entPhysicalIndex"],
            without: &[],
            labels: &["entPhysicalName", "entPhySensorUnitsDisplay"],
            metrics: &["entPhySensorValue"],
        },
        Table {
            index: &["entPhysicalIndex"],
            without: &[],
            labels: &[],
            metrics: &["entPhySensorScale", "entPhySensorPrecision", "entPhySensorOperStatus"],
        },
        Table {
            index: &["ifIndex"],
            without: &[],
            labels: &["ifName"],
            metrics: &["ifOperStatus", "ifHCInOctets", "ifHCOutOctets"],
        },
        Table {
            index: &["fbDeviceNumber", "fbPointIndex"],
            without: &["fbDeviceNumber"],
            labels: &["fbPointName", "fbPointUnit"],
            metrics: &["fbPointValue", "fbPointCounter", "fbPointQuality", "fbPointAge"],
        },
    ],
};

pub(super) const BRIDGE: Module = Module {
    name: "fleetbridge",
    scalars: &["sysUpTime"],
    group: "fbFleetDevices",
    tables: &[
        Table {
            index: &["fbAdapterIndex"],
            without: &[],
            labels: &["fbAdapterName"],
            metrics: &["fbAdapterState", "fbAdapterMessages", "fbAdapterErrors", "fbAdapterDevices"],
        },
        Table {
            index: &["fbDeviceNumber"],
            without: &[],
            labels: &["fbMissingName", "fbMissingSite"],
            metrics: &["fbMissingPresence", "fbMissingSilentSeconds"],
        },
    ],
};

/// A device that is silent is asked once more and holds up its scrape for four seconds.
const PACE: &str = "max_repetitions: 50\nretries: 1\ntimeout: 2s\n";

impl Module {
    /// The lines of the module, not indented.
    pub fn body(&self) -> String {
        let mut out = String::from(PACE);
        out.push_str("get:\n");
        for name in self.scalars() {
            let _ = writeln!(out, "  - {}", objects::scalar(name));
        }
        out.push_str("walk:\n");
        for column in self.columns() {
            let _ = writeln!(out, "  - {}", objects::oid(column));
        }
        out.push_str("metrics:\n");
        for name in self.scalars() {
            metric(&mut out, name);
        }
        for table in self.tables {
            for name in table.metrics {
                metric(&mut out, name);
                table.rows(&mut out);
            }
        }
        out
    }

    fn scalars(&self) -> impl Iterator<Item = &'static str> {
        let group = objects::siblings(self.group).map(|object| object.column.name);
        self.scalars.iter().copied().chain(group)
    }

    /// Each column once, in the order in which it is used first.
    fn columns(&self) -> Vec<&'static str> {
        let mut columns = Vec::new();
        for name in self.tables.iter().flat_map(|table| table.metrics.iter().chain(table.labels)) {
            if !columns.contains(name) {
                columns.push(*name);
            }
        }
        columns
    }
}

impl Table {
    /// What makes a metric one of a table.
    fn rows(&self, out: &mut String) {
        out.push_str("    indexes:\n");
        for name in self.index {
            let _ = writeln!(out, "      - {{ labelname: {name}, type: gauge }}");
        }
        if self.labels.is_empty() && self.without.is_empty() {
            return;
        }
        out.push_str("    lookups:\n");
        let index = self.index.join(", ");
        for name in self.labels {
            let oid = objects::oid(name);
            let _ = writeln!(
                out,
                "      - {{ labels: [{index}], labelname: {name}, oid: {oid}, type: DisplayString }}"
            );
        }
        for name in self.without {
            let _ = writeln!(out, "      - {{ labels: [{name}], labelname: {name} }}");
        }
    }
}

/// A metric of the object's name. Numbers that stand as text become numbers again; text itself is a label of a metric
/// that is always 1.
fn metric(out: &mut String, name: &str) {
    let object = objects::find(name);
    let kind = match name {
        "entPhysicalClass" => "EnumAsInfo",
        _ => object.map_or("gauge", kind),
    };
    let _ = write!(
        out,
        "  - name: {name}\n    oid: {}\n    type: {kind}\n    help: {}\n",
        objects::oid(name),
        quoted(&help(name))
    );
    if name == "fbPointValue" {
        out.push_str(
            "    regex_extracts:\n      \"\":\n        - { regex: '^true$', value: '1' }\n        \
             - { regex: '^false$', value: '0' }\n        - { regex: '^(-?[0-9.]+)$', value: '$1' }\n",
        );
    }
    if kind == "EnumAsInfo" {
        out.push_str("    enum_values:\n");
        for (label, number) in objects::labels(name) {
            let _ = writeln!(out, "      {number}: {label}");
        }
    }
}

fn kind(object: &Object) -> &'static str {
    match object.column.syntax {
        Syntax::Counter32 | Syntax::Counter64 => "counter",
        Syntax::Octets => "DisplayString",
        _ => "gauge",
    }
}

/// The name, and what the numbers of an enumeration mean.
fn help(name: &str) -> String {
    let words: Vec<_> =
        objects::labels(name).iter().map(|(label, number)| format!("{number} {label}")).collect();
    if words.is_empty() { name.to_owned() } else { format!("{name}: {}", words.join(", ")) }
}
