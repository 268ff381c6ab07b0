//! The bridge itself: a template of the fleet's scalars and its adapters, and the one host that has it.

use serde_json::{Value, json};

use super::{
    dashboard,
    export::{AVAILABILITY, AVAILABLE, Item, Template, Trigger, code, tag, user_macro},
    hosts,
};
use crate::{
    kit::{Facts, objects},
    snmp::syntax::TRUTH,
};

pub const BRIDGE: &str = "fleetbridge bridge";

/// The technical name of the bridge as a host.
pub const HOST: &str = "fleetbridge";

const DOWN: &str = "Bridge does not answer";

const DEAF: &str = "Bridge is deaf";

/// The trigger of the host, for those that are not told while the bridge itself is gone.
pub fn is_down() -> Value {
    json!({ "name": DOWN, "expression": format!("last(/{HOST}/{})=0", AVAILABLE) })
}

/// As [`is_down`], while it does not hear an adapter.
pub fn is_deaf() -> Value {
    json!({ "name": DEAF, "expression": format!("last(/{HOST}/fb[fbFleetPresenceFrozen.0])=1") })
}

pub fn host(facts: &Facts) -> Value {
    let mut host = hosts::host(facts, HOST, &facts.bridge);
    host["templates"] = json!([{ "name": BRIDGE }]);
    host["groups"] = json!([{ "name": hosts::GROUP }]);
    host["tags"] = json!([tag("class", "bridge")]);
    host
}

pub fn template() -> Template {
    let mut template =
        Template::new(BRIDGE, "fleetbridge itself: what it hears, and how many devices are missing.");
    for (name, value, description) in [
        ("FB.STATE", "30s", "How often the state of the host is taken over"),
        ("FB.EVERY", "1m", "How often values are asked for"),
        ("FB.SELDOM", "5m", "How often the inventory is asked for"),
        ("FB.DISCOVERY", "1h", "How often adapters are looked for"),
    ] {
        template.add("macros", user_macro(name, value, description));
    }
    template.valuemap("SNMP availability", AVAILABILITY);
    template.valuemap("fbAdapterState", objects::labels("fbAdapterState"));
    template.valuemap("TruthValue", TRUTH);
    for item in items(&template) {
        template.add("items", item.into_value());
    }
    let adapters = adapters(&template);
    template.add("discovery_rules", adapters);
    template.dashboard("Fleet", widgets());
    template
}

fn items(template: &Template) -> Vec<Item> {
    let available = template.availability();
    let down = Trigger {
        name: DOWN.into(),
        expression: format!("{}=0", available.last()),
        priority: "HIGH",
        description: "No device is seen while it is so; their own problems are not told.",
        behind: Vec::new(),
    };
    let frozen = template.scalar("fbFleetPresenceFrozen", "Presence is frozen").valuemap("TruthValue");
    let deaf = Trigger {
        name: DEAF.into(),
        expression: format!("{}=1", frozen.last()),
        priority: "HIGH",
        description: "An adapter hears nothing, so none of its devices is declared lost.",
        behind: vec![json!({ "name": DOWN, "expression": format!("{}=0", available.last()) })],
    };
    let counts = [
        ("fbFleetDevices", "Devices"),
        ("fbFleetOnline", "Online"),
        ("fbFleetLate", "Late"),
        ("fbFleetLost", "Lost"),
        ("fbFleetUnreachable", "Unreachable"),
        ("fbFleetSleeping", "Sleeping"),
        ("fbFleetNeverSeen", "Never seen"),
        ("fbFleetMissing", "Missing"),
        ("fbFleetFailing", "Failing"),
        ("fbFleetNumbersUsed", "Device numbers given"),
    ];
    let mut items: Vec<_> = counts
        .into_iter()
        .map(|(object, name)| template.scalar(object, name).tag("component", "fleet"))
        .collect();
    for (object, name) in [
        ("fbFleetMessages", "Messages a second"),
        ("fbFleetObservations", "Values a second"),
        ("fbFleetUnknownMessages", "Messages a second that nobody understood"),
    ] {
        items.push(
            template
                .scalar(object, name)
                .float("")
                .step("CHANGE_PER_SECOND", "", None)
                .tag("component", "fleet"),
        );
    }
    items.push(frozen.trigger(deaf).tag("component", "state"));
    items.push(available.trigger(down).tag("component", "state"));
    items.push(
        template.scalar("sysUpTime", "Uptime").with("units", "uptime").with("trends", "0").multiplied("0.01"),
    );
    items.push(template.scalar("sysName", "Name").text().inventory("NAME"));
    items.push(template.scalar("sysDescr", "Description").text().inventory("SOFTWARE_FULL"));
    items.push(template.scalar("sysLocation", "Location").text().inventory("LOCATION"));
    items
}

fn adapters(template: &Template) -> Value {
    let column = |object: &str, name: &str| {
        template
            .instance(object, "{#SNMPINDEX}", &format!("Adapter {{#ADAPTER}}: {name}"))
            .tag("component", "adapter")
    };
    let state = column("fbAdapterState", "state").valuemap("fbAdapterState");
    let down = Trigger {
        name: "Adapter {#ADAPTER} is not up".into(),
        expression: format!("{}<>{}", state.last(), code("fbAdapterState", "up")),
        priority: "HIGH",
        description: "Its broker is not heard; its devices keep their presence meanwhile.",
        behind: Vec::new(),
    };
    let messages =
        column("fbAdapterMessages", "messages a second").float("").step("CHANGE_PER_SECOND", "", None);
    template.discovery("fb.adapters", "Adapters", &[("ADAPTER", "fbAdapterName")]).items(vec![
        state.trigger_prototype(down),
        messages,
        column("fbAdapterDevices", "devices"),
    ])
}

fn widgets() -> Vec<Value> {
    let key = |object: &str| format!("fb[{object}.0]");
    let counts = [
        "fbFleetDevices",
        "fbFleetOnline",
        "fbFleetMissing",
        "fbFleetLate",
        "fbFleetNeverSeen",
        "fbFleetFailing",
    ];
    let graphs = [
        dashboard::graph(BRIDGE, &key("fbFleetMissing"), (0, 2, 12, 5)),
        dashboard::graph(BRIDGE, &key("fbFleetMessages"), (12, 2, 12, 5)),
    ];
    dashboard::values(BRIDGE, 0, counts.map(key)).chain(graphs).collect()
}
