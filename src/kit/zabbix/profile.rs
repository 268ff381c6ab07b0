//! The template of a device type: its points, by name and with units.
//!
//! They are read in fbPointTable, since a point that a device never told has no instance there; as a sensor it would be
//! a zero. Its rows stand under the device's number, which each host has as a macro.

use serde_json::json;

use super::{
    dashboard,
    device::{DEVICE, KNOWN_SENSORS},
    export::{Item, Template, user_macro},
};
use crate::{
    kit::{Profile, objects},
    model::{PointDef, PointType},
};

/// The device's number in the fleet.
pub const NUMBER: &str = "FB.NUMBER";

/// Graphs on the dashboard.
const SHOWN: usize = 12;

pub fn name(profile: &Profile) -> String {
    format!("{DEVICE} {}", profile.name)
}

pub fn template(profile: &Profile) -> Template {
    let about = format!("{}: its points, beside what every device has.", profile.title);
    let mut template = Template::new(&name(profile), &about);
    template.add("templates", json!({ "name": DEVICE }));
    template.add("macros", user_macro(KNOWN_SENSORS, ".", "This template has all points of the type"));
    template.valuemap("boolean", &[("false", 0), ("true", 1)]);
    let mut widgets = Vec::new();
    for point in &profile.points {
        let item = item(&template, point).optional().tag("component", "point");
        if !matches!(point.ty, PointType::Text | PointType::Boolean) && widgets.len() < SHOWN {
            let at = widgets.len() as u32;
            widgets.push(dashboard::graph(template.name(), item.key(), (at % 3 * 8, at / 3 * 5, 8, 5)));
        }
        template.add("items", item.into_value());
    }
    if !widgets.is_empty() {
        template.dashboard("Values", widgets);
    }
    template
}

fn item(template: &Template, point: &PointDef) -> Item {
    let number = point.number.to_string();
    let object = if point.ty == PointType::Counter { "fbPointCounter" } else { "fbPointValue" };
    let oid = format!("{}.{{${NUMBER}}}.{number}", objects::oid(object));
    let item = template.instance(object, &number, &point.name).with("snmp_oid", oid);
    match point.ty {
        PointType::Text => item.with("value_type", "CHAR").with("trends", "0").kept_when_changed(),
        PointType::Boolean => item.valuemap("boolean").step("BOOL_TO_DECIMAL", "", None),
        PointType::Counter => item.with("units", unit(&point.unit)),
        PointType::Integer | PointType::Decimal => item.float(&unit(&point.unit)),
    }
}

/// As Zabbix shows it. It puts K, M and so on before a unit, but for those that begin with `!`.
fn unit(unit: &str) -> String {
    let shown = match unit {
        "" => "",
        "celsius" => "°C",
        "percent" => "%",
        "volts" => "V",
        "amperes" => "A",
        "watts" => "W",
        "hertz" => "Hz",
        "seconds" => "s",
        "bytes" => "B",
        "VA" | "var" => unit,
        other => return format!("!{other}"),
    };
    shown.to_owned()
}
