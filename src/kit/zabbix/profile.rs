//! The template of a device type: its points, by name and with units.
//!
//! They are read in fbPointTable, since a point that a device never told has no instance there; as a sensor it would be
//! a zero. Its rows stand under the device's number, which each host has as a macro. One item of a host asks for all of
//! them with what they are worth; the others are fed by it, with values that are good alone, so that an old value is not
//! taken for a new one.

use serde_json::{Map, Value, json};

use super::{
    bridge, dashboard,
    device::{DEVICE, KNOWN_SENSORS, Lost},
    export::{Item, Template, Trigger, user_macro},
    script,
};
use crate::{
    kit::{Profile, objects},
    model::{PointDef, PointType},
};

/// The device's number in the fleet.
pub const NUMBER: &str = "FB.NUMBER";

/// The key of the item with all points.
const POINTS: &str = "fb.points";

/// By point number the good values, and in words which are not good.
const SCRIPT: &str = "
var worth = {2: 'stale', 3: 'bad'}, points = {}, doubtful = [];
JSON.parse(value).forEach(function (row) {
    var quality = row['{#QUALITY}'], number = row['{#SNMPINDEX}'];
    if (quality == 1) points[number] = text(row['{#VALUE}']);
    if (worth[quality]) doubtful.push((names[number] || number) + ' (' + worth[quality] + ')');
});
points.doubtful = doubtful.join(', ').slice(0, 255);
return JSON.stringify(points);";

/// The last value in a trigger's texts. Without a function it would be cut after 20 characters.
const WHOLE: &str = r#"{{ITEM.LASTVALUE}.regsub("(.*)", "\1")}"#;

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
    if !profile.points.is_empty() {
        template.add("items", points(&template, profile).into_value());
        template.add("items", doubtful(&template).into_value());
    }
    let mut widgets = Vec::new();
    for point in &profile.points {
        let item = item(&template, point).tag("component", "point");
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

fn points(template: &Template, profile: &Profile) -> Item {
    let names: Map<String, Value> =
        profile.points.iter().map(|point| (point.number.to_string(), point.name.as_str().into())).collect();
    let script = format!("var names = {};{SCRIPT}", Value::Object(names));
    let column = |object| format!("{}.{{${NUMBER}}}", objects::oid(object));
    template
        .rows(POINTS, "Points", &[("QUALITY", column("fbPointQuality")), ("VALUE", column("fbPointValue"))])
        .script(&script::with_text(&script))
        .tag("component", "point")
}

fn doubtful(template: &Template) -> Item {
    let item = template
        .dependent("fb.doubtful", "Values that are not fresh", POINTS, "$.doubtful")
        .with("value_type", "CHAR")
        .with("trends", "0")
        .with("history", "7d")
        .tag("component", "point");
    let trigger = Trigger {
        name: "Values are not fresh".into(),
        expression: format!("length({})>0", item.last()),
        priority: "WARNING",
        description: "The device is heard, but these values are older than they may be, or not to be trusted.",
        behind: vec![Lost::inherited(template.name()).into_value(), bridge::is_deaf()],
    };
    let mut trigger = trigger.into_value(template.name());
    // Which they are at first, and which they are now.
    trigger["event_name"] = format!("No fresh value: {WHOLE}").into();
    trigger["opdata"] = WHOLE.into();
    item.push("triggers", trigger)
}

fn item(template: &Template, point: &PointDef) -> Item {
    let number = point.number.to_string();
    let object = if point.ty == PointType::Counter { "fbPointCounter" } else { "fbPointValue" };
    let key = format!("fb[{object}.{number}]");
    let item = template.dependent(&key, &point.name, POINTS, &format!("$.['{number}']"));
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
        "volts" | "volts-ac" => "V",
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
