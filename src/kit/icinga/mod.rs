//! Icinga 2, with check_snmp of monitoring-plugins. The points of a device are read from fbPointTable, not from
//! ENTITY-SENSOR-MIB: check_snmp has one multiplier for all objects of a check, so value and quality together can only be
//! had where the value stands in its unit.

use std::{collections::BTreeMap, fmt::Write, net::IpAddr};

use super::{Agent, Facts, File, Host, Profile, Tool, User, objects};
use crate::model::PointType;

const TEMPLATES: &str = "fleetbridge.conf";
const HOSTS: &str = "fleetbridge-hosts.conf";
const BASE: &str = include_str!("base.conf");

const SCALARS: [&str; 6] = [
    "sysUpTime",
    "fbSelfPresence",
    "fbSelfHealth",
    "fbSelfCompliance",
    "fbFleetPresenceFrozen",
    "fbFleetMissing",
];
const COLUMNS: [&str; 2] = ["fbPointQuality", "fbPointValue"];

/// The services that each device has beside its points.
const SERVICES: [&str; 3] = ["Health", "Settings", "Uptime"];

pub(super) fn templates(facts: &Facts) -> Vec<File> {
    let mut out = String::from("// The devices are in fleetbridge-hosts.conf.\n");
    let bridge = &facts.bridge;
    let host = bridge.address().map(|address| address.to_string()).unwrap_or_default();
    let _ = writeln!(out, "const FleetbridgeHost = {}", text(&format!("fleetbridge@{host}")));
    let _ = writeln!(out, "const FleetbridgeAddress = {}", text(&host));
    let _ = writeln!(out, "const FleetbridgePort = {}", bridge.port);
    match &facts.user {
        Some(user) => out.push_str(&asks(user)),
        None => {
            let community = of_macro(&bridge.community);
            let _ = writeln!(
                out,
                "const FleetbridgeAsks = {{\n  snmp_version = \"2c\"\n  snmp_community = {community}\n}}"
            );
        }
    }
    out.push_str("const FleetbridgeObjects = {\n");
    for name in SCALARS {
        let _ = writeln!(out, "  {name} = \"{}\"", objects::scalar(name));
    }
    for name in COLUMNS {
        let _ = writeln!(out, "  {name} = \"{}\"", objects::oid(name));
    }
    out.push_str("}\n\n// Points of each device type.\nconst FleetbridgePoints = {\n");
    for profile in &facts.profiles {
        points(&mut out, profile);
    }
    out.push_str("}\n");
    out.push_str(BASE);
    vec![File::secret(TEMPLATES, out)]
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    put(File::secret(HOSTS, "// The devices. Icinga forgets those that are gone at its next reload.\n"));
    let mut sites = BTreeMap::new();
    for host in hosts.filter(|host| !host.retired && Tool::Icinga.takes(facts, host)) {
        put(File::secret(HOSTS, device(facts, &host)));
        if !host.site.is_empty() {
            sites.entry(group(&host.site)).or_insert(host.site);
        }
    }
    for (group, site) in sites {
        let object = format!("\nobject HostGroup {group} {{\n  display_name = {}\n}}\n", text(&site));
        put(File::secret(HOSTS, object));
    }
}

/// A user of SNMPv3. The operator's constants have the pass phrases, in which a single `$` would begin a macro too.
fn asks(user: &User) -> String {
    let mut out = format!(
        "// FleetbridgeAuthPassphrase and FleetbridgePrivPassphrase are yours, in constants.conf.\n\
         const FleetbridgeAsks = {{\n  snmp_version = \"3\"\n  fleetbridge_user = {}\n  fleetbridge_level = \"{}\"\n  \
         fleetbridge_auth = \"{}\"\n  fleetbridge_auth_passphrase = FleetbridgeAuthPassphrase.replace(\"$\", \"$$\")\n",
        of_macro(&user.name),
        user.level(),
        user.auth_of(Tool::Icinga)
    );
    if user.private.is_some() {
        let _ = write!(
            out,
            "  fleetbridge_priv = \"{}\"\n  \
             fleetbridge_priv_passphrase = FleetbridgePrivPassphrase.replace(\"$\", \"$$\")\n",
            user.priv_of(Tool::Icinga)
        );
    }
    out + "}\n"
}

fn device(facts: &Facts, host: &Host) -> String {
    let mut out = format!("\nobject Host {} {{\n  import \"fleetbridge-device\"\n", text(&host.name));
    if !host.alias.is_empty() {
        let _ = writeln!(out, "  display_name = {}", text(&host.alias));
    }
    let _ = writeln!(out, "  {}", address(&host.agent));
    if !host.site.is_empty() {
        let _ = writeln!(out, "  groups = [ {} ]", group(&host.site));
    }
    if host.agent.port != facts.bridge.port {
        let _ = writeln!(out, "  vars.snmp_port = {}", host.agent.port);
    }
    if host.agent.community != facts.bridge.community {
        let _ = writeln!(out, "  vars.snmp_community = {}", of_macro(&host.agent.community));
    }
    if !host.agent.context.is_empty() {
        let _ = writeln!(out, "  vars.fleetbridge_context = {}", of_macro(&host.agent.context));
    }
    let _ = writeln!(out, "  vars.fleetbridge_number = {}", host.number);
    for (name, value) in [
        ("profile", host.profile.as_str()),
        ("class", &host.class),
        ("manufacturer", &host.manufacturer),
        ("model", &host.model),
        ("serial", &host.serial),
        ("firmware", &host.firmware),
        ("site", &host.site),
        ("location", &host.location),
        ("parent", host.parent.as_deref().unwrap_or_default()),
        ("asset_tag", &host.asset_tag),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "  vars.fleetbridge_{name} = {}", of_macro(value));
        }
    }
    out.push_str("}\n");
    out
}

/// A comma would end a unit of check_snmp, and a quote never would.
fn unit(unit: &str) -> String {
    unit.replace(',', ";").replace(['\'', '"'], "")
}

fn points(out: &mut String, profile: &Profile) {
    let _ = writeln!(out, "  {} = {{", text(&profile.name));
    for point in &profile.points {
        let numeric = matches!(point.ty, PointType::Integer | PointType::Decimal | PointType::Counter);
        let _ = writeln!(
            out,
            "    {} = {{ number = {}, unit = {}, numeric = {numeric} }}",
            text(&service(&point.name)),
            point.number,
            of_macro(&unit(&point.unit))
        );
    }
    out.push_str("  }\n");
}

/// The service of a point, whose name has no space. Icinga tells names apart by case.
fn service(point: &str) -> String {
    if SERVICES.contains(&point) { format!("point {point}") } else { point.to_owned() }
}

/// The name of a site's group, as a string: no object's name may have an exclamation mark.
fn group(site: &str) -> String {
    text(&format!("fleetbridge-site-{}", site.replace('!', " ")))
}

/// The attribute of a host object.
fn address(agent: &Agent) -> String {
    match agent.address() {
        Some(IpAddr::V6(address)) => format!("address6 = \"{address}\""),
        Some(IpAddr::V4(address)) => format!("address = \"{address}\""),
        None => String::new(),
    }
}

/// A string of a custom variable: a single `$` would begin a macro.
fn of_macro(value: &str) -> String {
    text(&value.replace('$', "$$"))
}

/// A string of Icinga's language.
fn text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
