//! What `cli/import_template.php` takes: device, graph and data templates, data queries and calculations.
//!
//! Cacti knows each piece by a hash of 32 digits. Here it is made of the piece's name, so that a later kit brings what is
//! there up to date instead of standing beside it.

use super::catalogue::{DEVICES, GRAPHS, Graph, Line, ROWS, Rows, SOURCES, Source};
use crate::kit::{objects, xml::Xml};

/// Cacti 1.2.3 and later.
const FORMAT: &str = "0102";

/// Pieces that every Cacti has.
const SNMP_SCALAR: &str = "hash_0301023eb92bb845b9660a7445cf9740726522";
const SNMP_COLUMN: &str = "hash_030102bf566c869ac6443b0c75d1c32b5a350e";
const SCALAR_OID: &str = "hash_0701024276a5ec6e3fe33995129041b1909762";
/// Which row: the field, its value, the column that is polled.
const ROW: [&str; 3] = [
    "hash_0701026027a919c7c7731fbe095b6f53ab127b",
    "hash_070102cbbe5c1ddfb264a6e5d509ce1c78c95f",
    "hash_070102e6deda7be0f391399c5130e7c4a48b28",
];
const NUMBER_FORMAT: &str = "hash_060102e9c43831e54eca8069317a2ce8c6f751";

/// Kinds of pieces, with their codes.
#[derive(Clone, Copy)]
enum Kind {
    Graph = 0x00,
    Data = 0x01,
    Device = 0x02,
    Query = 0x04,
    Calculation = 0x05,
    DataItem = 0x08,
    GraphItem = 0x10,
    QueryGraph = 0x11,
    GraphTitle = 0x12,
    DataTitle = 0x13,
    CalculationItem = 0x14,
}

/// A sensor's value in its unit: times 10 to the power of 3 x (scale - 9) - precision.
const SCALED: &str = "fleetbridge - Sensor value";
const SCALED_FORMULA: &str =
    "CURRENT_DATA_SOURCE,|query_entPhySensorScale|,9,-,3,*,|query_entPhySensorPrecision|,-,10,LOG,*,EXP,*";

pub fn document() -> String {
    let mut out = Xml::default();
    out.open("cacti", &[]);
    for (name, graphs, queries) in DEVICES {
        out.open(&hash(Kind::Device, name), &[]);
        out.leaf("name", name);
        out.leaf("class", "sensor");
        out.leaf("graph_templates", &joined(graphs.iter().map(|graph| hash(Kind::Graph, graph))));
        out.leaf("data_queries", &joined(queries.iter().map(|query| hash(Kind::Query, query.name))));
        out.close();
    }
    GRAPHS.iter().for_each(|graph| graph.write(&mut out));
    SOURCES.iter().for_each(|source| source.write(&mut out));
    ROWS.iter().for_each(|rows| rows.write(&mut out));
    out.open(&hash(Kind::Calculation, SCALED), &[]);
    out.leaf("name", SCALED);
    out.open("items", &[]);
    out.open(&hash(Kind::CalculationItem, SCALED), &[]);
    out.leaf("sequence", "1");
    // 6: text as it stands.
    out.leaf("type", "6");
    out.leaf("value", SCALED_FORMULA);
    out.finish()
}

impl Graph {
    fn write(&self, out: &mut Xml) {
        out.open(&hash(Kind::Graph, self.name), &[]);
        out.leaf("name", self.name);
        out.open("graph", &[]);
        for (field, value) in [
            ("title", self.title),
            ("vertical_label", self.unit),
            ("image_format_id", "1"),
            ("height", "200"),
            ("width", "700"),
            ("base_value", "1000"),
            ("slope_mode", ""),
            ("auto_scale", "on"),
            ("auto_scale_opts", "2"),
            ("auto_scale_log", ""),
            ("auto_scale_rigid", ""),
            ("auto_padding", "on"),
            ("upper_limit", ""),
            ("lower_limit", ""),
            ("unit_value", ""),
            ("unit_exponent_value", ""),
        ] {
            out.leaf(&format!("t_{field}"), "");
            out.leaf(field, value);
        }
        out.close();
        out.open("items", &[]);
        let mut sequence = 0;
        for line in self.lines {
            self.item(out, line, &mut sequence, Draw::Line, line.legend);
            self.item(out, line, &mut sequence, Draw::Last, "now");
            self.item(out, line, &mut sequence, Draw::Average, "average");
            self.item(out, line, &mut sequence, Draw::Maximum, "maximum");
        }
        out.close();
        out.leaf("inputs", "");
        out.close();
    }

    fn item(&self, out: &mut Xml, line: &Line, sequence: &mut usize, draw: Draw, text: &str) {
        *sequence += 1;
        let calculation = if self.scaled { hash(Kind::Calculation, SCALED) } else { "0".to_owned() };
        let (draws, consolidation) = draw.codes();
        out.open(&hash(Kind::GraphItem, &format!("{} {sequence}", self.name)), &[]);
        for (field, value) in [
            ("task_item_id", hash(Kind::DataItem, line.source).as_str()),
            ("color_id", if draw == Draw::Line { line.colour } else { "0" }),
            ("alpha", "FF"),
            ("graph_type_id", draws),
            ("line_width", "1.00"),
            ("cdef_id", &calculation),
            ("vdef_id", "0"),
            ("consolidation_function_id", consolidation),
            ("text_format", text),
            ("hard_return", if draw == Draw::Maximum { "on" } else { "" }),
            ("gprint_id", NUMBER_FORMAT),
            ("sequence", &sequence.to_string()),
        ] {
            out.leaf(field, value);
        }
        out.close();
    }
}

