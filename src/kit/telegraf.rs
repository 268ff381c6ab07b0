//! Telegraf: `[[inputs.snmp]]` (plugins/inputs/snmp). Identifiers are numeric, so it needs no MIB files.
//!
//! The template asks the bridge for the fleet's scalars and tables. The hosts are an input each: the points of a device
//! stand under its own number, so each is a field of its name, with its decimals in place, beside a field that says what it
//! is worth, and one GET brings all.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    Agent, Facts, File, Host, Tool, objects,
    user::{AUTH_PASSPHRASE, PRIV_PASSPHRASE},
};
use crate::model::PointType;

const FLEET: &str = "fleetbridge.conf";
const DEVICES: &str = "fleetbridge-devices.conf";

/// What is known of every device: the field, the object, and whether it is a tag.
const DEVICE: [(&str, &str, bool); 5] = [
    ("device", "sysName", true),
    ("location", "sysLocation", true),
    ("uptime", "sysUpTime", false),
    ("presence", "fbSelfPresence", false),
    ("silent_seconds", "fbSelfSilentSeconds", false),
];

/// Tags of a device; the plugin and the agent have the last two.
const TAGS: [&str; 7] = ["profile", "class", "site", "manufacturer", "model", "agent_host", "host"];

/// Tables of the bridge: the measurement, how its columns begin, how they go on. The first is a tag.
const TABLES: [(&str, &str, &[&str]); 2] = [
    ("fleetbridge_adapter", "fbAdapter", &["Name", "State", "Messages", "Errors", "LastError", "Devices"]),
    ("fleetbridge_missing", "fbMissing", &["Name", "Presence", "SilentSeconds", "Site"]),
];

pub(super) fn templates(facts: &Facts) -> Vec<File> {
    let mut out = String::from(
        "# The fleet as a whole, asked of the bridge. The devices are in fleetbridge-devices.conf, which\n\
         # `fleetbridge nms-kit telegraf --hosts` makes.\n",
    );
    input(&mut out, "fleetbridge_fleet", facts, &facts.bridge);
    for object in objects::siblings("fbFleetDevices") {
        let name = object.column.name;
        let short = name.strip_prefix("fbFleet").unwrap_or(name);
        field(&mut out, &snake(short), &objects::scalar(name), "", false);
    }
    for (measurement, prefix, columns) in TABLES {
        let _ = write!(
            out,
            "  [[inputs.snmp.table]]\n    name = {}\n    index_as_tag = true\n",
            text(measurement)
        );
        for (at, column) in columns.iter().enumerate() {
            let _ = write!(
                out,
                "    [[inputs.snmp.table.field]]\n      name = {}\n      oid = {}\n",
                text(&snake(column)),
                text(&format!(".{}", objects::oid(&format!("{prefix}{column}"))))
            );
            if at == 0 {
                out.push_str("      is_tag = true\n");
            }
        }
    }
    vec![File::secret(FLEET, out)]
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    put(File::secret(DEVICES, "# Each device, asked of its own agent.\n"));
    for host in hosts.filter(|host| !host.retired) {
        put(File::secret(DEVICES, device(facts, &host)));
    }
}

fn device(facts: &Facts, host: &Host) -> String {
    let mut out = String::new();
    input(&mut out, "fleetbridge", facts, &host.agent);
    for (name, object, is_tag) in DEVICE {
        field(&mut out, name, &objects::scalar(object), "", is_tag);
    }
    let mut taken: BTreeSet<String> =
        DEVICE.iter().map(|(name, ..)| *name).chain(TAGS).map(str::to_owned).collect();
    for point in facts.profile(&host.profile).into_iter().flat_map(|profile| &profile.points) {
        let [name, quality] = names(&mut taken, &point.name);
        let (object, conversion) = value(point.ty);
        let oid = |object| format!("{}.{}.{}", objects::oid(object), host.number, point.number);
        field(&mut out, &name, &oid(object), conversion, false);
        field(&mut out, &quality, &oid("fbPointQuality"), "", false);
    }
    out.push_str("  [inputs.snmp.tags]\n");
    let values = [&host.profile, &host.class, &host.site, &host.manufacturer, &host.model];
    for (name, value) in TAGS.into_iter().zip(values) {
        if !value.is_empty() {
            let _ = writeln!(out, "    {name} = {}", text(value));
        }
    }
    out
}

/// The fields of a point and of its quality. Two fields, or a field and a tag, of one name would be one for whoever asks.
/// Points come by their numbers, which never change, so a later one takes no name away.
fn names(taken: &mut BTreeSet<String>, point: &str) -> [String; 2] {
    let mut name = point.to_owned();
    loop {
        let quality = format!("{name}_quality");
        if !taken.contains(&name) && !taken.contains(&quality) {
            taken.extend([name.clone(), quality.clone()]);
            return [name, quality];
        }
        name.insert_str(0, "point_");
    }
}

/// The column of fbPointTable with the value, and what makes it a number: as text it has its decimals, and may be larger than
/// Integer32.
fn value(ty: PointType) -> (&'static str, &'static str) {
    match ty {
        PointType::Counter => ("fbPointCounter", ""),
        PointType::Text => ("fbPointValue", ""),
        PointType::Boolean => ("fbPointInteger", ""),
        PointType::Integer => ("fbPointValue", "int"),
        PointType::Decimal => ("fbPointValue", "float"),
    }
}

fn input(out: &mut String, measurement: &str, facts: &Facts, agent: &Agent) {
    let agents: Vec<String> =
        agent.endpoint().iter().map(|endpoint| text(&format!("udp://{endpoint}"))).collect();
    let _ = write!(
        out,
        "\n[[inputs.snmp]]\n  agents = [{}]\n{}  name = {}\n",
        agents.join(", "),
        asked(facts, agent),
        text(measurement)
    );
}

/// The version, and who asks. Telegraf itself puts pass phrases in, from its environment.
fn asked(facts: &Facts, agent: &Agent) -> String {
    let Some(user) = &facts.user else {
        return format!("  version = 2\n  community = {}\n", text(&agent.community));
    };
    let mut out = format!(
        "  version = 3\n  sec_name = {}\n  sec_level = \"{}\"\n  auth_protocol = \"{}\"\n  auth_password = \"${{{AUTH_PASSPHRASE}}}\"\n",
        text(&user.name),
        user.level(),
        user.auth_of(Tool::Telegraf)
    );
    if user.private.is_some() {
        let protocol = user.priv_of(Tool::Telegraf);
        let _ =
            write!(out, "  priv_protocol = \"{protocol}\"\n  priv_password = \"${{{PRIV_PASSPHRASE}}}\"\n");
    }
    if !agent.context.is_empty() {
        let _ = writeln!(out, "  context_name = {}", text(&agent.context));
    }
    out
}

fn field(out: &mut String, name: &str, oid: &str, conversion: &str, is_tag: bool) {
    let _ = write!(
        out,
        "  [[inputs.snmp.field]]\n    name = {}\n    oid = {}\n",
        text(name),
        text(&format!(".{oid}"))
    );
    if !conversion.is_empty() {
        let _ = writeln!(out, "    conversion = {}", text(conversion));
    }
    if is_tag {
        out.push_str("    is_tag = true\n");
    }
}

/// `NumbersUsed` as `numbers_used`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A basic string of TOML 1.0. Before Telegraf reads it as TOML it puts in its environment wherever there is a `$`.
fn text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c == '$' || c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
