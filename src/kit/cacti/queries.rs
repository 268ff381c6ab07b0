//! Data queries: which rows a table has and what is known of each.

use crate::{
    kit::{objects, xml::Xml},
    snmp::syntax::Labels,
};

/// A data query.
pub struct Query {
    /// Of `resource/snmp_queries`.
    pub file: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    /// A column that each row has.
    every_row: &'static str,
    /// Other columns have further rows, which are not of this query.
    further_rows: bool,
    /// How many arcs at the end of an identifier tell the row.
    arcs: usize,
    /// By which a row is known again, the best first.
    order: &'static str,
    fields: &'static [Field],
}

/// A column.
pub struct Field {
    object: &'static str,
    title: &'static str,
    /// It is polled; the others are read when the rows are.
    polled: bool,
}

const fn known(object: &'static str, title: &'static str) -> Field {
    Field { object, title, polled: false }
}

const fn polled(object: &'static str, title: &'static str) -> Field {
    Field { object, title, polled: true }
}

pub const ALL: [&Query; 3] = [&POINTS, &SENSORS, &ADAPTERS];

pub const POINTS: Query = Query {
    file: "fleetbridge_points.xml",
    name: "fleetbridge - Points",
    description: "What the device measures and states",
    every_row: "fbPointType",
    further_rows: false,
    // Device and point.
    arcs: 2,
    order: "fbPointName",
    fields: &[
        known("fbPointName", "Name"),
        known("fbPointType", "Type"),
        known("fbPointUnit", "Unit"),
        known("fbPointQuality", "Quality"),
        polled("fbPointValue", "Value"),
        polled("fbPointInteger", "State"),
        polled("fbPointCounter", "Count"),
    ],
};

pub const SENSORS: Query = Query {
    file: "fleetbridge_sensors.xml",
    name: "fleetbridge - Sensors",
    description: "The sensors of ENTITY-SENSOR-MIB with the names of ENTITY-MIB",
    every_row: "entPhySensorType",
    // Names are those of all components.
    further_rows: true,
    arcs: 1,
    order: "entPhysicalName:entPhysicalDescr",
    fields: &[
        known("entPhysicalName", "Name"),
        known("entPhysicalDescr", "Description"),
        known("entPhySensorType", "Type"),
        known("entPhySensorScale", "Scale"),
        known("entPhySensorPrecision", "Precision"),
        known("entPhySensorUnitsDisplay", "Unit"),
        known("entPhySensorOperStatus", "Status"),
        polled("entPhySensorValue", "Value"),
    ],
};

pub const ADAPTERS: Query = Query {
    file: "fleetbridge_adapters.xml",
    name: "fleetbridge - Connections",
    description: "The bridge's connections to brokers",
    every_row: "fbAdapterName",
    further_rows: false,
    arcs: 1,
    order: "fbAdapterName",
    fields: &[
        known("fbAdapterName", "Name"),
        known("fbAdapterType", "Type"),
        known("fbAdapterUrl", "URL"),
        known("fbAdapterState", "State"),
        polled("fbAdapterMessages", "Messages"),
        polled("fbAdapterErrors", "Errors"),
        polled("fbAdapterDevices", "Devices"),
    ],
};

impl Query {
    pub fn document(&self) -> String {
        let mut out = Xml::default();
        out.open("interface", &[]);
        out.leaf("name", self.name);
        out.leaf("description", self.description);
        out.leaf("oid_index", &dotted(self.every_row));
        out.leaf("oid_index_parse", &format!("OID/REGEXP:{}", self.row_pattern()));
        if self.further_rows {
            // Takes all rows; Cacti keeps to the rows that it took only if there is such a pattern.
            out.leaf("value_index_parse", "VALUE/REGEXP:.");
        }
        out.leaf("index_order", self.order);
        out.leaf("index_order_type", "alphabetic");
        out.leaf("index_title_format", "|chosen_order_field|");
        out.open("fields", &[]);
        for field in self.fields {
            out.open(field.object, &[]);
            out.leaf("name", field.title);
            out.leaf("method", "walk");
            out.leaf("source", "value");
            out.leaf("direction", if field.polled { "output" } else { "input" });
            out.leaf("oid", &dotted(field.object));
            if !field.polled && !CALCULATED.contains(&field.object) {
                words(&mut out, objects::labels(field.object));
            }
            out.close();
        }
        out.finish()
    }

    fn row_pattern(&self) -> String {
        format!(r".*\.({})$", vec!["[0-9]+"; self.arcs].join(r"\."))
    }
}

/// Graphs need the number.
const CALCULATED: [&str; 1] = ["entPhySensorScale"];

/// The names of an enumeration's values instead of their numbers.
fn words(out: &mut Xml, labels: Labels) {
    if labels.is_empty() {
        return;
    }
    out.open("rewrite_value", &[]);
    for (at, (label, number)) in labels.iter().enumerate() {
        out.open(&format!("item_{at:03}"), &[]);
        out.leaf("match", &number.to_string());
        out.leaf("replace", label);
        out.close();
    }
    out.close();
}

fn dotted(object: &str) -> String {
    format!(".{}", objects::oid(object))
}
