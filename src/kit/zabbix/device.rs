//! The template of every device: what its own view of the agent has, whatever its type.

use serde_json::{Value, json};

use super::{
    bridge, dashboard,
    export::{AVAILABILITY, AVAILABLE, Item, OFTEN, SELDOM, Template, Trigger, code, user_macro},
    script,
};
use crate::kit::objects;

pub const DEVICE: &str = "fleetbridge device";

/// Names of sensors that a template has by itself, as a regular expression; the discovery passes them over.
pub const KNOWN_SENSORS: &str = "FB.SENSORS.KNOWN";

/// The host that a host hangs on; empty if on none.
pub const PARENT: &str = "FB.PARENT";

pub fn template(bridge_is_down: Value) -> Template {
    let mut template = Template::new(
        DEVICE,
        "A device behind fleetbridge, by its own SNMP view. Its state is that of the view: a lost device is silent.",
    );
    for (name, value, description) in [
        ("FB.STATE", "30s", "How often the state of the host is taken over"),
        ("FB.EVERY", "1m", "How often values are asked for"),
        ("FB.SELDOM", "5m", "How often the inventory is asked for"),
        ("FB.DISCOVERY", "1h", "How often sensors and interfaces are looked for"),
        ("FB.RESTARTED", "10m", "So long a restart is a problem"),
        ("FB.BATTERY.LOW", "20", "Percent; below it the battery is a problem"),
        (PARENT, "", "The host that it hangs on, which then has its own trigger"),
        (KNOWN_SENSORS, "^$", "Sensors that are not discovered because the template of the type has them"),
    ] {
        template.add("macros", user_macro(name, value, description));
    }
    valuemaps(&mut template);
    for item in
        state(&template, bridge_is_down).into_iter().chain(system(&template)).chain(inventory(&template))
    {
        template.add("items", item.into_value());
    }
    let rules = [sensors(&template), interfaces(&template)];
    for rule in rules {
        template.add("discovery_rules", rule);
    }
    template.dashboard("Device", widgets());
    template
}

fn valuemaps(template: &mut Template) {
    template.valuemap("SNMP availability", AVAILABILITY);
    for name in [
        "fbSelfPresence",
        "fbSelfHealth",
        "fbSelfCompliance",
        "entPhySensorOperStatus",
        "ifOperStatus",
        "upsBatteryStatus",
    ] {
        template.valuemap(name, objects::labels(name));
    }
}

/// A trigger as others name it that stand behind it: that a device is gone. Either its view is silent, or it says itself
/// that it is lost, where `[snmp.devices] silent` leaves that out.
#[derive(Clone, Debug)]
pub struct Lost {
    pub name: &'static str,
    pub expression: String,
}

impl Lost {
    /// Of a template, or of a host that inherits it. A host that hangs on another has a trigger of its own, behind that
    /// of the other.
    pub fn inherited(host: &str) -> Lost {
        let presence = format!("last(/{host}/fb[fbSelfPresence.0])");
        let [lost, unreachable] = gone().map(|code| format!("{presence}={code}"));
        Lost {
            name: "Device is lost",
            expression: format!(
                "(last(/{host}/{AVAILABLE})=0 or {lost} or {unreachable}) and \"{{${PARENT}}}\"=\"\""
            ),
        }
    }

    /// Of a host that hangs on another, after that one's: it has to be so three times.
    pub fn behind_parent(host: &str) -> Lost {
        let [lost, unreachable] = gone();
        Lost {
            name: "Device is lost",
            expression: format!(
                "max(/{host}/{AVAILABLE},#3)=0 or \
                 count(/{host}/fb[fbSelfPresence.0],#3,\"regexp\",\"^({lost}|{unreachable})$\")=3"
            ),
        }
    }

    pub fn trigger(self, behind: Value) -> Trigger {
        Trigger {
            name: self.name.to_owned(),
            expression: self.expression,
            priority: "HIGH",
            description: "The bridge has not heard the device for too long, or not the one that it hangs on. Its SNMP \
                          view is silent, if not configured otherwise.",
            behind: vec![behind],
        }
    }

    pub fn into_value(self) -> Value {
        json!({ "name": self.name, "expression": self.expression })
    }
}

/// What fbSelfPresence is of a device that is gone.
fn gone() -> [i32; 2] {
    ["lost", "unreachable"].map(|label| code("fbSelfPresence", label))
}

