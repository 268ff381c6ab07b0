//! OpenNMS: a requisition, a foreign source without ping, data collection, graphs and the communities.
//!
//! OpenNMS finds community, user and port by address, so only devices with an address of their own become nodes. All those
//! are of the pools, so who asks them is said once for all.

use std::net::IpAddr;

use super::{
    Facts, File, Host, Tool, objects,
    user::{AUTH_PASSPHRASE, PRIV_PASSPHRASE},
    xml::Xml,
};
use crate::snmp::mib::fleetbridge::ENTERPRISE;

const SOURCE: &str = "fleetbridge";
const REQUISITION: &str = "requisition.xml";
const SNMP: &str = "etc/snmp-config.xml";

/// A table whose rows are resources of a node.
struct Table {
    name: &'static str,
    label: &'static str,
    /// The column that names a row.
    named_by: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const TABLES: [Table; 3] = [
    Table {
        name: "fbPoint",
        label: "fleetbridge point",
        named_by: "fbPointName",
        columns: &[
            ("fbPointName", "string"),
            ("fbPointUnit", "string"),
            ("fbPointDigits", "string"),
            ("fbPointInteger", "gauge"),
            ("fbPointCounter", "counter"),
            ("fbPointQuality", "gauge"),
        ],
    },
    Table {
        name: "entPhySensor",
        label: "Sensor (ENTITY-SENSOR-MIB)",
        named_by: "entPhysicalName",
        columns: &[
            ("entPhysicalName", "string"),
            ("entPhySensorScale", "string"),
            ("entPhySensorPrecision", "string"),
            ("entPhySensorUnitsDisplay", "string"),
            ("entPhySensorValue", "gauge"),
        ],
    },
    Table {
        name: "fbAdapter",
        label: "fleetbridge connection",
        named_by: "fbAdapterName",
        columns: &[
            ("fbAdapterName", "string"),
            ("fbAdapterState", "gauge"),
            ("fbAdapterMessages", "counter"),
            ("fbAdapterErrors", "counter"),
            ("fbAdapterDevices", "gauge"),
        ],
    },
];

/// Scalars, by the name of their group; OpenNMS knows a value by at most 19 characters.
const SCALARS: [(&str, &[(&str, &str)]); 2] = [
    (
        "fleetbridge-self",
        &[
            ("fbSelfPresence", "gauge"),
            ("fbSelfHealth", "gauge"),
            ("fbSelfSilentSeconds", "gauge"),
            ("fbSelfActiveAlarms", "gauge"),
        ],
    ),
    (
        "fleetbridge-fleet",
        &[
            ("fbFleetOnline", "gauge"),
            ("fbFleetLate", "gauge"),
            ("fbFleetSleeping", "gauge"),
            ("fbFleetLost", "gauge"),
            ("fbFleetUnreachable", "gauge"),
            ("fbFleetMessages", "counter"),
        ],
    ),
];

/// Who is asked for what: a system, its sysObjectID or what that begins with, groups.
type System = (&'static str, &'static str, &'static str, &'static [&'static str]);

const SYSTEMS: [System; 3] = [
    ("fleetbridge", "sysoid", ".1.1", &["fleetbridge-fleet", "fbAdapter"]),
    ("fleetbridge device", "sysoidMask", ".1.2.", &["fleetbridge-self", "fbPoint", "entPhySensor"]),
    (
        "fleetbridge device of an own profile",
        "sysoidMask",
        ".1.3.",
        &["fleetbridge-self", "fbPoint", "entPhySensor"],
    ),
];

pub(super) fn templates(facts: &Facts) -> Vec<File> {
    vec![
        File::secret(SNMP, asked(facts)),
        File::new("foreign-source.xml", foreign_source()),
        File::new("etc/datacollection/fleetbridge.xml", collection()),
        File::new(
            "etc/snmp-graph.properties.d/fleetbridge-graph.properties",
            include_str!("graphs.properties"),
        ),
    ]
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    let mut nodes = Xml::default();
    nodes.open(
        "model-import",
        &[("xmlns", "http://xmlns.opennms.org/xsd/config/model-import"), ("foreign-source", SOURCE)],
    );
    if let Some(address) = facts.bridge.address() {
        nodes.open("node", &[("foreign-id", "0"), ("node-label", SOURCE)]);
        interface(&mut nodes, address, true);
        nodes.empty("category", &[("name", SOURCE)]);
        nodes.close();
    }
    for host in hosts.filter(|host| !host.retired && takes(facts, host)) {
        node(&mut nodes, &host);
        put(File::new(REQUISITION, nodes.take()));
    }
    put(File::new(REQUISITION, nodes.finish()));
}

pub(super) fn takes(facts: &Facts, host: &Host) -> bool {
    !host.agent.addresses.iter().any(|address| facts.bridge.addresses.contains(address))
}

fn node(out: &mut Xml, host: &Host) {
    let number = host.number.to_string();
    let mut attributes = vec![("foreign-id", number.as_str()), ("node-label", &host.name)];
    if !host.site.is_empty() {
        attributes.push(("building", &host.site));
    }
    let parent = host.parent_number.map(|number| number.to_string());
    if let Some(parent) = &parent {
        attributes.extend([("parent-foreign-source", SOURCE), ("parent-foreign-id", parent)]);
    }
    out.open("node", &attributes);
    for (at, address) in host.agent.addresses.iter().enumerate() {
        interface(out, *address, at == 0);
    }
    for category in [SOURCE, &host.site, &host.class] {
        if !category.is_empty() {
            out.empty("category", &[("name", category)]);
        }
    }
    for (name, value) in [
        ("manufacturer", &host.manufacturer),
        ("modelNumber", &host.model),
        ("serialNumber", &host.serial),
        ("assetNumber", &host.asset_tag),
        ("description", &host.alias),
        ("building", &host.site),
        ("room", &host.location),
        ("category", &host.class),
    ] {
        if !value.is_empty() {
            out.empty("asset", &[("name", name), ("value", value)]);
        }
    }
    out.close();
}

/// Only what is listed here is polled: SNMP, and no ping.
fn interface(out: &mut Xml, address: IpAddr, primary: bool) {
    let address = address.to_string();
    let primary = if primary { "P" } else { "N" };
    out.open("interface", &[("ip-addr", &address), ("status", "1"), ("snmp-primary", primary)]);
    out.empty("monitored-service", &[("service-name", "SNMP")]);
    out.close();
}

/// Who asks the bridge and whatever has an address of a pool, also devices that are yet to come: all have its port and
/// community. Pass phrases are the names of environment variables, for `envsubst`.
fn asked(facts: &Facts) -> String {
    let mut out = Xml::default();
    out.open("snmp-config", &[("xmlns", "http://xmlns.opennms.org/xsd/config/snmp"), ("version", "v2c")]);
    let port = facts.bridge.port.to_string();
    let (auth, private) = (format!("${{{AUTH_PASSPHRASE}}}"), format!("${{{PRIV_PASSPHRASE}}}"));
    let mut definition = match &facts.user {
        None => vec![("version", "v2c"), ("port", &*port), ("read-community", &*facts.bridge.community)],
        Some(user) => vec![
            ("version", "v3"),
            ("port", &*port),
            ("security-name", &*user.name),
            ("security-level", if user.private.is_some() { "3" } else { "2" }),
            ("auth-protocol", user.auth_of(Tool::Opennms)),
            ("auth-passphrase", &*auth),
        ],
    };
    if let Some(user) = facts.user.as_ref().filter(|user| user.private.is_some()) {
        definition.push(("privacy-protocol", user.priv_of(Tool::Opennms)));
        definition.push(("privacy-passphrase", &private));
    }
    out.open("definition", &definition);
    for pool in &facts.pools {
        let (begin, end) = (pool.start().to_string(), pool.end().to_string());
        out.empty("range", &[("begin", &begin), ("end", &end)]);
    }
    for address in &facts.bridge.addresses {
        out.leaf("specific", &address.to_string());
    }
    out.finish()
}

fn foreign_source() -> String {
    let mut out = Xml::default();
    out.open(
        "foreign-source",
        &[("xmlns", "http://xmlns.opennms.org/xsd/config/foreign-source"), ("name", SOURCE)],
    );
    out.leaf("scan-interval", "1d");
    out.open("detectors", &[]);
    out.empty(
        "detector",
        &[("name", "SNMP"), ("class", "org.opennms.netmgt.provision.detector.snmp.SnmpDetector")],
    );
    out.close();
    out.empty("policies", &[]);
    out.finish()
}

fn collection() -> String {
    let mut out = Xml::default();
    out.open(
        "datacollection-group",
        &[("xmlns", "http://xmlns.opennms.org/xsd/config/datacollection"), ("name", SOURCE)],
    );
    for table in &TABLES {
        let label = format!("${{{}}}", table.named_by);
        out.open("resourceType", &[("name", table.name), ("label", table.label), ("resourceLabel", &label)]);
        let strategy = |name| format!("org.opennms.netmgt.collection.support.{name}");
        out.empty("persistenceSelectorStrategy", &[("class", &strategy("PersistAllSelectorStrategy"))]);
        out.empty("storageStrategy", &[("class", &strategy("IndexStorageStrategy"))]);
        out.close();
    }
    for table in &TABLES {
        group(&mut out, table.name, table.name, "all", table.columns);
    }
    for (name, scalars) in SCALARS {
        group(&mut out, name, "0", "ignore", scalars);
    }
    for (name, kind, products, groups) in SYSTEMS {
        out.open("systemDef", &[("name", name)]);
        out.leaf(kind, &format!(".1.3.6.1.4.1.{}{products}", ENTERPRISE));
        out.open("collect", &[]);
        for group in groups {
            out.leaf("includeGroup", group);
        }
        out.close();
        out.close();
    }
    out.finish()
}

fn group(out: &mut Xml, name: &str, instance: &str, interfaces: &str, columns: &[(&str, &str)]) {
    out.open("group", &[("name", name), ("ifType", interfaces)]);
    for (object, kind) in columns {
        let oid = format!(".{}", objects::oid(object));
        out.empty("mibObj", &[("oid", &oid), ("instance", instance), ("alias", object), ("type", kind)]);
    }
    out.close();
}