/// What an item of a graph shows of its data.
#[derive(Clone, Copy, PartialEq)]
enum Draw {
    Line,
    Last,
    Average,
    Maximum,
}

impl Draw {
    /// Cacti's kind of item and consolidation.
    fn codes(self) -> (&'static str, &'static str) {
        match self {
            Draw::Line => ("4", "1"),
            Draw::Last => ("9", "4"),
            Draw::Average => ("9", "1"),
            Draw::Maximum => ("9", "3"),
        }
    }
}

impl Source {
    fn write(&self, out: &mut Xml) {
        out.open(&hash(Kind::Data, self.name), &[]);
        out.leaf("name", self.name);
        out.open("ds", &[]);
        out.leaf("data_input_id", if self.scalar.is_some() { SNMP_SCALAR } else { SNMP_COLUMN });
        for (field, value) in [
            ("name", format!("|host_description| - {}", self.short).as_str()),
            ("rrd_step", "300"),
            ("active", "on"),
        ] {
            out.leaf(&format!("t_{field}"), "");
            out.leaf(field, value);
        }
        out.close();
        out.open("items", &[]);
        out.open(&hash(Kind::DataItem, self.name), &[]);
        for (field, value) in [
            ("data_source_name", self.short),
            ("rrd_minimum", if self.counts { "0" } else { "U" }),
            // Silence of a device that was never heard is no number.
            ("rrd_maximum", if self.scalar == Some("fbSelfSilentSeconds") { "4294967294" } else { "U" }),
            // DERIVE, not COUNTER: after a restart a count is unknown once and not near 2^64.
            ("data_source_type_id", if self.counts { "3" } else { "1" }),
            ("rrd_heartbeat", "600"),
            ("data_input_field_id", "0"),
        ] {
            out.leaf(&format!("t_{field}"), "");
            out.leaf(field, value);
        }
        out.close();
        out.close();
        out.open("data", &[]);
        let of_row = ROW.map(|field| (field, "on", String::new()));
        let of_scalar = self.scalar.map(|object| (SCALAR_OID, "", format!(".{}", objects::scalar(object))));
        for (at, (field, asked, value)) in
            of_scalar.into_iter().chain(of_row.into_iter().filter(|_| self.scalar.is_none())).enumerate()
        {
            out.open(&format!("item_{at:03}"), &[]);
            out.leaf("data_input_field_id", field);
            out.leaf("t_value", asked);
            out.leaf("value", &value);
            out.close();
        }
        out.close();
        out.close();
    }
}

impl Rows {
    fn write(&self, out: &mut Xml) {
        out.open(&hash(Kind::Query, self.query.name), &[]);
        out.leaf("name", self.query.name);
        out.leaf("description", self.query.description);
        out.leaf("xml_path", &format!("<path_cacti>/resource/snmp_queries/{}", self.query.file));
        out.leaf("data_input_id", SNMP_COLUMN);
        out.open("graphs", &[]);
        for (graph, columns) in self.graphs {
            out.open(&hash(Kind::QueryGraph, graph), &[]);
            out.leaf("graph_template_id", &hash(Kind::Graph, graph));
            out.leaf("name", graph);
            out.open("rrd", &[]);
            for (at, (column, source)) in columns.iter().enumerate() {
                out.open(&format!("item_{at:03}"), &[]);
                out.leaf("snmp_field_name", column);
                out.leaf("data_template_id", &hash(Kind::Data, source));
                out.leaf("data_template_rrd_id", &hash(Kind::DataItem, source));
                out.close();
            }
            out.close();
            let title = format!("|host_description| - {}", self.row);
            out.open("sv_graph", &[]);
            suggestion(out, &hash(Kind::GraphTitle, graph), "title", None, &title);
            out.close();
            out.open("sv_data_source", &[]);
            for (_, source) in *columns {
                let piece = hash(Kind::DataTitle, &format!("{graph} {source}"));
                suggestion(out, &piece, "name", Some(&hash(Kind::Data, source)), &title);
            }
            out.close();
            out.close();
        }
        out.close();
        out.close();
    }
}

fn suggestion(out: &mut Xml, piece: &str, field: &str, data: Option<&str>, text: &str) {
    out.open(piece, &[]);
    out.leaf("field_name", field);
    if let Some(data) = data {
        out.leaf("data_template_id", data);
    }
    out.leaf("sequence", "1");
    out.leaf("text", text);
    out.close();
}

fn joined(hashes: impl Iterator<Item = String>) -> String {
    hashes.collect::<Vec<_>>().join("|")
}

/// Cacti's name of a piece: FNV-1a of ours, of 128 bits.
fn hash(kind: Kind, name: &str) -> String {
    const BASIS: u128 = 0x6c62272e07bb014262b821756295c58d;
    const PRIME: u128 = 0x0000000001000000000000000000013b;
    let code = kind as u8;
    let octets = [code].into_iter().chain(name.bytes());
    let sum = octets.fold(BASIS, |sum, octet| (sum ^ u128::from(octet)).wrapping_mul(PRIME));
    format!("hash_{code:02x}{FORMAT}{sum:032x}")
}