fn state(template: &Template, bridge_is_down: Value) -> Vec<Item> {
    let available = template.availability();
    let behind = Lost::inherited(DEVICE).into_value();
    let mut items = Vec::new();
    let presence = template.scalar("fbSelfPresence", "Presence").valuemap("fbSelfPresence");
    let late = Trigger {
        name: "Device is late".into(),
        expression: format!("{}={}", presence.last(), code("fbSelfPresence", "late")),
        priority: "INFO",
        description: "It has been silent for longer than its interval, not yet for so long that it is lost.",
        behind: vec![behind.clone()],
    };
    items.push(presence.trigger(late).tag("component", "state"));
    let health = template.scalar("fbSelfHealth", "Health").valuemap("fbSelfHealth");
    let failing = Trigger {
        name: "Device is failing".into(),
        expression: format!("{}={}", health.last(), code("fbSelfHealth", "failing")),
        priority: "AVERAGE",
        description: "It has an alarm that stops it from doing its work.",
        behind: vec![behind.clone()],
    };
    items.push(health.trigger(failing).tag("component", "state"));
    let alarms = template.scalar("fbSelfActiveAlarms", "Active alarms");
    let alarmed = Trigger {
        name: "Device has alarms".into(),
        expression: format!("{}>0", alarms.last()),
        priority: "WARNING",
        description: "Alarms that the bridge keeps for it and that are not cleared.",
        behind: vec![behind.clone()],
    };
    items.push(alarms.trigger(alarmed).tag("component", "state"));
    items.push(
        template
            .scalar("fbSelfSilentSeconds", "Silent for")
            .with("units", "s")
            .with("trends", "0")
            // Never heard.
            .step("NOT_MATCHES_REGEX", "^4294967295$", Some("DISCARD_VALUE"))
            .tag("component", "state"),
    );
    let compliance =
        template.scalar("fbSelfCompliance", "Compliance").valuemap("fbSelfCompliance").with("delay", SELDOM);
    let drifted = Trigger {
        name: "Device is not as wanted".into(),
        expression: format!("{}>={}", compliance.last(), code("fbSelfCompliance", "drifted")),
        priority: "WARNING",
        description: "A setting of it has drifted, or could not be made.",
        behind: vec![behind.clone()],
    };
    items.push(compliance.trigger(drifted).tag("component", "state"));
    let trigger = Lost::inherited(DEVICE).trigger(bridge_is_down);
    items.push(available.trigger(trigger).tag("component", "state"));
    items
}

fn system(template: &Template) -> Vec<Item> {
    let behind = Lost::inherited(DEVICE).into_value();
    let uptime =
        template.scalar("sysUpTime", "Uptime").with("units", "uptime").with("trends", "0").multiplied("0.01");
    let restarted = Trigger {
        name: "Device has been restarted".into(),
        expression: format!("{}<{{$FB.RESTARTED}}", uptime.last()),
        priority: "INFO",
        description: "sysUpTime counts from the start of the device itself, not of the bridge.",
        behind: vec![behind.clone()],
    };
    let charge =
        template.scalar("upsEstimatedChargeRemaining", "Battery charge").with("units", "%").optional();
    let low = Trigger {
        name: "Battery is low".into(),
        expression: format!("{}<{{$FB.BATTERY.LOW}}", charge.last()),
        priority: "WARNING",
        description: "",
        behind: vec![behind],
    };
    vec![
        uptime.trigger(restarted).tag("component", "system"),
        template
            .scalar("hrSystemUptime", "System uptime")
            .with("units", "uptime")
            .with("trends", "0")
            .with("delay", SELDOM)
            .multiplied("0.01")
            .tag("component", "system"),
        charge.trigger(low).tag("component", "battery"),
        template
            .scalar("upsBatteryStatus", "Battery status")
            .valuemap("upsBatteryStatus")
            .optional()
            .tag("component", "battery"),
    ]
}

/// Each fills a field of the inventory of its own.
fn inventory(template: &Template) -> Vec<Item> {
    let scalars = [
        ("sysName", "Name", "NAME"),
        ("sysDescr", "Description", "TYPE_FULL"),
        ("sysContact", "Contact", "CONTACT"),
        ("sysLocation", "Location", "LOCATION"),
        ("fbSelfFirmware", "Firmware", "OS"),
        ("fbSelfTargetFirmware", "Target firmware", "SOFTWARE_APP_A"),
    ];
    // Of entPhysicalIndex 1, which is the device itself.
    let columns = [
        ("entPhysicalAlias", "Alias", "ALIAS"),
        ("entPhysicalMfgName", "Manufacturer", "VENDOR"),
        ("entPhysicalModelName", "Model", "MODEL"),
        ("entPhysicalHardwareRev", "Hardware revision", "HARDWARE"),
        ("entPhysicalSoftwareRev", "Software revision", "SOFTWARE"),
        ("entPhysicalSerialNum", "Serial number", "SERIALNO_A"),
        ("entPhysicalAssetID", "Asset tag", "ASSET_TAG"),
    ];
    let scalars = scalars.into_iter().map(|(object, name, field)| (object, "0", name, field));
    let columns = columns.into_iter().map(|(object, name, field)| (object, "1", name, field));
    let item = |(object, instance, name, field): (&str, &str, &str, &str)| {
        template
            .instance(object, instance, name)
            .optional()
            .text()
            .inventory(field)
            .tag("component", "inventory")
    };
    scalars.chain(columns).map(item).collect()
}

/// The factor and the unit of each sensor that has a value, from its type, scale and precision (RFC 3433).
const SCRIPT: &str = "
var units = {3: 'V', 4: 'V', 5: 'A', 6: 'W', 7: 'Hz', 8: '°C', 9: '%', 10: '!rpm', 11: 'm³/min', 14: '!dBm'};
var rows = JSON.parse(value).filter(function (row) { return row['{#STATUS}'] == 1; });
rows.forEach(function (row) {
    row['{#FACTOR}'] = '1e' + (3 * (row['{#SCALE}'] - 9) - row['{#PRECISION}']);
    row['{#UNIT}'] = units[row['{#TYPE}']] || (row['{#DISPLAY}'] ? '!' + text(row['{#DISPLAY}']) : '');
});
return JSON.stringify(rows);";

fn sensors(template: &Template) -> Value {
    let columns = [
        ("NAME", "entPhysicalName"),
        ("TYPE", "entPhySensorType"),
        ("SCALE", "entPhySensorScale"),
        ("PRECISION", "entPhySensorPrecision"),
        ("DISPLAY", "entPhySensorUnitsDisplay"),
        ("STATUS", "entPhySensorOperStatus"),
    ];
    let value = template
        .instance("entPhySensorValue", "{#SNMPINDEX}", "{#NAME}")
        .float("{#UNIT}")
        .multiplied("{#FACTOR}")
        .tag("component", "sensor");
    let status = template
        .instance("entPhySensorOperStatus", "{#SNMPINDEX}", "{#NAME}: state of the sensor")
        .valuemap("entPhySensorOperStatus")
        .with("history", "7d")
        .tag("component", "sensor");
    let unavailable = Trigger {
        name: "No fresh value of {#NAME}".into(),
        expression: format!("{}<>{}", status.last(), code("entPhySensorOperStatus", "ok")),
        priority: "WARNING",
        description: "The device is heard, but this value is older than it may be, or not to be trusted.",
        behind: vec![Lost::inherited(DEVICE).into_value(), bridge::is_deaf()],
    };
    template
        .discovery("fb.sensors", "Sensors", &columns)
        .script(&script::with_text(SCRIPT))
        .not_matching("NAME", &format!("{{${KNOWN_SENSORS}}}"))
        .items(vec![value, status.trigger_prototype(unavailable)])
}

fn interfaces(template: &Template) -> Value {
    let octets = |column, name| {
        template
            .instance(column, "{#SNMPINDEX}", name)
            .optional()
            .step("CHANGE_PER_SECOND", "", None)
            .multiplied("8")
            .with("units", "bps")
            .tag("component", "interface")
    };
    let state = template
        .instance("ifOperStatus", "{#SNMPINDEX}", "Interface {#IFNAME}: state")
        .valuemap("ifOperStatus")
        .with("delay", OFTEN)
        .tag("component", "interface");
    template.discovery("fb.interfaces", "Interfaces", &[("IFNAME", "ifName")]).having("IFNAME").items(vec![
        state,
        octets("ifHCInOctets", "Interface {#IFNAME}: received"),
        octets("ifHCOutOctets", "Interface {#IFNAME}: sent"),
    ])
}

fn widgets() -> Vec<Value> {
    let scalar = |object: &str| format!("fb[{object}.0]");
    let column = |object: &str| format!("fb[{object}.1]");
    let state = [
        AVAILABLE.to_owned(),
        scalar("fbSelfPresence"),
        scalar("fbSelfSilentSeconds"),
        scalar("sysUpTime"),
        scalar("fbSelfActiveAlarms"),
        scalar("fbSelfCompliance"),
    ];
    let inventory = [
        column("entPhysicalMfgName"),
        column("entPhysicalModelName"),
        column("entPhysicalSerialNum"),
        scalar("fbSelfFirmware"),
        scalar("sysLocation"),
        column("entPhysicalAlias"),
    ];
    dashboard::values(DEVICE, 0, state).chain(dashboard::values(DEVICE, 2, inventory)).collect()
}
